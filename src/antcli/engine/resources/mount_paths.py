"""Paths inside a sandbox that a request may choose."""

from __future__ import annotations

import unicodedata

from antcli.engine.errors import invalid

LONGEST_PATH, LONGEST_SEGMENT = 1024, 255  # bytes


def check_path(path: str, wanted: str) -> None:
    """Raises RequestError (400) for an absolute path, made of what was `wanted`, that no file can have."""
    segments = path[1:].split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise invalid(f"mount_path: {wanted[:200]!r} has an empty segment, or one that is . or ..")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in path):
        raise invalid("mount_path: must not contain control or format characters.")
    size, longest = len(path.encode()), max(len(segment.encode()) for segment in segments)
    if size > LONGEST_PATH or longest > LONGEST_SEGMENT:
        raise invalid(
            f"mount_path: at most {LONGEST_PATH:,} bytes, and {LONGEST_SEGMENT} in each segment; got {size:,}, and"
            f" {longest:,} in one."
        )
