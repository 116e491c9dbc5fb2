"""The types of the API, to be looked up by path: `agents.tools`, `sessions.create.resources`, `events.agent.message`.

The data is static/schema.json: `operations` has the fields that each takes and the type of its answer, `types` the
fields of each type. A field is [type, letters]: r for required, n for nullable; query parameters say so behind it. A
type is a word, `#Name`, {"=": values}, {"[]": type}, {"{}": type}, or a list of which it is one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from antcli.errors import ExitCode, UsageError

Type = Any

ALIASES = {
    "agent": "agents", "environment": "environments", "env": "environments", "envs": "environments",
    "session": "sessions", "event": "events", "thread": "threads", "resource": "resources", "vault": "vaults",
    "credential": "credentials", "memory": "memories", "memory_store": "memory_stores", "skill": "skills",
    "version": "versions", "file": "files", "deployment": "deployments", "deployment_run": "deployment_runs",
    "dream": "dreams", "model": "models", "user_profile": "user_profiles", "get": "retrieve",
}  # fmt: skip
_EVENTS = ("sessions.events.list", "sessions.events.stream", "sessions.events.send")


class Field(NamedTuple):
    """`place` is "query" for a parameter of the address, else "body"."""

    name: str
    type: Type
    required: bool
    nullable: bool
    place: str = "body"


class Found(NamedTuple):
    """What a path leads to: its `fields`, or the `variants` it may be (by their `type`), or only a `type`.

    `operations` are those of a resource, `subject` says in words what it is.
    """

    path: str
    subject: str
    type: Type
    fields: tuple[Field, ...]
    variants: dict[str, Type]
    operations: tuple[str, ...] = ()


class Schema:
    def __init__(self) -> None:
        with open(os.path.join(os.path.dirname(__file__), "static", "schema.json"), encoding="utf-8") as file:
            data = json.load(file)
        self._operations: dict[str, list[Any]] = data["operations"]
        self._types: dict[str, Any] = data["types"]

    def resources(self) -> list[str]:
        """`agents`, `agents.versions`, ..., and `events`."""
        return sorted({name.rpartition(".")[0] for name in self._operations} | {"events"})

    def find(self, path: str) -> Found:
        """What the path leads to. Raises UsageError, with what was near, for a path that leads nowhere."""
        words = [word.replace("-", "_") for word in path.strip(".").split(".")]
        name, rest = self._beginning(words)
        if name == "events":
            found = self._events()
        elif name in self._operations:
            fields = self._fields(self._operations[name][0])
            found = Found(name, f"what `{name}` takes", {}, fields, {})
        else:
            found = self._resource(name)
        while rest:
            found, rest = self._below(found, rest)
        return found

    def _beginning(self, words: list[str]) -> tuple[str, list[str]]:
        """The longest beginning that names an operation or a resource, and the words behind it."""
        if ALIASES.get(words[0], words[0]) == "events":
            return "events", words[1:]
        known, best, used = {*self._operations, *self.resources()}, "", 0
        plain = [ALIASES.get(word, word) for word in words]
        for length in range(1, len(words) + 1):
            if ".".join(plain[:length]) in known:
                best, used = ".".join(plain[:length]), length
        if not best:
            raise _nowhere(words[0], "the API", self.resources())
        return best, words[used:]

    def _resource(self, name: str) -> Found:
        here = [operation for operation in self._operations if operation.rpartition(".")[0] == name]
        answers = [self._operations[f"{name}.{verb}"][1] for verb in _ANSWERING if f"{name}.{verb}" in here]
        answer = answers[0] if answers else ""
        found = self._of(name, f"what the server answers about {name.rpartition('.')[2].replace('_', ' ')}", answer)
        return found._replace(operations=tuple(here))

    def _events(self) -> Found:
        every = [t for name in _EVENTS[:2] for t in self._members(self._operations[name][1])]
        return Found("events", "the events of a session", [*every], (), self._variants(every), _EVENTS)

    def _below(self, found: Found, words: list[str]) -> tuple[Found, list[str]]:
        """One step: into a variant, whose name may hold dots, or into a field of this or of any variant."""
        for length in range(len(words), 0, -1):
            name = ".".join(words[:length])
            if name in found.variants:
                return self._of(f"{found.path}.{name}", f"object {name}", found.variants[name]), words[length:]
        begun = any(name.startswith(f"{words[0]}.") for name in found.variants)  # `agent` of agent.message
        every = () if begun else found.variants.values()
        of_variants = (field for t in every for field in self._of("", "", t).fields)
        for field in (*found.fields, *of_variants):
            if field.name.replace("[", "_").rstrip("]") == words[0] or field.name == words[0]:
                path = f"{found.path}.{field.name}"
                return self._of(path, self.words(field.type), field.type), words[1:]
        known = [*found.variants, *(field.name for field in found.fields)]
        raise _nowhere(".".join(words), found.path, known, words[0])

    def _of(self, path: str, subject: str, type: Type) -> Found:
        members = list(self._members(type))
        fields = self._fields(self._types[members[0][1:]]) if len(members) == 1 else ()
        return Found(path, subject, type, fields, self._variants(members) if len(members) > 1 else {})

    def of_field(self, field: Field) -> Found:
        """What is below a field."""
        return self._of("", "", field.type)

    def of_type(self, type: Type) -> Found:
        """What is below a type, such as that of a variant."""
        return self._of("", "", type)

    def _members(self, type: Type) -> Iterator[str]:
        """The named types that a value of this type, or an entry of it, may have."""
        if isinstance(type, str):
            target = self._types.get(type[1:]) if type.startswith("#") else None
            if isinstance(target, dict) and not _is_expression(target):
                yield type
            elif target is not None:
                yield from self._members(target)
        elif isinstance(type, list):
            for part in type:
                yield from self._members(part)
        else:
            for key in ("[]", "{}"):
                if key in type:
                    yield from self._members(type[key])

    def _variants(self, members: list[str]) -> dict[str, Type]:
        return {self._label(member): member for member in members}

    def _label(self, member: str) -> str:
        """What a member of a choice is called: the value of its `type` field, else the type's own name."""
        kind = self._types[member[1:]].get("type", ["", ""])[0]
        return str(kind["="][0]) if isinstance(kind, dict) and "=" in kind else member.lstrip("#+")

    def _fields(self, fields: dict[str, list[Any]]) -> tuple[Field, ...]:
        return tuple(
            Field(name, type, "r" in letters, "n" in letters, *place)
            for name, (type, letters, *place) in fields.items()
        )

    def words(self, type: Type) -> str:
        """A type in words: `list of one of the objects agent_toolset_20260401, mcp_toolset, custom`."""
        if isinstance(type, str):
            if not type.startswith("#"):
                return type
            target = self._types[type[1:]]
            return self.words(target) if _is_expression(target) else "object"
        if isinstance(type, list):
            members = [member for part in type for member in self._members(part)]
            plain = [self.words(part) for part in type if not list(self._members(part))]
            objects = ", ".join(map(self._label, members))
            choice = f"one of the objects {objects}" if len(members) > 1 else "object" if members else ""
            return " or ".join(filter(None, (*plain, choice)))
        if "=" in type:
            return ", ".join(json.dumps(value) if not isinstance(value, str) else value for value in type["="])
        if "[]" in type:
            return f"list of {self.words(type['[]'])}"
        return f"map of string to {self.words(type['{}'])}"


_ANSWERING = ("retrieve", "retrieve_metadata", "list", "create", "poll")


def _is_expression(target: Any) -> bool:
    return not isinstance(target, dict) or bool(target.keys() & {"=", "[]", "{}"})


def _nowhere(word: str, place: str, known: list[str], first: str = "") -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(word, known, 3, 0.6) or get_close_matches(first or word, known, 3, 0.6)
    if near:
        hint = "Did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    elif known:
        hint = "There are: " + ", ".join(known[:40]) + "."
    else:
        hint = "Nothing is below it."
    return UsageError(f"No {word!r} in {place}.", hint=hint, code=ExitCode.USAGE)
