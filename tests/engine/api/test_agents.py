from __future__ import annotations

import anthropic
import httpx
import pytest

AGENT = {"name": "x", "model": "m"}
TOOLSET = {"type": "agent_toolset_20260401"}


def message_of(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status, response.text
    return str(response.json()["error"]["message"])


def test_the_sdk_reads_an_agent_with_every_default_written_out(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(
        name="coder",
        model="claude-sonnet-5-5",
        tools=[
            TOOLSET | {"configs": [{"name": "bash", "permission_policy": {"type": "always_ask"}}]},  # type: ignore[list-item]
            {"type": "custom", "name": "ask", "description": "Asks.", "input_schema": {"type": "object"}},
        ],
    )
    assert agent.version == 1 and agent.type == "agent" and agent.id.startswith("agent_")
    assert agent.to_dict()["model"] == {
        "id": "claude-sonnet-5-5", "effort": {"type": "high"}, "inference_geo": None, "speed": "standard",
    }  # fmt: skip
    assert agent.to_dict()["tools"] == [
        {
            "type": "agent_toolset_20260401",
            "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
            "configs": [{"type": "bash", "name": "bash", "enabled": True, "permission_policy": {"type": "always_ask"}}],
        },
        {"type": "custom", "name": "ask", "description": "Asks.", "input_schema": {"type": "object"}},
    ]
    assert agent.to_dict()["execution_identity"] == {"type": "service_account"}
    assert sdk.beta.agents.retrieve(agent.id) == agent


def test_a_tool_takes_the_toolsets_defaults_where_it_says_nothing(sdk: anthropic.Anthropic) -> None:
    toolset = {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": False, "permission_policy": {"type": "always_ask"}},
        "configs": [{"name": "read", "enabled": True}, {"name": "web_search"}, {"name": "web_fetch", "enabled": False}],
    }
    tools = sdk.beta.agents.create(name="a", model="m", tools=[toolset]).to_dict()["tools"]  # type: ignore[list-item]
    found = {config["name"]: config["enabled"] for config in tools[0]["configs"]}  # type: ignore[index]
    assert found == {"read": True, "web_search": False, "web_fetch": False}
    assert tools[0]["configs"][0]["permission_policy"] == {"type": "always_ask"}  # type: ignore[index]


def test_update_changes_field_by_field_and_keeps_the_versions(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(
        name="one", model="m", system="be kind", description="d", metadata={"a": "1", "b": "2"},
    )  # fmt: skip
    second = sdk.beta.agents.update(agent.id, system=None, description="", metadata={"a": None, "c": "3"})
    assert (second.version, second.system, second.description) == (2, None, None)
    assert second.metadata == {"b": "2", "c": "3"}
    assert second.name == "one"
    third = sdk.beta.agents.update(agent.id, name="two", version=2)
    assert (third.version, third.name) == (3, "two")
    assert sdk.beta.agents.retrieve(agent.id, version=1) == agent
    assert sdk.beta.agents.retrieve(agent.id, version=3) == third
    assert [version.version for version in sdk.beta.agents.versions.list(agent.id)] == [3, 2, 1]
    assert [version.version for version in sdk.beta.agents.versions.list(agent.id, limit=2)] == [3, 2, 1]


def test_an_update_that_changes_nothing_makes_no_version(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(name="same", model="m", metadata={"a": "1"})
    assert sdk.beta.agents.update(agent.id, name="same", tools=[], metadata={"zz": None, "a": "1"}) == agent


def test_effort_stays_with_its_model(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(name="e", model={"id": "m", "effort": "max", "speed": "fast"})
    kept = sdk.beta.agents.update(agent.id, model="m")
    assert kept.model.effort is not None and kept.model.effort.type == "max"
    assert kept.model.speed == "standard"
    asked = sdk.beta.agents.update(agent.id, model={"id": "m", "effort": {"type": "low"}})
    assert asked.model.effort is not None and asked.model.effort.type == "low"
    other = sdk.beta.agents.update(agent.id, model="other")
    assert other.model.effort is not None and other.model.effort.type == "high"


def test_a_stale_version_is_a_conflict_that_is_not_repeated(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    agent = sdk.beta.agents.create(name="v", model="m")
    response = http.post(f"/v1/agents/{agent.id}", json={"name": "v", "version": 7})
    assert "version 1, not 7" in message_of(response, 409)
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["type"] == "conflict_error"
    with pytest.raises(anthropic.ConflictError):
        sdk.with_options(max_retries=2).beta.agents.update(agent.id, name="w", version=7)


def test_an_archived_agent_is_read_only_and_hidden_from_lists(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(name="old", model="m")
    sdk.beta.agents.update(agent.id, name="older")
    archived = sdk.beta.agents.archive(agent.id)
    assert archived.archived_at is not None and archived.version == 2
    assert sdk.beta.agents.archive(agent.id) == archived
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        sdk.beta.agents.update(agent.id, name="new")
    assert agent.id not in [found.id for found in sdk.beta.agents.list()]
    assert agent.id in [found.id for found in sdk.beta.agents.list(include_archived=True)]
    assert sdk.beta.agents.retrieve(agent.id, version=1).archived_at == archived.archived_at


def test_lists_page_newest_first_and_filter_by_time(sdk: anthropic.Anthropic) -> None:
    made = [sdk.beta.agents.create(name=f"n{number}", model="m") for number in range(5)]
    found = [agent.id for agent in sdk.beta.agents.list(limit=2, created_at_gte=made[0].created_at)]
    assert found == [agent.id for agent in reversed(made)]
    until = [agent.id for agent in sdk.beta.agents.list(created_at_lte=made[1].created_at, limit=100)]
    assert made[1].id in until and made[2].id not in until


def test_what_is_unknown_is_not_found(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(name="x", model="m")
    for call in (
        lambda: sdk.beta.agents.retrieve("agent_nothing"),
        lambda: sdk.beta.agents.retrieve(agent.id, version=9),
        lambda: sdk.beta.agents.update("agent_nothing", name="x"),
        lambda: sdk.beta.agents.archive("agent_nothing"),
        lambda: sdk.beta.agents.versions.list("agent_nothing"),
    ):
        with pytest.raises(anthropic.NotFoundError):
            call()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m"}, "name: required, but not given."),
        (AGENT | {"name": ""}, "name: must not be empty."),
        (AGENT | {"name": "n" * 257}, "name: at most 256 characters, got 257."),
        (AGENT | {"name": 7}, "name: must be a string, got a number."),
        (AGENT | {"name": None}, "name: must be a string, got null."),
        (AGENT | {"description": "d" * 2049}, "description: at most 2,048 characters, got 2,049."),
        (AGENT | {"system": "s" * 100_001}, "system: at most 100,000 characters, got 100,001."),
        (AGENT | {"nmae": "typo"}, "nmae: unknown field."),
        (AGENT | {"metadata": {str(n): "" for n in range(17)}}, "metadata: at most 16 pairs, got 17."),
        (AGENT | {"metadata": {"k" * 65: ""}}, "metadata: a key has 1 to 64 characters, got 65."),
        (AGENT | {"metadata": {"k": "v" * 513}}, "metadata: the value of 'k' has at most 512 characters, got 513."),
        (AGENT | {"metadata": {"k": 1}}, "metadata.k: must be a string, got a number."),
        (AGENT | {"model": {"id": "m", "effort": "huge"}}, "model.effort: must be 'low', 'medium', 'high', 'xhigh' or 'max', got 'huge'."),  # noqa: E501
        (AGENT | {"model": {"id": "m", "effort": {"type": "low", "x": 1}}}, "model.effort.x: unknown field."),
        (AGENT | {"model": {"id": "m", "inference_geo": "eu"}}, "model.inference_geo: not supported by the local engine."),  # noqa: E501
        (AGENT | {"model": 3}, "model: must be an object, got a number."),
        (AGENT | {"tools": {}}, "tools: must be an array, got an object."),
        (AGENT | {"tools": [3]}, "tools.0: must be an object, got a number."),
        (AGENT | {"tools": [{}]}, "tools.0: needs a `type`: one of agent_toolset_20260401, custom, mcp_toolset."),
        (AGENT | {"tools": [{"type": "computer"}]}, "tools.0: type 'computer' is not one of agent_toolset_20260401, custom, mcp_toolset."),  # noqa: E501
        (AGENT | {"tools": [{"type": "custom", "description": "d", "input_schema": {"type": "object"}}]}, "tools.0.name: required, but not given."),  # noqa: E501
        (AGENT | {"skills": [{"type": "other", "skill_id": "s"}]}, "skills.0: type 'other' is not one of custom, anthropic."),  # noqa: E501
        (AGENT | {"execution_identity": {"type": "aws_role", "role_arn": "x"}}, "execution_identity: not supported by the local engine: aws_role."),  # noqa: E501
    ],
)  # fmt: skip
def test_a_bad_agent_is_refused_in_one_sentence_that_names_the_field(
    http: httpx.Client, body: dict[str, object], expected: str
) -> None:
    assert message_of(http.post("/v1/agents", json=body)) == expected


def custom(**changes: object) -> dict[str, object]:
    return {"type": "custom", "name": "n", "description": "d", "input_schema": {"type": "object"}} | changes


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([custom(name="a b")], "tools.0.name: 1 to 128 letters, digits, `_` and `-`."),
        ([custom(name="bash")], "tools.0.name: 'bash' is the name of a built-in tool."),
        ([custom(name="ant__x")], "tools.0.name: names that begin with mcp__ or ant__ are reserved."),
        ([custom(description="")], "tools.0.description: must not be empty."),
        ([custom(), custom()], "tools: two custom tools are named 'n'."),
        ([TOOLSET, TOOLSET], "tools: agent_toolset_20260401 is given twice."),
        ([custom(name=f"t{n}") for n in range(257)], "tools: at most 256 tools over all toolsets, got 257."),
        ([custom(input_schema={"type": "array"})], "tools.0.input_schema.type: must be 'object', got 'array'."),
        ([custom(input_schema={"type": "object", "oneOf": []})], "tools.0.input_schema: oneOf is not allowed at the top level."),  # noqa: E501
        ([custom(input_schema={"type": "object", "properties": {"a": {"$ref": "#"}}})], "tools.0.input_schema: $ref is not allowed."),  # noqa: E501
        ([custom(input_schema={"type": "object", "properties": {"a b": {}}})], "tools.0.input_schema: property 'a b': 1 to 64 letters, digits, `_`, `.` and `-`."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "sh"}]}], "tools.0.configs.0.name: must be 'bash', 'edit', 'read', 'write', 'glob', 'grep', 'web_fetch' or 'web_search', got 'sh'."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "bash", "type": "read"}]}], "tools.0.configs.0: type 'read' does not fit the name 'bash'."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "bash"}, {"name": "bash"}]}], "tools.0.configs: 'bash' is configured twice."),
        ([TOOLSET | {"configs": [{"name": "bash", "enabled": "yes"}]}], "tools.0.configs.0.enabled: must be true or false, got a string."),  # noqa: E501
        ([TOOLSET | {"default_config": {"permission_policy": {"type": "maybe"}}}], "tools.0.default_config.permission_policy: type 'maybe' is not one of always_allow, always_ask, auto."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_search", "enabled": True}]}], "tools: web_search: not supported by the local engine: it runs at the model's provider, and the present one is not known to have it."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_search", "enabled": True, "permission_policy": {"type": "always_ask"}}]}], "tools: web_search: not supported by the local engine: it runs at the model's provider, where nobody can be asked, so its policy must be always_allow."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_search", "allowed_domains": []}]}], "tools.0.configs.0: allowed_domains: Empty list of domains is ambiguous. Provide at least one domain or null."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_search", "allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}]}], "tools.0.configs.0: Only one of allowed_domains or blocked_domains may be set."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_fetch", "blocked_domains": ["https://a.example"]}]}], "tools.0.configs.0: blocked_domains: 'https://a.example' is no plain host name like docs.example.com."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_fetch", "blocked_domains": ["10.0.0.1"]}]}], "tools.0.configs.0: blocked_domains: '10.0.0.1' is no plain host name like docs.example.com."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_fetch", "allowed_domains": ["printer.local"]}]}], "tools.0.configs.0: allowed_domains: 'printer.local' is no plain host name like docs.example.com."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_fetch", "allowed_domains": ["a.example", "A.example"]}]}], "tools.0.configs.0: allowed_domains: 'a.example' is there twice."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_search", "user_location": {"type": "approximate", "timezone": "Mars/Base"}}]}], "tools.0.configs.0.user_location.timezone: 'Mars/Base' is not an IANA time zone such as Europe/Zurich."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "bash", "max_content_tokens": 5}]}], "tools.0.configs.0: max_content_tokens is no setting of bash."),  # noqa: E501
        ([TOOLSET | {"configs": [{"name": "web_fetch", "url_sources": {}}]}], "tools.0.configs.0.url_sources: not supported by the local engine: url_sources of web_fetch."),  # noqa: E501
        ([{"type": "mcp_toolset", "mcp_server_name": "s"}], "tools: the mcp_toolset of 's' needs an entry of that name in mcp_servers."),  # noqa: E501
        ([{"type": "mcp_toolset", "mcp_server_name": "s"}] * 2, "tools: the MCP server 's' has two toolsets."),
        ([{"type": "mcp_toolset", "mcp_server_name": "s", "configs": [{"name": "a"}, {"name": "a"}]}], "tools.0.configs: 'a' is configured twice."),  # noqa: E501
        ([{"type": "mcp_toolset", "mcp_server_name": "s", "configs": [{"name": "a", "type": "a"}]}], "tools.0.configs.0.type: unknown field."),  # noqa: E501
    ],
)  # fmt: skip
def test_bad_tools_are_refused(http: httpx.Client, tools: list[object], expected: str) -> None:
    assert message_of(http.post("/v1/agents", json=AGENT | {"tools": tools})) == expected


