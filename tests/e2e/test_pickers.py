"""An id that is left out on a terminal is chosen from a list; elsewhere it is an error that names it."""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ant import Ant, until
from tests.e2e.tmux import Tmux
from tests.fakes.api_server import Request, serving

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture(scope="module")
def ant(ant: Ant) -> Ant:
    ant.agent("reviewer", ant.script({"text": "Fine."}))
    ant.agent("writer", ant.script({"text": "Written."}, name="writer"))
    for title in ("First task", "Second task with a 長い title that goes on", "Third task"):
        assert ant("run", title, "--agent", "reviewer", "--title", title).returncode == 0
    return ant


def test_the_newest_comes_first_and_enter_takes_it(ant: Ant, terminal: Tmux) -> None:
    terminal.run("logs")
    lines = terminal.sees("Enter takes").splitlines()
    begin = lines.index("Which session?")
    assert [line.split()[:2] for line in lines[begin + 1 : begin + 4]] == [
        [">", "Third"], ["Second", "task"], ["First", "task"],
    ]  # fmt: skip
    assert re.search(r"idle  \d+[sm]  reviewer", lines[begin + 1]), lines
    terminal.type("Down", "Down", "Enter")
    screen = terminal.sees("exit=0")
    assert "First task" in screen and "Fine." in screen and "Which session?" not in screen


def test_typing_filters_and_esc_leaves(ant: Ant, terminal: Tmux) -> None:
    terminal.run("sessions", "get")
    terminal.sees("3 of 3")
    terminal.type("second 長")
    screen = terminal.sees("1 of 3")
    assert "> Second task" in screen and "Third" not in screen
    terminal.type("zzz")
    terminal.sees("none of 3")
    terminal.type("Enter")  # there is nothing to take
    terminal.type("Escape")
    screen = terminal.sees("exit=130")
    assert "Nothing was chosen." in screen and "none of 3" not in screen


def test_forty_columns_are_enough(ant: Ant, terminal: Tmux) -> None:
    terminal.run("logs")
    terminal.sees("3 of 3")
    terminal.resize(40, 12)
    screen = until(lambda: screen if "> Third" in (screen := terminal.screen()) else "")
    assert screen.count("Which session?") == 1
    rows = [line for line in screen.splitlines() if "idle" in line]
    assert len(rows) == 3 and all(len(row) < 40 for row in rows)
    terminal.type("C-c")
    terminal.sees("exit=130")


def test_an_option_at_the_end_asks_and_the_result_goes_into_the_pipe(ant: Ant, terminal: Tmux) -> None:
    terminal.type("ant sessions list -o id --agent | wc -l; echo exit=$?", "Enter")
    assert "Which agent?" in terminal.sees("Enter takes")
    terminal.type("writer", "Enter")
    assert "\n0\nexit=0" in terminal.sees("exit=0")
    terminal.run("chat", "--agent")
    terminal.sees("2 of 2")
    terminal.type("C-c")
    terminal.sees("exit=130")


def test_what_is_inside_of_a_thing_is_asked_for_after_it(ant: Ant, terminal: Tmux) -> None:
    terminal.run("sessions", "threads", "get")
    terminal.sees("Which session?")
    terminal.type("Enter")
    terminal.sees("Which thread?")
    terminal.type("Enter")
    assert "sthr_" in terminal.sees("exit=0")


def test_a_question_before_what_cannot_be_undone_comes_behind(ant: Ant, terminal: Tmux) -> None:
    terminal.run("sessions", "delete")
    terminal.sees("Which session?")
    terminal.type("Enter")
    assert "cannot be undone" in terminal.sees("[y/N]")
    terminal.type("n", "Enter")
    terminal.sees("exit=1")
    assert len(ant.json("sessions", "list")) == 3


def test_a_question_names_what_was_typed_and_the_id_that_it_means(ant: Ant, terminal: Tmux) -> None:
    id = ant.json("agents", "list")[0]["id"]
    terminal.resize(120, 20)
    terminal.run("agents", "archive", id[:20])
    assert f"Archive {id[:20]} ({id})? This cannot be undone." in terminal.sees("[y/N]")
    terminal.type("n", "Enter")
    terminal.sees("exit=1")


def test_nothing_to_choose_from_is_said(ant: Ant, terminal: Tmux) -> None:
    terminal.run("vaults", "get")
    assert "There is no vault to choose from." in terminal.sees("exit=4")


def test_what_cannot_be_chosen_is_missing_before_anything_is_asked(ant: Ant, terminal: Tmux) -> None:
    terminal.run("deployments", "create")
    assert "--name" in terminal.sees("exit=2")


def test_without_a_terminal_or_for_an_agent_it_is_missing(ant: Ant, terminal: Tmux) -> None:
    for words in (["logs"], ["sessions", "get"], ["sessions", "threads", "get", "x"], ["wait"], ["edit", "agent"]):
        done = ant(*words)
        assert done.returncode == 2 and "Missing argument" in done.stderr, words
    assert ant("chat", "--agent").returncode == 2
    terminal.type("CI=true ant logs; CLAUDECODE=1 ant sessions get; ant logs 2>log; echo exit=$?", "Enter")
    screen = terminal.sees("exit=2")
    assert screen.count("Missing argument SESSION.") == 2 and "Which" not in screen


def test_an_edit_can_be_a_dry_run(ant: Ant, terminal: Tmux, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i.bak 's/^description:.*/description: Reviews/' \"$1\"\n")
    editor.chmod(0o755)
    terminal.type(f"EDITOR={editor} ant edit agent reviewer --dry-run; echo exit=$?", "Enter")
    screen = terminal.sees("exit=0")
    assert '"description":"Reviews"' in screen and '"version":1' in screen
    assert ant.json("agents", "get", "reviewer")["version"] == 1


def test_what_has_no_name_can_be_chosen_too(ant: Ant, terminal: Tmux, tmp_path: Path) -> None:
    skill = tmp_path / "sorting"
    skill.mkdir()
    (skill / "SKILL.md").write_text("---\nname: sorting\ndescription: Sorts.\n---\nSort.\n")
    assert ant("skills", "create", str(skill)).returncode == 0
    terminal.run("skills", "versions", "get")
    terminal.sees("Which skill?")
    terminal.type("Enter")
    terminal.sees("Which version?")
    terminal.type("Enter")
    assert "skillver_" in terminal.sees("exit=0")


def test_later_pages_come_while_the_list_is_shown(tmp_path: Path) -> None:
    names = [f"agent {number:03}" for number in range(250)]
    items = [{"id": f"agent_{number}", "name": name} for number, name in enumerate(names)]
    more = threading.Event()

    def page(request: Request) -> dict[str, Any]:
        begin = int(request.query.get("page", ["0"])[0])
        if begin:
            more.wait(20)
        following = begin + 100
        return {"data": items[begin:following], "next_page": str(following) if following < len(items) else None}

    with serving() as api:
        api.on("GET", "/v1/agents", page)
        api.on("GET", "/v1/agents/agent_242", {"id": "agent_242"})
        ant = Ant(tmp_path, ANTHROPIC_BASE_URL=api.url, ANTHROPIC_API_KEY="k")
        terminal = Tmux(ant)
        try:
            terminal.run("agents", "get", "-o", "json")
            terminal.sees("100 of 100")
            more.set()
            terminal.sees("250 of 250")
            terminal.type("242")
            terminal.sees("1 of 250")
            terminal.type("Enter")
            assert '"id": "agent_242"' in terminal.sees("exit=0")
        finally:
            more.set()
            terminal.close()
