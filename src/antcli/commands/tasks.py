"""Where a task comes from: the argument, a file named with @, stdin, or the argument with stdin as its context."""

from __future__ import annotations

import os
import select
import stat
from typing import TYPE_CHECKING

from antcli.commands.values import text_value
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.context import Context

_PATIENCE_SECONDS = 2.0


def read_task(context: Context, argument: str | None) -> str:
    """The text to send. Raises UsageError when there is none."""
    if argument in (None, "-"):
        if context.terminal.stdin_is_terminal and argument is None:
            raise UsageError("No task.", hint='Give one: `ant run "task"`, `ant run @file`, or on stdin.')
        task = _read_stdin(context)
    else:
        task = text_value(argument or "")
        if _something_is_piped(context):
            task = "\n\n".join(part for part in (task, _read_stdin(context)) if part.strip())
    if not task.strip():
        raise UsageError("The task is empty.", hint='Give one: `ant run "task"`, `ant run @file`, or on stdin.')
    try:
        task.encode()  # here, and not after the session was made
    except UnicodeEncodeError:
        raise UsageError("The task is not valid UTF-8.", hint="Convert the file or the terminal to UTF-8.") from None
    return task


def _something_is_piped(context: Context) -> bool:
    """Stdin is a pipe or a file. A socket or /dev/null is what supervisors leave there: nobody means it as context."""
    try:
        mode = os.fstat(context.terminal.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _read_stdin(context: Context) -> str:
    stdin = context.terminal.stdin
    try:
        ready, _, _ = select.select([stdin], [], [], _PATIENCE_SECONDS)
        if not ready:
            context.output.notice("Waiting for stdin to end (without any: `< /dev/null`).")
    except (OSError, ValueError):  # not a file that can be waited for
        pass
    try:
        return stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError(f"Stdin is not UTF-8 text (byte {error.start}).") from None