SERVER = {"type": "url", "name": "s", "url": "https://mcp.example/sse"}
MCP_TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "s"}


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([SERVER], """mcp_servers: no tool refers to the server 's': add {"type": "mcp_toolset", "mcp_server_name": "s"} to tools."""),  # noqa: E501
        ([SERVER, SERVER], "mcp_servers: two servers are named 's'."),
        ([SERVER | {"url": "ftp://x"}], "mcp_servers.0.url: must be an http or https URL."),
        ([SERVER | {"url": "https://me:secret@x"}], "mcp_servers.0.url: must hold no credentials: they belong into a vault."),  # noqa: E501
        ([SERVER | {"url": "https://x/" + "y" * 2048}], "mcp_servers.0.url: at most 2,048 characters, got 2,058."),
        ([SERVER | {"name": ""}], "mcp_servers.0.name: must not be empty."),
        ([SERVER | {"token": "x"}], "mcp_servers.0.token: unknown field."),
        ([SERVER | {"type": "stdio"}], "mcp_servers.0.type: must be 'url', got 'stdio'."),
        ([SERVER | {"name": str(n)} for n in range(21)], "mcp_servers: at most 20 items, got 21."),
    ],
)  # fmt: skip
def test_bad_mcp_servers_are_refused(http: httpx.Client, servers: list[object], expected: str) -> None:
    assert message_of(http.post("/v1/agents", json=AGENT | {"mcp_servers": servers})) == expected


