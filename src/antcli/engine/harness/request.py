"""A model request from an agent and its conversation, with prompt-cache breakpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from antcli.engine.model_facts import default_effort
from antcli.engine.providers.base import ModelRequest
from antcli.engine.session.state import State
from antcli.engine.tools.builtin import BUILTIN_TOOLS
from antcli.engine.tools.mcp_names import McpTool
from antcli.engine.tools.policy import enabled_builtins
from antcli.engine.tools.web import server_tools

_CACHE = {"type": "ephemeral"}
_HANDS_NOTE = (
    "Your tools work in a sandbox made for this session. The working directory is /workspace; it lasts as long as the"
    " session. Put files that the user should get into /mnt/session/outputs."
)
_WORKER_NOTE = (
    "Your tools work on a machine of the user's. There is no /workspace: relative paths begin at the working directory."
)


def build(
    session_id: str, state: State, agent: dict[str, Any], messages: list[dict[str, Any]], notes: Sequence[str] = (), *,
    self_hosted: bool = False, offered: Iterable[McpTool] = (),
    system: list[dict[str, Any]] | None = None, tools: list[dict[str, Any]] | None = None,
) -> ModelRequest:  # fmt: skip
    """`messages` are not changed; `notes` tell of what is attached, `offered` are the tools of MCP servers; those of a
    `self_hosted` session run elsewhere. `system` and `tools` are the agent's own unless they are given."""
    config, model = agent["model"], agent["model"]["id"]
    effort = (config.get("effort") or {}).get("type")
    return ModelRequest(
        session_id=session_id,
        thread_id=state.thread_id,
        index=state.requests,
        attempt=state.failures,
        model=model,
        system=_system(agent, notes, _WORKER_NOTE if self_hosted else _HANDS_NOTE) if system is None else system,
        messages=with_breakpoints(messages),
        tools=_tools(agent, offered) if tools is None else tools,
        effort=None if effort == default_effort(model) else effort,
        speed=config.get("speed"),
    )


def _system(agent: dict[str, Any], notes: Sequence[str], of_hands: str) -> list[dict[str, Any]]:
    texts = [agent["system"]] if agent["system"] else []
    if enabled_builtins(agent):
        texts += [*notes, of_hands]
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    if blocks:
        blocks[-1]["cache_control"] = _CACHE
    return blocks


def _tools(agent: dict[str, Any], offered: Iterable[McpTool]) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    for name in enabled_builtins(agent):
        tool = BUILTIN_TOOLS[name]
        tools.append({"name": name, "description": tool.description, "input_schema": tool.input_schema})
    for entry in agent["tools"]:
        if entry["type"] == "custom":
            tools.append({key: entry[key] for key in ("name", "description", "input_schema")})
    tools += server_tools(agent)
    for mcp in offered:
        tools.append({"name": mcp.offered, "description": mcp.description, "input_schema": mcp.input_schema})
    if tools:
        tools[-1] = tools[-1] | {"cache_control": _CACHE}
    return tools


def with_breakpoints(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Breakpoints on the last two user messages: one to read what the last request cached, one to extend it."""
    shown = list(messages)
    marked = 0
    for index in range(len(shown) - 1, -1, -1):
        if shown[index]["role"] == "user" and marked < 2:
            blocks = list(shown[index]["content"])
            blocks[-1] = blocks[-1] | {"cache_control": _CACHE}
            shown[index] = {"role": "user", "content": blocks}
            marked += 1
    return shown
