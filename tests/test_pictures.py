"""The pictures of the README show what the program shows now."""

import importlib.machinery
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("scripts_pictures", str(ROOT / "scripts" / "pictures"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_no_picture_is_stale(script: ModuleType) -> None:
    assert script.stale() == {}, "run scripts/pictures and look at what it made"


def test_the_readme_shows_every_picture(script: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"packaging/pictures/{name}.svg" in readme for name in script.SCENES)
    assert {path.stem for path in script.PICTURES.iterdir()} == set(script.SCENES)


def test_what_differs_from_run_to_run_is_settled(script: ModuleType) -> None:
    one = "sesn_abcdefgh01  12s\n\x1b[2magent_abc 1.3s · $0.018\x1b[0m sesn_abcdefgh01"
    other = "sesn_zyxwvuts99  3s\n\x1b[2magent_xyz 0.4s · $0.018\x1b[0m sesn_zyxwvuts99"
    settled = script.settled(one)
    assert settled == script.settled(other)
    assert settled.count(settled.split()[0]) == 2 and "$0.018" in settled


def test_a_picture_says_every_line_and_names_no_other_host(script: ModuleType) -> None:
    picture = script.svg("run", "\x1b[1m$ ant\x1b[0m <run> & wait")
    assert "".join(script.texts(picture)).replace("\xa0", " ").count("$ ant <run> & wait") == 1
    assert picture.count("http") == 1 and 'xmlns="http://www.w3.org/2000/svg"' in picture
