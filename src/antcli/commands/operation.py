"""Commands made from operations: the table of the API says which arguments and options there are, and what is sent.

A group says only the name of the verb, the operation, one line of help and examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from antcli.commands import values
from antcli.commands.base import Command, Positional, option
from antcli.context import Context, current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.operations import Field, Operation

_TIMES = {"gt": "after", "gte": "at or after", "lt": "before", "lte": "at or before"}

# Texts for fields that do not speak for themselves; `operation.field` wins over `field`.
_HELP = {
    "agent": "Agent: name, id, or an object with overrides.",
    "agent_id": "Only of this agent.",
    "agent_version": "Only of this version of the agent.",
    "budget": "Limit of cost, as an object.",
    "config": "Configuration, as an object or @file.",
    "description": "What it is for.",
    "environment_id": "Environment: name or id.",
    "event_deltas": "Also previews of this event, as they are written.",
    "events": "An event, as an object.",
    "include_archived": "Also archived ones.",
    "initial_events": "An event to begin with, as an object.",
    "limit": "Size of a page.",
    "mcp_servers": "An MCP server, as an object.",
    "metadata": "key=value, or an object.",
    "model": "Model: id, or an object with id and effort.",
    "name": "Its name.",
    "order": "asc or desc.",
    "page": "Begin at this cursor.",
    "resources": "A file, repository or memory store, as an object.",
    "skills": "A skill, as an object.",
    "statuses": "Only in this status.",
    "system": "System prompt: text or @file.",
    "title": "Title.",
    "tools": "A tool: its type, or an object or list in JSON or YAML, or @file.",
    "types": "Only events of this type.",
    "vault_ids": "A vault whose credentials the session may use.",
    "agents.retrieve.version": "This version, not the newest.",
    "agents.update.version": "Only when this is still the current version.",
}

# Fields that name another thing: what may be typed there is what Context.resolve_id knows.
_REFERENCES = {
    "agent": "agents", "agent_id": "agents", "environment_id": "environments", "session_id": "sessions",
}  # fmt: skip
_SHORT = {"environment_id": ("--env", "-e"), "agent": ("-a",), "agent_id": ("--agent", "-a"), "name": ("-n",)}
_DEFAULTS = {"agent": "agent", "environment_id": "environment"}  # from the profile

FILE = "body_file"
MAX_ITEMS = "max_items"


def call(name: str, operation: str, help: str, *examples: str) -> Callable[[], Command]:
    """Makes the command `name` for an operation of the table."""

    def make() -> Command:
        from antcli import operations

        found = operations.operation(operation)

        def callback(**given: Any) -> None:
            run(found, given)

        callback.examples = examples  # type: ignore[attr-defined]
        return Command(name, callback=callback, help=help, params=parameters(found), rich_markup_mode=None)

    return make


def parameters(operation: Operation) -> list[Any]:
    """The arguments and options of an operation."""
    made: list[Any] = []
    for name in operation.path_params:
        word = name.removesuffix("_id").upper().replace("_", "-")
        made.append(Positional(param_decls=[name], metavar=word, help=_word_help(name), show_default=False))
        made.append(option(f"{name}_flag", flag_name(name), hidden=True))
    made += [_option(operation, field) for field in (*operation.query, *operation.body)]
    if operation.body:
        made.append(option(FILE, "-f", "--file", metavar="FILE", help="Fields from a YAML or JSON file, - for stdin."))
    if operation.pages or operation.stream:
        made.append(option(MAX_ITEMS, "--max-items", type=int, metavar="N", help="Stop after this many."))
    if operation.method == "DELETE":
        made.append(option("yes", "-y", "--yes", is_flag=True, default=False, help="Do not ask."))
    return made


def flag_name(field: str, type: str = "string") -> str:
    """The official name of a field's flag: `created_at[gte]` is --created-at-gte, the list `tools` is --tool."""
    name = field.replace("[", "-").rstrip("]").replace("_", "-")
    if type.endswith("[]"):
        name = name[:-2] if name.endswith("statuses") else name.removesuffix("s")
    return f"--{name}"


def _word_help(name: str) -> str:
    if name in _REFERENCES:
        return f"{name.removesuffix('_id').capitalize()}: name, id, the beginning of its id, or @last."
    return f"{name.removesuffix('_id').replace('_', ' ').capitalize()} id."


def _option(operation: Operation, field: Field) -> Any:
    names = [flag_name(field.name, field.type), *_SHORT.get(field.name, ())]
    help = _HELP.get(f"{operation.name}.{field.name}") or _HELP.get(field.name) or _help_of(field)
    if field.required:
        help += " Required."
    settings: dict[str, Any] = {"help": help}
    if field.type == "boolean":
        names[0] += f"/--no-{names[0][2:]}"
        settings |= {"is_flag": True}
    elif field.type in ("integer", "number"):
        settings |= {"type": int if field.type == "integer" else float, "metavar": "N"}
    else:
        settings |= {"multiple": field.type.endswith("[]") or field.type == "map", "metavar": _metavar(field)}
    made = option(_parameter(field), *names, **settings)
    made.choices = field.choices  # type: ignore[attr-defined]  # for the completion tree
    return made


