"""Start a session for a task: which agent, environment and model, and whether there is a model at all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from antcli.client import launch
from antcli.commands import attachments
from antcli.errors import AntError, ApiError, ExitCode, NoModelError, UsageError

if TYPE_CHECKING:
    from antcli.context import Context

FILE_MODELS = ("script:", "recording:")
_TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for; None leaves it to the profile and the defaults."""

    agent: str | None = None
    environment: str | None = None
    model: str | None = None
    system: str | None = None
    title: str | None = None
    budget: dict[str, Any] | None = None
    files: tuple[str, ...] = ()  # paths on this machine


@dataclass(frozen=True, slots=True)
class Started:
    session_id: str
    header: str  # a line for the live view: which session, agent, model; whether there is no sandbox
    files: list[str]  # where the session has them


def start(context: Context, wish: Wish, events: list[dict[str, Any]], *, at_once: bool = False) -> Started:
    """Make the session; with `at_once` it is born at work on `events`. Raises NoModelError before anything is made."""
    client = context.client
    status = client.get("/engine/status") if context.server.kind == "local" else {}
    asked = wish.model or context.default("model")
    model = model_id(asked) if asked else None
    named = wish.agent or context.default("agent")
    agent_id = context.resolve_id("agents", named) if named else None
    model = _settled_model(context, status, model, agent_id)
    if agent_id is None:
        usual = (status.get("model") or {}).get("default") or launch.HOSTED_MODEL
        agent = launch.ensure_agent(client, launch.AGENT_NAME, model=usual)
        if agent["model"]["id"] == model:
            model = None
    else:
        agent = client.call("agents.retrieve", agent_id)
    environment = wish.environment or context.default("environment")
    environment_id = (
        context.resolve_id("environments", environment) if environment else launch.ensure_environment(client)["id"]
    )
    resources = attachments.upload(context, wish.files)
    body = _body(wish, events, agent["id"], environment_id, model, resources, at_once=at_once)
    try:
        session = client.call("sessions.create", body=body)
    except ApiError as error:
        if error.status == 400:
            error.code = ExitCode.USAGE  # a value that was typed is one that the server does not take
        raise
    context.remember("sessions", session["id"])
    sandbox = status.get("sandbox") or {}
    if sandbox.get("available") is False:
        context.output.warning(f"Tools will fail, there is no sandbox: {sandbox.get('reason')}")
    files = [str(resource["mount_path"]) for resource in session.get("resources") or () if resource["type"] == "file"]
    return Started(session["id"], _header(session, status), files)


def _body(
    wish: Wish, events: list[dict[str, Any]], agent: str, environment: str, model: str | None,
    resources: list[dict[str, Any]], *, at_once: bool,
) -> dict[str, Any]:  # fmt: skip
    from antcli.commands.values import text_value

    return launch.session_body(
        agent, environment, model=model, title=wish.title or _title(events), budget=wish.budget,
        system=text_value(wish.system) if wish.system is not None else None,
        initial_events=events if at_once else None, resources=resources,
    )  # fmt: skip


def draft(context: Context, wish: Wish, events: list[dict[str, Any]], *, at_once: bool) -> dict[str, Any]:
    """The request that `start` would send, with names where ids would stand: nothing is asked or made."""
    asked = wish.model or context.default("model")
    agent = wish.agent or context.default("agent")
    environment = wish.environment or context.default("environment")
    usual = ((f"the agent {launch.AGENT_NAME!r}", agent), (f"the environment {launch.ENVIRONMENT_NAME!r}", environment))
    made = [name for name, given in usual if not given]
    if made:
        context.output.notice(f"Made first, where there is none: {' and '.join(made)}.")
    model = model_id(asked) if asked else None
    names = (str(agent or launch.AGENT_NAME), str(environment or launch.ENVIRONMENT_NAME))
    resources = [attachments.resource(path, attachments.NEW_FILE) for path in wish.files]
    return _body(wish, events, *names, model, resources, at_once=at_once)


def undo(context: Context, session_id: str, error: ApiError) -> None:
    """A new session whose first message was refused holds nothing: take it away again."""
    with suppress(AntError):
        session = context.client.call("sessions.retrieve", session_id)
        if error.status < 500 and session.get("status") == "idle" and not _has_events(context, session_id):
            context.client.call("sessions.delete", session_id)


def _has_events(context: Context, session_id: str) -> bool:
    page = context.client.call("sessions.events.list", session_id, query={"limit": 1, "types": ["user.message"]})
    return bool(page.get("data"))


def model_id(text: str) -> str:
    """The id as the engine understands it from anywhere: files get their absolute path. Raises UsageError."""
    for prefix in FILE_MODELS:
        if text.startswith(prefix):
            path = os.path.abspath(os.path.expanduser(text.removeprefix(prefix)))
            if not os.path.isfile(path):
                raise UsageError(f"--model: there is no file {path}.")
            if prefix == "script:":
                check_script(path)
            return prefix + path
    return text


def check_script(path: str) -> None:
    """Raises UsageError, with line and field, for a file that is no script."""
    from pathlib import Path

    from antcli.script_file import ScriptError, read_script

    try:
        read_script(Path(path))
    except ScriptError as error:
        raise UsageError(f"--model: {error}", hint="See `ant explain scripts` for what a script may hold.") from None


def _settled_model(context: Context, status: dict[str, Any], model: str | None, agent_id: str | None) -> str | None:
    """The model for this session where it is not the agent's own. Raises NoModelError."""
    if context.server.kind != "local":
        return model
    offered = status.get("model") or {}
    chosen = model
    if chosen is None and agent_id is not None:
        if offered.get("configured"):
            return None
        chosen = str(context.client.call("agents.retrieve", agent_id)["model"]["id"])
    if chosen is not None and (chosen == "demo" or chosen.startswith(FILE_MODELS)):
        return model
    if not offered.get("configured"):
        raise NoModelError("The local engine has no model to ask.")
    return chosen or offered.get("default")


def _title(events: list[dict[str, Any]]) -> str:
    from antcli.output.text import clean, cut

    first = events[0] if events else {}
    text = str(first.get("description") or "".join(block["text"] for block in first.get("content") or ())).strip()
    return cut(clean(text.partition("\n")[0]), _TITLE_LENGTH) or "chat"


def _header(session: dict[str, Any], status: dict[str, Any]) -> str:
    from antcli.output.text import clean, model_name

    agent = session.get("agent") or {}
    model = model_name(str((agent.get("model") or {}).get("id")))
    parts = [f"session {session['id']}", f"agent {clean(str(agent.get('name')))}", clean(model)]
    if (status.get("sandbox") or {}).get("backend") == "none":
        parts.append("no sandbox")
    return " · ".join(parts)
