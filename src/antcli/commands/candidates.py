"""Completion of names and ids that the server or the config knows. Imports no Typer: a key press waits for this.

The server is asked by a child process, for which the key press waits a moment only. What the child learns later
still goes into the cache, so that the next key press has it. An engine that does not run is not started.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.completion import Place, place
from antcli.context import Context, Options

if TYPE_CHECKING:
    from antcli.client.client import Client

PATIENCE = 0.15  # seconds that a key press waits for the server
FRESH = 1.0  # seconds for which an answer is given again without asking
USABLE = 60.0  # seconds for which an old answer is better than none
_CHILD_SECONDS = 3
_MOST = 100
_PLAIN = set("._-+@:/")  # what a name may hold beside letters and digits; a shell must find nothing to run in it


class Thing(NamedTuple):
    id: str
    name: str
    about: str


def answer(typed: list[str], context: Context | None = None) -> str:
    """The candidates for the last of the words. Whatever goes wrong: none, in silence, for the user is typing."""
    try:
        at = place(typed[:-1])
        if at is None:
            return ""
        kind, before, begun = at.wanted(typed[-1])
        context = context or Context.of_process()
        context.options = Options(profile=at.chosen.get("--profile") or at.chosen.get("-p"), quiet=True)
        found = _profiles(context) if kind == ":profiles" else _named(context, at, kind[1:], begun)
        return "".join(f"{before}{name}\t{about}\n" for name, about in found if name.startswith(begun))
    except Exception:
        return ""


def _profiles(context: Context) -> Iterator[tuple[str, str]]:
    from antcli.profiles.store import load

    config = load(context.environ)
    for name in config.names():
        yield name, config.kind(name)


def _named(context: Context, at: Place, kind: str, begun: str) -> Iterator[tuple[str, str]]:
    """Names where a thing has one that can stand on a command line, else ids; ids also when one is begun."""
    from antcli.references import KINDS, LAST

    if kind in KINDS and KINDS[kind].made and LAST.startswith(begun):
        yield LAST, f"the newest {KINDS[kind].singular} made by this profile"
    for thing in _things(context, at, kind):
        if _is_plain(thing.name) and not (begun and thing.id.startswith(begun)):
            yield thing.name, thing.id
        else:
            yield thing.id, f"{thing.name} ({thing.about})" if thing.name and thing.about else thing.name or thing.about


def _is_plain(name: str) -> bool:
    return name[:1].isalnum() and all(letter.isalnum() or letter in _PLAIN for letter in name)


def _things(context: Context, at: Place, kind: str) -> list[Thing]:
    parents = _parents(at, kind)
    path = _cache_path(context, kind, parents)
    known, age = _cached(path)
    if age < FRESH:
        return known
    ask = _question(context, kind, parents)
    if ask is None:
        return []
    found = _in_a_child(lambda: _store(path, ask()))
    if found is None:
        return known if age < USABLE else []
    return _cached(path)[0]


def _parents(at: Place, kind: str) -> list[str]:
    """What was typed for the ids before this one: the threads of which session, the memories of which store."""
    from antcli.operations import operation

    words = iter(at.words)
    params = operation(f"{kind}.list").path_params
    return [at.chosen.get("--" + name.replace("_", "-")) or next(words) for name in params]


def _question(context: Context, kind: str, parents: list[str]) -> Callable[[], list[Thing]] | None:
    """Asks the server when it is called; None when there is none to ask. What it needs is imported here, not later."""
    from antcli.client.client import Client

    server = context.running_engine() if context.selection.kind == "local" else context.server
    if server is None:
        return None
    client = Client(server, retries=0, timeout=_CHILD_SECONDS)
    client.make_ready()  # the moment that the key press waits is for the server alone
    return lambda: _ask(context, client, kind, parents)


def _ask(context: Context, client: Client, kind: str, parents: list[str]) -> list[Thing]:
    from itertools import islice

    from antcli.references import KINDS

    context.__dict__["client"] = client  # what resolves the parents asks through it too
    above = kind.rpartition(".")[0]
    ids = [context.resolve_id(above, text) if above in KINDS else text for text in parents]
    found = islice(client.pages(f"{kind}.list", *ids, query={"limit": _MOST}), _MOST)
    name = KINDS[kind].name if kind in KINDS else ""
    return [_thing(item, name) for item in found]


def _thing(item: dict[str, Any], field: str) -> Thing:
    names = (field, "name", "title", "display_name", "display_title", "filename", "path")
    name = next((str(item[key]) for key in names if item.get(key)), "")
    about = str(item.get("status") or item.get("type") or item.get("created_at") or "")
    return Thing(str(item["id"]), _printable(name), _printable(about))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]


def _cache_path(context: Context, kind: str, parents: list[str]) -> Path:
    from hashlib import sha256

    chosen = context.selection
    key = json.dumps([chosen.profile, chosen.base_url, chosen.credential, kind, parents])
    return chosen.data_dir / "completion" / f"{sha256(key.encode()).hexdigest()[:20]}.json"


def _cached(path: Path) -> tuple[list[Thing], float]:
    """What is in the cache, and how many seconds old it is."""
    try:
        age = time.time() - path.stat().st_mtime
        return [Thing(*fields) for fields in json.loads(path.read_bytes())], age if age >= 0 else USABLE
    except (OSError, ValueError, TypeError):
        return [], USABLE


def _store(path: Path, things: list[Thing]) -> None:
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_old(path.parent)
    scratch = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(things, file)
    os.replace(scratch, path)


def _forget_old(folder: Path) -> None:
    """What nobody will use again is removed, so that the folder stays as small as what is typed in a minute."""
    for entry in os.scandir(folder):
        if time.time() - entry.stat().st_mtime > USABLE:
            os.unlink(entry.path)


def _in_a_child(work: Callable[[], None]) -> bool | None:
    """Whether the work succeeded, or None when it is not over in time: the child then goes on by itself for a while."""
    import select

    reading, writing = os.pipe()
    if os.fork() == 0:
        done = b"0"
        try:
            _step_aside()
            work()
            done = b"1"
        finally:
            os.write(writing, done)
            os._exit(0)
    os.close(writing)
    try:
        if not select.select([reading], [], [], PATIENCE)[0]:
            return None
        return os.read(reading, 1) == b"1" or None
    finally:
        os.close(reading)


def _step_aside() -> None:
    """The shell waits for whoever holds its pipe, and a terminal's Ctrl-C is not meant for the child."""
    import signal

    os.setsid()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.alarm(_CHILD_SECONDS)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
