"""A thing as a file declares it, and what can be said against it before any server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antcli.config_as_code.documents import Lines
from antcli.config_as_code.kinds import Kind
from antcli.errors import UsageError
from antcli.operations import Field

Place = Sequence[str | int]


@dataclass(frozen=True)
class Declared:
    """`key` names it in the lock file: its file, from the folder of the lock file. References start from `folder`.

    `body` has the fields as they stand in the file, those of a skill being `files`: the folder. `within` is the key of
    the vault that a credential is in. A skill at an address has that for its key, and the `commit` that it is of.
    """

    key: str
    kind: Kind
    body: dict[str, Any]
    folder: Path
    lines: Lines
    within: str = ""
    commit: str = ""

    @property
    def file(self) -> str:
        return self.key.partition("#")[0]

    @property
    def name(self) -> str:
        return str(self.body.get(self.kind.name) or "")

    def error(self, message: str, place: Place = (), hint: str | None = None) -> UsageError:
        """An error that names file, line and field."""
        path = tuple(place)
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        line = f", line {self.lines[at]}" if at in self.lines else ""
        field = f"{'.'.join(map(str, path))}: " if path else ""
        return UsageError(f"{self.file}{line}: {field}{message}", hint=hint or _hint(self.kind))


def check(thing: Declared) -> None:
    """Raises UsageError for a field that is none, one that is missing, and one of the wrong kind."""
    fields = thing.kind.created_from
    for name, value in thing.body.items():
        if name not in fields:
            raise thing.error(f"no such field of {_a(thing.kind.words)}.", (name,), _near(name, fields, thing.kind))
        wrong = _wrong(fields[name], value)
        if wrong:
            raise thing.error(f"must be {wrong}.", (name,))
    for field in fields.values():
        if field.required and thing.body.get(field.name) is None:
            raise thing.error(f"{_a(thing.kind.words)} needs the field `{field.name}`.")


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "object": (dict, "an object"),
    "map": (dict, "a map of texts"),
    "any": ((str, dict), "a text or an object"),
}


def _wrong(field: Field, value: Any) -> str:
    """What the value should be, or "" if it is."""
    if value is None:
        return "" if field.nullable or not field.required else "given"
    if field.type.endswith("[]"):
        return "" if isinstance(value, list) else "a list"
    kind, words = _TYPES.get(field.type, (object, ""))
    if not isinstance(value, kind) or isinstance(value, bool):
        return words
    if field.type == "map" and isinstance(value, dict) and not all(isinstance(entry, str) for entry in value.values()):
        return f"{words}: put numbers into quotes"
    if field.choices and value not in field.choices:
        return " or ".join(field.choices)
    return ""


def _near(name: str, fields: dict[str, Field], kind: Kind) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, fields, 1)
    return f"Did you mean `{near[0]}`?" if near else _hint(kind)


def _hint(kind: Kind) -> str:
    return f"`ant explain {kind.family}.create` tells its fields." if kind.word != "skill" else ""


def _a(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"
