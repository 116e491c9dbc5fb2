"""`ant explain`: the types of the API field by field, and a few pages about this program."""

from __future__ import annotations

from textwrap import wrap
from typing import Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.context import current
from antcli.schema import Field, Found, Schema

_DEEPEST = 8
_WIDTH = 100


@examples(
    "ant explain",
    "ant explain agents.create.tools",
    "ant explain agents.tools.agent_toolset_20260401 --recursive",
    "ant explain events.agent.message",
    "ant explain differences",
    "ant explain official",
    "ant explain workers",
)
def explain(
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="What to explain: agents, agents.tools, events.")] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Also all that is below.")] = False,
) -> None:
    """Explain a type of the API field by field, or a topic."""
    from antcli.commands.topics import TOPICS

    context = current()
    if path in TOPICS:
        context.output.text(TOPICS[path](), end="")
        return
    schema = Schema()
    if not path:
        names = "".join(f"  {name}\n" for name in schema.resources())
        topics = "".join(f"  {name}\n" for name in TOPICS)
        context.output.text(f"Things of the API\n\n{names}\nTopics\n\n{topics}", end="")
        return
    found = schema.find(path)
    if context.output.for_programs:
        context.output.object("explanation", _as_object(schema, found, recursive))
    else:
        context.output.text("\n".join(_page(schema, found, recursive)))


def _page(schema: Schema, found: Found, recursive: bool) -> list[str]:
    lines = [f"{found.path}: {found.subject}"]
    if found.fields:
        lines += ["", "Fields", "", *_field_lines(schema, found.fields, recursive)]
    if found.variants:
        lines += ["", "One of", ""]
        for name in found.variants:
            lines.append(f"  {name}")
            if recursive:
                lines += _field_lines(schema, schema.of_type(found.variants[name]).fields, True, 2)
    if found.operations:
        lines += ["", "Operations", "", *(f"  {name}" for name in found.operations)]
    if found.variants and not recursive:
        lines += ["", f"`ant explain {found.path}.{next(iter(found.variants))}` goes on."]
    return lines


def _field_lines(schema: Schema, fields: tuple[Field, ...], recursive: bool, level: int = 1) -> list[str]:
    width = max((len(field.name) for field in fields), default=0)
    lines = []
    for field in fields:
        marks = [word for word, true in (("required", field.required), ("nullable", field.nullable)) if true]
        if field.place != "body":
            marks.append(f"in the {field.place}")
        said = "; ".join((", ".join(marks), schema.words(field.type)) if marks else (schema.words(field.type),))
        begin = f"{'  ' * level}{field.name:<{width}}  "
        lines += wrap(said, _WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin), break_long_words=False)
        if recursive and level < _DEEPEST:
            below = schema.of_field(field)
            lines += _field_lines(schema, below.fields, True, level + 1)
            for name, type in below.variants.items():
                lines.append(f"{'  ' * (level + 1)}{name}:")
                inner = schema.of_type(type)
                lines += _field_lines(schema, inner.fields, True, level + 2)
    return lines


def _as_object(schema: Schema, found: Found, recursive: bool, level: int = 0) -> dict[str, Any]:
    fields = []
    for field in found.fields:
        entry: dict[str, Any] = {
            "name": field.name, "type": schema.words(field.type), "required": field.required,
            "nullable": field.nullable, "in": field.place,
        }  # fmt: skip
        if recursive and level < _DEEPEST:
            below = schema.of_field(field)
            if below.fields or below.variants:
                entry["below"] = _as_object(schema, below, True, level + 1)
        fields.append(entry)
    answer: dict[str, Any] = {"path": found.path} if found.path else {}
    if fields:
        answer["fields"] = fields
    if found.variants:
        answer["one_of"] = list(found.variants)
        if recursive and level < _DEEPEST:
            below_each = ((name, schema.of_type(type)) for name, type in found.variants.items())
            answer["variants"] = {name: _as_object(schema, inner, True, level + 1) for name, inner in below_each}
    if found.operations:
        answer["operations"] = list(found.operations)
    return answer
