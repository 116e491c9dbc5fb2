"""Makes a plan true, step by step. The lock file is written around each, so that a run can be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from antcli import uploads
from antcli.config_as_code import live, secrets
from antcli.config_as_code.bodies import creation_body, update_body
from antcli.config_as_code.comparison import simplified
from antcli.config_as_code.declared import Declared
from antcli.config_as_code.planner import Change, Plan
from antcli.config_as_code.references import resolved
from antcli.config_as_code.state import Entry, State, digest
from antcli.errors import AntError, ApiError, ExitCode, ServerError

if TYPE_CHECKING:
    from antcli.client.client import Client

Told = Callable[[dict[str, Any]], None]

_PAST = {
    "create": "created", "update": "updated", "replace": "replaced", "adopt": "adopted", "move": "moved",
    "archive": "archived", "delete": "deleted", "forget": "forgotten",
}  # fmt: skip


class Steps:
    """`told` hears of each step that is done."""

    def __init__(self, client: Client, state: State, environ: Mapping[str, str], told: Told) -> None:
        self.client = client
        self.state = state
        self.environ = environ
        self.told = told
        self._old: list[Change] = []

    def run(self, plan: Plan) -> None:
        """Stops at the first step that fails: what was done is recorded, and the same command goes on."""
        done = 0
        try:
            for change in plan.changes:
                self._step(change)
                done += 1
            for change in self._old:
                self._remove(change)
        except AntError as error:
            _explain(error, change, done, len(plan.changes))
            raise

    def _step(self, change: Change) -> None:
        match change.action:
            case "create":
                self._create(change)
            case "replace":
                self._replace(change)
            case "update":
                self._update(change)
            case "adopt":
                assert change.thing is not None and change.live is not None
                self._record(change, change.live, self._wanted(change.thing))
            case "move":
                entry = self.state.entries.pop(change.was or change.key)
                entry.commit = change.pinned[1]
                self.state.entries[change.key] = entry
                self._done(change)
            case _:
                self._remove(change)

    def _create(self, change: Change) -> None:
        thing = change.thing
        assert thing is not None
        wanted = self._wanted(thing)
        self.state.entries.pop(change.key, None)
        self._begin(change, wanted, change.namesakes)
        with self._not_begun_if_refused(change):
            made = self._made(change, thing, wanted)
        self._record(change, made, wanted)

    def _made(self, change: Change, thing: Declared, wanted: Mapping[str, Any]) -> live.Thing:
        """When nobody knows whether it was made, the answer being lost, it is looked for before it is made again."""
        try:
            return self._send_creation(change, thing, wanted, retries=0)
        except ApiError as error:
            if error.code != ExitCode.SERVER:
                raise
        except ServerError:
            pass
        known = {*change.namesakes, *(entry.id for entry in (*self.state.entries.values(), *self.state.retired))}
        there = live.listed(self.client, change.kind, *self._within(thing))
        found = [other for other in there if other["id"] not in known and live.could_be(change.kind, wanted, other)]
        return found[0] if found else self._send_creation(change, thing, wanted)

    def _send_creation(
        self, change: Change, thing: Declared, wanted: Mapping[str, Any], retries: int | None = None
    ) -> live.Thing:
        name = f"{change.kind.family}.create"
        if change.kind.word == "skill":
            parts = uploads.skill_parts([str(thing.folder)])
            made: live.Thing = self.client.call(name, files=parts, retries=retries)
        else:
            body = secrets.filled(thing.kind.word, creation_body(wanted), self.environ)
            made = self.client.call(name, *self._within(thing), body=body, retries=retries)
        return made

    @contextmanager
    def _not_begun_if_refused(self, change: Change) -> Iterator[None]:
        """A clear no of the server: nothing was made that a later run could take for its own."""
        try:
            yield
        except ApiError as error:
            if error.code != ExitCode.SERVER:
                self.state.begun.pop(change.key, None)
                self.state.write()
            raise

    def _update(self, change: Change) -> None:
        thing, entry = change.thing, change.entry
        assert thing is not None and entry is not None and change.live is not None
        wanted = self._wanted(thing)
        names = [found.field for found in change.fields if self._differs(change, found.field, wanted)]
        if not names:  # what it refers to has no new version after all
            self._record(change, change.live, wanted)
            return
        self._begin(change, wanted, [])
        with self._not_begun_if_refused(change):
            if change.kind.word == "skill":
                parts = uploads.skill_parts([str(thing.folder)])
                version = self.client.call("skills.versions.create", entry.id, files=parts)
                made = {"id": entry.id, "latest_version_id": version["id"]}
            else:
                body = update_body(change.kind, names, wanted, change.live)
                body = secrets.filled(thing.kind.word, body, self.environ)
                made = self.client.call(f"{change.kind.family}.update", *entry.ids, body=body)
        self._record(change, made, wanted)

    def _differs(self, change: Change, name: str, wanted: Mapping[str, Any]) -> bool:
        assert change.entry is not None and change.thing is not None
        if name in change.drifted or secrets.in_field(change.thing, name) or change.key in self.state.begun:
            return True
        short = simplified(name, wanted.get(name))
        return short is None or change.entry.applied.get(name) != digest(short)

    def _replace(self, change: Change) -> None:
        """The old one goes at the end, when nothing refers to it any more; a credential at once: its place is taken."""
        old = self.state.entries.pop(change.was or change.key)
        change.entry = None
        gone = Change(change.kind.removal, f"(replaced {old.id})", change.kind, change.name, entry=old)
        self.state.retired.append(old)
        if change.kind.word == "vault_credential":
            self._remove(gone)
        else:
            self._old.append(gone)
        self._create(change)

    def _remove(self, change: Change) -> None:
        entry = change.entry
        assert entry is not None
        if change.action != "forget":
            try:
                self.client.call(f"{change.kind.family}.{change.kind.removal}", *entry.ids)
            except ApiError as error:
                if error.status != 404:
                    raise
        self.state.entries.pop(change.key, None)
        self.state.retired = [other for other in self.state.retired if other.id != entry.id]
        self._done(change)

    def _begin(self, change: Change, wanted: Mapping[str, Any], others: list[str]) -> None:
        applied = _applied(change, wanted)
        self.state.begun[change.key] = {"kind": change.kind.word, "others": others, "applied": applied}
        self.state.write()

    def _record(self, change: Change, made: live.Thing, wanted: Mapping[str, Any]) -> None:
        assert change.thing is not None
        self.state.entries.pop(change.was, None)
        vault = self._within(change.thing)
        change.entry = Entry(
            change.kind.word, made["id"], live.version(change.kind, made), _applied(change, wanted),
            live.digests(live.fields(change.kind, made)), vault[0] if vault else "", change.thing.commit,
        )  # fmt: skip
        self.state.entries[change.key] = change.entry
        self.state.begun.pop(change.key, None)
        self._done(change)

    def _done(self, change: Change) -> None:
        self.state.write()
        entry = change.entry
        row = {"action": _PAST[change.action], "kind": change.kind.word, "file": change.key, "name": change.name}
        self.told(row | ({"id": entry.id, "version": entry.version or None} if entry else {}))

    def _wanted(self, thing: Declared) -> dict[str, Any]:
        return resolved(thing.body, self.state.entries)  # type: ignore[no-any-return]

    def _within(self, thing: Declared) -> tuple[str, ...]:
        return (self.state.entries[thing.within].id,) if thing.within else ()


def _applied(change: Change, wanted: Mapping[str, Any]) -> dict[str, str]:
    return live.digests({name: value for name, value in wanted.items() if name in change.kind.updated_by})


def _explain(error: AntError, change: Change, done: int, total: int) -> None:
    """Says where it stopped: the file, with the line of the field that the server names."""
    place = change.key
    if isinstance(error, ApiError) and error.status == 400 and change.thing is not None:
        path = [int(part) if part.isdecimal() else part for part in error.message.partition(":")[0].split(".")]
        of_file = (path[0],) in change.thing.lines
        place = change.thing.error("", path if of_file else ()).message.partition(": ")[0]
        error.code = ExitCode.USAGE if of_file else error.code
    error.message = f"{place}: {change.action} failed: {error.message}"
    made = f"{done} of {total} changes were made before and are recorded. Run the same command again to go on."
    error.hint = f"{error.hint} {made}".strip()
