"""What the server has of the things that are tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from antcli.config_as_code.comparison import simplified
from antcli.config_as_code.credentials import place_of
from antcli.config_as_code.kinds import KINDS, Kind
from antcli.config_as_code.state import Digests, Entry, digest
from antcli.errors import ApiError

if TYPE_CHECKING:
    from antcli.client.client import Client

Thing = dict[str, Any]

_AT_ONCE = 8
_SCANNED = 2000


def fetch(client: Client, entries: Mapping[str, Entry]) -> dict[str, Thing | None]:
    """Each entry's thing by its key; None where the server has none. Raises ApiError, ServerError."""
    from concurrent.futures import ThreadPoolExecutor

    if not entries:
        return {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(entries, pool.map(lambda entry: _fetch(client, entry), entries.values()), strict=True))


def _fetch(client: Client, entry: Entry) -> Thing | None:
    try:
        found: Thing = client.call(f"{KINDS[entry.kind].family}.retrieve", *entry.ids)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return found


def listed(client: Client, kind: Kind, *within: str) -> list[Thing]:
    """The newest things of a kind that are not archived."""
    query: dict[str, Any] = {"limit": 100} | ({"source": "custom"} if kind.word == "skill" else {})
    return list(client.pages(f"{kind.family}.list", *within, query=query, limit=_SCANNED))


def could_be(kind: Kind, body: Mapping[str, Any], found: Thing) -> bool:
    """What is declared so may be this thing: it has the same name, as a credential the same place."""
    if kind.word == "vault_credential":
        return place_of(found) == place_of(body)
    return bool(found.get(kind.name) == body.get(kind.name))


def fields(kind: Kind, thing: Thing) -> dict[str, Any]:
    """What an update could change, as it is."""
    if kind.word == "skill":
        return {"files": thing.get("latest_version_id")}
    shown = {name: thing.get(name) for name in kind.updated_by}
    if kind.word == "agent":
        shown["multiagent"] = _itself(shown["multiagent"], thing["id"])
    return shown


def version(kind: Kind, thing: Thing) -> str:
    """What references to the thing are pinned to, "" for kinds without versions."""
    return str(thing.get({"agent": "version", "skill": "latest_version_id"}.get(kind.word, ""), ""))


def digests(values: Mapping[str, Any]) -> Digests:
    """Of those fields that say something."""
    short = {name: simplified(name, value) for name, value in values.items()}
    return {name: digest(value) for name, value in short.items() if value is not None}


def _itself(value: Any, id: str) -> Any:
    """An agent in its own roster: its version there is its own, which every change raises."""
    if isinstance(value, list):
        return [_itself(item, id) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "agent" and value.get("id") == id:
        return {"type": "self"}
    return {name: _itself(item, id) for name, item in value.items()}
