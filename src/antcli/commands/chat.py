"""`ant chat`: a conversation with an agent on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.options import AgentOpt, EnvOpt
from antcli.commands.run import ApproveOpt, ContinueOpt, ModelOpt, SystemOpt
from antcli.context import current
from antcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.drive import Approval
    from antcli.context import Context

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
    """Talk with an agent. Type ahead while it works; Esc or Ctrl-C stops its turn, Ctrl-D or /exit leaves.

    Alt+Enter or Ctrl-J begins a new line. /help shows what else can be typed. The session stays when you leave.
    """
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
        resume = take_up(context, session_id)
    else:
        started = start(context, Wish(agent=agent, environment=env, model=model, system=system, title="Chat"), [])
        session_id, resume = started.session_id, False
        context.output.notice(started.header)
    take_part(context, session_id, approval, resume=resume)
    return ExitCode.OK


def take_part(
    context: Context, session_id: str, approval: Approval, *, resume: bool, whole: bool = False
) -> None:  # fmt: skip
    """The conversation until the person leaves. `whole` leaves nothing out of results."""
    from antcli.commands.conversation import Conversation

    conversation = Conversation(context, session_id, approval, whole=whole)
    conversation.run(resume=resume)
    if conversation.at_work:
        hint = f"Watch it with `ant logs -f {session_id}`, go on with `ant chat --session {session_id}`."
        context.output.notice(f"The session is still at work. {hint}")
    else:
        context.output.notice(f"The session stays. Go on with `ant chat --session {session_id}`.")


def take_up(context: Context, session_id: str, *, events: int = _SHOWN_EVENTS, whole: bool = False) -> bool:
    """Show the end of what was said; True when a turn is under way or waits for an answer."""
    from antcli.commands.streams import printer
    from antcli.commands.wait import how_it_stands

    query = {"order": "desc", "limit": events, "types": ["user.message", "agent.message", "agent.tool_use"]}
    recent = list(context.client.pages("sessions.events.list", session_id, query=query, limit=events))
    with printer(context, whole=whole, as_text=True) as show:
        for event in reversed(recent):
            show(event)
    turn = how_it_stands(context.client, session_id)
    return turn.status in ("running", "rescheduling") or turn.reason == "requires_action"
