"""The transcripts: what the installed `ant` prints in every format and at every exit code, on the real engine.

`python -m tests.e2e.transcripts --write` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from antcli.errors import ExitCode
from antcli.output.formats import FORMATS
from tests.e2e.ant import Ant
from tests.e2e.transcripts.player import FOLDER, difference, exit_codes, golden_files, home_for, play

FILES = golden_files()
EXITS = [path for path in FILES if path.parent.name == "exits"]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(scope="module")
def home() -> Iterator[Callable[[str], Ant]]:
    """The home for a folder, with an engine of its own."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Ant] = {}

        def of(folder: str) -> Ant:
            if folder not in made:
                made[folder] = stack.enter_context(home_for(folder))
            return made[folder]

        yield of


@pytest.mark.parametrize("path", FILES, ids=name)
def test_transcript(path: Path, home: Callable[[str], Ant]) -> None:
    changed = difference(path, play(path.read_text(), home(path.parent.name)))
    assert not changed, f"\n{changed}\n{__doc__}"


@pytest.mark.parametrize("path", EXITS, ids=name)
def test_a_transcript_has_the_exit_code_in_its_name(path: Path) -> None:
    assert int(path.stem.partition("_")[0]) in exit_codes(path.read_text())


def test_every_exit_code_has_a_transcript() -> None:
    assert {int(path.stem.partition("_")[0]) for path in EXITS} == set(ExitCode)


def test_every_format_has_a_transcript() -> None:
    named = {path.stem for path in FOLDER.glob("output/*.txt")}
    assert set(FORMATS) - {"auto"} <= named and {"auto_piped", "auto_on_a_terminal", "errors", "transform"} <= named
