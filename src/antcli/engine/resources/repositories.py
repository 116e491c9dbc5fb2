"""Repositories of a session (semantics.md 16.3): cloned by the engine, written in by the sandbox.

The token stays outside: it is sealed in the store, and only the engine's git sees it. Once the sandbox has a clone, the
engine runs git in it no more, as what runs in the sandbox may have changed its settings.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import RequestError, invalid
from antcli.engine.ids import new_id
from antcli.engine.resources.git import CloneError, clone
from antcli.engine.resources.kind import Furnishing, Kind, Resource
from antcli.engine.resources.mount_paths import check_path
from antcli.engine.sandbox.base import Mount
from antcli.engine.sandbox.process import give
from antcli.engine.store.base import SessionRow, StorageError
from antcli.engine.vaults.cipher import Cipher

logger = logging.getLogger("antcli.engine")

WORKSPACE = "/workspace"
_CLONES_AT_ONCE = 4
_FAILED_FOR = 60.0  # seconds until a failed clone is tried again with the same token
_SEGMENT = r"[A-Za-z0-9._-]+"
_URL = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?"
    rf"/(?P<owner>{_SEGMENT})/(?P<name>{_SEGMENT})"
)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a repository is not there: a whole sentence, and the sealed token that was tried."""

    reason: str
    token: str | None
    moment: float


