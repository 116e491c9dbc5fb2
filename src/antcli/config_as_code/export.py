"""Live things as files that declare them, and the lock file's word that they are the same."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli.config_as_code import live
from antcli.config_as_code.adoption import adopt_all
from antcli.config_as_code.comparison import simplified
from antcli.config_as_code.credentials import declared_credentials
from antcli.config_as_code.kinds import FOLDERS, KINDS, Kind
from antcli.config_as_code.project import files_of
from antcli.config_as_code.references import linked, with_paths
from antcli.config_as_code.remote_skills import is_address
from antcli.config_as_code.skill_folders import unpack
from antcli.config_as_code.state import State
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.client.client import Client

_FOLDER_OF = {word: folder for folder, word in FOLDERS.items()}


class Export:
    """Writes things into `folder`, each kind into a folder of its own. What is tracked goes into its own file."""

    def __init__(
        self, client: Client, state: State, folder: Path, environ: Mapping[str, str], *, force: bool
    ) -> None:  # fmt: skip
        self.client = client
        self.environ = environ
        self.state = state
        self.folder = folder
        self.force = force

    def all_of(self, kind: Kind) -> Iterator[dict[str, Any]]:
        """Every live thing of a kind that no file declares, or with `force` every one."""
        tracked = {entry.id for entry in self.state.entries.values()}
        for found in live.listed(self.client, kind):
            if found["id"] not in tracked or (self.force and not is_address(self._key(found["id"]) or "")):
                yield from self.one(kind, found["id"])

    def one(self, kind: Kind, id: str) -> list[dict[str, Any]]:
        """What was recorded: the thing, and the credentials of a vault. Raises UsageError for a file that exists."""
        found = self.client.call(f"{kind.family}.retrieve", id)
        if found.get("archived_at") is not None:
            raise UsageError(f"{id} is archived.", hint="Only what can still be changed is declared in files.")
        key = self._key(id)
        if key is not None and is_address(key):
            raise UsageError(f"{id} is what {key} says.", hint="`ant skills versions download` fetches its files.")
        if key is not None and "#" in key:
            raise UsageError(f"{key} stands in a file with others.", hint="Edit that file by hand.")
        credentials = live.listed(self.client, KINDS["vault_credential"], id) if kind.word == "vault" else []
        path = self._skill(found, key) if kind.word == "skill" else self._file(kind, found, credentials, key)
        files = files_of(self.state, self.environ)
        files.add([str(path)])
        thing, *inside = [thing for thing in linked(files) if thing.file == files.key(path)]
        return adopt_all(self.client, self.state, thing, found, inside, credentials, applied=True)

    def _key(self, id: str) -> str | None:
        return next((key for key, entry in self.state.entries.items() if entry.id == id), None)

    def _file(self, kind: Kind, found: live.Thing, credentials: list[live.Thing], key: str | None) -> Path:
        body = self._body(kind, found)
        prose = _take_prose(kind, body)
        path = self._path(kind, found, key, ".md" if prose else ".yaml")
        if credentials:
            body["credentials"] = declared_credentials(credentials)
        if path.suffix != ".md" and prose:
            body[kind.prose] = prose
            prose = ""
        if path.parent.name not in FOLDERS:
            body = {"type": kind.word, **body}
        text = _written(
            with_paths(kind.word, body, lambda id, version: self._reference(path, id, version)), path, prose
        )
        _write(path, text.encode())
        return path

    def _skill(self, found: live.Thing, key: str | None) -> Path:
        version = str(found["latest_version_id"])
        data = b"".join(self.client.download("skills.versions.download", found["id"], version))
        inside = self.state.root / key if key else self.folder / "skills"
        return unpack(data, inside.parent if key else inside, force=self.force)

    def _path(self, kind: Kind, found: live.Thing, key: str | None, suffix: str) -> Path:
        if key is not None:
            path = self.state.root / key
        else:
            path = self.folder / _FOLDER_OF[kind.word] / (_slug(str(found.get(kind.name) or kind.word)) + suffix)
            if files_of(self.state, self.environ).key(path) in self.state.entries:  # another thing of the same name
                path = path.with_stem(f"{path.stem}-{found['id'][-6:].lower()}")
        if path.exists() and not self.force:
            hint = (
                "--force replaces it; `ant import` lets it stand for what is there."
                if key is None
                else "--force replaces it."
            )
            raise UsageError(f"{os.path.relpath(path)} exists.", hint=hint)
        return path

    def _body(self, kind: Kind, found: live.Thing) -> dict[str, Any]:
        """The fields of a declaration, the name first."""
        fields = live.fields(kind, found)
        names = sorted(kind.created_from, key=lambda name: name != kind.name)
        short = {name: simplified(name, fields.get(name)) for name in names}
        body = {name: value for name, value in short.items() if value is not None}
        model = body.get("model")
        if isinstance(model, dict) and model.keys() == {"id"}:
            body["model"] = model["id"]
        return body

    def _reference(self, path: Path, id: str, version: str | None) -> str | None:
        """The way from one file to that of another thing, if that is at the version that is meant."""
        for key, entry in self.state.entries.items():
            if entry.id == id and version in (None, entry.version):
                if is_address(key):
                    return key
                file, hash, name = key.partition("#")
                way = os.path.relpath(self.state.root / file, path.parent)
                return (way if way.startswith(".") else f"./{way}") + hash + name
        return None


def _take_prose(kind: Kind, body: dict[str, Any]) -> str:
    """The text that can stand below the fields; it is taken out of them."""
    value = body.get(kind.prose)
    if kind.word == "deployment":
        match value:
            case [{"type": "user.message", "content": [{"type": "text", "text": str(text)}]}]:
                value = text
    if kind.word not in ("agent", "deployment") or not isinstance(value, str) or value != value.strip():
        return ""
    del body[kind.prose]
    return value


def _written(body: Mapping[str, Any], path: Path, prose: str) -> str:
    from antcli.output.formats import pretty, yaml

    if path.suffix == ".json":
        return pretty(dict(body)) + "\n"
    return f"---\n{yaml(dict(body))}---\n\n{prose}\n" if path.suffix == ".md" else yaml(dict(body))


def _write(path: Path, content: bytes) -> None:
    from antcli.profiles.files import write

    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, content, mode=0o644, hint="Check the folder, or name another one with -O.")


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-_") or "unnamed"
