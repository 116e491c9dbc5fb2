"""Skills and their versions: descriptions in the store, bundles as folders on disk that never change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import RequestError, invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.skills.bundle import Bundle
from antcli.engine.store.base import Insert, Object, Page, Remove, Replace, StaleError, StorageError, Store

SKILL, VERSION = "skill", "skill_version"
LATEST = "latest"
MOST_SKILLS = 500  # of an agent, and of a session
_ARCHIVE = "bundle.zip"
_PAGE = 500


class Skills:
    """A version's folder holds `bundle.zip` and the unpacked skill under its name."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def start(self) -> None:
        """Clear away what a killed engine left. Raises OSError, StorageError."""
        for id in await asyncio.to_thread(self._open):
            if await self._store.get(VERSION, id) is None:
                await asyncio.to_thread(_delete_tree, self._folder / id)

    def _open(self) -> list[str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [entry.name for entry in os.scandir(self._folder)]

    def tree(self, version_id: str, name: str) -> Path:
        """The unpacked skill."""
        return self._folder / version_id / name

    def archive(self, version_id: str) -> Path:
        return self._folder / version_id / _ARCHIVE

    async def create(self, bundle: Bundle, display_name: str | None) -> dict[str, Any]:
        id, moment = new_id("skill"), now()
        version = _version(id, bundle)
        skill = {
            "id": id,
            "type": "skill",
            "display_name": display_name or bundle.name,
            "latest_version_id": version["id"],
            "source": {"type": "custom"},
            "created_at": moment,
            "updated_at": moment,
            "_name": bundle.name,
        }
        await self._unpack(version["id"], bundle)
        await self._store.change(Insert(SKILL, id, skill), Insert(VERSION, version["id"], version, parent=id))
        return skill

    async def add_version(self, skill_id: str, bundle: Bundle) -> dict[str, Any]:
        """Raises RequestError (400, 404)."""
        version = _version(skill_id, bundle)
        await self._check_name(skill_id, bundle)
        await self._unpack(version["id"], bundle)
        while True:
            try:
                skill = await self.get(skill_id)
                changed = skill.body | {"latest_version_id": version["id"], "updated_at": now()}
                await self._store.change(Replace(skill, changed), Insert(VERSION, version["id"], version, skill_id))
                return version
            except StaleError:
                continue
            except RequestError:
                await asyncio.to_thread(_delete_tree, self._folder / version["id"])
                raise

    async def _check_name(self, skill_id: str, bundle: Bundle) -> None:
        name = (await self.get(skill_id)).body["_name"]
        if bundle.name != name:
            raise invalid(f"SKILL.md: the skill is named {name!r}, and so must be its versions; got {bundle.name!r}.")

    async def get(self, id: str) -> Object:
        """Raises RequestError (404)."""
        found = await self._store.get(SKILL, id)
        if found is None:
            raise not_found("skill", id)
        return found

    async def page(self, page: Page) -> Sequence[Object]:
        return await self._store.list(SKILL, page)

    async def version(self, skill_id: str, version: str) -> Object:
        """One version by its id, or the `latest`. Raises RequestError (404)."""
        skill = await self.get(skill_id)
        found = await self._store.get(VERSION, skill.body["latest_version_id"] if version == LATEST else version)
        if found is None or found.parent != skill_id:
            raise RequestError(404, "not_found_error", f"Skill {skill_id} has no version {version!r}.")
        return found

    async def versions(self, skill_id: str, page: Page) -> Sequence[Object]:
        await self.get(skill_id)
        return await self._store.list(VERSION, page, parent=skill_id)

    async def delete_version(self, skill_id: str, version: str) -> None:
        """Raises RequestError: 404, and 400 for the only one."""
        while True:
            skill, found = await self.get(skill_id), await self.version(skill_id, version)
            newest = [other for other in await self.versions(skill_id, Page(2)) if other.id != found.id]
            if not newest:
                raise invalid(f"A skill has at least one version: delete skill {skill_id} as a whole.")
            is_latest = skill.body["latest_version_id"] == found.id
            changed = skill.body | ({"latest_version_id": newest[0].id} if is_latest else {}) | {"updated_at": now()}
            try:
                await self._store.change(Replace(skill, changed), Remove(found))
                break
            except StaleError:
                continue
        await asyncio.to_thread(_delete_tree, self._folder / found.id)

    async def delete(self, id: str) -> None:
        """The skill with all its versions. Raises RequestError (404)."""
        while True:
            skill, versions = await self.get(id), await self._all_versions(id)
            try:
                await self._store.change(Remove(skill), *(Remove(version) for version in versions))
                break
            except StaleError:
                continue
        for version in versions:
            await asyncio.to_thread(_delete_tree, self._folder / version.id)

    async def _all_versions(self, id: str) -> list[Object]:
        found: list[Object] = []
        while page := await self._store.list(VERSION, Page(_PAGE, "asc", found[-1].sequence if found else None),
                                             parent=id):  # fmt: skip
            found += page
        return found

    async def references(self, wanted: Sequence[dict[str, Any]], path: str = "skills") -> list[dict[str, Any]]:
        """The skills of an agent as responses show them, for a request's entries {type, skill_id, version?}.

        Raises RequestError (400, 404) that names the entry below `path`.
        """
        if len(wanted) > MOST_SKILLS:
            raise invalid(f"{path}: at most {MOST_SKILLS} skills, got {len(wanted)}.")
        resolved: list[dict[str, Any]] = []
        for number, entry in enumerate(wanted):
            place = f"{path}.{number}.skill_id"
            if entry["type"] != "custom":
                raise invalid(
                    f"{place}: not supported by the local engine: Anthropic's own skills, such as "
                    f"{entry['skill_id'][:60]!r}, are not part of it. Upload a skill and name it with type custom."
                )
            if any(other["skill_id"] == entry["skill_id"] for other in resolved):
                raise invalid(f"{place}: skill {entry['skill_id']} is given twice.")
            version = entry.get("version") or LATEST
            await self._found(place, entry["skill_id"], version)
            resolved.append({"type": "custom", "skill_id": entry["skill_id"], "version": version})
        return resolved

    async def pinned(
        self, references: Sequence[dict[str, Any]], path: str = "agent.skills", beside: Sequence[dict[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        """For a new session: which version each of an agent's skills is at this moment, with all that its sandbox and
        its model are told; `beside` are those of its other agents. Raises RequestError (400, 404)."""
        pinned: list[dict[str, Any]] = []
        for number, reference in enumerate(references):
            version = await self._found(f"{path}.{number}", reference["skill_id"], reference["version"])
            others = [*beside, *pinned]
            same = next((other for other in others if other["version"] == version.id), None)
            pinned.append(same or _pin(version, [other["directory"] for other in others]))
        return pinned

    async def _found(self, place: str, skill_id: str, version: str) -> Object:
        try:
            return await self.version(skill_id, version)
        except RequestError as error:
            raise RequestError(error.status, error.type, f"{place}: {error.message}", code="skill_not_found") from None

    async def _unpack(self, version_id: str, bundle: Bundle) -> None:
        try:
            await asyncio.to_thread(self._unpack_now, version_id, bundle)
        except OSError as error:
            raise StorageError(f"The engine cannot store the skill: {error.strerror or error}.") from error

    def _unpack_now(self, version_id: str, bundle: Bundle) -> None:
        beside = self._folder / f"incoming-{secrets.token_hex(8)}"
        try:
            beside.mkdir(mode=0o755)
            _write(beside / _ARCHIVE, bundle.archive(), 0o444)
            for path, entry in bundle.entries.items():
                place = beside / bundle.name / path
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                _write(place, entry.data, 0o555 if entry.executable else 0o444)
            _sync(beside)
            beside.rename(self._folder / version_id)
        finally:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(beside)


def _version(skill_id: str, bundle: Bundle) -> dict[str, Any]:
    return {
        "id": new_id("skillver"),
        "type": "skill_version",
        "skill_id": skill_id,
        "name": bundle.name,
        "description": bundle.description,
        "created_at": now(),
    }


def shown(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.startswith("_")}


def _pin(version: Object, taken: Sequence[str]) -> dict[str, Any]:
    return {
        "skill_id": version.parent,
        "version": version.id,
        "name": version.body["name"],
        "description": version.body["description"],
        "directory": _free_name(version.body["name"], taken),
    }


def _free_name(name: str, taken: Sequence[str]) -> str:
    """Two skills of one name stand beside each other."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _write(path: Path, data: bytes, mode: int) -> None:
    path.write_bytes(data)
    path.chmod(mode)


def _delete_tree(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _sync(root: Path) -> None:
    """Bring a tree to the disk before its name."""
    for directory, _, names in os.walk(root):
        for path in (*(os.path.join(directory, name) for name in names), directory):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
