"""The lock file: which file is which thing of the server, and what both said when it was last applied.

It is `claude-lock.json` as the official command line has it (official-cli.md 1.5), and says more: `applied` and
`remote` are digests of each field as the file said it and as the server answered, so that a change on either side is
told apart. No values are in it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antcli.config_as_code.files import LOCK_FILE
from antcli.config_as_code.kinds import KINDS
from antcli.errors import AntError, UsageError

Digests = dict[str, str]


@dataclass
class Entry:
    """A thing that is tracked. Without `applied` nothing is known of what its file said: it was adopted."""

    kind: str
    id: str
    version: str = ""
    applied: Digests = field(default_factory=dict)
    remote: Digests = field(default_factory=dict)
    within: str = ""  # the id of the vault that a credential is in
    commit: str = ""  # of a skill at an address: where it is pinned

    @property
    def ids(self) -> tuple[str, ...]:
        """The path parameters of its operations."""
        return (self.within, self.id) if self.within else (self.id,)


@dataclass
class State:
    """`begun` are creations and updates that were sent and not yet recorded: a run was killed between. `retired` are
    things that were replaced and are still to be removed."""

    path: Path
    origin: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    begun: dict[str, dict[str, Any]] = field(default_factory=dict)
    retired: list[Entry] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.path.parent

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each key."""
        return {key: entry.kind for key, entry in self.entries.items()}

    @property
    def shown(self) -> str:
        return os.path.relpath(self.path)

    def write(self) -> None:
        """Replaces the file in one step."""
        from antcli.profiles.files import write

        resources = {key: _as_json(entry) for key, entry in sorted(self.entries.items())}
        document: dict[str, Any] = {"version": 1, "origin": self.origin, "resources": resources}
        if self.begun:
            document["begun"] = self.begun
        if self.retired:
            document["retired"] = [_as_json(entry) for entry in self.retired]
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        write(self.path, text.encode(), mode=0o644, hint="Check the folder, or name another one with --lock-file.")


def find(given: str | None) -> Path:
    """The lock file: the given one, else the nearest above this folder, else one to be made here."""
    if given is not None:
        return Path(given).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / LOCK_FILE).is_file():
            return folder / LOCK_FILE
    return here / LOCK_FILE


def read(path: Path) -> State:
    """The state of that file; an empty one where there is none. Raises UsageError."""
    shown = os.path.relpath(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return State(path)
    except OSError as error:
        raise UsageError(f"Cannot read {shown}: {error.strerror}.") from None
    except ValueError as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{shown}{place}: not JSON.", hint="Take it from your version control again.") from None
    try:
        if document["version"] != 1:
            raise UsageError(f"{shown}: version {document['version']!r} is not known.", hint="Use a newer ant.")
        return State(
            path,
            origin=dict(document.get("origin") or {}),
            entries={str(key): _entry(entry) for key, entry in document["resources"].items()},
            begun=dict(document.get("begun") or {}),
            retired=[_entry(entry) for entry in document.get("retired") or ()],
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(f"{shown} is no lock file.", hint="Take it from your version control again.") from None


@contextmanager
def locked(path: Path) -> Iterator[State]:
    """The state, for the only process that may change it. Raises AntError while another one may."""
    import fcntl

    folder = os.open(path.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AntError(
                f"Another run is changing what {os.path.relpath(path)} tracks.", hint="Wait for it to end, then repeat."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield read(path)
    finally:
        os.close(folder)


def digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _entry(entry: dict[str, Any]) -> Entry:
    if entry["kind"] not in KINDS:
        raise ValueError(entry["kind"])
    return Entry(
        str(entry["kind"]), str(entry["id"]), str(entry.get("version") or ""), dict(entry.get("applied") or {}),
        dict(entry.get("remote") or {}), str(entry.get("within") or ""), str(entry.get("commit") or ""),
    )  # fmt: skip


def _as_json(entry: Entry) -> dict[str, Any]:
    answer: dict[str, Any] = {"kind": entry.kind, "id": entry.id}
    if entry.version:
        answer["version"] = entry.version
    if entry.within:
        answer["within"] = entry.within
    if entry.commit:
        answer["commit"] = entry.commit
    answer["hash"] = _whole(entry.applied)
    answer["remote_hash"] = _whole(entry.remote)
    return answer | {"applied": entry.applied, "remote": entry.remote}


def _whole(digests: Digests) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:32]
