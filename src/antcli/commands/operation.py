"""Commands made from operations: the table of the API says which arguments and options there are, and what is sent.

A group says only the name of the verb, the operation, one line of help and examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from antcli.commands import field_help
from antcli.commands.base import Positional, option
from antcli.commands.flags import GIVEN, Flag, Given, RequestCommand, flag_name
from antcli.context import Context, current
from antcli.errors import AntError, ApiError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.client import Client
    from antcli.commands.requests import Parts
    from antcli.operations import Field, Operation

_SHORT = {"environment_id": ("--env", "-e"), "agent": ("-a",), "agent_id": ("--agent", "-a"), "name": ("-n",)}
_BETA = "--beta"

FILE = "body_file"
MAX_ITEMS = "max_items"
DRY_RUN = "dry_run"
BETAS = "betas"


def call(name: str, operation: str, help: str, *examples: str) -> Callable[[], RequestCommand]:
    """Makes the command `name` for an operation of the table."""

    def make() -> RequestCommand:
        from antcli import operations

        found = operations.operation(operation)

        def callback(**arguments: Any) -> None:
            run(found, arguments)

        callback.examples = examples  # type: ignore[attr-defined]
        return RequestCommand(
            found, name=name, callback=callback, help=help, params=parameters(found), rich_markup_mode=None
        )

    return make


def parameters(operation: Operation) -> list[Any]:
    """The arguments and options of an operation."""
    made: list[Any] = []
    for name in operation.path_params:
        word = name.removesuffix("_id").upper().replace("_", "-")
        made.append(Positional(param_decls=[name], metavar=word, help=field_help.path(name), show_default=False))
        made.append(option(f"{name}_flag", flag_name(name), hidden=True))
    made += flags(operation, short=_SHORT)
    for flag in made:
        if isinstance(flag, Flag) and flag.field.implied and not flag.inside:
            flag.help = str(flag.help).removesuffix(" Required.")
        if operation.pages and "--limit" in flag.opts:
            flag.help = "At most this many, over all pages."
        if operation.name == "sessions.create" and "--env" in flag.opts:
            flag.help = "Environment: name or id. Without it `default`, made where there is none."
    if operation.body:
        made.append(option(FILE, "-f", "--file", metavar="FILE", help="Fields from a YAML or JSON file, - for stdin."))
    return made + common(operation)


def flags(operation: Operation, *, short: dict[str, tuple[str, ...]]) -> list[Any]:
    """The flags of an operation's fields, each followed by those of what is inside it."""
    made: list[Any] = []
    for field in (*operation.query, *operation.headers, *operation.body):
        made.append(_flag(operation, field, short.get(field.name, ())))
        made += _inner_flags(field)
    return made


def common(operation: Operation) -> list[Any]:
    """The options that depend on the kind of an operation."""
    made: list[Any] = []
    if operation.pages or operation.stream or operation.may_stream or operation.lines:
        made.append(option(MAX_ITEMS, "--max-items", metavar="N", help="Stop after this many."))
    if final(operation):
        made.append(option("yes", "-y", "--yes", is_flag=True, default=False, help="Do not ask."))
    made.append(option(DRY_RUN, "--dry-run", is_flag=True, default=False, help="Show the request, send nothing."))
    made.append(option(BETAS, _BETA, multiple=True, metavar="NAME", help="This beta version instead of the usual one."))
    return made


def _flag(operation: Operation, field: Field, short: tuple[str, ...]) -> Flag:
    help = field_help.field(operation, field)
    if field.required:
        help += " Required."
    return Flag(field, flag_name(field.name, field.type), *short, help=help, metavar=field_help.metavar(field))


def _inner_flags(field: Field) -> Iterator[Flag]:
    name = flag_name(field.name, field.type)
    for inner in field.inner:
        word = inner.name.replace("_", "-")
        help = field_help.inner(field, inner, name)
        yield Flag(field, f"{name}.{word}", inside=(inner.name,), help=help, metavar=field_help.metavar(inner))


def run(operation: Operation, arguments: dict[str, Any]) -> None:
    """Sends what was given and shows the answer."""
    from antcli.commands.requests import Builder

    context = current()
    _ = context.output  # a wrong format or path is told before anything is sent
    builder = Builder(context, operation, official=False)
    builder.path = path_words(operation, arguments)
    complete(builder, arguments, ids=(operation.path_params or (None,))[-1])
    parts = builder.parts(look_up=not arguments[DRY_RUN])
    _limit_all(operation, parts, arguments)
    if arguments[DRY_RUN]:
        from antcli.commands.dry_run import show

        return show(context, operation, parts, names=builder.references())
    try:
        send(context, operation, parts, arguments)
    except ApiError as error:
        if error.status in (400, 413, 422) and arguments[GIVEN]:
            error.code = ExitCode.USAGE  # a value that was typed is one that the server does not take
        raise


