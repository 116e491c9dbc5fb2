"""The kinds of things that files declare, and what the table of operations says about them."""

from __future__ import annotations

from typing import NamedTuple

from antcli.errors import UsageError
from antcli.operations import Field, operation


class Kind(NamedTuple):
    """`word` is the kind in files and in the lock file, `name` the field with the name, `prose` the field that the text
    of a Markdown file fills, `removal` the operation that takes it away."""

    word: str
    family: str
    name: str
    prose: str
    removal: str

    @property
    def words(self) -> str:
        return self.word.replace("_", " ")

    @property
    def created_from(self) -> dict[str, Field]:
        return {field.name: field for field in operation(f"{self.family}.create").body}

    @property
    def updated_by(self) -> dict[str, Field]:
        """The fields that an update takes; a skill has none, its files become a new version."""
        if self.word == "skill":
            return {"files": self.created_from["files"]}
        fields = operation(f"{self.family}.update").body
        return {field.name: field for field in fields if field.name != "version"}


# In the order in which they can be made.
KINDS = {
    kind.word: kind
    for kind in (
        Kind("skill", "skills", "display_name", "", "delete"),
        Kind("environment", "environments", "name", "description", "archive"),
        Kind("memory_store", "memory_stores", "name", "description", "archive"),
        Kind("vault", "vaults", "display_name", "", "archive"),
        Kind("vault_credential", "vaults.credentials", "display_name", "", "archive"),
        Kind("agent", "agents", "name", "system", "archive"),
        Kind("deployment", "deployments", "name", "initial_events", "archive"),
    )
}
FOLDERS = {
    "skills": "skill",
    "environments": "environment",
    "memory_stores": "memory_store",
    "vaults": "vault",
    "agents": "agent",
    "deployments": "deployment",
}
# What people type for a kind.
SPELLINGS = {
    **{word: word for word in KINDS if word != "vault_credential"},
    **FOLDERS,
    "env": "environment",
    "envs": "environment",
    "memory": "memory_store",
    "memory-store": "memory_store",
    "memory-stores": "memory_store",
}


def kind_of(word: str) -> Kind:
    """The kind that a user means. Raises UsageError."""
    found = SPELLINGS.get(word.lower())
    if found is None:
        raise UsageError(f"No kind {word!r}.", hint="There are: agent, env, skill, memory-store, vault, deployment.")
    return KINDS[found]
