"""Bytes to and from one server: what is sent and what comes back, and which of two ways they go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from antcli.client.server import Server
from antcli.errors import UsageError

CONNECT_SECONDS = 5.0

# A part of a form: (field, (file name, bytes or an open binary file, content type)).
FormPart = tuple[str, tuple[str, Any, str]]


class Request(NamedTuple):
    """`target` is path and query, already encoded. `files` and `form` make a multipart body, `content` a plain one."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | None = None
    files: Sequence[FormPart] = ()
    form: Mapping[str, str] | None = None


class Response(NamedTuple):
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OpenResponse(Protocol):
    """An answer whose body is still coming. `chunks` yields it as it arrives; ServerError when it breaks off."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> Iterator[bytes]: ...

    def read(self) -> Response: ...

    def close(self) -> None: ...


class Transport(Protocol):
    """Connections that threads may share; `address` is for messages."""

    address: str

    def send(self, request: Request) -> Response:
        """The whole answer, whatever its status. ServerError: nobody answered, or the answer broke off."""

    def open(self, request: Request, *, timeout: float | None = None) -> OpenResponse:
        """The answer as soon as its head is here; the caller closes it. `timeout`: longest silence in the body."""

    def close(self) -> None: ...


def transport_to(server: Server, *, timeout: float) -> Transport:
    """`timeout` is the longest silence on a connection, in seconds. Raises UsageError."""
    _refuse_unsendable(server.headers)
    if server.socket:
        from antcli.client.unix_socket import UnixSocket

        return UnixSocket(server, timeout=timeout)
    from antcli.client.httpx_pool import HttpxPool

    return HttpxPool(server, timeout=timeout)


def base_url_error(address: str) -> UsageError:
    return UsageError(f"This is not a base URL: {address!r}.", hint="Write it like https://api.anthropic.com.")


def _refuse_unsendable(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise UsageError(
                f"The value for the {name} header holds a line break, a blank at an end or a character outside ASCII.",
                hint="Set the key again, without anything around it.",
            )
