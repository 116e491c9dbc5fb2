"""`ant agents`, and with it what all commands made from operations do."""

import json

import pytest

AGENT = {
    "id": "agent_" + "a" * 24, "type": "agent", "name": "reviewer", "model": {"id": "claude-opus-5"}, "version": 1,
    "metadata": {}, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "archived_at": None,
}  # fmt: skip
OTHER = AGENT | {"id": "agent_" + "b" * 24, "name": "writer"}


def test_list_prints_json_lines_when_piped(ant, api, hosted):
    api.page("/v1/agents", AGENT, OTHER)
    result = ant("agents", "list", environ=hosted)
    assert (result.code, result.err) == (0, "")
    assert result.lines == [AGENT, OTHER]
    assert api.last.headers["x-api-key"] == "sk-test"


def test_list_prints_a_table_on_a_terminal(ant, api, hosted):
    api.page("/v1/agents", AGENT)
    result = ant("agents", "list", terminal=True, environ=hosted | {"NO_COLOR": "1"})
    header, row = result.out.splitlines()
    assert header.split() == ["ID", "NAME", "MODEL", "VERSION", "AGE"]
    assert row.startswith(AGENT["id"] + "  reviewer")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_options_of_every_command_work_at_every_place(ant, api, hosted, place):
    api.page("/v1/agents", AGENT)
    words = ["agents", "list"]
    words[place:place] = ["-o", "id"]
    assert ant(*words, environ=hosted).out == AGENT["id"] + "\n"


def test_json_is_one_array_over_all_pages(ant, api, hosted):
    def pages(request):
        second = "page" in request.query
        return {"data": [OTHER if second else AGENT], "next_page": None if second else "page_2"}

    api.on("GET", "/v1/agents", pages)
    assert ant("agents", "list", "-o", "json", environ=hosted).json == [AGENT, OTHER]


def test_list_passes_filters_on_and_stops_at_max_items(ant, api, hosted):
    api.page("/v1/agents", AGENT, OTHER)
    result = ant(
        "agents", "list", "--include-archived", "--limit", "5", "--created-at-gte", "2026-01-01T00:00:00Z",
        "--max-items", "1", environ=hosted,
    )  # fmt: skip
    assert result.lines == [AGENT]
    assert ant("agents", "list", "--max-items", "-1", environ=hosted).lines == [AGENT, OTHER]
    api.requests.pop()
    assert api.last.query == {"include_archived": ["true"], "limit": ["5"], "created_at[gte]": ["2026-01-01T00:00:00Z"]}


@pytest.mark.parametrize("words", [("agents", "get"), ("agent", "retrieve")])
@pytest.mark.parametrize("text", ["reviewer", "aaa", "agent_aa", AGENT["id"]])
def test_get_takes_a_name_a_prefix_or_an_id(ant, api, hosted, words, text):
    api.page("/v1/agents", AGENT, OTHER)
    api.on("GET", f"/v1/agents/{AGENT['id']}", AGENT)
    assert ant(*words, text, environ=hosted).json == AGENT


def test_an_id_is_not_looked_up(ant, api, hosted):
    api.on("GET", f"/v1/agents/{AGENT['id']}", AGENT)
    assert ant("agents", "get", AGENT["id"], environ=hosted).code == 0
    assert [request.path for request in api.requests] == [f"/v1/agents/{AGENT['id']}"]


def test_an_ambiguous_prefix_lists_the_candidates(ant, api, hosted):
    api.page("/v1/agents", AGENT, OTHER)
    result = ant("agents", "get", "agent_", environ=hosted)
    assert result.code == 2
    assert AGENT["id"] in result.err and OTHER["id"] in result.err


def test_an_unknown_name_is_not_found(ant, api, hosted):
    api.page("/v1/agents")
    result = ant("agents", "get", "nobody", environ=hosted)
    assert result.code == 4
    assert result.err == "Error: No agent 'nobody'.\n`ant agents list` shows what exists.\n"
    assert api.last.query["include_archived"] == ["true"]  # archived ones are looked at before giving up


