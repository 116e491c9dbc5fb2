"""web_search and web_fetch run at the model's provider: offered as its tools, shown as calls with their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.engine.core import ALLOW, agent, asynchronous, message, results, running, toolset, types
from tests.engine.doubles import Turns, answer, text

SEARCH = {
    "type": "web_search", "name": "web_search", "enabled": True, "permission_policy": ALLOW,
    "allowed_domains": ["docs.example"], "blocked_domains": None, "user_location": None,
}  # fmt: skip
HIT = {"type": "web_search_result", "title": "Docs", "url": "https://docs.example/a", "encrypted_content": "x"}


def searched(content: Any) -> list[dict[str, Any]]:
    return answer(
        text("I search."),
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "ant"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": content},
        text("Found it."), server_tool_use={"web_search_requests": 1},  # type: ignore[arg-type]
    )  # fmt: skip


@asynchronous
async def test_a_search_is_shown_with_what_it_found_and_is_paid_for(tmp_path: Path) -> None:
    brain = Turns(searched([HIT]), answer(text("Bye.")))
    async with running(tmp_path, brain=brain) as core:
        id = await core.create(agent("claude-opus-5", toolset(ALLOW, SEARCH)), "find")
        events = await core.idle(id)
        offered = [tool for tool in brain.requests[0].tools if tool.get("type")]
        assert [{**tool, "cache_control": None} for tool in offered] == [
            {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["docs.example"],
             "cache_control": None}
        ]  # fmt: skip
        order = [type for type in types(events) if type.startswith("agent.")]
        assert order == ["agent.message", "agent.tool_use", "agent.tool_result", "agent.message"]
        (call,) = [event for event in events if event["type"] == "agent.tool_use"]
        assert (call["name"], call["input"], call["evaluated_permission"]) == ("web_search", {"query": "ant"}, "allow")
        assert results(events)[call["id"]]["content"][0]["text"] == "Docs\nhttps://docs.example/a"
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
        usage = (await core.sessions.get(id))["usage"]
        assert usage["server_tool_use"]["web_search_requests"] == 1 and usage["list_cost"]["amount"] == "1"

        await core.send(id, message("thanks"))
        await core.seen(id, "session.status_idle", 2)
        said = brain.requests[1].messages[1]["content"]
        assert [block["type"] for block in said] == ["text", "server_tool_use", "web_search_tool_result", "text"]
        assert said[1]["input"] == {"query": "ant"} and said[2]["content"] == [HIT] and not brain.illegal


@asynchronous
async def test_a_failed_search_is_an_error_result(tmp_path: Path) -> None:
    problem = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    async with running(tmp_path, brain=Turns(searched(problem))) as core:
        events = await core.idle(await core.create(agent("m", toolset(ALLOW, SEARCH)), "find"))
        (result,) = results(events).values()
        assert result["is_error"] and result["content"][0]["text"] == "max_uses_exceeded"
