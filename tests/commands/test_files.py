"""`ant files`: whole files or none, over connections that break, in both spellings."""

import os
import signal
import subprocess
import threading

import pytest

from tests.e2e.ant import COMMAND, until
from tests.fakes.cutting_server import ID, cutting

CONTENT = os.urandom(300_000)
OTHER = "file_" + "b" * 24
SESSION = "sesn_" + "c" * 24


@pytest.fixture
def server():
    with cutting() as found:
        found.content = CONTENT
        yield found


@pytest.fixture
def environ(environ, server):
    return environ | {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_MAX_RETRIES": "0"}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


def process(environ, *arguments, **settings):
    return subprocess.Popen(
        [COMMAND, *arguments], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        **settings,
    )  # fmt: skip


def test_a_download_goes_on_where_it_was_cut(ant, environ, server, folder):
    server.cuts = [100_000, 50_000]
    result = ant("files", "download", ID, "-O", str(folder / "got"), environ=environ)
    assert result.code == 0, result.err
    assert (folder / "got").read_bytes() == CONTENT and os.listdir(folder) == ["got"]
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert "Going on at byte 100000." in result.err
    assert result.lines == [{"file_id": ID, "path": str(folder / "got"), "size_bytes": len(CONTENT)}]


def test_without_ranges_it_begins_again_once_and_says_why(ant, environ, server, folder):
    server.ranges, server.cuts = False, [100_000]
    result = ant("files", "download", ID, "-O", str(folder / "got"), environ=environ)
    assert (result.code, server.asked) == (0, [None, None]), result.err
    assert (folder / "got").read_bytes() == CONTENT
    assert "The server cannot send the rest alone: once more from the start." in result.err
    server.cuts = [100_000, 200_000]
    result = ant("files", "download", ID, "-O", str(folder / "again"), environ=environ)
    assert result.code == 5 and "broke off twice" in result.err
    assert os.listdir(folder) == ["got"]


def test_the_rest_of_another_file_is_not_put_behind_the_first(ant, environ, server, folder):
    server.cuts = [100_000]
    tags = iter(['"one"', '"two"'])
    type(server).tag = property(lambda _: next(tags, '"two"'), lambda *_: None)
    try:
        result = ant("files", "download", ID, "-O", str(folder / "got"), environ=environ)
    finally:
        type(server).tag = '"one"'
    assert result.code == 1 and "does not send the rest of the same file" in result.err
    assert os.listdir(folder) == []


def test_a_length_that_is_not_the_recorded_one_is_refused(ant, environ, server, folder):
    server.size = len(CONTENT) + 1
    result = ant("files", "download", ID, "-O", str(folder / "got"), environ=environ)
    assert result.code == 1 and "sends 300000 bytes of a file of 300001" in result.err
    assert os.listdir(folder) == []


def test_what_exists_is_replaced_only_with_force(ant, environ, server, folder):
    (folder / "got").write_text("old")
    result = ant("files", "download", ID, "-O", str(folder / "got"), environ=environ)
    assert (result.code, server.asked) == (2, []) and "--force" in result.err
    assert (folder / "got").read_text() == "old"
    server.cuts = [10] * 20
    server.ranges = False
    assert ant("files", "download", ID, "-O", str(folder / "got"), "--force", environ=environ).code == 5
    assert (folder / "got").read_text() == "old"
    server.cuts = []
    assert ant("files", "download", ID, "-O", str(folder / "got"), "--force", environ=environ).code == 0
    assert (folder / "got").read_bytes() == CONTENT and os.listdir(folder) == ["got"]


def test_a_name_from_the_server_stays_in_the_folder(ant, environ, server, folder):
    server.name = "../../.evil\x1b\n"
    assert ant("files", "download", ID, "-O", f"{folder}/", environ=environ).code == 0
    assert os.listdir(folder) == ["evil__"]


def test_where_nothing_can_be_written_is_a_usage_error(ant, environ, server, folder):
    (folder / "there").write_text("old")
    for target in (f"{folder}/there/", f"{folder}/there/sub/", f"{folder}/no/file"):
        result = ant("files", "download", ID, "-O", target, environ=environ)
        assert result.code == 2 and "Cannot" in result.err, target
    assert os.listdir(folder) == ["there"] and server.asked == []


def test_the_official_flags_work(ant, environ, server, folder):
    assert ant("files", "retrieve-metadata", "--file-id", ID, environ=environ).json["id"] == ID
    assert ant("files", "download", "--file-id", ID, "--output", str(folder / "x"), environ=environ).code == 0
    assert (folder / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)]
)
@pytest.mark.parametrize("words", [["files"], ["beta:files"]])
def test_a_signal_leaves_no_half_file(environ, server, folder, number, code, words):
    server.hold, server.cuts = threading.Event(), [100_000]
    running = process(environ, *words, "download", ID, "--output", str(folder / "got"))
    assert server.held.wait(20)
    until(lambda: os.listdir(folder))  # the file that nobody must find later
    running.send_signal(number)
    _, err = running.communicate(timeout=20)
    assert (running.returncode, os.listdir(folder)) == (code, []), err


