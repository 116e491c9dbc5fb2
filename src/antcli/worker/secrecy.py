"""Keeping the worker's keys from the tools, which run as the same user beside it."""

from __future__ import annotations

import ctypes
import os
import sys

NAMES = ("ANTHROPIC_ENVIRONMENT_KEY", "ANTHROPIC_WORK_SECRET", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_PR_SET_DUMPABLE = 4


def hide() -> None:
    """What this process was started with can no longer be read from outside (`ps e`, /proc/PID/environ), nor, but by
    root, its memory. `os.environ` keeps what it has."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    for name in NAMES:
        place = libc.getenv(name.encode())
        if place:
            ctypes.memset(place, 0, len(os.environb.get(name.encode(), b"")))
    if sys.platform == "linux":
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