def test_servers_and_toolsets_refer_to_each_other_on_the_agent_that_results(
    sdk: anthropic.Anthropic, http: httpx.Client
) -> None:
    agent = sdk.beta.agents.create(
        name="m", model="m", mcp_servers=[SERVER],  # type: ignore[list-item]
        tools=[MCP_TOOLSET | {"configs": [{"name": "search", "permission_policy": {"type": "always_allow"}}]}],  # type: ignore[list-item]
    )  # fmt: skip
    asks = {"enabled": True, "permission_policy": {"type": "always_ask"}}
    assert agent.to_dict()["mcp_servers"] == [SERVER]
    assert agent.to_dict()["tools"] == [
        MCP_TOOLSET
        | {
            "default_config": asks,
            "configs": [{"name": "search", "enabled": True, "permission_policy": {"type": "always_allow"}}],
        }
    ]
    assert "no tool refers" in message_of(http.post(f"/v1/agents/{agent.id}", json={"tools": []}))
    assert "needs an entry" in message_of(http.post(f"/v1/agents/{agent.id}", json={"mcp_servers": None}))
    cleared = sdk.beta.agents.update(agent.id, tools=[], mcp_servers=[])
    assert (cleared.version, cleared.mcp_servers, cleared.tools) == (2, [], [])


