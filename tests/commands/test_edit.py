"""`ant edit` with real editors: small programs that change the file."""

import sys

import pytest

AGENT = {
    "id": "agent_" + "a" * 24, "type": "agent", "name": "reviewer", "version": 3, "system": "Be kind.\nBe brief.",
    "model": {"id": "m", "speed": "standard"}, "metadata": {"team": "core", "old": "yes"}, "tools": [],
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
}  # fmt: skip
PATH = f"/v1/agents/{AGENT['id']}"


@pytest.fixture
def things(api):
    api.page("/v1/agents", AGENT)
    api.on("GET", PATH, AGENT)
    api.on("POST", PATH, AGENT | {"version": 4})
    return api


@pytest.fixture
def edit(ant, hosted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*replacements, arguments=("--yes",), environ=(), **more):
        """Each run of the editor makes the next of the replacements (old, new); `None` empties the file."""
        program = tmp_path / "editor.py"
        program.write_text(
            "import pathlib, sys\n"
            f"steps = {replacements!r}\n"
            "count = pathlib.Path('count'); n = int(count.read_text()) if count.exists() else 0\n"
            "count.write_text(str(n + 1))\n"
            "path = pathlib.Path(sys.argv[-1]); text = path.read_text()\n"
            "step = steps[n] if n < len(steps) else ('', '')\n"
            "path.write_text('' if step is None else text.replace(*step))\n"
        )
        environ = hosted | {"EDITOR": f"{sys.executable} {program}"} | dict(environ)
        return ant("edit", "agent", "reviewer", *arguments, environ=environ, terminal=True, **more)

    return run


def test_only_what_changed_is_sent_with_the_version_that_it_belongs_to(edit, things):
    result = edit(("Be brief.", "Be quick."))
    assert result.code == 0, result.err
    assert things.last.body == {"system": "Be kind.\nBe quick.", "version": 3}
    assert "-  Be brief." in result.err and "+  Be quick." in result.err


def test_a_removed_key_of_the_metadata_is_deleted(edit, things):
    edit(("  old: 'yes'\n", ""))
    assert things.last.body == {"metadata": {"team": "core", "old": None}, "version": 3}


@pytest.mark.parametrize("step", [("", ""), None])
def test_nothing_changed_sends_nothing(edit, things, step):
    result = edit(step)
    assert result.code == 0 and "Nothing changed." in result.err
    assert all(request.method == "GET" for request in things.requests)


def test_what_is_no_yaml_is_opened_again_with_its_mistake(edit, things, tmp_path):
    result = edit(("name: reviewer", "name: [reviewer"), ("name: [reviewer", "name: critic"))
    assert result.code == 0, result.err
    assert things.last.body == {"name": "critic", "version": 3}
    assert (tmp_path / "count").read_text() == "2"


def test_a_field_that_is_none_is_named_when_it_is_saved_again(edit, things):
    result = edit(("name: reviewer", "nam: reviewer"))
    assert result.code == 2 and "No field 'nam'" in result.err


def test_somebody_elses_change_wins_and_the_text_is_kept(edit, things, tmp_path):
    answers = iter([AGENT, AGENT | {"updated_at": "2026-01-03T00:00:00Z", "system": "Other"}])
    things.on("GET", PATH, lambda _: next(answers))
    result = edit(("Be brief.", "Be quick."))
    assert result.code == 1 and "was changed meanwhile (system): nothing was sent" in result.err
    (kept,) = tmp_path.glob("agent_*.yaml")
    assert "Be quick." in kept.read_text() and str(kept) in result.err


def test_a_refusal_of_the_server_keeps_the_text(edit, things, tmp_path):
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "model: unknown"}}
    things.on("POST", PATH, (400, error))
    result = edit(("id: m", "id: n"))
    assert result.code == 1 and "model: unknown" in result.err
    (kept,) = tmp_path.glob("agent_*.yaml")
    assert str(kept) in result.err


def test_a_connection_that_is_lost_keeps_the_text(edit, things, tmp_path):
    def hang_up(_):
        raise ConnectionResetError

    things.on("POST", PATH, hang_up)
    result = edit(("id: m", "id: n"), environ={"ANT_MAX_RETRIES": "0"})
    (kept,) = tmp_path.glob("agent_*.yaml")
    assert result.code == 5 and str(kept) in result.err and "id: n" in kept.read_text()


def test_without_a_terminal_it_names_the_command_that_needs_none(ant, things, hosted):
    result = ant("edit", "agent", "reviewer", environ=hosted)
    assert result.code == 2 and "ant agents update" in result.err
    assert ant("edit", "model", "m", environ=hosted).code == 2


def test_an_editor_that_fails_changes_nothing(ant, things, hosted):
    result = ant("edit", "agent", "reviewer", environ=hosted | {"EDITOR": "false"}, terminal=True)
    assert result.code == 1 and "ended with 1" in result.err
    result = ant("edit", "agent", "reviewer", environ=hosted | {"EDITOR": "/no/editor"}, terminal=True)
    assert result.code == 1 and "does not start" in result.err
