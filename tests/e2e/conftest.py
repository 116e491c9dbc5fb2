"""The installed `ant` with a home for each file of tests, and a terminal in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.ant import Ant
from tests.e2e.tmux import Tmux


@pytest.fixture(scope="module")
def ant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ant]:
    ant = Ant(tmp_path_factory.mktemp("home"))
    yield ant
    ant.close()


@pytest.fixture
def terminal(ant: Ant) -> Iterator[Tmux]:
    terminal = Tmux(ant)
    yield terminal
    terminal.close()
