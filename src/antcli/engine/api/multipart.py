"""Multipart bodies as they arrive: nothing is kept that the reader does not keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from antcli.engine.errors import invalid

_LONGEST_FIELD = 4096
_EXAMPLE = "Send it as multipart/form-data."


@dataclass(slots=True)
class Part:
    """The head of a part. `filename` is None for a plain field."""

    name: str
    filename: str | None = None
    content_type: str | None = None


class _Collector:
    """Gathers what the parser calls back, between two pieces of the body."""

    def __init__(self) -> None:
        self.items: list[Part | bytes] = []
        self.ended = False
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}

    def on_part_begin(self) -> None:
        self._headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise invalid("A part of the multipart body has no Content-Disposition with a name.")
        filename = options.get(b"filename")
        content_type = self._headers.get(b"content-type")
        self.items.append(
            Part(
                _text(options[b"name"]),
                None if filename is None else _text(filename),
                None if content_type is None else content_type.decode("latin-1"),
            )
        )

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.items.append(data[start:end])

    def on_end(self) -> None:
        self.ended = True


async def parts_of(request: Request) -> AsyncIterator[Part | bytes]:
    """The head of each part, followed by its bytes in pieces. Raises RequestError (400, 413)."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise invalid(f"The request body is not multipart/form-data with a boundary. {_EXAMPLE}")
    collector = _Collector()
    callbacks = {name: getattr(collector, name) for name in dir(collector) if name.startswith("on_")}
    try:
        parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
        async for data in request.stream():
            parser.write(data)
            for item in collector.items:
                yield item
            collector.items.clear()
    except FormParserError as error:
        raise invalid(f"The multipart body is malformed: {error}.") from None
    if not collector.ended:
        raise invalid("The multipart body ends before its last boundary.")


class Field:
    """A plain field while it arrives. Raises RequestError (400) when its part is a file."""

    def __init__(self, part: Part) -> None:
        if part.filename is not None:
            raise invalid(f"{part.name}: must be a plain field, not a file.")
        self.name = part.name
        self._data = b""

    def add(self, data: bytes) -> None:
        """Raises RequestError (400)."""
        self._data += data
        if len(self._data) > _LONGEST_FIELD:
            raise invalid(f"{self.name}: at most {_LONGEST_FIELD:,} bytes.")

    def text(self) -> str:
        """Raises RequestError (400)."""
        try:
            return self._data.decode()
        except UnicodeDecodeError:
            raise invalid(f"{self.name}: must be UTF-8 text.") from None


def _text(value: bytes) -> str:
    """Clients write names as UTF-8, and escape quotes and line ends like browsers."""
    text = value.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
