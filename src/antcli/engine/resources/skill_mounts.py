"""Skills of a session's agents: each version's folder, read-only, and a line for the model, when to read it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from antcli.engine.resources.kind import Furnishing, Kind
from antcli.engine.sandbox.base import Mount
from antcli.engine.skills.skills import Skills
from antcli.engine.store.base import SessionRow

SKILLS = "/workspace/skills"
_HEADING = (
    "These skills are instructions, with their files, for certain kinds of tasks. When a task is of a kind that a skill"
    " describes, read its SKILL.md first and follow it."
)

logger = logging.getLogger("antcli.engine")


class SkillMounts(Kind):
    """Nothing is copied: sessions share the folder of a version."""

    def __init__(self, skills: Skills) -> None:
        self._skills = skills

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        mounts = []
        for skill in all_skills(session.body):
            tree = self._skills.tree(skill["version"], skill["name"])
            if await asyncio.to_thread(tree.is_dir):
                mounts.append(Mount(tree, f"{SKILLS}/{skill['directory']}"))
            else:
                logger.error("%s: skill %s is deleted: it is left out", session.id, skill["skill_id"])
        return Furnishing(tuple(mounts))

    def notes(self, body: dict[str, Any]) -> list[str]:
        skills = body.get("skills", [])
        if not skills:
            return []
        lines = [
            f"- {skill['name']}: {' '.join(skill['description'].split())} ({_place(body, skill)}/SKILL.md)"
            for skill in skills
        ]
        return ["\n".join([_HEADING, *lines])]


def all_skills(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the session's agent, and of those that it may call upon: they share the sandbox."""
    return [*body.get("skills", []), *body.get("members_skills", [])]


def _place(body: dict[str, Any], skill: dict[str, Any]) -> str:
    """Where the session's tools find it: workers unpack it into their working directory, under its name."""
    return f"skills/{skill['name']}" if body.get("self_hosted") else f"{SKILLS}/{skill['directory']}"
