"""Flags of requests: options that are recorded in the order of the command line, with flags for what is inside them.

`--config '{type: cloud}'`, `--config.type cloud` and `--config.networking.type limited` all say something about the
field `config`. Behind a repeated flag an inner one changes the element that came last, so their order counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.commands.base import Command, RecordedOption

if TYPE_CHECKING:
    from antcli.operations import Field, Operation

GIVEN = "given"  # what a command's callback gets the recorded flags as
STRUCTURED = ("object", "object[]", "any", "any[]", "map")
_WITHOUT_PREFIX = {"anthropic-user-profile-id": "user-profile-id"}


class Given(NamedTuple):
    """A flag as it was typed: its field, the path inside of it, its name, and the text or truth value behind it."""

    field: Field
    inside: tuple[str, ...]
    name: str
    value: Any


def flag_name(field: str, type: str = "string") -> str:
    """The official name of a field's flag: `created_at[gte]` is --created-at-gte, the list `tools` is --tool."""
    name = _WITHOUT_PREFIX.get(field, field).replace("[", "-").rstrip("]").replace("_", "-")
    if type.endswith("[]"):
        name = name[:-2] if name.endswith("statuses") else name.removesuffix("s")
    return f"--{name}"


class Flag(RecordedOption):
    """The option of a field, or of what is inside one."""

    def __init__(
        self, field: Field, *names: str, inside: tuple[str, ...] = (), help: str, metavar: str | None = None,
        hidden: bool = False,
    ) -> None:  # fmt: skip
        self.field = field
        self.inside = inside
        self.choices = field.choices if not inside else ()  # for the completion tree
        last = inner_field(field, inside)
        settings: dict[str, Any] = {"help": help, "hidden": hidden}
        if last is not None and last.type == "boolean":
            name = names[0].removeprefix("--")
            names = (f"--{name}/--no-{name}", *names[1:])
            settings |= {"is_flag": True, "default": False}
        else:
            settings |= {"metavar": metavar, "multiple": True}
        identifier = "flag_" + "".join(c if c.isalnum() else "_" for c in names[0].partition("/")[0])
        super().__init__(identifier, *names, **settings)

    def entry(self, value: Any) -> Given:
        return Given(self.field, self.inside, self.opts[0], value)


def inner_field(field: Field, inside: tuple[str, ...]) -> Field | None:
    """The field at a path inside another, or None where the table does not go so deep."""
    found: Field | None = field
    for name in inside:
        found = next((inner for inner in found.inner if inner.name == name), None) if found else None
    return found


class RequestCommand(Command):
    """A command whose flags are recorded. Flags for what is deep inside a field are made when they are typed."""

    def __init__(self, operation: Operation, **settings: Any) -> None:
        super().__init__(**settings)
        self.operation = operation

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = list(self._with_truth_values(args))
        self.params = [*self.params, *self._deep(args)]
        rest = super().parse_args(ctx, args)
        ctx.params[GIVEN] = ctx.meta.get(RecordedOption.RECORD, [])
        return rest

    def _with_truth_values(self, args: list[str]) -> Iterator[str]:
        """`--stream=false` is --no-stream, as the official command line has it."""
        switches = {option.opts[0]: option for option in self.params if isinstance(option, Flag) and option.is_flag}
        for index, word in enumerate(args):
            if word == "--":
                yield from args[index:]
                return
            name, equals, value = word.partition("=")
            truth = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}.get(value.lower())
            if equals and name in switches and truth is not None:
                yield name if truth else switches[name].secondary_opts[0]
            else:
                yield word

    def _deep(self, args: list[str]) -> Iterator[Flag]:
        known = {name for option in self.params for name in option.opts}
        outer = {flag_name(field.name, field.type): field for field in self.operation.body}
        for word in args:
            name = word.partition("=")[0]
            begin, _, path = name.partition(".")
            field = outer.get(begin)
            if not path or name in known or field is None or field.type not in STRUCTURED:
                continue
            inside = tuple(part.replace("-", "_") for part in path.split("."))
            if field.inner and inner_field(field, inside[:1]) is None:
                continue  # the table names all that is there: this is a slip, which the parser reports
            if field.type == "map":
                inside = (path,)
            if all(part.isidentifier() for part in inside) or field.type == "map":
                known.add(name)
                yield Flag(field, name, inside=inside, help="", metavar="TEXT", hidden=True)