def test_bytes_go_to_stdout_and_over_a_cut(environ, server):
    server.cuts = [100_000]
    out, err = process(environ, "files", "download", ID, "-O", "-").communicate(timeout=20)
    assert out == CONTENT and b"Going on" in err and b"\r" not in err
    server.ranges, server.cuts = False, [100_000]
    running = process(environ, "files", "download", ID, "-O", "-")
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (5, CONTENT[:100_000]) and b"cannot send the rest alone" in err


def test_uploads_say_what_they_send(ant, api, hosted, folder):
    api.on("POST", "/v1/files", {"id": ID, "filename": "x"})
    one, two = folder / "one.csv", folder / "two.bin"
    one.write_bytes(b"a,b\n")
    two.write_bytes(b"\xff\x00")
    assert ant("files", "upload", str(one), "-n", "data.csv", "--expires-in", "1d", environ=hosted).json["id"] == ID
    assert ("file", "data.csv", "text/csv", b"a,b\n") in api.last.body
    assert ("expires_in_seconds", None, None, b"86400") in api.last.body
    assert len(ant("files", "upload", str(one), str(two), environ=hosted).lines) == 2
    assert api.last.body == [("file", "two.bin", "application/octet-stream", b"\xff\x00")]
    assert ant("files", "upload", "--file", f"@{one}", environ=hosted).code == 0
    assert ant("files", "get", "@last", environ=hosted).code == 4  # it was remembered, the fake has no such thing
    assert api.last.path == f"/v1/files/{ID}"


def test_an_empty_file_and_a_later_missing_one(ant, api, hosted, folder):
    api.on("POST", "/v1/files", {"id": ID})
    (folder / "empty").touch()
    assert ant("files", "upload", str(folder / "empty"), environ=hosted).code == 0
    assert api.last.body[0][3] == b""
    api.requests.clear()
    for wrong in (str(folder / "no"), str(folder)):
        result = ant("files", "upload", str(folder / "empty"), wrong, environ=hosted)
        assert (result.code, api.requests) == (2, []) and wrong in result.err


def test_an_upload_from_stdin_and_one_that_is_tried_again(api, hosted):
    answers = iter([(500, {"error": {"type": "api_error", "message": "no"}}), (200, {"id": ID})])
    api.on("POST", "/v1/files", lambda _: next(answers))
    environ = hosted | {"ANTHROPIC_MAX_RETRIES": "0"}
    assert process(environ, "files", "upload", "-").communicate(CONTENT, timeout=20)[0] == b""
    out, err = process(environ, "files", "upload", "-", "-n", "x").communicate(CONTENT, timeout=20)
    assert ID.encode() in out, err
    assert api.last.body == [("file", "x", "application/octet-stream", CONTENT)]


def test_a_source_that_is_read_again_counts_its_bytes_once(folder):
    from antcli.uploads import Source

    (folder / "x").write_bytes(b"0123456789")
    told = []
    source = Source(str(folder / "x"), told.append)
    for _ in range(2):
        source.seek(0)
        while source.read(4):
            pass
    assert sum(told) == 10
    (folder / "x").write_bytes(b"0")
    source.seek(0)
    with pytest.raises(Exception, match="became shorter"):
        while source.read(4):
            pass
    source.close()


def test_all_files_of_a_session_under_names_of_their_own(ant, api, hosted, folder):
    listed = [{"id": id, "filename": "out.txt", "size_bytes": len(b'{"x": 1}'), "downloadable": True}
              for id in (ID, OTHER)]  # fmt: skip
    given = {"id": "file_" + "d" * 24, "filename": "given", "size_bytes": 1, "downloadable": False}
    api.page("/v1/files", *listed, given)
    for id in (ID, OTHER):
        api.on("GET", f"/v1/files/{id}/content", {"x": 1})
    target = folder / "results"
    result = ant("files", "download", "--session", SESSION, str(target), environ=hosted)
    assert result.code == 0, result.err
    assert sorted(os.listdir(target)) == ["out-2.txt", "out.txt"]
    assert next(request for request in api.requests if request.path == "/v1/files").query["scope_id"] == [SESSION]
    before = len(api.requests)
    assert ant("files", "download", "--session", SESSION, str(target), environ=hosted).code == 2
    assert len(api.requests) == before + 1  # what exists is seen before anything is loaded
    api.page("/v1/files")
    result = ant("files", "download", "--session", SESSION, environ=hosted)
    assert (result.code, result.out) == (0, "") and "made no files" in result.err


def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch):
    from antcli.output import progress
    from antcli.output.terminal import Terminal
    from tests.commands.conftest import Stream

    monkeypatch.setattr(progress, "_PATIENCE", -1)
    drawn = {}
    for is_terminal in (True, False):
        err = Stream(terminal=is_terminal)
        with progress.progress(Terminal(Stream(), Stream(), err, {"TERM": "xterm"}), "big.bin", 1000) as shown:
            shown.advance(500)
            shown.hide()
            err.write("A notice.\n")
            shown.advance(500)
        drawn[is_terminal] = err.getvalue()
    before, _, after = drawn[True].partition("A notice.")
    assert before.count("big.bin") >= 1 and before.endswith("\x1b[2K") and "big.bin" in after  # on a line of its own
    assert drawn[False] == "A notice.\n"
