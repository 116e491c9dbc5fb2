"""Files through the official SDK in strict mode, and what it cannot send."""

from __future__ import annotations

import asyncio
import io
import socket
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from antcli.engine.files import files as module
from antcli.engine.files.files import KIND, describe
from antcli.engine.store.base import Insert
from tests.engine.api.server import KEY, Server


def made_by_a_session(server: Server, content: bytes, name: str = "report.txt", session_id: str = "sesn_x") -> str:
    """A file as the outputs of a session become one."""

    async def work() -> str:
        files = server.services.files
        async with files.receiving() as incoming:
            await incoming.write(content)
            body = describe(name, "text/plain", len(content), downloadable=True, session_id=session_id)
            await files.blobs.keep(incoming, body["id"])
            await files.insert(Insert(KIND, body["id"], body, parent=session_id))
        return str(body["id"])

    return server.call(work)


def blobs(server: Server) -> set[str]:
    return {path.name for path in (server.data_dir / "files").iterdir() if path.is_file()}


def test_the_life_of_a_file(server: Server, sdk: anthropic.Anthropic) -> None:
    file = sdk.beta.files.upload(file=("sub/Übersicht.csv", io.BytesIO(b"a,b\n"), "text/csv"))
    assert (file.filename, file.mime_type, file.size_bytes, file.type) == ("Übersicht.csv", "text/csv", 4, "file")
    assert file.id.startswith("file_") and file.downloadable is False and file.scope is None
    assert sdk.beta.files.retrieve_metadata(file.id) == file
    assert sdk.files.retrieve_metadata(file.id).id == file.id
    assert file.id in blobs(server)
    assert sdk.beta.files.delete(file.id).type == "file_deleted"
    assert file.id not in blobs(server)
    for call in (sdk.beta.files.retrieve_metadata, sdk.beta.files.download, sdk.beta.files.delete):
        with pytest.raises(anthropic.NotFoundError, match=file.id):
            call(file.id)


def test_the_life_of_a_file_async(server: Server) -> None:
    async def live() -> None:
        async with anthropic.AsyncAnthropic(
            base_url=server.url, api_key=KEY, _strict_response_validation=True, max_retries=0
        ) as client:
            file = await client.beta.files.upload(file=("a.txt", b"x"))
            assert [found.id async for found in client.beta.files.list(ids=[file.id])] == [file.id]
            await client.beta.files.delete(file.id)

    asyncio.run(live())


def test_what_was_uploaded_is_not_downloadable(sdk: anthropic.Anthropic) -> None:
    file = sdk.beta.files.upload(file=("a.txt", b"x"))
    with pytest.raises(anthropic.BadRequestError) as caught:
        sdk.beta.files.download(file.id)
    assert caught.value.body["error"]["details"]["error_code"] == "file_not_downloadable"  # type: ignore[index]


