from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.sandbox import file_tools
from antcli.engine.sandbox.file_tools import TOOLS, Paths, ToolError

Call = Callable[..., str]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    paths = Paths(str(tmp_path), {"/workspace": str(tmp_path)})

    def run(tool: str, **input: Any) -> str:
        blocks = TOOLS[tool](input, paths)
        assert len(blocks) == 1
        return str(blocks[0]["text"])

    return run


@pytest.fixture(params=["ripgrep", "walk"])
def searcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "walk":
        monkeypatch.setattr(file_tools, "_ripgrep", lambda: None)
    elif file_tools._ripgrep() is None:
        pytest.skip("no ripgrep here")
    return str(request.param)


def test_write_makes_parents_and_reports_bytes(call: Call, tmp_path: Path) -> None:
    assert call("write", file_path="a/b/c.txt", content="grün\n") == "wrote 6 bytes to a/b/c.txt"
    assert (tmp_path / "a/b/c.txt").read_text() == "grün\n"


def test_write_replaces_the_file_whole_and_keeps_its_permissions(call: Call, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("x" * 100)
    script.chmod(0o755)
    call("write", file_path="/workspace/run.sh", content="y")
    assert script.read_text() == "y"
    assert script.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["run.sh"]


def test_write_goes_through_a_symbolic_link(call: Call, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    call("write", file_path="link", content="new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_write_refuses_a_directory_and_half_a_surrogate(call: Call, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is a directory"):
        call("write", file_path=".", content="x")
    with pytest.raises(ToolError, match="content"):
        call("write", file_path="x", content="\ud800")


def test_read_returns_text_as_it_is(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"one\r\ntwo\n\n")
    assert call("read", file_path="f") == "one\r\ntwo\n\n"


@pytest.mark.parametrize(
    ("view", "lines"),
    [([1, 1], "1\n"), ([2, 3], "2\n3\n"), ([4, -1], "4\n5"), ([5, 0], "5"), ([4, 99], "4\n5")],
)
def test_read_cuts_out_a_view_range(call: Call, tmp_path: Path, view: list[int], lines: str) -> None:
    (tmp_path / "f").write_text("1\n2\n3\n4\n5")
    assert call("read", file_path="f", view_range=view) == lines


@pytest.mark.parametrize("view", [[0, 1], [3, 2], [-1, 2], [9, -1]])
def test_read_refuses_a_view_range_that_holds_nothing(call: Call, tmp_path: Path, view: list[int]) -> None:
    (tmp_path / "f").write_text("1\n2\n")
    with pytest.raises(ToolError, match="view_range"):
        call("read", file_path="f", view_range=view)


def test_read_caps_text_but_reads_parts_of_large_files(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * file_tools.TEXT_CAP)
    assert len(call("read", file_path="f")) == file_tools.TEXT_CAP
    (tmp_path / "f").write_bytes(b"first\n" + b"x" * file_tools.TEXT_CAP + b"\nlast\n")
    with pytest.raises(ToolError, match="give view_range"):
        call("read", file_path="f")
    assert call("read", file_path="f", view_range=[1, 1]) == "first\n"
    assert call("read", file_path="f", view_range=[3, -1]) == "last\n"
    with pytest.raises(ToolError, match="smaller view_range"):
        call("read", file_path="f", view_range=[2, 2])


def test_read_says_what_is_no_text(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(tmp_path / "fifo")
    for name, words in (("f", "not UTF-8"), (".", "a directory"), ("fifo", "not a regular file")):
        with pytest.raises(ToolError, match=words):
            call("read", file_path=name)
    with pytest.raises(FileNotFoundError):
        call("read", file_path="missing")


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.mark.parametrize(
    ("name", "data", "kind", "media_type"),
    [
        ("a.png", PNG, "image", "image/png"),
        ("a.JPG", b"\xff\xd8\xff\xe0", "image", "image/jpeg"),
        ("a.jpeg", PNG, "image", "image/png"),  # what it is counts, not what it is called
        ("a.gif", b"GIF89a....", "image", "image/gif"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image", "image/webp"),
        ("a.pdf", b"%PDF-1.7\n", "document", "application/pdf"),
    ],
)
def test_read_shows_images_and_documents(tmp_path: Path, name: str, data: bytes, kind: str, media_type: str) -> None:
    (tmp_path / name).write_bytes(data)
    [block] = TOOLS["read"]({"file_path": name}, Paths(str(tmp_path), {}))
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    assert block == {"type": kind, "source": source}


def test_read_refuses_false_and_oversized_images(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(ToolError, match="not what its name says"):
        call("read", file_path="a.png")
    (tmp_path / "a.png").write_bytes(PNG + b"\0" * (4 * 1024 * 1024))
    with pytest.raises(ToolError, match="too large"):
        call("read", file_path="a.png")
    with pytest.raises(ToolError, match="view_range"):
        call("read", file_path="a.png", view_range=[1, 2])


def test_edit_replaces_what_is_unique(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a b a\n")
    assert call("edit", file_path="f", old_string="b", new_string="c") == "replaced 1 occurrence in f"
    assert call("edit", file_path="f", old_string="a", new_string="", replace_all=True) == "replaced 2 occurrences in f"
    assert (tmp_path / "f").read_text() == " c \n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("a", "x", "occurs 2 times"), ("z", "x", "not found"), ("", "x", "must not be empty"), ("b", "b", "the same")],
)
def test_edit_refuses_what_is_not_clear(call: Call, tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "f").write_text("a b a\n")
    with pytest.raises(ToolError, match=words):
        call("edit", file_path="f", old_string=old, new_string=new)
    assert (tmp_path / "f").read_text() == "a b a\n"


def test_edit_has_the_cap_of_read(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * file_tools.TEXT_CAP + b"y")
    with pytest.raises(ToolError, match="too large"):
        call("edit", file_path="f", old_string="y", new_string="z")


def touch(root: Path, *names: str) -> None:
    for age, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (1000 - age, 1000 - age))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.py", ["a.py"]),
        ("**/*.py", ["a.py", "src/b.py", "src/deep/c.py"]),
        ("src/**", ["src/b.py", "src/deep/c.py", "src/d.js"]),
        ("src/**/c.*", ["src/deep/c.py"]),
        ("**/deep/*", ["src/deep/c.py"]),
        ("src/*.{js,py}", ["src/b.py", "src/d.js"]),
        ("**/?.[jt]s", ["src/d.js"]),
        ("*/b.py", ["src/b.py"]),
        ("nothing*", ["no matches"]),
    ],
)
def test_glob_finds_files_newest_first(call: Call, tmp_path: Path, pattern: str, found: list[str]) -> None:
    touch(tmp_path, "a.py", "src/b.py", "src/deep/c.py", "src/d.js", ".git/x.py")
    assert call("glob", pattern=pattern).split("\n") == found


def test_glob_starts_at_a_path_and_stays_below(call: Call, tmp_path: Path) -> None:
    touch(tmp_path, "src/b.py", "a.py")
    assert call("glob", pattern="*.py", path="src") == "src/b.py"
    for pattern in ("/etc/*", "../*", "src/../../*"):
        with pytest.raises(ToolError, match="pattern"):
            call("glob", pattern=pattern)
    with pytest.raises(ToolError, match="path"):
        call("glob", pattern="*", path="a.py")


def test_glob_does_not_follow_links_in_circles(call: Call, tmp_path: Path) -> None:
    touch(tmp_path, "src/b.py")
    (tmp_path / "src/loop").symlink_to("..")
    assert call("glob", pattern="**/*.py") == "src/b.py"


def test_glob_lists_two_hundred_at_most(call: Call, tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.txt" for number in range(250)))
    lines = call("glob", pattern="*.txt").split("\n")
    assert lines[0] == "0.txt"
    assert lines[199:] == ["199.txt", "[the newest 200 of 250]"]


def test_grep_gives_path_line_and_text(call: Call, tmp_path: Path, searcher: str) -> None:
    (tmp_path / "a.txt").write_text("eins\nzwei grün\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/b:1.txt").write_text("zwei\n")
    assert call("grep", pattern=r"^zw.i") == "a.txt:2:zwei grün\nsrc/b:1.txt:1:zwei"
    assert call("grep", pattern=r"gr.n$", path="/workspace/a.txt") == "a.txt:2:zwei grün"
    assert call("grep", pattern="zwei", path="src") == "src/b:1.txt:1:zwei"
    assert call("grep", pattern="drei") == "no matches"


def test_grep_leaves_out_what_is_no_text_of_ours(call: Call, tmp_path: Path, searcher: str) -> None:
    for folder in (".git", "node_modules", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f").write_text("needle\n")
    (tmp_path / "link").symlink_to("elsewhere/f")
    (tmp_path / "binary").write_bytes(b"\0\1needle\n")
    (tmp_path / "long").write_text("needle" + "x" * 3000 + "\nshort needle\n")
    (tmp_path / ".hidden").write_text("needle\n")
    assert sorted(call("grep", pattern="needle").split("\n")) == [
        ".hidden:1:needle", "elsewhere/f:1:needle", "long:2:short needle",
    ]  # fmt: skip


def test_grep_stops_at_its_cap(call: Call, tmp_path: Path, searcher: str) -> None:
    (tmp_path / "f").write_text("needle in a very large haystack\n" * 10_000)
    found = call("grep", pattern="needle")
    assert file_tools.GREP_CAP - 100 < len(found) < file_tools.GREP_CAP + 100
    assert found.endswith("bytes: the rest is left out]")


def test_grep_names_what_is_wrong(call: Call, searcher: str) -> None:
    with pytest.raises(ToolError, match=r"^pattern: "):
        call("grep", pattern="(")
    with pytest.raises(ToolError, match=r"^path: "):
        call("grep", pattern="x", path="missing")
