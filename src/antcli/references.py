"""What a user may type where an id is wanted: the id, a unique name, a unique part of the id's beginning, `@last`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli.errors import AntError, ExitCode, UsageError
from antcli.output.text import clean, cut

if TYPE_CHECKING:
    from antcli.context import Context

LAST = "@last"
PICK = "<chosen on the terminal>"  # stands where an id was left out and somebody can be asked
_SCANNED = 2000  # the newest things that are looked at for a name or a prefix
_FULL_LENGTH = 20  # letters and digits after the prefix that make a text surely an id


class Kind:
    """How things of a kind are called: the id's prefix, the field with the name, the words of messages."""

    def __init__(self, plural: str, singular: str, prefix: str, name: str, command: str) -> None:
        self.plural = plural
        self.singular = singular
        self.prefix = prefix
        self.name = name
        self.command = command
        self.made = singular not in (
            "thread",
            "memory version",
            "piece of work",
        )  # by a command, so `@last` may know it
        self.family = ""  # of the operations, from the table below


# By the family of their operations.
KINDS = {
    "agents": Kind("agents", "agent", "agent_", "name", "ant agents list"),
    "environments": Kind("environments", "environment", "env_", "name", "ant envs list"),
    "sessions": Kind("sessions", "session", "sesn_", "title", "ant sessions list"),
    "sessions.threads": Kind("threads", "thread", "sthr_", "", "ant sessions threads list SESSION"),
    "sessions.resources": Kind("resources", "resource", "sesrsc_", "mount_path", "ant sessions resources list SESSION"),
    "vaults": Kind("vaults", "vault", "vlt_", "display_name", "ant vaults list"),
    "vaults.credentials": Kind(
        "credentials", "credential", "vcrd_", "display_name", "ant vaults credentials list VAULT"
    ),
    "memory_stores": Kind("memory stores", "memory store", "memstore_", "name", "ant memory-stores list"),
    "memory_stores.memories": Kind("memories", "memory", "mem_", "path", "ant memory-stores memories list STORE"),
    "memory_stores.memory_versions": Kind(
        "memory versions", "memory version", "memver_", "", "ant memory-stores versions list STORE"
    ),
    "skills": Kind("skills", "skill", "skill_", "display_name", "ant skills list"),
    "files": Kind("files", "file", "file_", "filename", "ant files list"),
    "deployments": Kind("deployments", "deployment", "depl_", "name", "ant deployments list"),
    "deployment_runs": Kind("deployment runs", "deployment run", "drun_", "", "ant deployment-runs list"),
    "dreams": Kind("dreams", "dream", "drm_", "", "ant dreams list"),
    "user_profiles": Kind("user profiles", "user profile", "uprof_", "name", "ant user-profiles list"),
    "environments.keys": Kind(
        "environment keys", "environment key", "envkey_", "name", "ant envs keys list ENVIRONMENT"
    ),
    "environments.work": Kind("pieces of work", "piece of work", "work_", "", "ant work list ENVIRONMENT"),
}
# These have no names, and ids that are typed as they are: they can only be chosen from a list.
LISTED = {
    "models": Kind("models", "model", "", "", "ant models list"),
    "skills.versions": Kind("versions", "version", "skillver_", "", "ant skills versions list SKILL"),
}
for _family, _kind in KINDS.items():
    _kind.family = _family


def resolve(context: Context, kind: str, text: str, *within: str) -> str:
    """See Context.resolve_id."""
    if text == PICK:
        return _picked(context, kind, *within)
    words = KINDS[kind]
    if not text:
        raise UsageError(f"An empty {words.singular} id.")
    if text == LAST:
        return _last(context, words)
    if is_full_id(words.prefix, text):
        return text
    found = _matches(words, text, listed(context, kind, *within))
    if not found and takes_archived(kind):
        found = _matches(words, text, listed(context, kind, *within, archived=True))
    if not found and is_full_id(text.partition("_")[0] + "_", text):
        return text  # of a server whose ids begin otherwise
    return one_of(words, text, found)


