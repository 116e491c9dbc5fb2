"""Files of a form: opened here, streamed by the client."""

from __future__ import annotations

import mimetypes
import os
from typing import TYPE_CHECKING, Any

from antcli.commands.embedding import STDIN, read_stdin
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.operations import Operation


def parts(operation: Operation, files: dict[str, list[str]]) -> tuple[Any, ...]:
    """The parts with files, in the order given. A path may be written with an @ before it. Raises UsageError."""
    made = []
    for field in operation.body:
        name = f"{field.name}[]" if field.type.endswith("[]") else field.name
        for path in files.get(field.name, ()):
            made.append((name, _part(path.removeprefix("@"), f"--{field.name.removesuffix('s')}")))
    return tuple(made)


def _part(path: str, flag: str) -> tuple[str, Any, str]:
    if path in STDIN:
        return "stdin", read_stdin(flag), "application/octet-stream"
    try:
        file = open(path, "rb")  # noqa: SIM115  # the transport reads it while it sends
    except OSError as error:
        raise UsageError(f"{flag}: cannot read {path}: {error.strerror}.") from None
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return os.path.basename(path), file, kind


def close(made: tuple[Any, ...]) -> None:
    for _, (_, file, _) in made:
        if hasattr(file, "close"):
            file.close()
