"""The Python SDK's own helpers for sessions, which tell what they did; runners.mjs has those of TypeScript."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import anthropic
from anthropic.lib.environments import download_session_skills
from anthropic.lib.tools import ToolError, beta_async_tool, beta_tool
from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@beta_tool
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@beta_async_tool
async def show() -> Any:
    """Shows one of each kind of content."""
    return [
        {"type": "text", "text": "one pixel"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "document", "title": "Note", "source": {"type": "text", "media_type": "text/plain", "data": "a note"}},
        {
            "type": "search_result",
            "source": "a-shelf",
            "title": "Hit",
            "citations": {"enabled": True},
            "content": [{"type": "text", "text": "a hit"}],
        },
    ]


@beta_tool
def fail() -> str:
    """Does not work."""
    raise ToolError("out of paper")


async def tool_runner(client: anthropic.AsyncAnthropic, session: str, max_idle: float | None) -> Any:
    """The calls that a session's tool runner met until it ended by itself."""
    calls = client.beta.sessions.events.tool_runner(session, tools=[add, show, fail], max_idle=max_idle)
    return [told(call) async for call in calls]


async def toolset_runner(client: anthropic.AsyncAnthropic, session: str, workdir: str) -> Any:
    """The same with the tools of the agent toolset, in a folder."""
    async with AgentToolContext(workdir=workdir) as context:
        tools = beta_agent_toolset_20260401(context)
        return [
            told(call)
            async for call in client.beta.sessions.events.tool_runner(session, tools=tools, max_idle=0.1)
        ]  # fmt: skip


def told(call: Any) -> Any:
    return [call.name, {"posted": call.posted, "is_error": call.is_error, "confirmation": call.confirmation}]


async def skills(client: anthropic.AsyncAnthropic, session: str, workdir: str) -> Any:
    """The files of a session's skills below a folder, each with its text and whether it can be executed."""
    await download_session_skills(client, workdir=workdir, session=await client.beta.sessions.retrieve(session))
    return {
        str(path.relative_to(workdir)): [path.read_text(), bool(path.stat().st_mode & stat.S_IXUSR)]
        for path in Path(workdir).rglob("*")
        if path.is_file()
    }


async def worker(client: anthropic.AsyncAnthropic, environment: str, workdir: str) -> None:
    """With the key of an environment, work as long as anything of its work is not stopped."""
    work = client.beta.environments.work
    running = asyncio.create_task(
        work.worker(environment_id=environment, environment_key=client.api_key, workdir=workdir, max_idle=0.1).run()
    )
    while [item.state async for item in work.list(environment) if item.state != "stopped"]:
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])


async def poller(client: anthropic.AsyncAnthropic, environment: str, workdir: str) -> None:
    """With the key of an environment, take all that is queued; each item goes to a worker that has only its secret."""
    work, key = client.beta.environments.work, client.api_key
    worker = work.worker(workdir=workdir, max_idle=0.1)
    async for item in work.poller(environment_id=environment, environment_key=key, drain=True, auto_stop=False):
        await worker.handle_item(
            work_id=item.id, environment_id=environment, session_id=item.data.id, work_secret=item.secret
        )


HELPERS = {function.__name__: function for function in (tool_runner, toolset_runner, skills, worker, poller)}


async def main(url: str, key: str, helper: str, given: dict[str, Any]) -> Any:
    async with anthropic.AsyncAnthropic(base_url=url, api_key=key, _strict_response_validation=True) as client:
        return await HELPERS[helper](client, **given)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(**json.load(sys.stdin)))))
