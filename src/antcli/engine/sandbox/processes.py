"""Limits and killing, inside the sandbox (standard library only, Python 3.9 and later)."""

from __future__ import annotations

import os
import signal
import time

GONE_SECONDS = 2.0


def limit_resources(limits: dict[str, int]) -> None:
    """Lower the named rlimits (`NPROC`, `FSIZE`, ...) of this process and of all it starts from now on."""
    import resource

    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue  # not on this system
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))


def in_own_namespace() -> bool:
    """Whether this process is one of the first of a pid namespace, so that killing all harms nobody else."""
    return os.getpid() < 10


def kill_namespace() -> None:
    """Kill every process of the pid namespace but its init and this one, and wait until they are gone."""
    if not in_own_namespace():
        raise RuntimeError("not in a pid namespace of its own")
    limit = time.monotonic() + GONE_SECONDS
    while time.monotonic() < limit:
        try:
            os.kill(-1, signal.SIGKILL)  # one call for all: a fork bomb cannot outrun it
        except ProcessLookupError:
            return
        if not any(_alive(pid) for pid in _pids() if pid not in (1, os.getpid())):
            return
        time.sleep(0.001)


def kill_marked(session: int, mark: str) -> None:
    """Kill the processes of a session (its leader's pid) and all whose environment holds `mark` ("NAME=value")."""
    limit = time.monotonic() + GONE_SECONDS
    while time.monotonic() < limit:
        kill_group(session)  # all there is to do where there is no /proc
        found = [pid for pid in _pids() if pid != os.getpid() and _belongs(pid, session, mark.encode())]
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # gone
        if not found:
            return
        time.sleep(0.001)


def kill_group(leader: int) -> None:
    """Kill a process group, and its leader also when it has not made the group yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(leader, signal.SIGKILL)
        except OSError:
            continue


def _belongs(pid: int, session: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            marked = mark in file.read().split(b"\0")
    except OSError:
        marked = False
    state = _state(pid)
    return state[:1] not in ([], [b"Z"]) and (marked or int(state[3]) == session)


def _alive(pid: int) -> bool:
    return _state(pid)[:1] not in ([], [b"Z"])


def _state(pid: int) -> list[bytes]:
    """State, parent, group, session, ... of /proc/PID/stat; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