def test_the_official_flag_names_the_agent_too(ant, api, hosted):
    api.on("GET", f"/v1/agents/{AGENT['id']}", AGENT)
    assert ant("agents", "get", "--agent-id", AGENT["id"], "--version", "3", environ=hosted).json == AGENT
    assert api.last.query == {"version": ["3"]}


def test_create_sends_what_was_typed(ant, api, hosted, tmp_path):
    (tmp_path / "prompt.md").write_text("Be brief.\n")
    api.on("POST", "/v1/agents", AGENT)
    result = ant(
        "agents", "create", "-n", "reviewer", "--model", "{id: claude-opus-5, effort: high}",
        "--system", f"@{tmp_path}/prompt.md", "--tool", "agent_toolset_20260401",
        "--tool", '{"type": "custom", "name": "ask"}', "--metadata", "team=core", "--metadata", "{n: 1, on: true}",
        "--description", "null", environ=hosted,
    )  # fmt: skip
    assert result.json == AGENT
    assert api.last.body == {
        "name": "reviewer",
        "model": {"id": "claude-opus-5", "effort": "high"},
        "system": "Be brief.\n",
        "tools": [{"type": "agent_toolset_20260401"}, {"type": "custom", "name": "ask"}],
        "metadata": {"team": "core", "n": "1", "on": "true"},
        "description": None,
    }


def test_create_takes_a_document_and_options_win_over_it(ant, api, hosted, tmp_path):
    (tmp_path / "agent.yaml").write_text("name: from-file\nmodel: claude-opus-5\ntools:\n  - type: custom\n")
    api.on("POST", "/v1/agents", AGENT)
    assert ant("agents", "create", "-f", str(tmp_path / "agent.yaml"), "--name", "typed", environ=hosted).code == 0
    assert api.last.body == {"name": "typed", "model": "claude-opus-5", "tools": [{"type": "custom"}]}


def test_create_reads_a_document_from_stdin(ant, api, hosted):
    api.on("POST", "/v1/agents", AGENT)
    assert ant("agents", "create", "-f", "-", stdin='{"name": "n", "model": "m"}', environ=hosted).code == 0
    assert api.last.body == {"name": "n", "model": "m"}


def test_what_was_made_last_is_at_last(ant, api, hosted):
    api.on("POST", "/v1/agents", AGENT)
    api.on("GET", f"/v1/agents/{AGENT['id']}", AGENT)
    assert ant("agents", "get", "@last", environ=hosted).code == 4
    assert ant("agents", "create", "--name", "n", "--model", "m", environ=hosted).code == 0
    assert ant("agents", "get", "@last", environ=hosted).json == AGENT


def test_update_sends_only_what_was_given(ant, api, hosted):
    api.on("POST", f"/v1/agents/{AGENT['id']}", AGENT)
    assert ant("agents", "update", AGENT["id"], "--system", "null", "--tool", "[]", environ=hosted).code == 0
    assert api.last.body == {"system": None, "tools": []}


def test_archive_and_versions(ant, api, hosted):
    api.on("POST", f"/v1/agents/{AGENT['id']}/archive", AGENT)
    api.page(f"/v1/agents/{AGENT['id']}/versions", AGENT)
    assert ant("agents", "archive", AGENT["id"], environ=hosted).json == AGENT
    assert ant("agents", "versions", "list", AGENT["id"], environ=hosted).lines == [AGENT]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["get"], "Missing argument AGENT."),
        (["get", "a", "b"], "unexpected extra argument"),
        (["create", "--name", "x"], "Missing option --model."),
        (["create", "--nmae", "x"], "`--name`"),
        (["create", "--limit"], "No such option"),
        (["list", "--limit", "many"], "--limit: expected a whole number, got 'many'."),
        (["create", "--name", "x", "--model", "{id: [}"], "line 1, column"),
        (["create", "--name", "x", "--model", "m", "--system", "@/no/such/file"], "/no/such/file: No such file"),
        (["create", "--name", "x", "--model", "m", "--tool", "17"], "--tool: expected an object"),
        (["create", "--name", "x", "--model", "m", "--metadata", "{a: {b: c}}"], "--metadata: the values"),
        (["lsit"], "Did you mean `ant agents list`?"),
        (["list", "-o", "xml"], "No format 'xml'"),
        (["list", "-o", "json", "--columns", "id"], "--columns goes with"),
    ],
)
def test_wrong_usage_is_told_in_two_lines_and_exits_2(ant, api, hosted, arguments, told):
    api.page("/v1/agents", AGENT)
    result = ant("agents", *arguments, environ=hosted)
    assert result.code == 2
    assert result.out == ""
    if "json" not in arguments:
        assert told in result.err
        assert result.err.startswith("Error: ") and result.err.count("\n") == 2