class Repositories(Kind):
    """`report` puts the error object of a `session.error` into the session's log.

    Below `home` each repository has a folder with `tree`, which the sandbox sees, and `cloned`, which says that it
    was filled.
    """

    type = "github_repository"
    changes = True
    removable = False

    def __init__(self, cipher: Cipher, report: Callable[[str, dict[str, Any]], Awaitable[None]]) -> None:
        self._cipher = cipher
        self._report = report
        self._turns = asyncio.Semaphore(_CLONES_AT_ONCE)
        self._cloning: dict[str, dict[str, asyncio.Task[None]]] = {}  # session -> resource -> its clone under way
        self._failures: dict[str, dict[str, _Failure]] = {}

    async def attach(self, session_id: str, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        id, moment, url = new_id("sesrsc"), now(), wanted["url"]
        resource = {
            "id": id,
            "type": self.type,
            "url": url,
            "mount_path": _mount_path(wanted.get("mount_path"), _name(url)),
            "created_at": moment,
            "updated_at": moment,
        }
        if "checkout" in wanted:
            resource["checkout"] = wanted["checkout"]
        self.check(resource, others)
        if "authorization_token" in wanted:
            resource["_token"] = await self._cipher.seal(wanted["authorization_token"], id)
        return resource

    async def plan(self, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        resource = {"type": self.type, "mount_path": _mount_path(wanted.get("mount_path"), _name(wanted["url"]))}
        self.check(resource, others)
        return resource

    async def keep(self, wanted: dict[str, Any]) -> Resource:
        entry = {name: value for name, value in wanted.items() if name != "authorization_token"}
        if "authorization_token" in wanted:
            entry["_token"] = await self._cipher.seal(wanted["authorization_token"], wanted["url"])
        return entry

    async def kept(self, entry: Resource) -> dict[str, Any]:
        wanted = {name: value for name, value in entry.items() if name != "_token"}
        if "_token" in entry:
            wanted["authorization_token"] = await self._cipher.open(entry["_token"], entry["url"])
        return wanted

    def check(self, resource: Resource, others: Sequence[Resource]) -> None:
        path = resource["mount_path"]
        for other in (other["mount_path"] for other in others if other["type"] == self.type):
            if f"{path}/".startswith(f"{other}/") or other.startswith(f"{path}/"):
                raise invalid(f"mount_path: {path} and {other} of another repository are in each other's way.")

    async def update(self, session_id: str, resource: Resource, token: str) -> Resource:
        return resource | {"_token": await self._cipher.seal(token, resource["id"]), "updated_at": now()}

    async def fetch(self, session: SessionRow, home: Path) -> None:
        clones = [task for resource in self._of(session) if (task := self._start(session, resource, home))]
        if clones:
            await asyncio.gather(*clones)

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        mounts, warnings = [], []
        failures = self._failures.get(session.id, {})
        for resource in self._of(session):
            tree = _folder(home, resource) / "tree"
            await asyncio.to_thread(tree.mkdir, mode=0o755, parents=True, exist_ok=True)
            mounts.append(Mount(tree, resource["mount_path"], writable=True))
            failure = failures.get(resource["id"])
            if failure is not None:
                warnings.append(failure.reason)
                if failure.token != resource.get("_token"):  # another was given: nobody waits for this try
                    self._start(session, resource, home)
        return Furnishing(tuple(mounts), warnings=tuple(warnings))

    def notes(self, body: dict[str, Any]) -> list[str]:
        found = [resource for resource in body.get("resources", []) if resource["type"] == self.type]
        lines = [f"- {resource['mount_path']}: {resource['url']}{_checked_out(resource)}" for resource in found]
        if not lines:
            return []
        return ["These git repositories are cloned into the sandbox, without credentials to push:\n" + "\n".join(lines)]

    async def remove(self, session_id: str) -> None:
        tasks = list(self._cloning.pop(session_id, {}).values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._failures.pop(session_id, None)

    def _of(self, session: SessionRow) -> list[Resource]:
        return [resource for resource in session.body.get("resources", []) if resource["type"] == self.type]

    def _start(self, session: SessionRow, resource: Resource, home: Path) -> asyncio.Task[None] | None:
        """The clone under way, or a new one; None when there is nothing to do."""
        id = resource["id"]
        if task := self._cloning.get(session.id, {}).get(id):
            return task
        folder = _folder(home, resource)
        failure = self._failures.get(session.id, {}).get(id)
        if failure and failure.token == resource.get("_token") and time.monotonic() < failure.moment + _FAILED_FOR:
            return None
        if (folder / "cloned").exists():
            return None
        task = asyncio.create_task(self._clone(session.id, resource, folder))
        self._cloning.setdefault(session.id, {})[id] = task
        task.add_done_callback(lambda _: self._forget(session.id, id))
        return task

    def _forget(self, session_id: str, id: str) -> None:
        under_way = self._cloning.get(session_id, {})
        under_way.pop(id, None)
        if not under_way:
            self._cloning.pop(session_id, None)

    async def _clone(self, session_id: str, resource: Resource, folder: Path) -> None:
        """Never raises: a session goes on without a repository that cannot be had."""
        token = resource.get("_token")
        try:
            async with self._turns:
                staging = folder / "clone"
                await _to_its_end(_clear, folder, staging)
                secret = None if token is None else await self._cipher.open(token, resource["id"])
                await clone(resource["url"], resource.get("checkout"), secret, staging)
                await _to_its_end(_hand_over, staging, folder)
        except (CloneError, RequestError, StorageError, OSError) as error:
            kind = error.kind if isinstance(error, CloneError) else "clone"
            sentence = f"The repository {resource['url']} is not at {resource['mount_path']}: {error}".rstrip(".") + "."
            self._failures.setdefault(session_id, {})[resource["id"]] = _Failure(sentence, token, time.monotonic())
            logger.warning("%s: %s", session_id, sentence)
            await self._tell(session_id, kind, sentence, resource["url"])
        else:
            self._failures.get(session_id, {}).pop(resource["id"], None)

    async def _tell(self, session_id: str, kind: str, message: str, url: str) -> None:
        try:
            await self._report(session_id, {
                "type": f"repository_{kind}_error", "message": message, "retry_status": {"type": "retrying"},
                "repository_url": url,
            })  # fmt: skip
        except (RequestError, StorageError) as error:
            logger.error("%s: the failed clone is not in its log: %s", session_id, error)


async def _to_its_end(work: Callable[[Path, Path], None], one: Path, other: Path) -> None:
    """Run it in a thread. Cancelled, it ends before it raises: nothing is written any more when the folder goes."""
    working = asyncio.create_task(asyncio.to_thread(work, one, other))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


def _name(url: str) -> str:
    """The repository's name. Raises RequestError (400) for what is no address of a repository."""
    found = _URL.fullmatch(url)
    if found is None or {found["owner"], found["name"]} & {".", ".."}:
        raise invalid("url: must be https://HOST/OWNER/REPOSITORY, such as https://github.com/octocat/hello-world.")
    if found["name"].endswith(".git"):
        raise invalid("url: leave the .git at its end away.")
    return found["name"]


def _mount_path(wanted: str | None, name: str) -> str:
    """Raises RequestError (400)."""
    path = (wanted or f"{WORKSPACE}/{name}").rstrip("/")
    if not path.startswith(f"{WORKSPACE}/"):
        raise invalid(f"mount_path: a repository is mounted below {WORKSPACE}, such as {WORKSPACE}/{name}.")
    check_path(path, wanted or path)
    return path


def _checked_out(resource: Resource) -> str:
    checkout = resource.get("checkout")
    return f" ({checkout['type']} {checkout.get('name') or checkout.get('sha')})" if checkout else ""


def _folder(home: Path, resource: Resource) -> Path:
    return home / "repositories" / str(resource["id"])


def _clear(folder: Path, staging: Path) -> None:
    """Make the place for a clone; one that was cut off goes."""
    (folder / "tree").mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.rmtree(staging, ignore_errors=True)


def _hand_over(staging: Path, folder: Path) -> None:
    """Move the clone to where the sandbox sees it, perhaps already: `.git` last, so that it is whole when it is one.

    What the sandbox made there under the same name is moved away. Nothing follows its links: each name is put directly
    into the tree itself, which the sandbox cannot replace.
    """
    tree, aside = folder / "tree", folder / "aside"
    if os.getuid() == 0:
        give(staging, tree.stat().st_uid)
    for name in sorted(os.listdir(staging), key=lambda name: name == ".git"):
        if os.path.lexists(tree / name):
            aside.mkdir(mode=0o700, exist_ok=True)
            os.rename(tree / name, aside / f"{time.time_ns()}-{name}"[:255])
        os.rename(staging / name, tree / name)
    staging.rmdir()
    (folder / "cloned").touch(0o600)
