"""`--dry-run`: the request that would be sent, and the same as a curl command. Nothing is sent or started.

Names are not looked up, since that would ask the server. Secrets are hidden; curl takes the key from the environment.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.client.client import Client
from antcli.client.debug import HIDDEN, is_open_header, without_secrets
from antcli.commands.field_help import REFERENCES
from antcli.commands.forms import close
from antcli.commands.requests import Parts
from antcli.operations import operation as operation_of
from antcli.references import LAST, PICK, looks_like_id

if TYPE_CHECKING:
    from antcli.client.server import Server
    from antcli.client.transport import FormPart, Request
    from antcli.context import Context
    from antcli.operations import Operation

_VARIABLES = {"x-api-key": "$ANTHROPIC_API_KEY", "authorization": "Bearer $ANTHROPIC_AUTH_TOKEN"}
# What curl says by itself, or what belongs to one request of ours alone.
_NOT_COPIED = ("accept-encoding", "idempotency-key", "user-agent")


NEW = "ID_OF_THE_FIRST_ANSWER"  # where a request needs what the one before it makes


class Call(NamedTuple):
    """What a command written by hand would give to `Client.call`; names may stand where ids are wanted."""

    operation: str
    path: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    files: Sequence[FormPart] = ()

    def names(self) -> dict[str, str]:
        """The fields that may hold a name."""
        fields = {**dict(zip(operation_of(self.operation).path_params, self.path, strict=True)), **(self.body or {})}
        return {name: text for name, text in fields.items() if name in REFERENCES and isinstance(text, str)}


def preview(context: Context, *calls: Call) -> None:
    """Prints requests in the order in which they would be sent."""
    found = []
    for call in calls:
        operation = operation_of(call.operation)
        path = dict(zip(operation.path_params, call.path, strict=True))
        parts = Parts(path, {}, {}, call.body, tuple(call.files))
        found.append(_described(context, operation, parts, names=call.names()))
    if any(NEW in call.path for call in calls):
        context.output.notice(f"{NEW} stands for the id that the server gives to the new session.")
    if len(found) > 1 and _as_data(context):
        context.output.list("requests", found)
    else:
        for number, request in enumerate(found):
            context.output.text("\n" if number else "", end="")
            _print(context, request)


def show(context: Context, operation: Operation, parts: Parts, *, names: dict[str, str]) -> None:
    """Prints the request of an operation. `names` are the fields that may hold a name instead of an id."""
    _print(context, _described(context, operation, parts, names=names))


def _described(context: Context, operation: Operation, parts: Parts, *, names: dict[str, str]) -> dict[str, Any]:
    """The request as an object for programs: a contract."""
    server = context.destination
    parts = _with_last(context, parts)
    request = Client(server).prepare(
        operation.name, *parts.path.values(), query=parts.query, headers=parts.headers, body=parts.body,
        files=parts.form,
    )  # fmt: skip
    body, hidden = _body(request)
    command = curl(server, request, body, stream=operation.stream, binary=operation.binary)
    unsure = [
        repr(text) for name, text in names.items()
        if text not in (LAST, PICK, NEW) and not looks_like_id(REFERENCES[name], text)
    ]  # fmt: skip
    if unsure:
        context.output.notice(f"Looked up when the request is sent, if it is a name: {', '.join(unsure)}.")
    if hidden:
        context.output.notice("Secrets in the body are hidden, also in the curl command.")
    if server.socket and context.running_engine() is None:
        context.output.notice(
            "The local engine does not run now: the curl command works when it does. Any command starts it."
        )
    close(parts.form)
    headers = {name: value if is_open_header(name) else HIDDEN for name, value in request.headers.items()}
    form = [f"{name}: {file[0]}" for name, file in request.files]
    form += [f"{name}: {value}" for name, value in (request.form or {}).items()]
    url = server.base_url + request.target
    found = {"method": request.method, "url": url, "socket": server.socket, "headers": headers, "body": body}
    return found | ({"form": form} if form else {}) | {"curl": command}


def _with_last(context: Context, parts: Parts) -> Parts:
    def known(found: dict[str, Any]) -> dict[str, Any]:
        return {
            name: context.resolve_id(REFERENCES[name], value) if value in (LAST, PICK) and name in REFERENCES else value
            for name, value in found.items()
        }

    body = None if parts.body is None else known(parts.body)
    return parts._replace(path=known(parts.path), query=known(parts.query), body=body)


def _body(request: Request) -> tuple[Any, bool]:
    """The JSON body without its secrets, and whether it had any."""
    if request.content is None:
        return None, False
    said = json.loads(request.content)
    shown = without_secrets(said)
    return shown, shown != said


def _as_data(context: Context) -> bool:
    """A request has neither the ids nor the columns of the answer, and nothing that --transform was meant for."""
    context.output.transform = None
    return context.output.format in ("json", "jsonl", "yaml")


def _print(context: Context, request: dict[str, Any]) -> None:
    if _as_data(context):
        context.output.object("request", request)
        return
    lines = [f"{request['method']} {request['url']}"]
    lines += [f"{name}: {value}" for name, value in request["headers"].items()]
    if request["body"] is not None:
        lines += ["", json.dumps(request["body"], ensure_ascii=False, indent=2)]
    form = request.get("form") or []
    lines += ["", *form] if form else []
    context.output.text("\n".join([*lines, "", request["curl"]]))


def curl(server: Server, request: Request, body: Any, *, stream: bool, binary: bool) -> str:
    """The request as a command for a shell: one line a part."""
    parts = ["curl -sS"]
    if stream:
        parts[0] += " -N"
    if binary:
        parts[0] += " -OJ"
    if server.socket:
        parts[0] += f" --unix-socket {shlex.quote(server.socket)}"
    parts[0] += f" -X {request.method} {shlex.quote(server.base_url + request.target)}"
    for name, value in request.headers.items():
        if name in _NOT_COPIED:
            continue
        if name in _VARIABLES:
            parts.append(f'-H "{name}: {_VARIABLES[name]}"')
        else:
            parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
    for name, value in (request.form or {}).items():
        parts.append(f"--form-string {shlex.quote(f'{name}={value}')}")
    for name, (filename, file, kind) in request.files:
        path = getattr(file, "name", "-")
        parts.append(f"-F {shlex.quote(f'{name}=@{_quoted(path)};filename={_quoted(filename)};type={kind}')}")
    if body is not None:
        parts.append(f"--data-binary {shlex.quote(json.dumps(body, ensure_ascii=False, separators=(',', ':')))}")
    return " \\\n  ".join(parts)


def _quoted(text: str) -> str:
    """A file name as curl reads it inside of -F."""
    if any(mark in text for mark in ',;"'):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
