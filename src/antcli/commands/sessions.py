"""`ant sessions`, with the events and threads of a session."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from antcli.commands.base import Commands, examples
from antcli.commands.connect import connect
from antcli.commands.events_stream import stream, stream_thread
from antcli.commands.operation import call
from antcli.commands.options import DryRunOpt, SessionArg
from antcli.commands.verbs import verb
from antcli.context import current
from antcli.errors import UsageError

thread_events = Commands("The events of a thread.")
thread_events.add(
    "list",
    call(
        "list",
        "sessions.threads.events.list",
        "List the events of a thread.",
        "ant sessions threads events list @last sthr_4fK9",
    ),
)

resources = Commands("The resources of a session: files, repositories, memory stores.")
verb(resources, "list", "sessions.resources.list", "List the resources of a session.",
     "ant sessions resources list @last")  # fmt: skip
verb(resources, "get", "sessions.resources.retrieve", "Show a resource.",
     "ant sessions resources get @last /mnt/session/uploads/data.csv")  # fmt: skip
verb(resources, "add", "sessions.resources.add", "Put a file into a session.",
     "ant sessions resources add @last --file-id data.csv --mount-path /data.csv")  # fmt: skip
verb(resources, "update", "sessions.resources.update", "Replace the token of a repository.",
     "ant sessions resources update @last /workspace/website --authorization-token @token.txt")  # fmt: skip
verb(resources, "delete", "sessions.resources.delete", "Take a resource out of a session.",
     "ant sessions resources delete @last /mnt/session/uploads/data.csv --yes")  # fmt: skip

thread_events.command("stream")(stream_thread)

threads = Commands("The threads of a session.")
threads.add("list", call("list", "sessions.threads.list", "List the threads.", "ant sessions threads list @last"))
threads.add(
    "get",
    call("get", "sessions.threads.retrieve", "Show a thread.", "ant sessions threads get @last sthr_4fK9"),
    "retrieve",
)
verb(threads, "archive", "sessions.threads.archive", "Archive a thread.",
     "ant sessions threads archive @last sthr_4fK9 --yes")  # fmt: skip
threads.group("events", thread_events, "event")

events = Commands("The events of a session.")
events.add(
    "list",
    call(
        "list",
        "sessions.events.list",
        "List what has happened in a session.",
        "ant sessions events list @last",
        "ant sessions events list @last --type agent.message -o json",
    ),
)


Text = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="A message: text, @file, or - for stdin.")]
Event = Annotated[list[str] | None, typer.Option(metavar="OBJECT", help="An event, as an object or @file.")]


@events.command("send")
@examples(
    "ant sessions events send @last 'And now the tests.'",
    "ant sessions events send @last @task.md",
    "ant sessions events send @last --event '{type: user.interrupt}'",
)
def send(session: SessionArg, text: Text = None, event: Event = None, dry_run: DryRunOpt = False) -> None:
    """Send a message or other events to a session."""
    from antcli.commands import values
    from antcli.commands.dry_run import Call, preview

    context = current()
    sent: list[dict[str, Any]] = []
    if text is not None:
        message = values.read_text("-") if text == "-" else values.text_value(text)
        sent.append({"type": "user.message", "content": [{"type": "text", "text": message}]})
    for given in event or ():
        sent += values.objects(given, name="--event")
    if not sent:
        raise UsageError("Nothing to send.", hint="Give a text, or an event with --event.")
    if dry_run:
        return preview(context, Call("sessions.events.send", (session,), {"events": sent}))
    session_id = context.resolve_id("sessions", session)
    answer = context.client.call("sessions.events.send", session_id, body={"events": sent})
    context.output.list("events", answer["data"] or ())


events.command("stream")(stream)

app = Commands("Sessions: an agent at work, with its events and threads.")
app.add(
    "list",
    call(
        "list",
        "sessions.list",
        "List sessions, the newest first.",
        "ant sessions list",
        "ant sessions list --agent reviewer --status running",
    ),
)
app.add("get", call("get", "sessions.retrieve", "Show a session.", "ant sessions get @last"), "retrieve")
app.add(
    "create",
    call(
        "create",
        "sessions.create",
        "Make a session.",
        "ant sessions create --agent reviewer --env tests",
        "ant sessions create --agent reviewer --env tests --title 'Nightly review'",
    ),
)
app.add(
    "update",
    call("update", "sessions.update", "Change title, metadata or tools.", "ant sessions update @last --title Done"),
)
app.add("archive", call("archive", "sessions.archive", "Archive a session.", "ant sessions archive @last"))
app.add("delete", call("delete", "sessions.delete", "Delete a session.", "ant sessions delete @last --yes"))
app.command("send")(send)
app.command("connect")(connect)
app.group("events", events, "event")
app.group("threads", threads, "thread")
app.group("resources", resources, "resource")
