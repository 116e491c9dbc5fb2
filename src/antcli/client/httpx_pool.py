"""The transport of the network, and of forms. The client's only module that imports httpx, when it is first needed."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from antcli.client.server import Server
from antcli.client.transport import CONNECT_SECONDS, Request, Response, base_url_error
from antcli.errors import AntError, ServerError, UsageError

if TYPE_CHECKING:
    import ssl

    import httpx


class _OpenResponse:
    """An answer whose body is still coming. `chunks` yields it as it arrives; ServerError when it breaks off."""

    def __init__(self, response: httpx.Response, transport: HttpxPool) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = _lower(response.headers)
        self._response = response
        self._transport = transport

    def chunks(self) -> Iterator[bytes]:
        with self._transport.told_in_words():
            yield from self._response.iter_bytes()

    def read(self) -> Response:
        with self._transport.told_in_words():
            return Response(self.status, self.headers, self._response.read())

    def close(self) -> None:
        self._response.close()

    def hang_up(self) -> None:
        """Also wakes a thread that reads, which closing alone does not."""
        connection = self._response.extensions.get("network_stream")
        found = connection.get_extra_info("socket") if connection is not None else None
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


class HttpxPool:
    """A `Transport` over TCP, TLS and proxies. `timeout` is the longest silence, in seconds."""

    def __init__(self, server: Server, *, timeout: float) -> None:
        self.address = server.socket or server.base_url
        self._base_url = server.base_url.rstrip("/")
        self._timeout = timeout
        self._http = _open_pool(server)
        self._open: WeakSet[_OpenResponse] = WeakSet()

    def send(self, request: Request) -> Response:
        with self.told_in_words():
            answer = self._http.send(self._build(request, self._timeout))
            return Response(answer.status_code, _lower(answer.headers), answer.content)

    def open(self, request: Request, *, timeout: float | None = None) -> _OpenResponse:
        with self.told_in_words():
            built = self._build(request, self._timeout if timeout is None else timeout)
            response = _OpenResponse(self._http.send(built, stream=True), self)
            self._open.add(response)
            return response

    def close(self) -> None:
        for response in [*self._open]:
            response.hang_up()
        self._http.close()

    def _build(self, request: Request, timeout: float) -> httpx.Request:
        headers, key = dict(request.headers), request.headers.get("idempotency-key")
        if request.files and key:  # httpx would choose another boundary for each try, so that no two are the same
            headers["content-type"] = f"multipart/form-data; boundary={key}"
        return self._http.build_request(
            request.method,
            self._base_url + request.target,
            headers=headers,
            content=request.content,
            files=list(request.files) or None,
            data=dict(request.form) if request.form else None,
            timeout=_timeouts(timeout),
        )

    @contextmanager
    def told_in_words(self) -> Iterator[None]:
        """httpx errors become ours. They are not chained: their texts can hold header values."""
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            told: AntError = ServerError(f"No answer from {self.address}: {_in_words(error)}.")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            told = base_url_error(self.address)
        except httpx.LocalProtocolError:
            told = UsageError("The request holds something HTTP cannot carry.", hint="Is a line break in the API key?")
        except httpx.ConnectError as error:
            told = ServerError(f"Cannot reach {self.address}: {_in_words(error)}.", hint=_certificate_hint(error))
        except httpx.RequestError as error:
            told = ServerError(f"The connection to {self.address} broke off: {_in_words(error)}.")
        else:
            return
        raise told from None


def _open_pool(server: Server) -> httpx.Client:
    # httpx pulls in its own command line (click, rich, pygments) where those are installed; this stops it.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    import httpx

    scheme, host = _scheme_and_host(server.base_url)
    tls = _tls_context() if scheme == "https" else _no_tls()
    pool: dict[str, Any] = {"verify": tls, "trust_env": False, "timeout": _timeouts(600.0), "follow_redirects": False}
    try:
        if server.socket:
            return httpx.Client(transport=httpx.HTTPTransport(uds=server.socket, verify=tls, trust_env=False), **pool)
        if server.kind == "hosted" and not _is_loopback(host):
            pool["trust_env"] = True  # proxies from the environment
        return httpx.Client(**pool)
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        raise UsageError(f"A proxy variable in the environment cannot be used: {error}") from None


def _timeouts(silence: float) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(silence, connect=min(CONNECT_SECONDS, silence))


def _tls_context() -> ssl.SSLContext:
    """From a hashed directory certificates are loaded when a server shows one: ten times cheaper than all at start."""
    context = _no_tls()
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not directory:
        directory = _hashed_directory()
    if not file and not directory:
        import certifi

        file = certifi.where()
    try:
        context.load_verify_locations(cafile=file or None, capath=directory or None)
    except OSError as error:
        raise UsageError(f"Cannot read the certificates in {file or directory}: {error.strerror}.") from None
    return context


def _no_tls() -> ssl.SSLContext:
    """A context that trusts nobody. httpx wants one even for plain connections, and would load 140 certificates."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _hashed_directory() -> str | None:
    """A directory of certificates under their OpenSSL hashes (`1a2b3c4d.0`), as Linux distributions keep one."""
    import ssl

    for directory in (ssl.get_default_verify_paths().capath, "/etc/ssl/certs", "/etc/pki/tls/certs"):
        try:
            if directory and any(len(name) == 10 and name.endswith(".0") for name in os.listdir(directory)):
                return directory
        except OSError:
            continue
    return None


def _scheme_and_host(base_url: str) -> tuple[str, str]:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(base_url)
        scheme, host, _ = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme = host = ""
    if scheme not in ("http", "https") or not host:
        raise base_url_error(base_url)
    return scheme, host


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _in_words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    if text.startswith("[Errno "):
        text = text.partition("] ")[2]
    return text or type(error).__name__


def _certificate_hint(error: Exception) -> str | None:
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return None
    return "Set SSL_CERT_FILE to the certificates this network uses, or check the base URL."