def complete(builder: Any, arguments: dict[str, Any], *, ids: str | None) -> None:
    """Puts flags, betas and the document into a request, and checks that nothing is missing."""
    given: list[Given] = arguments[GIVEN]
    builder.flags(given)
    if arguments[BETAS]:
        builder.headers["anthropic-beta"] = ",".join(arguments[BETAS])
    builder.document(arguments.get(FILE), ids=ids)
    builder.refuse_nothing()
    builder.ask()
    builder.check()


def path_words(operation: Operation, arguments: dict[str, Any]) -> dict[str, str]:
    """The ids in the path: by position, or by the official flags, whose places the positions then skip."""
    words = iter([arguments[name] for name in operation.path_params if arguments[name] is not None])
    found: dict[str, str] = {}
    for name in operation.path_params:
        flag = arguments[f"{name}_flag"]
        word = flag if flag is not None else next(words, None)
        if word is not None:
            found[name] = word
    surplus = next(words, None)
    if surplus is not None:
        raise UsageError(f"Got an argument too many: {surplus!r}.")
    return found


def send(context: Context, operation: Operation, parts: Parts, arguments: dict[str, Any]) -> None:
    """Sends a request and shows the answer, whatever kind it is of."""
    path, query, headers = [*parts.path.values()], parts.query, parts.headers
    if final(operation):
        context.confirm(_question(operation, path[-1], arguments), yes=arguments.get("yes", True))
    kind, most, client = kind_of(operation), _most(arguments), context.client
    if operation.stream or (operation.may_stream and (parts.body or {}).get("stream") is True):
        context.stay()
        context.output.end_with_reader()
        with client.stream(operation.name, *path, query=query, headers=headers, body=parts.body) as events:
            context.output.list(kind, islice(events, most), live=True)
    elif operation.pages:
        context.output.list(kind, client.pages(operation.name, *path, query=query, headers=headers, limit=most))
    elif operation.lines:
        lines = client.lines(operation.name, *path, query=query, headers=headers)
        context.output.list(kind, islice(lines, most))
    else:
        answer = _answer(client, operation, parts)
        _note_new(context, operation, answer)
        if operation.name == "agents.create":
            _tell_namesake(context, answer)
        if operation.name == "environments.keys.create":
            context.output.notice("The key is not shown again. `ant envs keys delete` revokes it.")
        context.output.object(kind, answer)


def _question(operation: Operation, id: str, arguments: dict[str, Any]) -> str:
    verb = operation.name.rpartition(".")[2].capitalize()
    typed = arguments.get(operation.path_params[-1])
    thing = id if typed in (None, id) else f"{typed} ({id})"
    return f"{verb} {thing}? This cannot be undone."


def final(operation: Operation) -> bool:
    """What it does cannot be undone by another operation."""
    return operation.method == "DELETE" or operation.name.endswith((".archive", ".redact", ".rotate_token"))


def _note_new(context: Context, operation: Operation, answer: Any) -> None:
    """For `@last`."""
    from antcli.references import KINDS

    family, _, verb = operation.name.removeprefix("beta.").rpartition(".")
    family = {"deployments.run": "deployment_runs"}.get(f"{family}.{verb}", family)
    if verb in ("create", "upload", "add", "run") and family in KINDS and isinstance(answer, dict) and "id" in answer:
        context.remember(family, answer["id"])


def _tell_namesake(context: Context, made: dict[str, Any]) -> None:
    """Two agents of one name can only be told apart by their ids: a person is told at once."""
    if not context.terminal.stderr_is_terminal or context.options.quiet:
        return
    with suppress(AntError):
        for other in context.client.call("agents.list", query={"limit": 100})["data"]:
            if other.get("name") == made.get("name") and other.get("id") != made.get("id"):
                told = f"Another agent has this name: {other['id']}. Use the ids, or archive one of them."
                return context.output.notice(told)


def _limit_all(operation: Operation, parts: Parts, arguments: dict[str, Any]) -> None:
    """In words, --limit is what a person expects: so many in all, over however many pages."""
    from antcli.client.pages import LARGEST, LARGEST_FULL

    limit, most = parts.query.get("limit"), _most(arguments)
    if not operation.pages or not isinstance(limit, int) or limit < 1:
        return
    arguments[MAX_ITEMS] = str(limit if most is None else min(limit, most))
    parts.query["limit"] = min(limit, LARGEST_FULL if parts.query.get("view") == "full" else LARGEST)


def _answer(client: Client, operation: Operation, parts: Parts) -> Any:
    from antcli.commands.forms import close

    try:
        return client.call(
            operation.name, *parts.path.values(), query=parts.query, headers=parts.headers, body=parts.body,
            files=parts.form,
        )  # fmt: skip
    finally:
        close(parts.form)


def _most(arguments: dict[str, Any]) -> int | None:
    """The limit of --max-items. Less than nothing is no limit, as the official command line has it."""
    from antcli.commands.values import integer

    text = arguments.get(MAX_ITEMS)
    most = None if text is None else integer(text, name="--max-items")
    return None if most is None or most < 0 else most


def kind_of(operation: Operation) -> str:
    """What an operation answers with, as the output layer calls it."""
    family = operation.name.rpartition(".")[0].removeprefix("beta.")
    return family if family == "agents.versions" else family.rpartition(".")[2]
