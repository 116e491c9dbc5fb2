"""Things that refer to each other, by the path of a file or by name; the order in which they can be made."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.config_as_code.declared import Declared, Place
from antcli.config_as_code.files import Files
from antcli.config_as_code.kinds import KINDS
from antcli.config_as_code.remote_skills import is_address
from antcli.errors import AntError, UsageError
from antcli.references import KINDS as API_KINDS

if TYPE_CHECKING:
    from antcli.config_as_code.state import Entry

# Where the API wants the id of another thing: the way there ("*" is each entry of a list), and its kind.
_POSITIONS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "agent": (
        (("skills", "*"), "skill"),
        (("multiagent", "agents", "*"), "agent"),
        (("multiagent", "subagents", "predefined_agents", "*"), "agent"),
        (("multiagent", "workflows", "predefined_agents", "*"), "agent"),
    ),
    "deployment": (
        (("agent",), "agent"),
        (("environment_id",), "environment"),
        (("vault_ids", "*"), "vault"),
        (("resources", "*"), "memory_store"),
    ),
}
_ID_FIELDS = {"agent": "id", "skill": "skill_id", "memory_store": "memory_store_id"}
_OTHER_TYPES = ("self", "advisor", "anthropic", "file", "github_repository")  # of entries that refer to nothing here


@dataclass(frozen=True)
class Link:
    """Stands in a body for the thing `key`; `extra` are the fields beside the reference."""

    key: str
    kind: str
    extra: tuple[tuple[str, Any], ...] = ()


class Known(NamedTuple):
    id: str
    version: str = ""


def linked(files: Files) -> list[Declared]:
    """All things of the files with links for their references, each behind those that it refers to.

    Files that are referred to are read as well, then no more. Raises UsageError for a reference that leads nowhere, or
    in a circle, AntError for an address that gives nothing.
    """
    found: dict[str, Declared] = {}
    with closing(files):
        while missing := [thing for key, thing in files.things.items() if key not in found]:
            for thing in missing:
                found[thing.key] = _with_links(thing, files)
    return _ordered(found)


def links_in(value: Any) -> list[Link]:
    return list(_links(value))


def resolved(body: Any, known: Mapping[str, Known | Entry]) -> Any:
    """The body with what the API wants in place of links, whose keys are those of `known`."""
    if isinstance(body, Link):
        return _as_api(body, known[body.key])
    if isinstance(body, list):
        return [resolved(item, known) for item in body]
    if isinstance(body, dict):
        return {name: resolved(item, known) for name, item in body.items()}
    return body


def with_keys(body: Any) -> Any:
    """The body as people read it: with the keys of what it refers to."""
    if isinstance(body, Link):
        return {"path": body.key, **dict(body.extra)} if body.extra else body.key
    if isinstance(body, list):
        return [with_keys(item) for item in body]
    return {name: with_keys(item) for name, item in body.items()} if isinstance(body, dict) else body


def with_paths(kind: str, body: dict[str, Any], way_to: Callable[[str, str | None], str | None]) -> dict[str, Any]:
    """The other way round: a body from the server, with paths where `way_to` has one for an id and a version."""

    def change(value: Any, place: Place) -> list[Any]:
        if isinstance(value, str):
            return [way_to(value, None) or value]
        field = next((name for name in _ID_FIELDS.values() if name in value), "")
        version = value.get("version")
        way = way_to(str(value.get(field)), None if version is None else str(version))
        rest = {name: item for name, item in value.items() if name not in (field, "type", "version")}
        return [value if way is None else {"path": way, **rest} if rest else way]

    for position, _ in _POSITIONS.get(kind, ()):
        body = _replaced(body, position, (), change)
    return body


def _as_api(link: Link, known: Known | Entry) -> Any:
    extra = dict(link.extra)
    match link.kind:
        case "agent":
            version = int(known.version) if known.version.isdecimal() else known.version
            return {"type": "agent", "id": known.id, "version": version, **extra}
        case "skill":
            return {"type": "custom", "skill_id": known.id, "version": known.version, **extra}
        case "memory_store":
            return {"type": "memory_store", "memory_store_id": known.id, **extra}
    return known.id


def _links(value: Any) -> Iterator[Link]:
    if isinstance(value, Link):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _links(item)


def _with_links(thing: Declared, files: Files) -> Declared:
    body = thing.body
    for way, kind in _POSITIONS.get(thing.kind.word, ()):
        body = _replaced(body, way, (), partial(_link, thing, files, kind))
    return replace(thing, body=body)


def _replaced(value: Any, way: tuple[str, ...], place: Place, change: Callable[[Any, Place], list[Any]]) -> Any:
    """The value with what lies at the end of the way changed; an entry of a list may become several."""
    if not way:
        return change(value, place)[0]
    if way[0] == "*":
        if not isinstance(value, list):
            return value
        if len(way) == 1:
            return [new for index, item in enumerate(value) for new in change(item, (*place, index))]
        return [_replaced(item, way[1:], (*place, index), change) for index, item in enumerate(value)]
    if not isinstance(value, dict) or value.get(way[0]) is None:
        return value
    return value | {way[0]: _replaced(value[way[0]], way[1:], (*place, way[0]), change)}


def _link(thing: Declared, files: Files, kind: str, value: Any, place: Place) -> list[Any]:
    """Links in place of a text or an object that refers to something; anything else as it is."""
    if isinstance(value, str):
        return _of_text(thing, files, value, place, kind) or [value]
    if not isinstance(value, dict) or value.get("type") in _OTHER_TYPES:
        return [value]
    field = "path" if "path" in value else _ID_FIELDS.get(kind, "id")
    text = value.get(field)
    if not isinstance(text, str):
        return [value]
    rest = tuple((name, item) for name, item in value.items() if name not in (field, "type"))
    found = _of_text(thing, files, text, (*place, field), kind)
    return [replace(link, extra=rest) for link in found] if found else [value]


def _of_text(thing: Declared, files: Files, text: str, place: Place, kind: str) -> list[Link]:
    """Nothing where the text is an id."""
    if is_address(text):
        return [_at_address(thing, files, text, place, kind)]
    if _is_path(text):
        return _of_path(thing, files, text, place, kind)
    named = [other for other in files.things.values() if other.kind.word == kind and _called(other, text)]
    if len(named) > 1:
        keys = ", ".join(other.key for other in named)
        raise thing.error(f"{text!r} is the name of several: {keys}.", place, "Refer to a file by its path.")
    if named:
        return [Link(named[0].key, kind)]
    if text.startswith(API_KINDS[KINDS[kind].family].prefix):
        return []
    raise thing.error(
        f"no {KINDS[kind].words} {text!r} is declared here.", place,
        "Refer to a file by its path from this one, to a declared thing by its name, to anything else by its id.",
    )  # fmt: skip


def _of_path(thing: Declared, files: Files, text: str, place: Place, kind: str) -> list[Link]:
    path, hash, inner = text.partition("#")
    pattern = str(thing.folder / path)
    if glob.has_magic(pattern):
        paths = sorted(glob.glob(pattern, recursive=True))
        paths = [found for found in paths if kind != "skill" or Path(found, "SKILL.md").is_file()]
    else:
        paths = [pattern] if Path(pattern).exists() else []
    if not paths:
        raise thing.error(f"there is no {text}.", place, f"The path starts from {thing.file.rpartition('/')[0]}/.")
    return [_to(thing, files, Path(found).resolve(), hash + inner, place, kind) for found in paths]


def _to(thing: Declared, files: Files, path: Path, inner: str, place: Place, kind: str) -> Link:
    there = [other for other in files.at(path, KINDS[kind]) if other.kind.word != "vault_credential"]
    fitting = [other for other in there if other.key.endswith(inner)] if inner else there
    if len(fitting) != 1:
        what = "nothing" if not fitting else "several things: say which, as PATH#NAME"
        raise thing.error(f"{path.name} declares {what}.", place)
    if fitting[0].kind.word != kind:
        raise thing.error(f"{path.name} is a {fitting[0].kind.words}, not a {KINDS[kind].words}.", place)
    return Link(fitting[0].key, kind)


def _at_address(thing: Declared, files: Files, text: str, place: Place, kind: str) -> Link:
    if kind != "skill":
        raise thing.error(f"no {KINDS[kind].words} is at an address.", place, "Refer to a file by its path.")
    try:
        return Link(files.at_address(text).key, kind)
    except AntError as error:
        error.message = thing.error(error.message, place).message
        raise


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith((".md", ".yaml", ".yml", ".json"))


def _called(thing: Declared, text: str) -> bool:
    return thing.name == text or (thing.kind.word == "skill" and thing.folder.name == text)


def _ordered(things: dict[str, Declared]) -> list[Declared]:
    ranks = {word: rank for rank, word in enumerate(KINDS)}
    sorter = TopologicalSorter({key: _before(thing) for key, thing in things.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise UsageError(f"These refer to each other in a circle: {' -> '.join(error.args[1])}.") from None
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda key: (ranks[things[key].kind.word], key))
        ordered += ready
        sorter.done(*ready)
    return [things[key] for key in ordered]


def _before(thing: Declared) -> Iterable[str]:
    return {*(link.key for link in _links(thing.body)), *((thing.within,) if thing.within else ())}
