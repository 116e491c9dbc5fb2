"""The paths of memories, and the folder under which a store stands in a sandbox (api.md 13)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

LONGEST_PATH = 1024  # bytes
MOST_SEGMENTS = 20
MOUNT = "/mnt/memory"

# Control characters, format characters, the separators of lines and paragraphs; surrogates cannot be UTF-8.
_FORBIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})


def problem(path: str) -> str | None:
    """What is wrong with the path of a memory, as the end of a sentence that begins with the field; None if nothing."""
    if not path.startswith("/"):
        return "must start with /"
    for character in path:
        if unicodedata.category(character) in _FORBIDDEN:
            return f"must not contain the character U+{ord(character):04X}"
    size = len(path.encode())
    if size > LONGEST_PATH:
        return f"at most {LONGEST_PATH:,} bytes, got {size:,}"
    segments = path[1:].split("/")
    if len(segments) > MOST_SEGMENTS:
        return f"at most {MOST_SEGMENTS} segments, got {len(segments)}"
    if "" in segments:
        return "must not have an empty segment"
    if "." in segments or ".." in segments:
        return "must not have a segment . or .."
    if not unicodedata.is_normalized("NFC", path):
        return "must be in Unicode Normalization Form C"
    return None


def ancestors(path: str) -> Iterator[str]:
    """The folders that a file at this path stands in: of /a/b/c these are /a and /a/b."""
    end = path.find("/", 1)
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)


def slug(name: str) -> str:
    """The name of a store's folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def mount_paths(names: Iterable[str]) -> list[str]:
    """Where the stores of a session stand; a second one of the same folder gets a number."""
    taken: set[str] = set()
    paths = []
    for name in names:
        folder, number = slug(name), 2
        candidate = folder
        while candidate in taken:
            candidate, number = f"{folder}-{number}", number + 1
        taken.add(candidate)
        paths.append(f"{MOUNT}/{candidate}")
    return paths
