"""What a user may type where an id is wanted: the id, a unique name, a unique part of the id's beginning, `@last`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli.errors import AntError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.context import Context

LAST = "@last"
_SCANNED = 2000  # the newest things that are looked at for a name or a prefix
_FULL_LENGTH = 20  # letters and digits after the prefix that make a text surely an id


class Kind:
    """How things of a kind are called: the id's prefix, the field with the name, the words of messages."""

    def __init__(self, plural: str, singular: str, prefix: str, name: str, command: str) -> None:
        self.plural = plural
        self.singular = singular
        self.prefix = prefix
        self.name = name
        self.command = command


KINDS = {
    "agents": Kind("agents", "agent", "agent_", "name", "ant agents list"),
    "environments": Kind("environments", "environment", "env_", "name", "ant envs list"),
    "sessions": Kind("sessions", "session", "sesn_", "title", "ant sessions list"),
}


def resolve(context: Context, kind: str, text: str) -> str:
    """See Context.resolve_id."""
    words = KINDS[kind]
    if not text:
        raise UsageError(f"An empty {words.singular} id.")
    if text == LAST:
        return _last(context, words)
    if is_full_id(words.prefix, text):
        return text
    client = context.client
    listed = client.pages(f"{kind}.list", query={"limit": 100})
    found = _matches(words, text, islice(listed, _SCANNED))
    if not found:
        everything = client.pages(f"{kind}.list", query={"limit": 100, "include_archived": True})
        found = _matches(words, text, islice(everything, _SCANNED))
    return one_of(words, text, found)


def looks_like_id(kind: str, text: str) -> bool:
    """Surely an id of that kind, as far as its letters go."""
    return is_full_id(KINDS[kind].prefix, text)


def is_full_id(prefix: str, text: str) -> bool:
    """Surely an id, so that no request is needed to find it; the server says when there is no such thing."""
    rest = text.removeprefix(prefix)
    return rest != text and len(rest) >= _FULL_LENGTH and rest.isascii() and rest.isalnum()


def _matches(kind: Kind, text: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The thing with this id, else those with this name, else those whose id begins so."""
    named, begun = [], []
    for item in items:
        id = item["id"]
        if id == text:
            return [item]
        if item.get(kind.name) == text:
            named.append(item)
        if id.startswith(text) or id.removeprefix(kind.prefix).startswith(text):
            begun.append(item)
    return named or begun


def one_of(kind: Kind, text: str, found: list[dict[str, Any]]) -> str:
    """The id of the only one. Raises AntError (not found) for none, UsageError that lists them for several."""
    if not found:
        raise AntError(
            f"No {kind.singular} {text!r}.", hint=f"`{kind.command}` shows what exists.", code=ExitCode.NOT_FOUND
        )
    if len(found) > 1:
        shown = ", ".join(f"{item['id']} ({item.get(kind.name) or 'unnamed'})" for item in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise UsageError(f"{text!r} fits several {kind.plural}: {shown}{more}.", hint="Type more of the id.")
    return str(found[0]["id"])


def remember(context: Context, kind: str, id: str) -> None:
    """See Context.remember. A data directory that cannot be written costs only `@last`."""
    path = _path(context)
    newest = _read(path)
    newest.setdefault(context.selection.profile, {})[kind] = id
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch.write_text(json.dumps(newest))
        scratch.chmod(0o600)
        os.replace(scratch, path)
    except OSError as error:
        context.output.notice(f"@last will not know {id}: {error.strerror}.")


def _last(context: Context, kind: Kind) -> str:
    newest = _read(_path(context)).get(context.selection.profile, {}).get(kind.plural)
    if newest is None:
        raise AntError(
            f"Profile {context.selection.profile!r} has made no {kind.singular} yet, so there is no {LAST}.",
            hint=f"`{kind.command}` shows what exists.", code=ExitCode.NOT_FOUND,
        )  # fmt: skip
    return str(newest)


def _path(context: Context) -> Path:
    return context.selection.data_dir / "newest.json"


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        newest = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return newest if isinstance(newest, dict) else {}
