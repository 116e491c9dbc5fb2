"""Skills at addresses of GitHub: each pinned to a commit, fetched once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from antcli.config_as_code.skill_folders import digest_of_folder
from antcli.errors import UsageError
from antcli.profiles.paths import cache_dir

if TYPE_CHECKING:
    from antcli.config_as_code.github import Address, GitHub


class Fetched(NamedTuple):
    folder: Path
    commit: str


def is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def same_folder(one: str, other: str) -> bool:
    """Two addresses, but for the branch: of one repository, and of folders of one name."""
    if not is_address(one) or not is_address(other):
        return False
    from antcli.config_as_code.github import parsed

    first, second = parsed(one), parsed(other)
    return first[:2] == second[:2] and first.rest[-1:] == second.rest[-1:]


class RemoteSkills:
    """`pins` has the commit of each address in the lock file; with `upgrade` they are asked for anew.

    A pinned skill that is in the cache needs no network. What is in the cache is not used when it was changed.
    """

    def __init__(self, environ: Mapping[str, str], pins: Mapping[str, str], *, upgrade: bool) -> None:
        self._environ = environ
        self._pins = {} if upgrade else pins
        self._archives: dict[tuple[str, str, str], IO[bytes]] = {}

    def fetch(self, text: str) -> Fetched:
        """The folder of the skill at an address, and its commit. Raises AntError."""
        from urllib.parse import unquote

        from antcli.config_as_code.github import COMMIT, parsed
        from antcli.config_as_code.skill_archive import skills_in

        address = parsed(unquote(text))
        pinned = self._pins.get(text, "")
        commit = pinned if COMMIT.fullmatch(pinned) else self._github.commit(address)
        for _, path in address.splits():
            if folder := self._cached(address, commit, path):
                return Fetched(folder, commit)
        archive = self._archive(address, commit)
        there = skills_in(archive)
        for _, path in address.splits():
            if path in there:
                return Fetched(self._kept(archive, address, commit, path), commit)
        raise UsageError(
            f"There is no skill at {text} (commit {commit[:7]}).",
            hint="A skill is a folder with a SKILL.md at its top.",
        )

    def close(self) -> None:
        """What was downloaded goes; the cache stays."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()

    @cached_property
    def _cache(self) -> Path:
        return cache_dir(self._environ) / "github"

    @cached_property
    def _github(self) -> GitHub:
        from antcli.config_as_code.github import GitHub

        return GitHub(self._environ)

    def _place(self, address: Address, commit: str, path: str) -> Path:
        """The folder has the skill's own name, as the server wants it."""
        repository = f"{address.owner}/{address.repository}".lower()
        within = hashlib.sha256(path.encode()).hexdigest()[:16]
        return self._cache / repository / commit / within / (path.rpartition("/")[2] or address.repository)

    def _cached(self, address: Address, commit: str, path: str) -> Path | None:
        folder = self._place(address, commit, path)
        try:
            said = (folder.parent / "digest").read_text(encoding="ascii")
            return folder if said == digest_of_folder(folder) else None
        except (OSError, ValueError, UsageError):
            return None

    def _archive(self, address: Address, commit: str) -> IO[bytes]:
        key = (address.owner.lower(), address.repository.lower(), commit)
        if key not in self._archives:
            self._archives[key] = self._github.archive(address, commit)
        return self._archives[key]

    def _kept(self, archive: IO[bytes], address: Address, commit: str, path: str) -> Path:
        """Whole or not at all: another run may be doing the same."""
        folder = self._place(address, commit, path)
        from antcli.config_as_code.skill_archive import extract

        above = folder.parent.parent
        try:
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=above))
        except OSError as error:
            raise UsageError(f"Cannot write to {above}: {error.strerror}.", hint="Set ANT_CACHE_DIR.") from None
        try:
            made = scratch / folder.name
            made.mkdir()
            extract(archive, path, commit, made)
            (scratch / "digest").write_text(digest_of_folder(made), encoding="ascii")
            if folder.parent.exists():  # it was changed, else it would have been used
                os.replace(folder.parent, scratch / ".old")
            os.replace(scratch, folder.parent)
        except OSError as error:
            if not self._cached(address, commit, path):
                raise UsageError(f"Cannot write to {above}: {error.strerror}.", hint="Set ANT_CACHE_DIR.") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(folder.parent / ".old", ignore_errors=True)
        return folder
