"""Skills in a real sandbox: readable, runnable, not to be changed, and named to the model."""

import asyncio

from antcli.engine.ids import new_id
from antcli.engine.skills.bundle import read
from tests.engine.core import agent, message, results, running, toolset

FILES = [
    ("my-skill/SKILL.md", b"---\nname: my-skill\ndescription: Makes tables.\n---\nFollow me.\n"),
    ("my-skill/run.sh", b"#!/bin/sh\necho ran\n"),
]


def test_a_skill_is_there_and_the_model_is_told(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            skill = await core.skills.create(read(FILES), None)
            place = "/workspace/skills/my-skill"
            told = {"contains": f"my-skill: Makes tables. ({place}/SKILL.md)"}
            model = core.script(
                {"tools": [
                    {"name": "read", "input": {"file_path": f"{place}/SKILL.md"}},
                    {"name": "bash", "input": {"command": f"{place}/run.sh; echo x >> {place}/SKILL.md"}},
                    {"name": "bash", "input": {"command": "rm -rf skills; ln -s /etc skills; ls"}},
                ]},
                {"text": "Done."},
                {"tools": [{"name": "bash", "input": {"command": f"cat {place}/SKILL.md"}}]},
                {"text": "Done."},
            )  # fmt: skip
            skills = await core.skills.pinned([{"skill_id": skill["id"], "version": "latest"}])
            note = core.resources.notes({"skills": skills})
            assert told["contains"] in note[0]
            session = await core.sessions.create(
                id=new_id("sesn"), agent=agent(model, toolset()), title=None, metadata={},
                environment={"id": "env_test", "config": {"type": "cloud"}}, initial_events=[message("go")],
                attached={"skills": skills},
            )  # fmt: skip
            id = session["id"]
            shown = list(results(await core.idle(id)).values())
            said = ["".join(block["text"] for block in result["content"]) for result in shown]
            assert "Follow me." in said[0]
            assert said[1].startswith("ran") and shown[1]["is_error"]
            # A new sandbox finds the skill again, whatever stands in its way.
            await core.sandboxes.discard(id)
            await core.send(id, message("again"))
            last = list(results(await core.idle(id)).values())[-1]
            assert "Follow me." in last["content"][-1]["text"] and not last["is_error"]

    asyncio.run(scenario())


def test_skills_of_other_agents_are_there_too_and_the_model_is_not_told(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            skill = await core.skills.create(read(FILES), None)
            pinned = await core.skills.pinned([{"skill_id": skill["id"], "version": "latest"}])
            model = core.script(
                {"tools": [{"name": "bash", "input": {"command": "cat /workspace/skills/my-skill/SKILL.md"}}]},
                {"text": "Done."},
            )
            attached = {"skills": [], "members_skills": pinned}
            assert core.resources.notes(attached) == []
            session = await core.sessions.create(
                id=new_id("sesn"), agent=agent(model, toolset()), title=None, metadata={}, attached=attached,
                environment={"id": "env_test", "config": {"type": "cloud"}}, initial_events=[message("go")],
            )  # fmt: skip
            (shown,) = results(await core.idle(session["id"])).values()
            assert "Follow me." in shown["content"][0]["text"]

    asyncio.run(scenario())
