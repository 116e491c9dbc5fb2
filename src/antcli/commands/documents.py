"""The document on stdin: fields of a request in YAML or JSON, under what the flags say.

When is stdin a document? It must be neither missed because its writer is slow, nor waited for when nobody writes, nor
taken from whom it belongs to (`while read id; do ant ...; done`):

- A regular file is looked at without moving its offset; at offset 0 it is ours if an object stands in it. What is no
  object is left to whom it belongs, what is no YAML is an error for commands that send a body.
- A pipe is read to its end, however long that takes, when something required is missing: without it there would be
  an error anyway. After two seconds of silence a notice says what is waited for.
- A pipe beside a request that is complete is read in the official spelling alone, and there only by commands that send
  a body; nobody writing for a second means that nobody will. Ours has `-f -` for that.
- A terminal and /dev/null are no documents.
"""

from __future__ import annotations

import os
import select
import stat
from typing import TYPE_CHECKING, Any

from antcli.commands import values
from antcli.commands.embedding import read_stdin
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.context import Context

PATIENCE = 1.0  # how long a pipe may be silent beside a complete request
NOTICE_AFTER = 2.0


def from_stdin(context: Context, *, missing: str, body: bool, official: bool) -> dict[str, Any] | None:
    """The document on stdin, or None. `missing` names what the flags lack, "" when the request is complete.

    `body`: the command sends one. Raises UsageError for what is no object.
    """
    terminal = context.terminal
    if terminal.stdin_taken or terminal.stdin_is_terminal:
        return None
    try:
        descriptor = terminal.stdin.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):  # a stream without a file: it ends by itself
        return _object(read_stdin("the document").decode(), needed=bool(missing))
    if stat.S_ISREG(mode):
        return _from_file(context, descriptor, needed=bool(missing), body=body)
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) or not (missing or (body and official)):
        return None
    if not _comes(context, descriptor, missing):
        return None
    content = read_stdin("the document")
    return _object(_text(content), needed=True)  # whatever it is, it is used up


def _from_file(context: Context, descriptor: int, *, needed: bool, body: bool) -> dict[str, Any] | None:
    offset = os.lseek(descriptor, 0, os.SEEK_CUR)
    if offset and not needed:
        return None
    content, at = b"", offset
    while chunk := os.pread(descriptor, 1 << 20, at):
        content, at = content + chunk, at + len(chunk)
    try:
        found = _object(_text(content), needed=needed)
    except UsageError:
        if needed or body:
            raise
        return None
    if found is not None:
        os.lseek(descriptor, at, os.SEEK_SET)
        context.terminal.stdin_taken = "the document"
    return found


def _comes(context: Context, descriptor: int, missing: str) -> bool:
    """Waits until something stands in the pipe or its writer is gone."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if waiting.poll((NOTICE_AFTER if missing else PATIENCE) * 1000):
        return True
    if missing:
        context.output.notice(f"Waiting for a document on stdin: {missing} is missing.")
        waiting.poll()
        return True
    context.output.notice("Stdin is open but nobody writes to it: it was not read.")
    return False


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin: not UTF-8 text (byte {error.start}).") from None


def _object(text: str, *, needed: bool) -> dict[str, Any] | None:
    if not text.strip():
        return None
    found = values.parse(text, source="stdin")
    if isinstance(found, dict):
        return found
    if not needed:
        return None
    raise UsageError(
        "stdin: expected an object with the fields of the request.",
        hint="If what is on stdin is not meant for ant, say </dev/null.",
    )
