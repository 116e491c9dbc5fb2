"""`--dry-run`: the request that would be sent, and the same as a curl command. Nothing is sent or started.

Names are not looked up, since that would ask the server. Secrets are hidden; curl takes the key from the environment.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from antcli.client.client import Client
from antcli.client.debug import HIDDEN, is_open_header, without_secrets
from antcli.commands.field_help import REFERENCES
from antcli.commands.forms import close
from antcli.references import LAST, PICK, looks_like_id

if TYPE_CHECKING:
    from antcli.client.server import Server
    from antcli.client.transport import Request
    from antcli.commands.requests import Parts
    from antcli.context import Context
    from antcli.operations import Operation

_VARIABLES = {"x-api-key": "$ANTHROPIC_API_KEY", "authorization": "Bearer $ANTHROPIC_AUTH_TOKEN"}
# What curl says by itself, or what belongs to one request of ours alone.
_NOT_COPIED = ("accept-encoding", "idempotency-key", "user-agent")


def show(context: Context, operation: Operation, parts: Parts, *, names: dict[str, str]) -> None:
    """Prints the request of an operation. `names` are the fields that may hold a name instead of an id."""
    server = context.destination
    parts = _with_last(context, parts)
    request = Client(server).prepare(
        operation.name, *parts.path.values(), query=parts.query, headers=parts.headers, body=parts.body,
        files=parts.form,
    )  # fmt: skip
    body, hidden = _body(request)
    command = curl(server, request, body, stream=operation.stream, binary=operation.binary)
    for name, text in names.items():
        if text not in (LAST, PICK) and not looks_like_id(REFERENCES[name], text):
            context.output.notice(f"{text!r} may be a name: it is looked up when the request is sent.")
    if hidden:
        context.output.notice("Secrets in the body are hidden, also in the curl command.")
    if server.socket and context.running_engine() is None:
        context.output.notice(
            "The local engine does not run now: the curl command works when it does. Any command starts it."
        )
    _print(context, server, request, body, command)
    close(parts.form)


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


def _print(context: Context, server: Server, request: Request, body: Any, command: str) -> None:
    headers = {name: value if is_open_header(name) else HIDDEN for name, value in request.headers.items()}
    form = [f"{name}: {file[0]}" for name, file in request.files]
    form += [f"{name}: {value}" for name, value in (request.form or {}).items()]
    url = server.base_url + request.target
    if context.output.for_programs:
        found = {"method": request.method, "url": url, "socket": server.socket, "headers": headers, "body": body}
        context.output.object("request", found | ({"form": form} if form else {}) | {"curl": command})
        return
    lines = [f"{request.method} {url}", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines += ["", json.dumps(body, ensure_ascii=False, indent=2)]
    lines += ["", *form] if form else []
    context.output.text("\n".join([*lines, "", command]))


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
