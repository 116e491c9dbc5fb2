"""Files, lock file and server brought together into a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli.config_as_code import live, secrets
from antcli.config_as_code.adoption import know_files
from antcli.config_as_code.comparison import simplified
from antcli.config_as_code.declared import Declared
from antcli.config_as_code.files import Files
from antcli.config_as_code.kinds import KINDS
from antcli.config_as_code.planner import Choices, Plan, Planner
from antcli.config_as_code.references import linked, links_in
from antcli.config_as_code.remote_skills import RemoteSkills, same_folder
from antcli.config_as_code.state import Entry, State, digest
from antcli.errors import AntError

if TYPE_CHECKING:
    from antcli.client.client import Client
    from antcli.client.server import Server

_RANKS = {word: rank for rank, word in enumerate(KINDS)}


def make_plan(client: Client, state: State, paths: Sequence[str], choices: Choices, environ: Mapping[str, str]) -> Plan:
    """The plan for these files, or for all in the lock file's folder. Nothing is changed.

    Raises UsageError for what is wrong in files, AntError when the lock file is of another server, and what the client
    raises.
    """
    files = files_of(state, environ, upgrade=choices.upgrade)
    files.add(paths or [str(state.root)])
    things = linked(files)
    take_origin(state, client.server)
    gone = [key for key in state.entries if key not in files.things and files.lacks(key, state.entries[key].kind)]
    moved = _moves(things, gone, state)
    gone = [key for key in gone if key not in moved.values() and _stood_in(paths, state, key)]
    wanted = [moved.get(thing.key, thing.key) for thing in things] + (gone if choices.prune else [])
    lives = live.fetch(client, {key: state.entries[key] for key in wanted if key in state.entries})
    if not choices.force:
        _check_presence(state, lives)
    for key, found in lives.items():
        if state.entries[key].kind == "skill" and not state.entries[key].applied and found is not None:
            know_files(client, state.entries[key])  # the lock file is of another command line

    @cache
    def listing(kind: Any, *within: str) -> list[live.Thing]:
        return live.listed(client, kind, *within)

    planner = Planner(state, lives, moved, choices, listing)
    for thing in things:
        planner.add(thing)
    _check_variables(planner.plan, environ)
    if choices.prune:
        _remove(planner, {key: state.entries[key] for key in gone}, lives)
    else:
        planner.plan.left = gone
    for entry in state.retired:
        planner.remove(f"(replaced {entry.id})", entry, {})
    return planner.plan


def files_of(state: State, environ: Mapping[str, str], *, upgrade: bool = False) -> Files:
    """The files beside a lock file, still unread. `upgrade`: skills at addresses are not kept where they are pinned."""
    pins = {key: entry.commit for key, entry in state.entries.items()}
    return Files(state.root, state.kinds, RemoteSkills(environ, pins, upgrade=upgrade))


def _stood_in(paths: Sequence[str], state: State, key: str) -> bool:
    """Whether the file of this key was one of these, or in one of these folders. Without any, all are meant."""
    file = (state.root / key.partition("#")[0]).resolve()
    return not paths or any(file.is_relative_to(Path(path).resolve()) for path in paths)


def plan_destruction(client: Client, state: State) -> Plan:
    """A plan that removes everything that the lock file tracks."""
    take_origin(state, client.server)
    lives = live.fetch(client, state.entries)
    _check_presence(state, lives)
    planner = Planner(state, lives, {}, Choices(), lambda *_: [])
    _remove(planner, state.entries, lives)
    for entry in state.retired:
        planner.remove(f"(replaced {entry.id})", entry, {})
    return planner.plan


def take_origin(state: State, server: Server) -> None:
    """Notes which server the lock file is of. Raises AntError when it is of another one."""
    here = {"base_url": "local" if server.kind == "local" else server.base_url}
    if server.workspace_id:
        here["workspace_id"] = server.workspace_id
    for name, value in here.items():
        there = state.origin.get(name)
        if there not in (None, value):
            what = "the server" if name == "base_url" else "the workspace"
            raise AntError(
                f"{state.shown} is of {what} {there}, but profile {server.profile!r} is at {value}.",
                hint="Choose the profile with --profile, or give each server a lock file with --lock-file.",
            )
    state.origin = {**here, **state.origin}


def by_rank(entries: Mapping[str, Entry]) -> list[str]:
    """The keys in the order in which things can be removed: what refers to others first."""
    return sorted(entries, key=lambda key: (-_RANKS[entries[key].kind], key))


def _remove(planner: Planner, entries: Mapping[str, Entry], lives: Mapping[str, live.Thing | None]) -> None:
    for key in by_rank(entries):
        planner.remove(key, entries[key], lives[key])


def _check_presence(state: State, lives: Mapping[str, live.Thing | None]) -> None:
    if len(lives) > 1 and all(found is None for found in lives.values()):
        raise AntError(
            f"Nothing of what {state.shown} tracks is on this server.",
            hint="Is it the right one? `ant profile show` says which. --force makes everything anew.",
        )


def _check_variables(plan: Plan, environ: Mapping[str, str]) -> None:
    for change in plan.changes:
        if change.thing is not None and any(secrets.in_field(change.thing, found.field) for found in change.fields):
            secrets.check_variables(change.thing, environ)


def _moves(things: Iterable[Declared], gone: Sequence[str], state: State) -> dict[str, str]:
    """The former keys of things whose file has another name now: the only one that fits, both ways."""
    new = [thing for thing in things if thing.key not in state.entries and not thing.within]
    fits = {
        thing.key: [
            key
            for key in gone
            if state.entries[key].kind == thing.kind.word
            and (_alike(thing, state.entries[key]) or same_folder(thing.key, key))
        ]
        for thing in new
    }
    taken = [key for keys in fits.values() for key in keys]
    moved = {key: keys[0] for key, keys in fits.items() if len(keys) == 1 and taken.count(keys[0]) == 1}
    for thing in things:
        former = f"{moved.get(thing.within, '')}#{thing.key.partition('#')[2]}"
        if thing.within in moved and former in gone:
            moved[thing.key] = former
    return moved


def _alike(thing: Declared, entry: Entry) -> bool:
    """It has the same name, or says the same but for its name."""
    known = {name: value for name, value in thing.body.items() if name in entry.applied and not links_in(value)}
    as_applied = {name for name, value in known.items() if entry.applied[name] == digest(simplified(name, value))}
    return thing.kind.name in as_applied or bool(as_applied and as_applied == known.keys() - {thing.kind.name})