def _help_of(field: Field) -> str:
    name, _, comparison = field.name.rstrip("]").partition("[")
    if comparison:
        return f"Only {name.removesuffix('_at')} {_TIMES[comparison]} this time (RFC 3339)."
    words = name.replace("_", " ").capitalize()
    return f"{words}: {', '.join(field.choices)}." if field.choices and len(field.choices) < 6 else f"{words}."


def _metavar(field: Field) -> str:
    if field.name in _REFERENCES:
        return _REFERENCES[field.name].removesuffix("s").upper()
    if field.type == "datetime":
        return "TIME"
    return {"object": "OBJECT", "object[]": "OBJECT", "map": "KEY=VALUE"}.get(field.type, "TEXT")


def _parameter(field: Field) -> str:
    """The name of the field as a Python name. The body and the query of one operation share no names."""
    return field.name.replace("[", "_").rstrip("]")


def run(operation: Operation, given: dict[str, Any]) -> None:
    """Sends what was given and shows the answer."""
    context = current()
    path = path_values(context, operation, given)
    query = {f.name: v for f in operation.query if (v := value(context, f, given[_parameter(f)])) is not None}
    body = body_values(context, operation, given) if operation.body else None
    if operation.method == "DELETE":
        context.confirm(f"Delete {path[-1]}?", yes=given["yes"])
    kind = kind_of(operation)
    most = given.get(MAX_ITEMS)
    if most is not None and most < 0:  # as the official command line has it: no limit
        most = None
    if operation.stream:
        context.stay()
        context.output.end_with_reader()
        with context.client.stream(operation.name, *path, query=query) as events:
            context.output.list(kind, islice(events, most), live=True)
    elif operation.pages:
        context.output.list(kind, context.client.pages(operation.name, *path, query=query, limit=most))
    else:
        answer = context.client.call(operation.name, *path, query=query or None, body=body)
        if operation.name.endswith(".create") and len(operation.path_params) == 0:
            context.remember(operation.name.partition(".")[0], answer["id"])
        context.output.object(kind, answer)


def kind_of(operation: Operation) -> str:
    """What an operation answers with, as the output layer calls it."""
    family = operation.name.rpartition(".")[0]
    return family if family == "agents.versions" else family.rpartition(".")[2]


def path_values(context: Context, operation: Operation, given: dict[str, Any]) -> list[str]:
    """The ids in the path: by position, or by the official flags, whose places the positions then skip."""
    words = iter([given[name] for name in operation.path_params if given[name] is not None])
    flags = {name: given[f"{name}_flag"] for name in operation.path_params}
    found: dict[str, str] = {}
    for name, flag in flags.items():
        word = flag if flag is not None else next(words, None)
        if word is None:
            raise UsageError(f"Missing argument {name.removesuffix('_id').upper()}.")
        found[name] = word
    surplus = next(words, None)
    if surplus is not None:
        raise UsageError(f"Got an argument too many: {surplus!r}.")
    return list(_resolved(context, operation, found))


def _resolved(context: Context, operation: Operation, found: dict[str, str]) -> Iterator[str]:
    for name, word in found.items():
        kind = _REFERENCES.get(name)
        yield context.resolve_id(kind, word) if kind else word


def body_values(context: Context, operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """The body: the file's fields, then the options over them, then the profile's defaults. Raises UsageError."""
    body: dict[str, Any] = {}
    if given[FILE]:
        document = values.parse(values.read_text(given[FILE]), source=given[FILE])
        if not isinstance(document, dict):
            raise UsageError(f"{given[FILE]}: expected an object with the fields of the request.")
        body = document
    for field in operation.body:
        chosen = value(context, field, given[_parameter(field)])
        if chosen is not None or given[_parameter(field)] == "null":
            body[field.name] = chosen
        elif field.required and field.name not in body:
            default = context.default(_DEFAULTS[field.name]) if field.name in _DEFAULTS else None
            if default is None:
                raise UsageError(f"Missing option {flag_name(field.name, field.type)}.")
            body[field.name] = context.resolve_id(_REFERENCES[field.name], str(default))
    return body


def value(context: Context, field: Field, given: Any) -> Any:
    """What was typed for a field, as the API wants it; None when nothing was typed, or `null`."""
    if given is None or given == () or given == []:
        return None
    name = flag_name(field.name, field.type)
    if field.type in ("boolean", "integer", "number"):
        return given
    if field.type == "object[]":
        return [entry for text in given for entry in values.objects(text, name=name)]
    if field.type.endswith("[]"):
        return [values.text_value(text) for text in given]
    if field.type == "map":
        return {key: entry for text in given for key, entry in values.pairs(text, name=name).items()}
    if given == "null" and field.nullable:
        return None
    if field.type == "object":
        return values.mapping(given, name=name)
    found = values.text_or_object(given, name=name) if field.type == "any" else values.text_value(given)
    kind = _REFERENCES.get(field.name)
    return context.resolve_id(kind, found) if kind and isinstance(found, str) else found
