r"""`@file` inside values: what stands in a file, in place of its name, at any depth.

`@PATH` is the file's text, or base64 when it is no UTF-8; `@file://PATH` insists on text, `@data://PATH` on base64.
`@-` is stdin, which can be read once. `\@` begins a text with an `@`; `@name` without a slash is a text when there is
no such file.
"""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

from antcli.context import current
from antcli.errors import UsageError

STDIN = ("-", "/dev/stdin", "/dev/fd/0")
_HINT = r"For a text that begins with @, write \@."


def embedded(value: Any, *, name: str) -> Any:
    """The value with files in place of their names. UsageError names the flag or document and the file."""
    if isinstance(value, str):
        return text(value, name=name) if value.startswith(("@", "\\@")) else value
    if isinstance(value, dict):
        return {key: embedded(inner, name=f"{name}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [embedded(inner, name=f"{name}[{index}]") for index, inner in enumerate(value)]
    return value


def text(value: str, *, name: str) -> str:
    """One text, with the file that it names in place of it."""
    if value.startswith("\\@"):
        return value[1:]
    path = value[1:]
    if not value.startswith("@") or not path:
        return value
    form, _, rest = path.partition("://")
    if form == "file":
        return read(rest, name=name, hint=_HINT).decode()
    if form == "data":
        return b64encode(read(rest, name=name, binary=True, hint=_HINT)).decode()
    if path not in STDIN and "/" not in path and not os.path.exists(path):
        return value
    content = read(path, name=name, binary=True, hint=_HINT)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return b64encode(content).decode()


def read(
    path: str, *, name: str, binary: bool = False, hint: str = "Check the name and the mode of the file."
) -> bytes:
    """The bytes of a file or of stdin; UTF-8 unless `binary`. Raises UsageError."""
    if path in STDIN:
        content = read_stdin(name)
    else:
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise UsageError(f"{name}: cannot read {path}: {error.strerror}.", hint=hint) from None
    if not binary:
        try:
            content.decode()
        except UnicodeDecodeError as error:
            way = "@data://PATH sends a file in base64."
            raise UsageError(f"{name}: {path} is not UTF-8 text (byte {error.start}).", hint=way) from None
    return content


def read_stdin(name: str) -> bytes:
    """All of stdin. Raises UsageError for whoever asks second."""
    terminal = current().terminal
    if terminal.stdin_taken:
        raise UsageError(
            f"{name}: stdin is already read, for {terminal.stdin_taken}.", hint="Only one value can come from stdin."
        )
    terminal.stdin_taken = name
    buffer = getattr(terminal.stdin, "buffer", None)
    content: bytes = buffer.read() if buffer is not None else terminal.stdin.read().encode()
    return content
