"""The official spelling: `ant beta:agents create --name n`, for scripts and documents written for the official `ant`.

Words, flags and requests are those of its release 1.20; `antcli.commands.differences` says where it is otherwise. A
resource is one word, and each of its commands is made when it is used.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from antcli.commands import field_help
from antcli.commands.base import Commands, Group, Positional, option
from antcli.commands.flags import RequestCommand, flag_name
from antcli.commands.operation import DRY_RUN, common, complete, flags, kind_of, send
from antcli.context import current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.operations import Operation

API_VERSION = "2023-06-01"  # what release 1.20 sends: its fields are those of that version

_CRUD = "create retrieve update list"
RESOURCES = {
    "completions": "create",
    "messages": "create count-tokens",
    "messages:batches": "create retrieve list delete cancel results",
    "models": "retrieve list",
    "skills:versions": "create retrieve list delete",
    "beta:models": "retrieve list",
    "beta:messages": "create count-tokens",
    "beta:messages:batches": "create retrieve list delete cancel results",
    "beta:agents": f"{_CRUD} archive",
    "beta:agents:versions": "list",
    "beta:environments": f"{_CRUD} delete archive",
    "beta:environments:work": "retrieve update list ack heartbeat poll stats stop",
    "beta:sessions": f"{_CRUD} delete archive",
    "beta:sessions:events": "list send stream",
    "beta:sessions:resources": "retrieve update list delete add",
    "beta:sessions:threads": "retrieve list archive",
    "beta:sessions:threads:events": "list stream",
    "beta:deployments": f"{_CRUD} archive pause run unpause",
    "beta:deployment-runs": "retrieve list",
    "beta:vaults": f"{_CRUD} delete archive",
    "beta:vaults:credentials": f"{_CRUD} delete archive mcp-oauth-validate",
    "beta:memory-stores": f"{_CRUD} delete archive",
    "beta:memory-stores:memories": f"{_CRUD} delete",
    "beta:memory-stores:memory-versions": "retrieve list redact",
    "beta:files": "list delete download retrieve-metadata upload",
    "beta:skills": "create retrieve list delete",
    "beta:skills:versions": "create retrieve list delete download",
    "beta:user-profiles": f"{_CRUD} create-enrollment-url",
    "beta:dreams": "create retrieve list archive cancel",
    "beta:tunnels": "create retrieve list archive reveal-token rotate-token",
    "beta:tunnels:certificates": "create retrieve list archive",
}
_SENTENCES = {
    "ack": "Say that a {} is taken", "add": "Add a {}", "archive": "Archive a {}", "cancel": "Cancel a {}",
    "count-tokens": "Count the tokens of a {}", "create": "Make a {}",
    "create-enrollment-url": "Make an enrolment address for a {}", "delete": "Delete a {}",
    "download": "Download a {}", "heartbeat": "Say that a {} is still worked on", "list": "List each {}",
    "mcp-oauth-validate": "Try out the OAuth login of a {}", "pause": "Pause a {}", "poll": "Wait for a {}",
    "redact": "Remove the content of a {}", "results": "Print the results of a {}", "retrieve": "Show a {}",
    "retrieve-metadata": "Show what is known about a {}", "reveal-token": "Show the token of a {}",
    "rotate-token": "Give a new token to a {}", "run": "Run a {} now", "send": "Send each {}",
    "stats": "Count each {}", "stop": "Stop a {}", "stream": "Print each {} as it happens",
    "unpause": "Let a paused {} go on", "update": "Change a {}", "upload": "Upload a {}",
}  # fmt: skip
_NOUNS = {"work": "work item", "batches": "batch", "memories": "memory", "memory-versions": "memory version"}


def group(name: str) -> Group:
    """The commands of one resource. Raises KeyError for a word that is none."""
    commands = Commands(f"{_noun(name).capitalize()}s, in the official spelling.")
    for verb in RESOURCES[name].split():
        commands.add(verb, partial(command, name, verb))
    if name == "beta:sessions":
        from antcli.commands.connect import connect

        commands.command("connect")(connect)
    return Group(name, commands)


def command(resource: str, verb: str) -> RequestCommand:
    operation = operation_of(resource, verb)

    def callback(**arguments: Any) -> None:
        run(operation, arguments, beta=resource.startswith("beta:"))

    callback.examples = (example(resource, verb, operation),)  # type: ignore[attr-defined]
    sentence = _SENTENCES[verb].format(_noun(resource)).replace(" a agent", " an agent").replace(" a ev", " an ev")
    help = f"{sentence.replace(' a env', ' an env')}: {operation.method} {operation.path}."
    return RequestCommand(
        operation, name=verb, callback=callback, help=help, params=parameters(operation), rich_markup_mode=None
    )


def operation_of(resource: str, verb: str) -> Operation:
    """The operation behind two official words: of the form that release 1.20 has, where that differs."""
    from antcli.official_operations import OFFICIAL
    from antcli.operations import operation

    name = f"{resource}.{verb}".replace(":", ".").replace("-", "_")
    return OFFICIAL.get(name) or operation(name.removeprefix("beta."))


def parameters(operation: Operation) -> list[Any]:
    """The last path parameter may stand alone; all have flags."""
    made: list[Any] = []
    if operation.path_params:
        last = operation.path_params[-1]
        word = last.removesuffix("_id").upper().replace("_", "-")
        made.append(Positional(param_decls=["word"], metavar=f"[{word}]", help=f"As {flag_name(last)}."))
    for name in operation.path_params:
        help = field_help.path(name, resolved=False) + " Required."
        made.append(option(name, flag_name(name), metavar=name.upper(), help=help))
    made += flags(operation, short={})
    if operation.binary:
        made.append(option("output", "--output", "-o", metavar="PATH", help="Write there; - is stdout."))
        made.append(option("force", "--force", is_flag=True, default=False, help="Replace a file that is there."))
    return made + common(operation)


def run(operation: Operation, arguments: dict[str, Any], *, beta: bool) -> None:
    """Sends what was given and shows the answer. Ids are sent as they are typed."""
    from antcli.commands.requests import Builder

    context = current()
    if context.options.format == "explore" and not context.terminal.stdout_is_terminal:
        context.output.warning("There is no explorer off a terminal; this is JSON.")
    builder = Builder(context, operation, official=True)
    builder.path = _path(operation, arguments)
    complete(builder, arguments, ids=(operation.path_params or (None,))[-1])
    parts = builder.parts(look_up=False)
    query = {**parts.query, "beta": "true"} if beta else parts.query
    parts = parts._replace(query=query, headers={"anthropic-version": API_VERSION, **parts.headers})
    if arguments[DRY_RUN]:
        from antcli.commands.dry_run import show

        show(context, operation, parts, names={})
    elif operation.binary:
        from antcli.commands.official_download import download

        download(context, operation, parts, arguments["output"], force=arguments["force"])
    elif operation.pages and context.output.format == "raw":
        body = context.client.body(operation.name, *parts.path.values(), query=parts.query, headers=parts.headers)
        context.output.envelope(kind_of(operation), body)
    else:
        send(context, operation, parts, arguments)


def _path(operation: Operation, arguments: dict[str, Any]) -> dict[str, str]:
    """What the path flags say; the word that stands alone is the last path parameter."""
    found = {name: arguments[name] for name in operation.path_params if arguments[name] is not None}
    word = arguments.get("word")
    if word is not None:
        last = operation.path_params[-1]
        if last in found:
            raise UsageError(f"Both {flag_name(last)} and {word!r} say which one is meant.", hint="Leave one out.")
        found[last] = word
    return {name: found[name] for name in operation.path_params if name in found}


def example(resource: str, verb: str, operation: Operation) -> str:
    """A command line with all that is required; where nothing is, with a name or one change."""
    words = ["ant", resource, verb]
    for name in operation.path_params:
        words.append(f"{flag_name(name)} {_SAMPLES.get(name, name.removesuffix('_id') + '_01')}")
    fields = [field for field in operation.body if field.required]
    if not fields:
        fields = [field for field in operation.body if field.name in _USUAL.get(verb, ())]
    for field in fields:
        sample = _NAMES.get(resource) if field.name == "name" else _SAMPLES.get(field.name)
        words.append(f"{flag_name(field.name, field.type)} {sample}")
    if operation.binary:
        words.append(f"--output {_SAVED[resource]}")
    return " ".join(words)


_EVENT = "'{type: user.message, content: [{type: text, text: Hello}]}'"
_USUAL = {"create": ("name", "display_name"), "update": ("metadata", "content")}
_NAMES = {
    "beta:agents": "reviewer", "beta:deployments": "nightly", "beta:environments": "tests",
    "beta:memory-stores": "notes", "beta:user-profiles": "anna",
}  # fmt: skip
_SAVED = {"beta:files": "report.pdf", "beta:skills:versions": "skill.zip"}
_SAMPLES = {
    "agent": "agent_01", "auth": "'{type: static_bearer, token: \"@token.txt\", mcp_server_url: https://mcp.example.com}'",
    "authorization_token": "@token.txt", "ca_certificate_pem": "@ca.pem", "content": "@notes.md",
    "display_name": "team", "environment_id": "env_01", "events": _EVENT, "file": "report.csv", "file_id": "file_01",
    "files": "pdf-forms.zip", "initial_events": _EVENT,
    "inputs": "'{type: memory_store, memory_store_id: memstore_01}' --input '{type: sessions, session_ids: [sesn_01]}'",
    "max_tokens": "1000", "max_tokens_to_sample": "100", "messages": "'{role: user, content: Hello}'",
    "metadata": "team=core", "model": "claude-opus-5-5", "model_id": "claude-opus-5-5", "path": "/notes.md",
    "prompt": "Hello", "requests": "@batch.yaml", "type": "file", "version": "skver_01",
}  # fmt: skip


def _noun(resource: str) -> str:
    word = resource.rpartition(":")[2]
    return _NOUNS.get(word) or word.removesuffix("s").replace("-", " ")


def translated(words: list[str]) -> list[str]:
    """The hidden commands of the official command line in our words. Raises UsageError for what has none."""
    if words[0] == "@completion":
        return ["completion", *words[1:]]
    return words
