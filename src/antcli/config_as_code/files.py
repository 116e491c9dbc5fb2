"""Which files declare things, of which kind, and what they say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from antcli.config_as_code.credentials import place_of
from antcli.config_as_code.declared import Declared, check
from antcli.config_as_code.documents import Document, documents, has_fields
from antcli.config_as_code.kinds import FOLDERS, KINDS, Kind
from antcli.config_as_code.remote_skills import RemoteSkills, is_address
from antcli.config_as_code.secrets import check_secrets
from antcli.config_as_code.skill_folders import digest_of_folder, skill_name
from antcli.errors import UsageError

LOCK_FILE = "claude-lock.json"
_SUFFIXES = (".md", ".yaml", ".yml", ".json")
_LEFT_OUT = {"node_modules", "vendor", "venv", "dist", "build", "target", "__pycache__"}
_PREFIX = re.compile(r"(agent|environment|memory_store|deployment|vault)(?![a-z])")
_DECLARES = re.compile(rf"type\W+(?:{'|'.join(FOLDERS.values())})\b")  # parsing takes a thousand times longer
_LARGEST = 4 << 20  # larger files are data


class Files:
    """The files of a project, each read once. Keys are paths from `root`, the folder of the lock file.

    `tracked` has the kind of each key of the lock file: such a file is meant to declare something, whatever it looks
    like, and is not passed over.
    """

    def __init__(self, root: Path, tracked: Mapping[str, str], remote: RemoteSkills) -> None:
        self.root = root
        self._remote = remote
        self._whole = False  # all files below the root were read
        self._tracked = {key.partition("#")[0]: word for key, word in tracked.items() if word != "vault_credential"}
        self.things: dict[str, Declared] = {}
        self._read: dict[Path, list[Declared]] = {}

    def add(self, paths: Iterable[str]) -> None:
        """Files and folders as a user names them. Raises UsageError for what is missing or wrong in them."""
        for given in paths:
            path = Path(given).resolve()
            self._whole = self._whole or path == self.root.resolve()
            if path.name == "SKILL.md":
                path = path.parent
            if not path.exists():
                raise UsageError(f"No file {given}.", hint="Name files, or folders of files.")
            if path.is_dir() and not (path / "SKILL.md").is_file():
                for found in _walk(path):
                    self._add(found, named=False)
            else:
                self._add(path, named=True)

    def at(self, path: Path, kind: Kind) -> list[Declared]:
        """What a file declares that another one refers to as a thing of that kind."""
        return self._add(path.parent if path.name == "SKILL.md" else path, named=True, expected=kind)

    def at_address(self, address: str) -> Declared:
        """The skill at an address. Raises AntError when it cannot be had."""
        address = address.rstrip("/")
        if address not in self.things:
            folder, commit = self._remote.fetch(address)
            self.things[address] = replace(self._skill(folder), key=address, commit=commit)
        return self.things[address]

    def close(self) -> None:
        """Nothing more is read."""
        self._remote.close()

    def lacks(self, key: str, kind: str) -> bool:
        """What the key stands for is in no file any more; a file that was not read may still declare it."""
        if is_address(key):
            return self._whole and key not in self.things
        path = (self.root / key.partition("#")[0]).resolve()
        return path in self._read or not (path / "SKILL.md" if kind == "skill" else path).exists()

    def _add(self, path: Path, *, named: bool, expected: Kind | None = None) -> list[Declared]:
        if not self._read.get(path):  # a file that was passed over may be named later
            found = [self._skill(path)] if path.is_dir() else list(self._declared(path, named, expected))
            for thing in found:
                if thing.key in self.things:
                    raise thing.error(f"two things here are called {thing.key.partition('#')[2]!r}.")
                self.things[thing.key] = thing
            self._read[path] = found
        return self._read[path]

    def key(self, path: Path) -> str:
        """What the lock file calls a file."""
        key = Path(os.path.relpath(path, self.root)).as_posix()
        return key if key.startswith("../") else f"./{key}"

    def _skill(self, folder: Path) -> Declared:
        body = {"display_name": skill_name(folder), "files": digest_of_folder(folder)}
        return Declared(self.key(folder), KINDS["skill"], body, folder, {})

    def _declared(self, path: Path, named: bool, expected: Kind | None) -> Iterator[Declared]:
        key = self.key(path)
        if "#" in key:
            raise UsageError(f"{key}: the name of a file may not have a # in it.", hint="Rename the file.")
        if key in self._tracked and expected is None and _kind_of_path(path) is None:
            expected = KINDS[self._tracked[key]]
        if path.suffix not in _SUFFIXES:
            raise UsageError(f"{key} is none of {', '.join(_SUFFIXES)}.", hint="Name a file of one of these kinds.")
        likely = expected or _kind_of_path(path)
        found = _documents(path, key, strict=named or likely is not None)
        for document in found:
            kind = self._kind(document, key, likely, named)
            if kind is None:
                continue
            yield from self._things(document, kind, key, path.parent, several=len(found) > 1)

    def _kind(self, document: Document, key: str, likely: Kind | None, named: bool) -> Kind | None:
        fields = document.value if isinstance(document.value, dict) else {}
        word = fields.get("type")
        if isinstance(word, str) and word in FOLDERS.values() and word != "skill":
            return KINDS[word]
        if likely is not None:
            return likely
        if not named:
            return None
        if key.endswith(".md"):
            return KINDS["agent"]
        raise UsageError(
            f"{key}: nothing says what this is.",
            hint="Add `type: agent` (or environment, memory_store, vault, deployment), or put it into agents/, ...",
        )

    def _things(self, document: Document, kind: Kind, key: str, folder: Path, *, several: bool) -> Iterator[Declared]:
        if not isinstance(document.value, dict):
            raise UsageError(f"{key}, line 1: expected fields, such as `name: ...`.")
        body = {name: value for name, value in document.value.items() if name != "type"}
        credentials = body.pop("credentials", None) if kind.word == "vault" else None
        thing = Declared(_numbered(key, kind, body, several), kind, body, folder, document.lines)
        if document.value.get("type") not in (None, kind.word):
            raise thing.error(f"this is no {kind.words}.", ("type",))
        _take_prose(thing, document.prose)
        _find_scripts(thing)
        check(thing)
        check_secrets(thing)
        yield thing
        if credentials is not None:
            yield from _credentials(thing, credentials)


def _walk(folder: Path) -> Iterator[Path]:
    """Skills (folders) and files that may declare something, in the order of their names."""
    for above, folders, names in os.walk(folder):
        if "SKILL.md" in names:
            folders.clear()
            yield Path(above)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _LEFT_OUT)
        for name in sorted(names):
            path = Path(above, name)
            if path.suffix in _SUFFIXES and not name.startswith(".") and name != LOCK_FILE and path.is_file():
                yield path


def _documents(path: Path, key: str, *, strict: bool) -> list[Document]:
    """`strict`: the file is meant to declare something, so what is wrong in it is an error."""
    try:
        if not strict and path.stat().st_size > _LARGEST:
            return []
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        if not strict:
            return []
        raise UsageError(f"{key}: not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise UsageError(f"Cannot read {key}: {error.strerror}.") from None
    if path.suffix == ".md" and not has_fields(text) and (not strict or path.stem.upper() == "README"):
        return []
    if strict:
        return documents(text, key)
    with suppress(UsageError):
        return documents(text, key) if _DECLARES.search(text) else []
    return []


def _kind_of_path(path: Path) -> Kind | None:
    word = FOLDERS.get(path.parent.name)
    if word is not None and word != "skill":
        return KINDS[word]
    begin = _PREFIX.match(path.stem)
    return KINDS[begin.group(1)] if begin else None


def _numbered(key: str, kind: Kind, body: dict[str, Any], several: bool) -> str:
    return f"{key}#{body.get(kind.name) or kind.word}" if several else key


def _take_prose(thing: Declared, prose: str) -> None:
    field = thing.kind.prose
    if not prose.strip():
        return
    if not field:
        raise thing.error(f"a {thing.kind.words} has no text below its fields.")
    if thing.body.get(field) is not None:
        raise thing.error("this is said twice: here, and by the text below the fields.", (field,))
    if thing.kind.word == "deployment":
        message = {"type": "user.message", "content": [{"type": "text", "text": prose}]}
        thing.body[field] = [message]
    else:
        thing.body[field] = prose


def _find_scripts(thing: Declared) -> None:
    """Script and recording models are files beside the one that names them."""
    model = thing.body.get("model")
    for holder, name in ((thing.body, "model"), (model if isinstance(model, dict) else {}, "id")):
        value = holder.get(name)
        prefix, colon, path = value.partition(":") if isinstance(value, str) else ("", "", "")
        if colon and prefix in ("script", "recording") and path:
            holder[name] = f"{prefix}:{os.path.normpath(thing.folder / path)}"


def _credentials(vault: Declared, entries: Any) -> Iterator[Declared]:
    if not isinstance(entries, list):
        raise vault.error("must be a list.", ("credentials",))
    for index, entry in enumerate(entries):
        place = ("credentials", index)
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(auth, dict):
            raise vault.error("must be an object with `auth`.", place)
        what = place_of(entry)
        if not what:
            raise vault.error("needs `secret_name` or `mcp_server_url`.", (*place, "auth"))
        lines = {path[2:]: line for path, line in vault.lines.items() if path[:2] == place}
        kind = KINDS["vault_credential"]
        thing = Declared(f"{vault.key}#{what}", kind, entry, vault.folder, lines, within=vault.key)
        check(thing)
        check_secrets(thing)
        yield thing
