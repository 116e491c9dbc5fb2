from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antcli.client import httpx_pool
from antcli.client.client import Client
from antcli.client.server import Server
from antcli.errors import AntError, ServerError, UsageError


def call(url: str, kind: str = "hosted") -> Any:
    with Client(Server(url, kind, "test", ""), retries=0) as client:
        return client.call("agents.list")


@pytest.fixture
def server(port_server: Any) -> Any:
    return port_server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    command += " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem"


@pytest.fixture
def tls_server(server: Any, reply: Any, certificate: Path) -> Any:
    server.answers(reply(body={"data": []}))
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.url = server.url.replace("http:", "https:")
    return server


def test_a_certificate_nobody_vouches_for_is_refused_with_a_hint(tls_server: Any) -> None:
    with pytest.raises(ServerError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        call(tls_server.url)
    assert "SSL_CERT_FILE" in caught.value.hint
    assert tls_server.asked == []


def test_certificates_of_the_environment_are_trusted(
    tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert call(tls_server.url) == {"data": []}


def test_certificates_of_a_hashed_directory_are_found_when_they_are_shown(
    tls_server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate)]
    name = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()
    directory = certificate.with_name("hashed")
    directory.mkdir()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: type("Paths", (), {"capath": str(directory)}))
    (directory / f"{name}.0").symlink_to(certificate)
    assert httpx_pool._hashed_directory() == str(directory)
    assert call(tls_server.url) == {"data": []}
    with pytest.raises(ServerError, match="CERTIFICATE_VERIFY_FAILED"):  # another name than the certificate's
        call(tls_server.url.replace("127.0.0.1", "localhost"))


def test_without_a_hashed_directory_the_bundled_certificates_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx_pool, "_hashed_directory", lambda: None)
    context = httpx_pool._tls_context()
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert len(context.get_ca_certs()) > 50


def test_certificates_that_cannot_be_read_are_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(UsageError, match=r"/nowhere/ca\.pem"):
        call("https://127.0.0.1:1")


def test_certificates_are_looked_for_only_where_they_are_needed(
    server: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> ssl.SSLContext:
        raise AssertionError("not for http")

    monkeypatch.setattr(httpx_pool, "_tls_context", never)
    server.answers(reply(body={"data": []}))
    assert call(server.url) == {"data": []}


def test_proxies_of_the_environment_are_used_for_hosted_servers_only(
    server: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(reply(body={"data": []}))
    monkeypatch.setenv("http_proxy", server.url)
    call("http://hosted.invalid")
    assert server.asked[-1].target == "http://hosted.invalid/v1/agents"
    call(server.url)
    assert server.asked[-1].target == "/v1/agents"  # loopback is not behind a proxy
    with pytest.raises(ServerError):
        call("http://0.0.0.0:1", "local")
    assert len(server.asked) == 2


def test_a_proxy_that_cannot_be_one_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "gopher://x")
    with pytest.raises(UsageError, match="proxy"):
        call("https://hosted.invalid")


@pytest.mark.parametrize("secure", [False, True])
def test_closing_a_client_ends_the_thread_that_reads_a_silent_stream(
    server: Any, reply: Any, secure: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(request.getfixturevalue("certificate")))
        request.getfixturevalue("tls_server")
    opened = threading.Event()

    def silence() -> Iterator[bytes]:
        yield b": open\n\n"
        server.stopping.wait(60)

    server.answers(reply(chunks=silence(), headers={"content-type": "text/event-stream"}))
    client = Client(Server(server.url, "hosted", "test", ""), retries=0)

    def read() -> None:
        with contextlib.suppress(AntError), client.stream("sessions.events.stream", "s") as stream:
            opened.set()
            list(stream)

    reader = threading.Thread(target=read)
    reader.start()
    assert opened.wait(10)
    reader.join(0.2)
    assert reader.is_alive()  # it waits for more
    client.close()
    reader.join(10)
    assert not reader.is_alive()