@pytest.mark.parametrize(
    ("status", "type", "code"),
    [
        (400, "invalid_request_error", 1),
        (401, "authentication_error", 3),
        (403, "permission_error", 3),
        (404, "not_found_error", 4),
        (409, "conflict_error", 1),
        (429, "rate_limit_error", 5),
        (500, "api_error", 5),
        (529, "overloaded_error", 5),
    ],
)
def test_errors_of_the_server_have_exit_codes_and_the_request_id(ant, api, hosted, status, type, code):
    body = {"type": "error", "error": {"type": type, "message": "It is so."}, "request_id": "req_1"}
    api.on("GET", "/v1/agents", (status, body))
    result = ant("agents", "list", environ=hosted)
    assert (result.code, result.out) == (code, "")
    assert "It is so." in result.err and "req_" in result.err
    told = json.loads(ant("agents", "list", "-o", "json", environ=hosted).err)["error"]
    assert (told["type"], told["status"], told["exit_code"]) == (type, status, code)


def test_no_server_is_exit_code_5(ant, environ):
    nowhere = environ | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "k"}
    result = ant("models", "list", environ=nowhere)
    assert result.code == 5
    assert "Error: " in result.err


def test_a_credential_is_never_in_what_is_printed(ant, api, hosted):
    api.page("/v1/agents", AGENT)
    result = ant("agents", "list", "--debug", environ=hosted | {"ANTHROPIC_API_KEY": "sk-very-secret"})
    assert "GET /v1/agents" in result.err
    assert "sk-very-secret" not in result.err + result.out


def test_a_person_is_told_of_an_agent_of_the_same_name(ant, api, hosted):
    api.on("POST", "/v1/agents", AGENT)
    words = ("agents", "create", "--name", "reviewer", "--model", "m")
    api.page("/v1/agents", AGENT, {**AGENT, "id": "agent_other"})
    result = ant(*words, terminal=True, environ=hosted)
    assert result.code == 0 and "Another agent has this name: agent_other." in result.err
    api.page("/v1/agents", AGENT, {**AGENT, "id": "agent_other", "name": "else"})
    assert "Another agent" not in ant(*words, terminal=True, environ=hosted).err
    api.requests.clear()
    assert ant(*words, environ=hosted).err == "" and len(api.requests) == 1  # a script pays nothing for it


def test_a_script_model_gets_its_absolute_path_on_the_local_engine(ant, environ, api, hosted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fib.yaml").write_text("- text: Hello.\n")
    for model in ("script:fib.yaml", "{id: 'script:fib.yaml'}"):
        shown = ant("agents", "create", "--name", "x", "--model", model, "--dry-run", environ=environ)
        assert f"script:{tmp_path}/fib.yaml" in shown.out, shown.err
    missing = ant("agents", "create", "--name", "x", "--model", "script:no.yaml", "--dry-run", environ=environ)
    assert missing.code == 2 and f"there is no file {tmp_path}/no.yaml" in missing.err
    api.on("POST", "/v1/agents", AGENT)  # the files of another machine are its own
    assert ant("agents", "create", "--name", "x", "--model", "script:no.yaml", environ=hosted).code == 0
    assert api.last.body["model"] == "script:no.yaml"
