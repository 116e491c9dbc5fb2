"""The plan: what would make files, lock file and server one. A plan with drift is blocked, unless it is forced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from antcli.config_as_code import live
from antcli.config_as_code.declared import Declared
from antcli.config_as_code.differences import FieldChange, changed_fields, must_be_new
from antcli.config_as_code.kinds import KINDS, Kind
from antcli.config_as_code.references import Known, resolved, with_keys
from antcli.config_as_code.state import Entry, State

NEW, NEXT = "(known after apply)", "(the next)"


@dataclass
class Change:
    """`action`: create, update, replace, adopt (record what is there already), move (its file has another name now, or
    its address another commit), archive, delete, forget (it is gone from the server), or "" for none. `was` is the
    former key of a file that moved, `namesakes` are the ids of things of the same name that were there before.
    """

    action: str
    key: str
    kind: Kind
    name: str
    thing: Declared | None = None
    entry: Entry | None = None
    live: live.Thing | None = None
    fields: list[FieldChange] = field(default_factory=list)
    was: str = ""
    namesakes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.entry.id if self.entry else ""

    @property
    def pinned(self) -> tuple[str, str]:
        """The commits that a skill at an address was and is to be pinned to."""
        return (self.entry.commit if self.entry else "", self.thing.commit if self.thing else "")

    @property
    def drifted(self) -> list[str]:
        return [found.field for found in self.fields if found.drifted]


class Block(NamedTuple):
    """Why a plan cannot be applied."""

    key: str
    reason: str


@dataclass
class Plan:
    """`left`: keys whose file is gone while the thing stays. `notes`: what should be known before it is applied."""

    changes: list[Change] = field(default_factory=list)
    unchanged: list[Change] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Choices(NamedTuple):
    """Options of plan and apply."""

    force: bool = False
    prune: bool = False
    send_secrets: bool = False
    upgrade: bool = False


class Planner:
    """Plans for one thing after the other, in the order of `linked`. `lives` has the live thing of each tracked key,
    `moved` the former key of a file that moved; `listing` finds the live things of a kind."""

    def __init__(
        self, state: State, lives: Mapping[str, live.Thing | None], moved: Mapping[str, str], choices: Choices,
        listing: Callable[..., list[live.Thing]],
    ) -> None:  # fmt: skip
        self.state = state
        self.lives = lives
        self.moved = moved
        self.choices = choices
        self.listing = listing
        self.plan = Plan()
        self._known: dict[str, Known] = {}

    def add(self, thing: Declared) -> None:
        change = self._change(thing)
        self._known[thing.key] = _known_after(change)
        (self.plan.changes if change.action else self.plan.unchanged).append(change)
        if change.drifted:
            self._block(thing.key, f"{' and '.join(change.drifted)} of {change.id} changed outside of these files")

    def remove(self, key: str, entry: Entry, there: live.Thing | None) -> None:
        """Plans the end of something that no file declares."""
        kind = KINDS[entry.kind]
        name = str((there or {}).get(kind.name) or "")
        gone = there is None or there.get("archived_at") is not None
        self.plan.changes.append(Change("forget" if gone else kind.removal, key, kind, name, entry=entry, live=there))

    def _change(self, thing: Declared) -> Change:
        was = self.moved.get(thing.key, "")
        change = Change("", thing.key, thing.kind, thing.name, thing, self.state.entries.get(was or thing.key), was=was)
        if change.entry is None:
            return self._recovered(thing, change) or self._creation(thing, change)
        change.live = self.lives[was or thing.key]
        if change.live is None or change.live.get("archived_at") is not None:
            gone = "deleted" if change.live is None else "archived"
            self._block(thing.key, f"{change.id} was {gone} outside of these files")
            return self._creation(thing, change)
        return self._difference(thing, change.entry, change.live, change)

    def _creation(self, thing: Declared, change: Change) -> Change:
        change.action = "create"
        change.namesakes = [other["id"] for other in self._namesakes(thing)]
        if change.namesakes and not thing.within and change.entry is None:
            words, id = thing.kind.word.replace("_", "-"), change.namesakes[0]
            self.plan.notes.append(
                f"{words} {thing.name!r} is there already ({id}): this makes another one. "
                f"`ant import {words} {id} {thing.file}` takes it over instead."
            )
        change.fields = [
            FieldChange(name, None, value) for name, value in with_keys(thing.body).items() if value is not None
        ]
        return change

    def _recovered(self, thing: Declared, change: Change) -> Change | None:
        """What a killed run has made and not recorded."""
        begun = self.state.begun.get(thing.key)
        if begun is None:
            return None
        tracked = [entry.id for entry in (*self.state.entries.values(), *self.state.retired)]
        others = {*begun.get("others", ()), *tracked}
        found = [other for other in self._namesakes(thing) if other["id"] not in others]
        if not found:
            return None
        change.live = max(found, key=lambda other: str(other.get("created_at")))
        change.entry = Entry(
            thing.kind.word, change.live["id"], live.version(thing.kind, change.live), dict(begun["applied"]),
            live.digests(live.fields(thing.kind, change.live)), self._vault(thing),
        )  # fmt: skip
        return self._difference(thing, change.entry, change.live, change)

    def _difference(self, thing: Declared, entry: Entry, found: live.Thing, change: Change) -> Change:
        wanted, begun = self._wanted(thing), self.state.begun.get(thing.key)
        change.fields = changed_fields(
            thing, entry, found, wanted, begun, send_secrets=self.choices.send_secrets
        )  # fmt: skip
        if change.fields and must_be_new(thing.kind, wanted, found):
            change.action = "replace"
            change.namesakes = [other["id"] for other in self._namesakes(thing)]
        elif change.fields:
            change.action = "update"
        else:
            moved = change.was or entry.commit != thing.commit
            change.action = "adopt" if begun is not None and not change.was else "move" if moved else ""
        return change

    def _wanted(self, thing: Declared) -> dict[str, Any]:
        """The body with ids, as far as they are known."""
        return resolved(thing.body, self._known)  # type: ignore[no-any-return]

    def _vault(self, thing: Declared) -> str:
        return self._known[thing.within].id if thing.within else ""

    def _namesakes(self, thing: Declared) -> list[live.Thing]:
        """Live things that this one could be taken for."""
        vault = (self._vault(thing),) if thing.within else ()
        there = [] if NEW in vault else self.listing(thing.kind, *vault)
        return [other for other in there if live.could_be(thing.kind, thing.body, other)]

    def _block(self, key: str, reason: str) -> None:
        if not self.choices.force:
            self.plan.blocks.append(Block(key, reason))


def _known_after(change: Change) -> Known:
    """What others will refer to."""
    if change.entry is None or change.action in ("create", "replace"):
        return Known(NEW, NEW)
    next = change.action == "update" and change.kind.word in ("agent", "skill")
    return Known(change.entry.id, NEXT if next else change.entry.version)
