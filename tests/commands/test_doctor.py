"""`ant doctor` against a hosted server; the engine has its own tests."""

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
    assert [check["name"] for check in result.lines] == ["versions", "profile", "credential"]


def test_an_unknown_profile_is_a_finding_not_a_crash(ant):
    result = ant("doctor", "-p", "nobody", "-o", "jsonl")
    assert result.code == 1
    assert by_name(result)["profile"]["state"] == "broken"


def test_sandbox_and_model_findings():
    assert (
        _sandbox({"backend": None, "available": False, "reason": "no user namespaces"}).detail == "no user namespaces"
    )
    assert _sandbox({"backend": "none", "available": True, "reason": None}).state == "warning"
    assert _model({"configured": False}).state == "warning"