def _picked(context: Context, kind: str, *within: str) -> str:
    """What a person chooses from a list. Raises AntError when there is none, or when they leave."""
    from antcli.output.picker import pick

    words = KINDS.get(kind) or LISTED[kind]
    table = kind.rpartition(".")[2]
    found = pick(context.terminal, words.singular, table, words.name, listed(context, kind, *within))
    if found is None:
        raise AntError("Nothing was chosen.", hint="", code=ExitCode.INTERRUPTED)
    called = f" ({cut(clean(str(found[words.name])), 40)})" if found.get(words.name) else ""
    context.output.notice(f"{words.singular.capitalize()} {found['id']}{called}")
    return str(found["id"])


def listed(context: Context, kind: str, *within: str, archived: bool = False) -> Iterator[dict[str, Any]]:
    """The newest things of a kind, as many as are looked at for a name."""
    query = {"limit": 100, **({"include_archived": True} if archived else {})}
    found = context.client.pages(f"{kind}.list", *within, query=query)
    return (item for item in islice(found, _SCANNED) if item.get("id"))


def takes_archived(kind: str) -> bool:
    from antcli.operations import operation

    return any(field.name == "include_archived" for field in operation(f"{kind}.list").query)


def looks_like_id(kind: str, text: str) -> bool:
    """Surely an id of that kind, as far as its letters go."""
    return is_full_id(KINDS[kind].prefix, text)


def is_full_id(prefix: str, text: str) -> bool:
    """Surely an id, so that no request is needed to find it; the server says when there is no such thing."""
    rest = text.removeprefix(prefix)
    return rest != text and len(rest) >= _FULL_LENGTH and rest.isascii() and rest.isalnum()


def _matches(kind: Kind, text: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The thing with this id, else those with this name, else those whose id begins so.

    A file that was given to a session is there twice: the copy, which belongs to the session, has a `scope`.
    """
    named, begun = [], []
    for item in items:
        id = item["id"]
        if id == text:
            return [item]
        if kind.name and item.get(kind.name) == text:
            named.append(item)
        if id.startswith(text) or id.removeprefix(kind.prefix).startswith(text):
            begun.append(item)
    return [item for item in named if not item.get("scope")] or named or begun


def one_of(kind: Kind, text: str, found: list[dict[str, Any]]) -> str:
    """The id of the only one. Raises AntError (not found) for none, UsageError that lists them for several."""
    if not found:
        raise AntError(
            f"No {kind.singular} {text!r}.", hint=f"`{kind.command}` shows what exists.", code=ExitCode.NOT_FOUND
        )
    if len(found) > 1:
        shown = ", ".join(
            f"{item['id']} ({item[kind.name]})" if item.get(kind.name) else item["id"] for item in found[:5]
        )
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise UsageError(f"{text!r} fits several {kind.plural}: {shown}{more}.", hint="Type more of the id.")
    return str(found[0]["id"])


def remember(context: Context, kind: str, id: str) -> None:
    """See Context.remember. A data directory that cannot be written costs only `@last`."""
    path = _path(context)
    newest = _read(path)
    newest.setdefault(context.selection.profile, {})[kind] = id
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch.write_text(json.dumps(newest))
        scratch.chmod(0o600)
        os.replace(scratch, path)
    except OSError as error:
        context.output.notice(f"@last will not know {id}: {error.strerror}.")


def _last(context: Context, kind: Kind) -> str:
    newest = _read(_path(context)).get(context.selection.profile, {}).get(kind.family)
    if newest is None:
        raise AntError(
            f"Profile {context.selection.profile!r} has made no {kind.singular} yet, so there is no {LAST}.",
            hint=f"`{kind.command}` shows what exists.", code=ExitCode.NOT_FOUND,
        )  # fmt: skip
    return str(newest)


def _path(context: Context) -> Path:
    return context.selection.data_dir / "newest.json"


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        newest = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return newest if isinstance(newest, dict) else {}
