"""What a file is called and what kind of content it has."""

from __future__ import annotations

import mimetypes
import re

from antcli.engine.errors import invalid

LONGEST_NAME = 255
UNKNOWN_TYPE = "application/octet-stream"

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_MIME_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}( *;.{1,200})?", re.ASCII)


def file_name(given: str | None, mime_type: str | None) -> str:
    """The last component of the name that came with an upload (api.md 15). Raises RequestError (400)."""
    name = re.split(r"[/\\]", given or "")[-1]
    if name in ("", ".", ".."):
        return "unnamed" + (mimetypes.guess_extension(_bare(mime_type or "")) or "")
    if found := _FORBIDDEN.search(name):
        raise invalid(f"file: the filename must not contain {found[0]!r}.")
    if len(name) > LONGEST_NAME:
        raise invalid(f"file: the filename has at most {LONGEST_NAME} characters, got {len(name)}.")
    return name


def kind_of(name: str, given: str | None = None) -> str:
    """The media type that came with an upload, else the one that its name says."""
    if given and _MIME_TYPE.fullmatch(given):
        return given
    return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE


def _bare(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip()
