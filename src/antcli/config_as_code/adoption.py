"""Takes live things into the lock file, under the file that declares them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from antcli.config_as_code import live
from antcli.config_as_code.declared import Declared
from antcli.config_as_code.kinds import Kind
from antcli.config_as_code.references import resolved
from antcli.config_as_code.skill_folders import digest_of_zip
from antcli.config_as_code.state import Entry, State
from antcli.errors import AntError, UsageError

if TYPE_CHECKING:
    from antcli.client.client import Client


def adopt(client: Client, state: State, thing: Declared, found: live.Thing, *, applied: bool) -> dict[str, Any]:
    """Records that the file declares this live thing. `applied`: its file says what the thing is.

    Otherwise nothing is known of the file, and a plan compares it with the thing field by field.
    """
    entry = Entry(
        thing.kind.word, found["id"], live.version(thing.kind, found),
        remote=live.digests(live.fields(thing.kind, found)),
        within=state.entries[thing.within].id if thing.within else "", commit=thing.commit,
    )  # fmt: skip
    if thing.kind.word == "skill":
        know_files(client, entry)
    elif applied:
        known = {name: value for name, value in thing.body.items() if name in thing.kind.updated_by}
        entry.applied = live.digests(resolved(known, state.entries))
    state.entries[thing.key] = entry
    state.begun.pop(thing.key, None)
    state.write()
    return {
        "action": "adopted", "kind": thing.kind.word, "file": thing.key, "name": thing.name, "id": entry.id,
        "version": entry.version or None,
    }  # fmt: skip


def adopt_all(
    client: Client, state: State, thing: Declared, found: live.Thing, inside: Iterable[Declared],
    credentials: Iterable[live.Thing], *, applied: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """The thing, and those of the vault's live credentials that its file declares."""
    return [adopt(client, state, thing, found, applied=applied)] + [
        adopt(client, state, other, credential, applied=applied)
        for other in inside
        for credential in credentials
        if live.could_be(other.kind, other.body, credential)
    ]


def know_files(client: Client, entry: Entry) -> None:
    """Takes what a skill's version has for what its folder said: a server does not tell that otherwise."""
    data = b"".join(client.download("skills.versions.download", entry.id, entry.version))
    entry.applied = live.digests({"files": digest_of_zip(data)})


def adopt_declared(
    client: Client, state: State, things: list[Declared], kind: Kind, id: str, *, force: bool
) -> list[dict[str, Any]]:
    """Finds the thing among those that are declared, by its name, and adopts it; a vault with its credentials.

    Raises UsageError when none or several fit, AntError when it or its file is tracked already.
    """
    found = client.call(f"{kind.family}.retrieve", id)
    if found.get("archived_at") is not None:
        raise AntError(f"{id} is archived: it cannot be changed any more.")
    thing = _fitting([thing for thing in things if thing.kind == kind], str(found.get(kind.name)))
    tracked = next((key for key, entry in state.entries.items() if entry.id == id), None)
    if tracked is not None:
        raise AntError(f"{id} is tracked already, as {tracked}.", hint="`ant plan` compares them.")
    if thing.key in state.entries and not force:
        other = state.entries[thing.key].id
        raise AntError(f"{thing.key} stands for {other} already.", hint="--force makes it stand for the other one.")
    inside = [other for other in things if other.within == thing.key]
    credentials = live.listed(client, inside[0].kind, id) if inside else ()
    return adopt_all(client, state, thing, found, inside, credentials, applied=False)


def _fitting(things: list[Declared], name: str) -> Declared:
    named = things if len(things) == 1 else [thing for thing in things if thing.name == name]
    if len(named) == 1:
        return named[0]
    if not named:
        raise UsageError(f"No file declares {name!r}.", hint="`ant export` writes one; or name the file.")
    keys = ", ".join(thing.key for thing in named)
    raise UsageError(f"Several files declare {name!r}: {keys}.", hint="Name the file.")