def test_web_tools_where_the_models_provider_has_them(sdk: anthropic.Anthropic) -> None:
    configs = [
        {"name": "web_search", "enabled": True, "allowed_domains": ["docs.example/api"],
         "user_location": {"type": "approximate", "country": "NL"}},
        {"name": "web_fetch", "enabled": True, "max_content_tokens": 1000},
    ]  # fmt: skip
    agent = sdk.beta.agents.create(name="w", model="claude-opus-5-5", tools=[TOOLSET | {"configs": configs}])  # type: ignore[list-item]
    search, fetch = agent.to_dict()["tools"][0]["configs"]  # type: ignore[index]
    assert search["allowed_domains"] == ["docs.example/api"] and search["user_location"]["country"] == "NL"
    assert (fetch["max_content_tokens"], fetch["url_sources"], fetch["blocked_domains"]) == (1000, None, None)
    with pytest.raises(anthropic.BadRequestError, match="web_search"):
        sdk.beta.agents.update(agent.id, model="my-own")


def test_empty_forms_of_what_is_not_supported_pass(http: httpx.Client) -> None:
    empty = {"mcp_servers": [], "skills": [], "multiagent": None, "execution_identity": None, "tools": None}
    assert http.post("/v1/agents", json=AGENT | empty).status_code == 200


def test_a_merged_metadata_keeps_the_limit(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    agent = sdk.beta.agents.create(name="m", model="m", metadata={str(n): "" for n in range(16)})
    response = http.post(f"/v1/agents/{agent.id}", json={"metadata": {"one more": ""}})
    assert message_of(response) == "metadata: at most 16 pairs, got 17."
    assert response.json()["error"]["details"] == {"error_code": "invalid_metadata"}


def test_a_document_that_was_read_can_be_sent_back(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    agent = sdk.beta.agents.create(name="m", model="m", tools=[{"type": "agent_toolset_20260401"}])
    document = http.get(f"/v1/agents/{agent.id}").json()
    for name in ("id", "type", "created_at", "updated_at", "archived_at"):
        del document[name]
    response = http.post(f"/v1/agents/{agent.id}", json=document)
    assert response.json()["version"] == 1
