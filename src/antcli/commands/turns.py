"""One turn of a session as a command performs it: the view that suits the streams, the questions, the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from antcli.client.drive import Approval
from antcli.client.turn import Event, Turn
from antcli.errors import ExitCode, UsageError
from antcli.output.failures import Failure

if TYPE_CHECKING:
    from antcli.client.drive import Drive, Ending, Questions, View
    from antcli.context import Context

Stage = Callable[[Turn], "AbstractContextManager[tuple[View, Questions | None]]"]  # made for each turn

APPROVALS: tuple[Approval, ...] = ("ask", "all", "none")


def perform(
    context: Context, session_id: str, events: list[Event], *, approve: Approval = "ask", deadline: float | None = None,
    header: str = "", hint: str = "Ctrl-C interrupts", fresh: bool = False, stage: Stage | None = None,
    begun: Callable[[Drive], None] | None = None,
) -> tuple[Turn, Ending]:  # fmt: skip
    """Send the events and follow the session to the end of the turn they start; without any, of the one under way.

    A `fresh` session has no turn before this one. `stage` makes the view and the questions where they are not those
    that suit the streams; `begun` gets the drive before it runs.
    """
    from antcli.client.drive import Drive
    from antcli.commands.wait import how_it_stands

    collect_garbage_again()
    client, turn = context.client, Turn()

    def opening() -> Turn | None:
        if not events:
            return how_it_stands(client, session_id)
        sent = client.call("sessions.events.send", session_id, body={"events": events})
        turn.own = frozenset(str(event["id"]) for event in sent.get("data") or ())
        return None

    if events and not fresh:  # until our message is in, an idle is somebody else's
        turn.begin_with_own()
    with stage(turn) if stage else _view(context, turn, header, hint) as (view, questions):
        drive = Drive(
            client, session_id, turn=turn, view=view, opening=opening, approve=approve, questions=questions,
            deadline=deadline, before_reconnect=keep_engine(context),
        )  # fmt: skip
        if begun is not None:
            begun(drive)
        ending = drive.run()
        finish = getattr(view, "finish", None)
        if finish is not None:
            finish()
    return turn, ending


@contextmanager
def _view(context: Context, turn: Turn, header: str, hint: str) -> Iterator[tuple[View, Questions | None]]:
    """Live on the terminal that there is: stdout, else stderr without the answer; else none."""
    from antcli.output.event_lines import EventLines, Silence

    terminal, format = context.terminal, context.output.format
    if format == "jsonl":
        with context.output.one_by_one("events") as show:
            yield EventLines(terminal.stdout, show), None
        return
    on_stdout = terminal.live and format == "auto"
    on_stderr = not terminal.stdout_is_terminal and terminal.stderr_is_terminal and not context.output.quiet
    drawable = not terminal.coding_agent and context.environ.get("TERM") != "dumb"
    if not drawable or not (on_stdout or on_stderr):
        yield Silence(), None
        return

    from antcli.output.keyboard import Keyboard
    from antcli.output.live import Live
    from antcli.output.questions import TerminalQuestions
    from antcli.output.restoring import no_echo
    from antcli.output.surface import surface
    from antcli.output.text import DIM

    live = Live(surface(terminal, stderr=not on_stdout), turn, show_answer=on_stdout)
    live.hint = hint
    if header:
        live.say(header, DIM)
    with ExitStack() as stack:
        stack.callback(live.close)
        questions = None
        if terminal.stdin_is_terminal:
            stack.enter_context(no_echo(terminal.stdin))
            questions = TerminalQuestions(live, Keyboard(terminal.stdin.fileno()))
        yield live, questions


def shows_answer(context: Context) -> bool:
    """The live view has put the answer on the screen already."""
    return context.terminal.live and context.output.format == "auto"


def report(context: Context, session_id: str, turn: Turn, ending: Ending) -> None:
    """Say on stderr why the turn did not end well, and the command that goes on from here."""
    failure = failure_of(session_id, turn, ending)
    if failure is not None:
        context.output.error(failure)


def failure_of(session_id: str, turn: Turn, ending: Ending) -> Failure | None:
    """Why the turn did not end well, and what to do; None when it did."""
    code = ending.exit_code
    if code == ExitCode.OK:
        return None
    if code == ExitCode.REQUIRES_ACTION:
        message, hint = action_needed(session_id, turn)
    else:
        message = ending.message or f"The turn ended with {turn.reason}."
        hint = _way_on(session_id, turn, code)
    return Failure(message, hint, code, type=_error_type(turn, code))


def _way_on(session_id: str, turn: Turn, code: ExitCode) -> str:
    if turn.status in ("terminated", "deleted"):
        return ""
    go_on = f'Go on with `ant run --session {session_id} "..."`.'
    if code == ExitCode.BUDGET_REACHED:
        more = '{type: limit, max_list_cost: {amount: "CENTS", currency: USD}}'
        return f"Raise it: `ant sessions update {session_id} --budget {shlex.quote(more)}`.\n{go_on}"
    return go_on


def action_needed(session_id: str, turn: Turn) -> tuple[str, str]:
    """What the session waits for, and the commands that answer."""
    from antcli.output.foreign import harmless
    from antcli.output.text import cut
    from antcli.output.tool_calls import name_of, short_input

    def described(call: Event) -> str:
        if "type" not in call:
            return str(call["id"])
        return cut(harmless(f"{name_of(call)} {short_input(call)}").strip().replace("\n", " "), 200)

    pending = turn.pending
    message = "The session waits for an answer to: " + "; ".join(described(call) for call in pending) + "."
    asked = [call["id"] for call in pending if call in turn.asked or "type" not in call]
    if asked:
        ids = " ".join(asked)
        return message, f"Allow: `ant approve {session_id} {ids}`.\nRefuse: `ant deny {session_id} {ids}`."
    if pending and pending[0].get("type") == "agent.tool_use":
        return message, f"A worker of its environment answers; follow it: `ant logs {session_id} --follow`."
    result = "{type: user.custom_tool_result, custom_tool_use_id: %s, content: [{type: text, text: RESULT}]}"
    event = shlex.quote(result % pending[0]["id"]) if pending else "EVENT"
    return message, f"Send its result: ant sessions events send {session_id} --event {event}"


def checked_approval(text: str) -> Approval:
    """The value of --approve. Raises UsageError."""
    for known in APPROVALS:
        if text == known:
            return known
    raise UsageError(f"--approve: {text!r} is none of {', '.join(APPROVALS)}.")


def deadline_after(text: str | None) -> float | None:
    """The moment on the monotonic clock when `--timeout` runs out."""
    from antcli.commands.durations import seconds

    return None if text is None else time.monotonic() + seconds(text, "--timeout")


def _error_type(turn: Turn, code: ExitCode) -> str:
    match code:
        case ExitCode.TIMED_OUT:
            return "timeout"
        case ExitCode.INTERRUPTED:
            return "interrupted"
    return turn.reason or turn.status


def collect_garbage_again() -> None:
    """The entry point turned collection off for short commands; this one may last."""
    import gc

    gc.freeze()
    gc.enable()


def keep_engine(context: Context) -> Callable[[], None] | None:
    """For `before_reconnect`: a local engine that is gone is started again, so that its sessions go on."""
    if context.server.kind != "local":
        return None

    def ensure() -> None:
        from antcli.engine import daemon

        daemon.ensure(context.engine_settings, notice=lambda _: None)

    return ensure
