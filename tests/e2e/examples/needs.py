"""What a line needs: the things that it names, and what the tables here add. Made-up ids become real ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.e2e.examples.world import World

Maker = Callable[[World, str], str]

# What a line that holds the first text needs beside what it names.
NEEDS = (
    ("agents list", "reviewer"), ("envs list", "tests"), ("environments list", "tests"), ("sessions list", "@last"),
    ("threads list", "@last"), ("files list", "data.csv"), ("skills list", "pdf-forms"), ("vaults list", "team"),
    ("credentials list", "github"), ("memory-stores list", "notes"), ("memories list", "/team/style.md"),
    ("memory-versions list", "/team/style.md"), ("deployments list", "nightly"), ("deployment-runs list", "@last"),
    ("dreams list", "@last"), ("user-profiles list", "anna"), ("work list", "work_4fK9"), ("work stats", "work_4fK9"),
    ("work poll", "waiting work"), ("worker poll", "waiting work"), ("keys list", "build-host"),
    ("Nightly review' --any", "another"), ("ant top", "@last"), ("cost --", "@last"), ("run --continue", "@last"),
    ("chat --continue", "@last"), ("show work", "profile work"), ("-p work", "profile work"),
    ("profile delete work", "profile work"), ("logout -p team", "a team's key"), ("ant auth logout", "a key"),
    ("print-credentials", "a token"), ("unset local defaults.agent", "a default"),
    ("engine ", "an engine"), ("ant serve", "no engine"), ("--has-error", "a run that failed"),
    ("resources get", "resource_01"), ("resources update", "resource_01"), ("resources delete", "resource_01"),
    ("export --all", "reviewer"), ("export envs", "tests"), ("ant destroy", "what files say"),
)  # fmt: skip

# What `@last` is, for lines that hold the text; the first that fits. Without one: a session that has done its work.
LAST = (
    ("dreams", "a dream"), ("wait @last --for requires_action", "asks"), ("ant approve", "asks"), ("ant deny", "asks"),
    ("ant interrupt", "works"), ("--status running", "works"), ("ant top", "works"), ("user.interrupt", "works"),
    ("ant files", "made a report"), ("resources add", "done"), ("resources", "has resources"),
    ("events stream", "goes on"), ("deployment-runs", "a run"),
)  # fmt: skip

# Ids that are made up in examples stand for those of things that are there.
STANDS_FOR = {
    "agent_01": "reviewer", "env_01": "tests", "session_01": "@last", "sesn_01": "done", "sesn_4fK9": "done",
    "deployment_01": "nightly", "vault_01": "team", "memory_store_01": "notes", "memstore_4fK9": "notes",
    "memory_01": "/team/style.md", "file_01": "data.csv", "skill_01": "pdf-forms",
    "user_profile_01": "anna", "credential_01": "github", "dream_01": "a dream", "work_01": "work_4fK9",
    "thread_01": "sthr_4fK9", "memory_version_01": "memver_4fK9",
    "deployment_run_01": "a run",
    "memstore_01": "notes", "skver_01": "skver_4fK9",
}  # fmt: skip
# And in lines that hold the text, for others.
BUT = (
    ("environments:work", "env_01", "own-machines"), ("ant worker", "env_01", "own-machines"),
    ("ant worker", "session_01", "its session"), ("files download", "file_01", "report.pdf"),
    ("mcp-oauth-validate", "credential_01", "linear"),
)  # fmt: skip

THINGS: dict[str, Maker] = {}
NAMED = set(STANDS_FOR)


def thing(name: str) -> Callable[[Maker], Maker]:
    """What makes a thing that lines name."""
    NAMED.add(name)
    return hidden(name)


def hidden(name: str) -> Callable[[Maker], Maker]:
    """What makes a thing that only the tables above name."""

    def register(make: Maker) -> Maker:
        THINGS[name] = make
        return make

    return register


def needs(line: str) -> Iterator[str]:
    """The names of the things that a line needs. What it makes itself is not among them."""
    named = re.sub(r"--(name|display-name|path) \S+", "", line) if " create " in line else line
    for name in sorted(NAMED):
        if re.search(rf"(?<![\w.\"'/-]){re.escape(name)}(?![\w.=-])", named):
            yield name
    for text, name in NEEDS:
        if text in line:
            yield name


def need(world: World, line: str, name: str) -> str:
    """The id of a thing, which is made when it is not there."""
    meant = (other for text, id, other in BUT if text in line and id == name)
    name = next(meant, STANDS_FOR.get(name, name))
    if name not in world.made:
        world.made[name] = THINGS[name](world, line)
    return world.made[name]


def seeded(world: World, line: str) -> str:
    """Makes what a line needs. Returns the line, with the ids of what is there in place of those that it made up."""
    for name in needs(line):
        id = need(world, line, name)
        if re.fullmatch(r"[a-z_]+_(01|4fK9)", name):
            line = re.sub(rf"\b{name}\b", id, line)
    return line
