"""`ant chat`: a conversation with an agent on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.commands.options import AgentOpt, EnvOpt
from antcli.commands.run import ApproveOpt, ContinueOpt, ModelOpt, SystemOpt
from antcli.context import current
from antcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.drive import Approval
    from antcli.context import Context

_LEAVING = ("/exit", "/quit")
_SHOWN_EVENTS = 12  # of a session that is taken up again

SessionOpt = Annotated[
    str | None, typer.Option("--session", "-s", metavar="SESSION", help="Go on with this session.", show_default=False)
]


@examples("ant chat", "ant chat --agent reviewer", "ant chat --continue")
def chat(
    agent: AgentOpt = None,
    env: EnvOpt = None,
    model: ModelOpt = None,
    system: SystemOpt = None,
    session: SessionOpt = None,
    continue_: ContinueOpt = False,
    approve: ApproveOpt = "ask",
) -> int:
    """Talk with an agent. Ctrl-C stops its turn, Ctrl-D or /exit leaves; the session stays."""
    from antcli.commands.starting import Wish, start
    from antcli.commands.turns import checked_approval

    context = current()
    approval = checked_approval(approve)
    if not context.interactive or not context.terminal.live:
        raise UsageError(
            "`ant chat` needs a terminal.", hint='Without one: `ant run "task"`, and `ant run --continue`.'
        )
    if session and continue_:
        raise UsageError("--session and --continue exclude each other.")
    existing = session or ("@last" if continue_ else None)
    if existing:
        if agent or env or model or system:
            raise UsageError("--agent, --env, --model and --system are for new sessions.")
        session_id = context.resolve_id("sessions", existing)
        _take_up(context, session_id, approval)
    else:
        started = start(context, Wish(agent=agent, environment=env, model=model, system=system, title="Chat"), [])
        session_id = started.session_id
        context.output.notice(started.header)
    _converse(context, session_id, approval)
    context.output.notice(f"The session stays. Go on with `ant chat --session {session_id}`.")
    return ExitCode.OK


def _converse(context: Context, session_id: str, approval: Approval) -> None:
    from antcli.client.launch import user_message
    from antcli.commands.turns import keep_engine, perform, report

    line = _input_line(context)
    ensure_engine = keep_engine(context)
    while True:
        try:
            text = line.prompt("> ").strip()
        except KeyboardInterrupt:  # an unfinished line is thrown away, as in a shell
            continue
        except EOFError:
            return
        if text in _LEAVING:
            return
        if not text:
            continue
        if ensure_engine is not None:
            ensure_engine()  # the last turn may be long ago
        turn, ending = perform(context, session_id, [user_message(text)], approve=approval)
        if ending.exit_code != ExitCode.INTERRUPTED:
            report(context, session_id, turn, ending)
        if turn.status in ("terminated", "deleted"):
            return


def _take_up(context: Context, session_id: str, approval: Approval) -> None:
    """Show the end of what was said, and go on with a turn that is under way or waits for an answer."""
    from antcli.commands.turns import perform, report
    from antcli.commands.wait import how_it_stands
    from antcli.output.transcript import Transcript

    query = {"order": "desc", "limit": _SHOWN_EVENTS, "types": ["user.message", "agent.message", "agent.tool_use"]}
    recent = list(context.client.pages("sessions.events.list", session_id, query=query, limit=_SHOWN_EVENTS))
    transcript = Transcript()
    for event in reversed(recent):
        for line in transcript.lines(event):
            context.output.text(line)
    turn = how_it_stands(context.client, session_id)
    if turn.status in ("running", "rescheduling") or turn.reason == "requires_action":
        turn, ending = perform(context, session_id, [], approve=approval)
        report(context, session_id, turn, ending)


def _input_line(context: Context) -> Any:
    """A line with history and editing; the history is kept in the data directory, for this user only."""
    import os

    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    from antcli.profiles.paths import data_dir

    folder = data_dir(context.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "chat_history"
    os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    return PromptSession(history=FileHistory(os.fspath(path)))
