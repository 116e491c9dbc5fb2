"""`--dry-run`: every command that changes something shows its requests and sends none of them."""

import json
import re
import shlex
from pathlib import Path

import pytest

from antcli import app
from antcli.commands import official
from antcli.commands.base import Group
from antcli.commands.flags import RequestCommand
from antcli.references import KINDS

# Written by hand and without requests that could be shown beforehand.
READING = {
    "wait", "logs", "top", "cost", "explain", "version", "completion", "doctor", "files download", "open",
    "plan", "export", "sessions events stream", "sessions threads events stream", "skills versions download",
}  # fmt: skip
HERE_ONLY = {  # the files of this machine, the engine on it
    "serve", "engine status", "engine stop", "engine restart", "engine logs", "auth login", "auth logout",
    "auth status", "auth print-credentials", "profile list", "profile show", "profile use", "profile set",
    "profile settings", "profile unset", "profile delete",
}  # fmt: skip
TURN_BY_TURN = {  # what is sent depends on what came before; `plan` shows what `apply` would do
    "chat", "demo", "import", "worker run", "worker poll", "sessions connect",
    "beta:sessions connect",
}  # fmt: skip
ELSEWHERE = {"edit", "apply", "destroy"}  # tests/e2e/test_pickers.py; the last two show a plan


def leaves():
    """Every command, with its words."""
    root = app.Root()
    for row in (row for rows in app.TABLE.values() for row in rows):
        yield from below((row.name,), app.Stub(row).real())
    for name in official.RESOURCES:
        if name not in root.contents.makers:
            yield from below((name,), official.group(name))


def below(path, command):
    if not isinstance(command, Group):
        yield path, command
        return
    for name in command.contents.makers:
        yield from below((*path, name), command.get_command(None, name))


ALL = {" ".join(path): command for path, command in leaves()}
TAKING = {
    words: command for words, command in ALL.items()
    if any("--dry-run" in param.opts for param in command.params) and words not in ELSEWHERE
    and not (isinstance(command, RequestCommand) and command.operation.method == "GET")
}  # fmt: skip
SESSION = "sesn_" + "1" * 24


def examples(command):
    return "\n".join(command.callback.examples)


@pytest.fixture
def prepared(hosted, tmp_path, monkeypatch, api):
    """A folder with the files of the examples, a profile that has made one of everything, a session that asks."""
    monkeypatch.chdir(tmp_path)
    for name in {name for command in TAKING.values() for name in re.findall(r"@([\w-]+\.\w+)", examples(command))}:
        Path(name).write_text("type: x" if name.endswith("yaml") else "text")
    for name in ("data.csv", "report.csv", "sales.csv"):
        Path(name).write_text("1,2")
    Path("request.yaml").write_text("{model: m, max_tokens: 1, messages: [{role: user, content: a}]}")
    Path("pdf-forms").mkdir()
    Path("pdf-forms/SKILL.md").write_text("---\nname: pdf-forms\ndescription: d\n---\n")
    for name in ("pdf-forms.zip", "SKILL.md"):
        Path(name).write_bytes(b"PK")
    newest = {kind: f"{words.prefix}{'1' * 24}" for kind, words in KINDS.items()}
    data = Path(hosted["ANT_DATA_DIR"])
    data.mkdir()
    (data / "newest.json").write_text(json.dumps({"environment": newest}))
    asks = {
        "id": "sevt_1",
        "type": "session.status_idle",
        "stop_reason": {"type": "requires_action", "event_ids": ["c"]},
    }
    call = {"id": "c", "type": "agent.tool_use", "name": "bash", "input": {}, "evaluated_permission": "ask"}
    api.on("GET", f"/v1/sessions/{SESSION}", {"id": SESSION, "status": "idle"})
    api.page(f"/v1/sessions/{SESSION}/events", asks, call)
    return hosted


def test_every_command_is_known_here():
    rest = {words for words in ALL if not any("--dry-run" in param.opts for param in ALL[words].params)}
    assert rest == READING | HERE_ONLY | TURN_BY_TURN


@pytest.mark.parametrize("words", TAKING)
def test_a_dry_run_sends_nothing(ant, api, prepared, words):
    command = TAKING[words]
    lines = [line.rpartition("| ")[2] for line in command.callback.examples]
    for line in [line for line in lines if " - " not in line]:
        line = re.split(r" && | > ", line)[0]
        typed = shlex.split(line.replace("*.csv", "data.csv"))[1:]
        done = ant(*typed, "--dry-run", "-o", "jsonl", environ=prepared)
        assert done.code == 0, (line, done.err)
        shown = [json.loads(request) for request in done.out.splitlines()]
        assert shown and all("curl -sS" in request["curl"] for request in shown)
        if isinstance(command, RequestCommand):
            path = re.sub(r"{\w+}", "[^/]+", command.operation.path)
            assert (len(shown), shown[0]["method"]) == (1, command.operation.method)
            assert re.fullmatch(f"{api.url}{path}(\\?.*)?", shown[0]["url"]), shown[0]["url"]
    assert [request for request in api.requests if request.method != "GET"] == []
    assert "sk-test" not in done.out + done.err


@pytest.mark.parametrize("words", sorted(READING | HERE_ONLY | TURN_BY_TURN))
def test_a_command_that_cannot_says_so(ant, api, prepared, words):
    done = ant(*words.split(), "--dry-run", environ=prepared)
    assert done.code == 2 and "takes no --dry-run. Nothing was done." in done.err
    assert api.requests == []


def test_a_run_shows_both_requests(ant, api, prepared):
    words = ["run", "Do it", "--agent", "reviewer", "--system", "Be brief", "--budget", "1"]
    done = ant(*words, "--dry-run", "-o", "json", environ=prepared)
    session, message = done.json
    assert session["body"]["agent"] == {"type": "agent_with_overrides", "id": "reviewer", "system": "Be brief"}
    assert session["body"]["budget"]["max_list_cost"]["amount"] == "100"
    assert message["url"].endswith("/v1/sessions/ID_OF_THE_FIRST_ANSWER/events")
    assert message["body"]["events"][0]["content"][0]["text"] == "Do it"
    assert "default" in done.err and api.requests == []
    detached = ant("run", "Do it", "--detach", "--dry-run", "-o", "json", environ=prepared)
    assert detached.json["body"]["initial_events"][0]["type"] == "user.message" and api.requests == []


def test_an_upload_is_not_read(ant, api, prepared):
    done = ant("files", "upload", "data.csv", "-", "--dry-run", "-o", "json", environ=prepared)
    assert [request["form"] for request in done.json] == [["file: data.csv"], ["file: stdin"]]
    assert "-F 'file=@-;filename=stdin;type=application/octet-stream'" in done.json[1]["curl"]
    assert api.requests == []
    missing = ant("files", "upload", "none.csv", "--dry-run", environ=prepared)
    assert missing.code == 2 and "none.csv" in missing.err


@pytest.mark.parametrize(
    "form", [["-o", "id"], ["-o", "csv"], ["--transform", "id", "-r"], ["-o", "json", "--transform", "id"]]
)
def test_what_was_said_about_the_answer_does_not_stand_in_the_way(ant, api, prepared, form):
    done = ant("agents", "create", "--name", "x", "--model", "m", "--dry-run", *form, environ=prepared)
    assert done.code == 0 and "--data-binary" in done.out, done.err
    assert ant("run", "x", "--dry-run", *form, environ=prepared).out.count("curl -sS") == 2
    assert api.requests == []
