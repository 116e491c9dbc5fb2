"""How much this machine, and this process on it, can hold."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_FILES = 10_240  # the most that macOS allows
_FILES_OF_OTHERS = 512  # for clients, streams, the database, requests to models
_FILES_OF_SANDBOX = 3
_MEMORY_OF_SANDBOX = 6 * 2**20
_SANDBOXES = range(8, 257)
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USUAL_MEMORY = 4 * 2**30  # where nobody says


def open_many_files() -> None:
    """Raise this process's limit on open files, which shells set to as little as 256, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def sandboxes_at_once() -> int:
    """As many as fit into a quarter of the memory, and as files may be opened for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_files = _SANDBOXES[-1] if files == resource.RLIM_INFINITY else (files - _FILES_OF_OTHERS) // _FILES_OF_SANDBOX
    return max(_SANDBOXES[0], min(_SANDBOXES[-1], by_files, _memory() // 4 // _MEMORY_OF_SANDBOX))


def _memory() -> int:
    """Bytes: the machine's, or those of the container that this runs in."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if "SC_PHYS_PAGES" in os.sysconf_names else []
    for limit in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            found.append(int(Path(limit).read_text()))
    return min(found, default=_USUAL_MEMORY)
