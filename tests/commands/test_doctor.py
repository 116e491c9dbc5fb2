"""`ant doctor` against a hosted server; the engine has its own tests."""

import threading

import pytest

from antcli.commands import doctor as doctor_module
from antcli.commands.doctor import _model, _sandbox


def by_name(result):
    return {check["name"]: check for check in result.lines}


def test_a_working_setup_is_all_ok(ant, api, hosted):
    api.page("/v1/models", {"id": "claude-opus-5"})
    result = ant("doctor", "-o", "jsonl", environ=hosted)
    assert result.code == 0
    assert {check["state"] for check in result.lines} == {"ok"}
    assert by_name(result)["credential"]["detail"] == "from ANTHROPIC_API_KEY"


def test_a_refused_key_is_broken_with_its_fix(ant, api, hosted):
    api.on(
        "GET", "/v1/models", (401, {"type": "error", "error": {"type": "authentication_error", "message": "Bad key."}})
    )
    result = ant("doctor", "-o", "jsonl", environ=hosted)
    assert result.code == 1
    assert by_name(result)["server"]["state"] == "broken"
    assert "ant auth login" in by_name(result)["server"]["fix"]


def test_text_has_a_line_a_check_and_the_fix_below(ant, hosted):
    result = ant("doctor", environ=hosted | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    assert result.code == 1
    assert "broken   server" in result.out
    assert result.out.splitlines()[-1].startswith(" " * 21)


def test_a_missing_credential_ends_the_checks(ant):
    result = ant("doctor", "-p", "hosted", "-o", "jsonl")
    assert result.code == 1
    assert [check["name"] for check in result.lines] == ["versions", "profile", "data", "credential"]


def test_an_unknown_profile_is_a_finding_not_a_crash(ant):
    result = ant("doctor", "-p", "nobody", "-o", "jsonl")
    assert result.code == 1
    assert by_name(result)["profile"]["state"] == "broken"


def test_sandbox_and_model_findings():
    assert (
        _sandbox({"backend": None, "available": False, "reason": "no user namespaces"}).detail == "no user namespaces"
    )
    assert _sandbox({"backend": "none", "available": True, "reason": None}).state == "warning"
    assert _model({"configured": False}, None).state == "warning"


def test_the_shell_s_completion_and_the_room_on_the_disk_are_looked_at(ant, api, hosted, tmp_path, monkeypatch):
    api.page("/v1/models", {"id": "claude-opus-5"})
    with_shell = hosted | {"SHELL": "/bin/fish"}
    found = by_name(ant("doctor", "-o", "jsonl", environ=with_shell))
    assert "ant completion fish --install" in found["completion"]["fix"]
    ant("completion", "fish", "--install", environ=with_shell)
    assert by_name(ant("doctor", "-o", "jsonl", environ=with_shell))["completion"]["state"] == "ok"
    monkeypatch.setattr(doctor_module, "LEAST_SPACE", 1e18)
    result = ant("doctor", "-o", "jsonl", environ=hosted)
    assert (result.code, by_name(result)["data"]["state"]) == (1, "broken")


def test_a_data_directory_that_is_a_file_is_broken(ant, api, hosted, tmp_path):
    api.page("/v1/models", {"id": "claude-opus-5"})
    (tmp_path / "data").touch()
    assert by_name(ant("doctor", "-o", "jsonl", environ=hosted))["data"]["state"] == "broken"


def test_a_server_that_hangs_is_told_after_a_limit(ant, api, hosted, monkeypatch):
    monkeypatch.setattr(doctor_module, "LONGEST", 0.2)
    go = threading.Event()
    api.on("GET", "/v1/models", lambda _: go.wait(10) and {"data": []})
    result = ant("doctor", "-o", "jsonl", environ=hosted)
    go.set()
    assert result.code == 1
    assert "did not end" in result.lines[-1]["detail"]


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (401, "broken")])
def test_the_model_is_really_asked(ant, api, environ, status, state):
    """The engine is the real one; its model endpoint answers, or refuses the key."""
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    refusal = {"type": "error", "error": {"type": "authentication_error", "message": "Bad key."}}
    api.page("/v1/models", {"id": "m", "type": "model", "display_name": "m", "created_at": "2026-01-01T00:00:00Z"})
    api.on("POST", "/v1/messages", (status, message if status == 200 else refusal))
    keyed = environ | {"ANT_MODEL_BASE_URL": api.url, "ANT_MODEL_API_KEY": "k"}
    try:
        found = by_name(ant("doctor", "-o", "jsonl", environ=keyed))
        assert found["model"]["state"] == state, found
        assert found["engine"]["state"] == "ok"
        [asked] = [request.body for request in api.requests if request.path == "/v1/messages"]
        assert asked["max_tokens"] == 1
    finally:
        ant("engine", "stop", environ=keyed)
