"""`ant run --file` and `--outputs`: files go in, files come out, and nothing that exists is replaced."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ant import Ant, bash

IN, OUT = "/mnt/session/uploads", "/mnt/session/outputs"


@pytest.fixture(scope="module")
def ant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ant]:
    ant = Ant(tmp_path_factory.mktemp("home"))
    yield ant
    ant.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.csv"
    path.write_text("3\n1\n2\n")
    return path


def sorts(ant: Ant) -> str:
    turns = (
        {"expect": {"contains": f"- {IN}/numbers.csv"}, "tools": [bash(f"sort {IN}/*.csv > {OUT}/sorted")]},
        {"text": "Sorted."},
    )
    return ant.script(*turns, *turns, name="sorts")


def test_a_file_goes_in_and_what_was_made_comes_out(ant: Ant, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    done = ant("run", "Sort", "--model", sorts(ant), "--file", str(data), "--outputs", str(folder))
    assert (done.returncode, done.stdout) == (0, "Sorted.\n"), done.stderr
    assert (folder / "sorted").read_text() == "1\n2\n3\n" and f"Wrote {folder}/sorted." in done.stderr


def test_files_go_into_a_detached_session_and_into_one_that_goes_on(ant: Ant, data: Path, tmp_path: Path) -> None:
    done = ant("run", "Sort", "--model", sorts(ant), "-f", str(data), "--detach")
    assert done.returncode == 0, done.stderr
    assert ant("wait", "@last").returncode == 0
    more = tmp_path / "more.csv"
    more.write_text("0\n")
    script = ant.script(
        {"text": "Hello."}, {"expect": {"contains": f"- {IN}/more.csv"}, "text": "Seen."}, name="goes-on"
    )
    assert ant("run", "Hello", "--model", script).returncode == 0
    done = ant("run", "--continue", "Look", "--file", str(more))
    assert (done.returncode, done.stdout) == (0, "Seen.\n"), done.stderr


def test_a_session_that_made_nothing_says_so(ant: Ant, tmp_path: Path) -> None:
    model = ant.script({"text": "Nothing to do."}, name="nothing")
    done = ant("run", "x", "--model", model, "--outputs", str(tmp_path / "none"))
    assert done.returncode == 0 and "made no files" in done.stderr and not (tmp_path / "none").exists()


def test_what_cannot_be_done_is_refused_before_anything_is_made(ant: Ant, data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    same = tmp_path / "other" / "numbers.csv"
    same.write_text("4\n")
    before = len(ant.json("sessions", "list")), len(ant.json("files", "list"))
    for arguments, said in (
        (("--file", str(tmp_path / "missing.csv")), "missing.csv"),
        (("--file", str(tmp_path)), str(tmp_path)),
        (("--file", str(data), "--file", str(same)), "the same name"),
        (("--outputs", str(tmp_path / "other")), "no empty folder"),
        (("--outputs", str(data)), "no empty folder"),
        (("--outputs", str(tmp_path / "new"), "--detach"), "--detach"),
    ):
        done = ant("run", "x", "--model", sorts(ant), *arguments)
        assert done.returncode == 2 and said in done.stderr, (arguments, done.stderr)
    assert (len(ant.json("sessions", "list")), len(ant.json("files", "list"))) == before


def test_a_dry_run_shows_the_uploads_and_sends_nothing(ant: Ant, data: Path) -> None:
    before = len(ant.json("files", "list"))
    done = ant("run", "Sort", "--file", str(data), "--dry-run", "-o", "jsonl")
    upload, create, send = (json.loads(line) for line in done.stdout.splitlines())
    assert upload["url"].endswith("/v1/files") and upload["form"] == ["file: numbers.csv"]
    assert create["body"]["resources"][0]["mount_path"] == "/numbers.csv" and "initial_events" not in create["body"]
    assert f"{IN}/numbers.csv" in json.dumps(send["body"]) and len(ant.json("files", "list")) == before
