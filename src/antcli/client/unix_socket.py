"""The transport of the engine on this machine: http.client on a Unix socket, which loads in a third of httpx's time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from antcli.client.server import Server
from antcli.client.transport import CONNECT_SECONDS, OpenResponse, Request, Response, Transport
from antcli.errors import AntError, ServerError, UsageError

_PIECE = 65_536


class UnixSocket:
    """A `Transport`. Forms, whose files are streamed, go through httpx."""

    def __init__(self, server: Server, *, timeout: float) -> None:
        assert server.socket is not None
        self.address = server.socket
        self._server = server
        self._timeout = timeout
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._forms: Transport | None = None
        self._making_forms = threading.Lock()

    def send(self, request: Request) -> Response:
        response = self.open(request)
        try:
            return response.read()
        finally:
            response.close()

    def open(self, request: Request, *, timeout: float | None = None) -> OpenResponse:
        if request.files or request.form:
            return self._transport_of_forms().open(request, timeout=timeout)
        with _told_in_words(self.address):
            connection = self._connection()
            try:
                answer = connection.ask(request, self._timeout if timeout is None else timeout)
            except BaseException:
                self.give_back(connection, reusable=False)
                raise
            return _OpenResponse(answer, connection, self)

    def close(self) -> None:
        for connection in [*self._busy]:
            connection.hang_up()
        while self._idle:
            self._idle.pop().close()
        if self._forms is not None:
            self._forms.close()

    def give_back(self, connection: _Connection, *, reusable: bool) -> None:
        self._busy.discard(connection)
        if reusable:
            self._idle.append(connection)
        else:
            connection.close()

    def _connection(self) -> _Connection:
        found = None
        with contextlib.suppress(IndexError):
            while found is None:
                found = self._idle.pop()
                if not found.is_alive():
                    found.close()
                    found = None
        found = found or _Connection(self._server)
        self._busy.add(found)
        return found

    def _transport_of_forms(self) -> Transport:
        from antcli.client.httpx_pool import HttpxPool

        with self._making_forms:
            if self._forms is None:
                self._forms = HttpxPool(self._server, timeout=self._timeout)
            return self._forms


class _Connection(http.client.HTTPConnection):
    """One question at a time."""

    def __init__(self, server: Server) -> None:
        host, slash, path = server.base_url.partition("://")[2].partition("/")
        super().__init__(host)
        self._prefix = (slash + path).rstrip("/")
        self._path = server.socket or ""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CONNECT_SECONDS)
        self.sock.connect(self._path)

    def is_alive(self) -> bool:
        """Whether the other side has kept it open, with nothing to say."""
        try:
            self.sock.settimeout(0)
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def ask(self, request: Request, silence: float) -> http.client.HTTPResponse:
        """The answer, of which the head is here."""
        if self.sock is None:
            with _connecting():
                self.connect()
        self.sock.settimeout(silence)
        self.putrequest(request.method, self._prefix + request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            self.putheader(name, value)
        if request.content is not None or request.method != "GET":
            self.putheader("content-length", str(len(request.content or b"")))
        with contextlib.suppress(BrokenPipeError):  # a server may answer before it has read everything
            self.endheaders(request.content)
        answer = self.getresponse()
        if answer.length is None and not answer.chunked:  # http.client takes a head that was cut off for a whole one
            answer.close()
            raise http.client.IncompleteRead(b"")
        return answer

    def hang_up(self) -> None:
        """Also wakes a thread that reads."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


class _OpenResponse:
    def __init__(self, answer: http.client.HTTPResponse, connection: _Connection, transport: UnixSocket) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in answer.getheaders()}
        self._answer = answer
        self._left = answer.length
        self._connection: _Connection | None = connection
        self._transport = transport

    def chunks(self) -> Iterator[bytes]:
        with _told_in_words(self._transport.address):
            while self._left != 0:
                data = self._answer.read1(_PIECE)
                if not data:
                    if self._left:
                        raise http.client.IncompleteRead(b"", self._left)
                    break
                if self._left is not None:
                    self._left -= len(data)
                yield data
            self._end(reusable=not self._answer.will_close)

    def read(self) -> Response:
        return Response(self.status, self.headers, b"".join(self.chunks()))

    def close(self) -> None:
        self._end(reusable=False)

    def _end(self, *, reusable: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._answer.close()
            self._transport.give_back(connection, reusable=reusable)


class _NoConnection(OSError):
    """Nobody takes the connection."""


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise _NoConnection(_in_words(error)) from None


def _in_words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


@contextmanager
def _told_in_words(address: str) -> Iterator[None]:
    """Errors become ours. They are not chained: their texts can hold header values."""
    try:
        yield
    except TimeoutError as error:
        told: AntError = ServerError(f"No answer from {address}: {error or 'timed out'}.")
    except _NoConnection as error:
        told = ServerError(f"Cannot reach {address}: {error}.")
    except (ValueError, http.client.InvalidURL):
        told = UsageError("The request holds something HTTP cannot carry.", hint="Is a line break in the API key?")
    except (OSError, http.client.HTTPException) as error:
        told = ServerError(f"The connection to {address} broke off: {_in_words(error)}.")
    else:
        return
    raise told from None