def test_download_and_go_on(server: Server, sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    content = bytes(range(256)) * 4000
    id = made_by_a_session(server, content, name='the "report".txt')
    assert sdk.beta.files.download(id).read() == content
    path = f"/v1/files/{id}/content"
    whole = http.get(path)
    assert whole.headers["content-length"] == str(len(content)) and whole.headers["accept-ranges"] == "bytes"
    assert "report" in whole.headers["content-disposition"] and whole.headers["content-disposition"].startswith("att")
    assert whole.headers["request-id"]
    etag = whole.headers["etag"]
    rest = http.get(path, headers={"range": "bytes=1000000-", "if-range": etag})
    assert (rest.status_code, rest.content) == (206, content[1000000:])
    assert rest.headers["content-range"] == f"bytes 1000000-{len(content) - 1}/{len(content)}"
    assert http.get(path, headers={"range": "bytes=-5"}).content == content[-5:]
    assert http.get(path, headers={"range": "bytes=3-7"}).content == content[3:8]
    beyond = http.get(path, headers={"range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416 and beyond.json()["error"]["type"] == "invalid_request_error"
    for other in ("bytes=7-3", "lines=1-2", "bytes=a-b", "bytes=-", "nonsense"):
        assert http.get(path, headers={"range": other}).status_code == 200
    changed = http.get(path, headers={"range": "bytes=5-", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, content)


def test_lists_filter_and_page(server: Server, sdk: anthropic.Anthropic) -> None:
    ids = [made_by_a_session(server, b"x", session_id="sesn_pages") for _ in range(5)]
    listed = sdk.beta.files.list(scope_id="sesn_pages", limit=2)
    assert [file.id for file in listed.data] == [ids[4], ids[3]]
    assert [file.id for file in listed] == ids[::-1]
    assert all(file.scope and file.scope.id == "sesn_pages" for file in listed)
    assert list(sdk.beta.files.list(scope_id="sesn_nobody")) == []
    plain = sdk.beta.files.upload(file=("a.txt", b"x"))
    assert {plain.id, *ids} <= {file.id for file in sdk.beta.files.list(limit=1000)}
    some = sdk.beta.files.list(ids=[ids[0], plain.id, ids[0], "file_nothing"])
    assert [file.id for file in some.data] == [plain.id, ids[0]] and some.next_page is None
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        sdk.beta.files.list(ids=[ids[0]], limit=3)
    with pytest.raises(anthropic.BadRequestError, match="at most 100"):
        sdk.beta.files.list(ids=[f"file_{number}" for number in range(101)])
    with pytest.raises(anthropic.BadRequestError, match="another list"):
        sdk.beta.files.list(scope_id="sesn_other", page=listed.next_page)


def test_names_and_types(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    unnamed = sdk.beta.files.upload(file=("", b"x", "application/pdf"))
    assert (unnamed.filename, unnamed.mime_type) == ("unnamed.pdf", "application/pdf")
    windows = sdk.beta.files.upload(file=("C:\\data\\a.json", b"{}"))
    assert (windows.filename, windows.mime_type) == ("a.json", "application/json")
    assert sdk.beta.files.upload(file=("thing", b"x", "not a type")).mime_type == "application/octet-stream"
    assert sdk.beta.files.upload(file=("empty", b"")).size_bytes == 0
    for name, problem in (("a|b", "must not contain '|'"), ("x" * 256, "at most 255 characters, got 256")):
        with pytest.raises(anthropic.BadRequestError, match=problem.replace("|", r"\|")):
            sdk.beta.files.upload(file=(name, b"x"))


@pytest.mark.parametrize("seconds", [3599, 7_776_001, "soon"])
def test_a_life_out_of_bounds_is_refused(sdk: anthropic.Anthropic, server: Server, seconds: Any) -> None:
    before = blobs(server)
    with pytest.raises(anthropic.BadRequestError, match="expires_in_seconds"):
        sdk.beta.files.upload(file=("a", b"x"), expires_in_seconds=seconds)
    assert blobs(server) == before and not list((server.data_dir / "files" / "incoming").iterdir())


def test_an_expired_file_has_no_content(
    sdk: anthropic.Anthropic, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = made_by_a_session(server, b"x")
    file = sdk.beta.files.upload(file=("a", b"x"), expires_in_seconds=3600)
    assert file.expires_at is not None and (file.expires_at - file.created_at).total_seconds() == pytest.approx(3600, 1)
    monkeypatch.setattr(module, "now", lambda: "2999-01-01T00:00:00.000000Z")
    with pytest.raises(anthropic.NotFoundError) as caught:
        sdk.beta.files.download(file.id)
    assert caught.value.body["error"]["details"]["error_code"] == "file_expired"  # type: ignore[index]
    assert sdk.beta.files.download(id).read() == b"x"


BOUNDARY = "frontier"


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: {head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts
    )
    return body + f"--{BOUNDARY}--\r\n".encode()


FILE = ('form-data; name="file"; filename="a"', b"x")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (form(), "file: required"),
        (form(FILE, FILE), "file: given more than once"),
        (form(FILE, ('form-data; name="purpose"', b"x")), "purpose: unknown form field"),
        (form(FILE, ('form-data; name="expires_in_seconds"', b"9" * 5000)), "at most 4,096"),
        (form(FILE, ('form-data; name="expires_in_seconds"', b"\xff")), "UTF-8"),
        (form(("form-data", b"x")), "Content-Disposition"),
        (form(FILE)[:-8], "ends before its last boundary"),
        (b"no form at all", "malformed"),
        (b"", "ends before"),
    ],
)
def test_bad_forms_are_refused_and_leave_nothing(server: Server, http: httpx.Client, body: bytes, problem: str) -> None:
    before = blobs(server)
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = http.post("/v1/files", content=body, headers=headers)
    assert answer.status_code == 400 and problem in answer.json()["error"]["message"]
    assert blobs(server) == before and not list((server.data_dir / "files" / "incoming").iterdir())


def test_other_bodies_are_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/files", json={"file": "x"})
    assert answer.status_code == 400 and "multipart/form-data" in answer.json()["error"]["message"]


def pieces(size: int) -> Iterator[bytes]:
    yield form(FILE)[: -len(BOUNDARY) - 9]
    for _ in range(size // 2**20):
        yield bytes(2**20)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def test_a_file_that_is_too_large_is_refused(
    server: Server, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antcli.engine.api.files.LARGEST_FILE", 2**21)
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = http.post("/v1/files", content=pieces(4 * 2**20), headers=headers)
    assert answer.status_code == 413 and "larger than 2 MB" in answer.json()["error"]["message"]
    assert not list((server.data_dir / "files" / "incoming").iterdir())


def test_a_file_that_is_announced_as_too_large_is_not_waited_for(server: Server) -> None:
    head = f"POST /v1/files HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {501 * 2**20}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_cut_off_upload_leaves_nothing(server: Server) -> None:
    before = blobs(server)

    incoming = server.data_dir / "files" / "incoming"

    def cut() -> Iterator[bytes]:
        yield next(pieces(2**20))
        until = time.monotonic() + 10
        while not list(incoming.iterdir()) and time.monotonic() < until:  # for the server to begin with it
            time.sleep(0.005)
        assert list(incoming.iterdir())
        raise RuntimeError("cut")

    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "x-api-key": KEY}
    with httpx.Client(base_url=server.url, trust_env=False) as client, pytest.raises(RuntimeError, match="cut"):
        client.post("/v1/files", content=cut(), headers=headers)
    deadline = time.monotonic() + 10  # for the server to see the end of the connection
    while list(incoming.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert blobs(server) == before
    assert not list(incoming.iterdir())
