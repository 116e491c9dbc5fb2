"""What a file may leave out because the server writes it anyway, and what is a difference all the same."""

from __future__ import annotations

from typing import Any

import pytest

from antcli.config_as_code.comparison import same, shortened, simplified

ASK, ALLOW = ({"permission_policy": {"type": f"always_{word}"}} for word in ("ask", "allow"))
ON = {"enabled": True}
TOOLSET, MCP = {"type": "agent_toolset_20260401"}, {"type": "mcp_toolset", "mcp_server_name": "tickets"}
READ = {"name": "read", "type": "read"}
CLOUD = {"type": "cloud"}
NOTES = {"type": "memory_store", "memory_store_id": "memstore_1"}
MOUNTED = NOTES | {"name": "notes", "description": "d", "mount_path": "/mnt/memory/notes", "access": "read_write"}
VARIABLE = {"type": "environment_variable", "secret_name": "TOKEN", "networking": {"type": "unrestricted"}}
ROSTER = {"type": "coordinator", "agents": ["agent_1"]}
MANY = {"type": "multiagent_20261001"}
TEXT = [{"type": "text", "text": "Go."}]

# The field, what a file says, what the server says.
SAME: list[tuple[str, Any, Any]] = [
    ("model", "m", {"id": "m", "speed": "standard", "effort": {"type": "high"}}),
    ("model", {"id": "m", "effort": "low"}, {"id": "m", "speed": "standard", "effort": {"type": "low"}}),
    ("tools", [TOOLSET], [TOOLSET | {"default_config": ON | ALLOW, "configs": [READ | ON | ALLOW]}]),
    ("tools", [MCP], [MCP | {"default_config": ON | ASK, "configs": []}]),
    ("tools", [TOOLSET | {"default_config": ASK, "configs": [{"name": "read", **ASK}]}],
     [TOOLSET | {"default_config": ON | ASK, "configs": [READ | ON | ASK]}]),
    ("skills", [{"type": "custom", "skill_id": "s"}], [{"type": "custom", "skill_id": "s", "version": "v"}]),
    ("config", CLOUD, CLOUD | {"networking": {"type": "unrestricted"}, "packages": {"type": "packages", "pip": []}}),
    ("config", CLOUD | {"networking": {"type": "limited"}},
     CLOUD | {"networking": {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False,
                             "allow_package_managers": False}}),
    ("resources", [NOTES], [MOUNTED]),
    ("auth", VARIABLE | {"secret_value": "${X}"}, VARIABLE | {"injection_location": {"header": True, "body": True}}),
    ("auth", {"type": "mcp_oauth"}, {"type": "mcp_oauth", "expires_at": "2030-01-01T00:00:00Z"}),
    ("multiagent", ROSTER, ROSTER | {"agents": [{"type": "agent", "id": "agent_1", "version": 4}]}),
    ("multiagent", MANY | {"subagents": {"type": "enabled"}},
     MANY | {"advisor": {"type": "disabled"}, "workflows": {"type": "enabled", "inline_agents": {"type": "enabled"}},
             "subagents": {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": []}}),
    ("initial_events", [{"type": "user.message", "content": "Go."}], [{"type": "user.message", "content": TEXT}]),
    ("schedule", {"type": "cron"}, {"type": "cron", "last_run_at": None, "upcoming_runs_at": ["2030-01-01T00:00:00Z"]}),
    ("execution_identity", None, {"type": "service_account"}),
    ("scope", None, "organization"),
    ("metadata", {}, None),
    ("description", "", None),
]  # fmt: skip
OTHER: list[tuple[str, Any, Any]] = [
    ("model", "m", {"id": "m", "speed": "fast"}),
    ("model", {"id": "m", "effort": "low"}, {"id": "m", "effort": {"type": "high"}}),
    ("tools", [TOOLSET], [TOOLSET | {"default_config": ON | ASK}]),
    ("tools", [TOOLSET], [TOOLSET | {"configs": [READ | {"enabled": False} | ALLOW]}]),
    ("tools", [MCP], [MCP | {"default_config": ON | ALLOW}]),
    ("tools", [TOOLSET | {"default_config": ASK}], [TOOLSET | {"default_config": ON | ASK, "configs": [READ | ALLOW]}]),
    ("tools", [TOOLSET], [TOOLSET, MCP]),
    ("tools", [TOOLSET, MCP], [MCP, TOOLSET]),
    ("tools", [{"type": "custom", "name": "a", "input_schema": {"default": ""}}],
     [{"type": "custom", "name": "a", "input_schema": {}}]),
    ("skills", [{"type": "custom", "skill_id": "s", "version": "1"}],
     [{"type": "custom", "skill_id": "s", "version": "2"}]),
    ("config", CLOUD, CLOUD | {"networking": {"type": "limited"}}),
    ("config", CLOUD | {"networking": {"type": "limited"}},
     CLOUD | {"networking": {"type": "limited", "allow_mcp_servers": True}}),
    ("config", CLOUD, CLOUD | {"packages": {"type": "packages", "pip": ["requests"]}}),
    ("resources", [NOTES], [MOUNTED | {"access": "read_only"}]),
    ("resources", [NOTES], [MOUNTED | {"instructions": "Read them."}]),
    ("resources", [NOTES], []),
    ("auth", VARIABLE, VARIABLE | {"injection_location": {"header": True, "body": False}}),
    ("auth", VARIABLE | {"networking": {"type": "limited"}}, VARIABLE),
    ("multiagent", ROSTER, ROSTER | {"agents": [{"type": "agent", "id": "agent_2", "version": 4}]}),
    ("multiagent", MANY, MANY | {"subagents": {"type": "enabled", "inline_agents": {"type": "disabled"}}}),
    ("multiagent", MANY | {"subagents": {"type": "enabled", "predefined_agents": ["agent_1"]}},
     MANY | {"subagents": {"type": "enabled", "predefined_agents": [{"type": "agent", "id": "agent_2"}]}}),
    ("multiagent", MANY, MANY | {"advisor": {"type": "enabled"}}),
    ("initial_events", [{"type": "user.message", "content": "Go."}], [{"type": "user.message", "content": []}]),
    ("schedule", {"type": "cron", "timezone": "UTC"}, {"type": "cron", "timezone": "Europe/Vienna"}),
    ("scope", None, "workspace"),
    ("metadata", {"a": "1"}, {"a": "1", "b": "2"}),
    ("metadata", {"a": "1"}, {"a": "2"}),
    ("description", "", "Said."),
]  # fmt: skip


@pytest.mark.parametrize(("field", "file", "server"), SAME)
def test_what_the_server_adds_by_itself_is_no_difference(field: str, file: Any, server: Any) -> None:
    assert same(field, file, server)


@pytest.mark.parametrize(("field", "file", "server"), OTHER)
def test_what_somebody_chose_is_a_difference(field: str, file: Any, server: Any) -> None:
    assert not same(field, file, server)


def test_an_exported_field_says_what_is_not_usual_and_nothing_else() -> None:
    server = [TOOLSET | {"default_config": ON | ASK, "configs": [READ | ON | ASK, READ | ON | ALLOW]}]
    assert simplified("tools", server) == [TOOLSET | {"default_config": ASK, "configs": [{"name": "read", **ALLOW}]}]
    assert simplified("config", CLOUD | {"networking": {"type": "unrestricted"}, "packages": {"pip": []}}) == CLOUD
    assert simplified("model", {"id": "m", "speed": "standard", "effort": {"type": "low"}}) == {
        "id": "m", "effort": "low",
    }  # fmt: skip


def test_a_plan_shows_a_value_without_what_the_file_does_not_choose() -> None:
    server = {"id": "m", "effort": "high"}
    assert shortened(server, {"id": "n"}) == "m"
    assert shortened(server, {"id": "n", "effort": "low"}) == server
    assert shortened([server, server], [{"id": "n"}]) == ["m", server]
