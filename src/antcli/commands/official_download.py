"""`--output` of the official downloads: streamed, whole or not at all, and never over a file that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
    path = None if output in (None, "-") else Path(str(output))
    if path is not None and path.exists() and not force:
        raise UsageError(f"{path} exists.", hint="Choose another name, or --force to replace it.")
    chunks = context.client.download(operation.name, *parts.path.values(), query=parts.query, headers=parts.headers)
    if path is None:
        _print(context, chunks)
    else:
        _write(path, chunks)
        context.output.notice(f"Written to {path}.")


def _print(context: Context, chunks: Iterator[bytes]) -> None:
    stdout = context.terminal.stdout
    binary = getattr(stdout, "buffer", None)
    for chunk in chunks:
        if binary is not None:
            binary.write(chunk)
        else:
            stdout.write(chunk.decode("utf-8", "replace"))
    (binary or stdout).flush()


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
