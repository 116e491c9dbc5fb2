"""`--output` of the official downloads: streamed, whole or not at all, and never over a file that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antcli.commands.downloads import refuse_existing, whole_file
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.commands.requests import Parts
    from antcli.context import Context
    from antcli.operations import Operation


def download(context: Context, operation: Operation, parts: Parts, output: str | None, *, force: bool) -> None:
    """Writes the answer's bytes to a file, or to stdout for `-` and off a terminal. Raises UsageError."""
    if output is None and context.terminal.stdout_is_terminal:
        raise UsageError(
            "The file would be printed on the terminal.", hint="Say --output PATH, or --output - to mean it."
        )
    path = None if output in (None, "-") else str(output)
    if path is not None:
        refuse_existing(path, force=force)
    chunks = context.client.download(operation.name, *parts.path.values(), query=parts.query, headers=parts.headers)
    if path is None:
        stdout = context.output.binary()
        stdout.writelines(chunks)
        stdout.flush()
    else:
        with whole_file(path, force=force) as file:
            file.writelines(chunks)
        context.output.notice(f"Written to {path}.")
