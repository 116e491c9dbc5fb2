"""`ant run`: give an agent a task, follow it to its end, print the answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.attachments import FilesOpt, OutputsOpt
from antcli.commands.base import examples
from antcli.commands.options import AgentOpt, DryRunOpt, EnvOpt, TimeoutOpt
from antcli.context import current
from antcli.errors import ApiError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.drive import Ending
    from antcli.client.turn import Turn
    from antcli.commands.starting import Wish
    from antcli.context import Context

ModelOpt = Annotated[
    str | None, typer.Option("--model", "-m", metavar="MODEL", help="Model of this session, also script:FILE and demo.")
]
SystemOpt = Annotated[
    str | None, typer.Option("--system", metavar="TEXT", help="System prompt of this session: text or @file.")
]
SessionOpt = Annotated[
    str | None, typer.Option("--session", "-s", metavar="SESSION", help="Send the task to this session.")
]
ContinueOpt = Annotated[bool, typer.Option("--continue", "-c", help="Send the task to the last session (@last).")]
TaskArg = Annotated[
    str | None, typer.Argument(metavar="[TASK]", help="Text, @file, or - for stdin.", show_default=False)
]
TitleOpt = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Title of the session.")]
DetachOpt = Annotated[bool, typer.Option("--detach", "-d", help="Print the session's id and leave it at work.")]
OutputLastOpt = Annotated[
    str | None, typer.Option("--output-last", metavar="FILE", help="Write the last message of the agent there too.")
]
ApproveOpt = Annotated[
    str, typer.Option("--approve", metavar="ask|all|none", help="What to do when a tool call asks for permission.")
]


OutcomeOpt = Annotated[
    str | None,
    typer.Option("--outcome", metavar="RUBRIC", help="Work until the result meets this: text or @file; exit 8 if not."),
]
BudgetOpt = Annotated[
    str | None, typer.Option("--budget", metavar="USD", help="Most that this session may cost, as 2.50; exit 9 there.")
]


@examples(
    'ant run "Write a haiku about sandboxes into haiku.txt"',
    'git diff | ant run "Review this change" --agent reviewer',
    "ant run @task.md --timeout 10m --output-last answer.md",
    'ant run --continue "And now the tests"',
    'ant run "Tidy up" --detach',
    'ant run "Write the report" --outcome @rubric.md --budget 2.50',
    'ant run "Draw the sales by region" --file sales.csv --outputs charts/',
)
def run(
    task: TaskArg = None,
    agent: AgentOpt = None,
    env: EnvOpt = None,
    model: ModelOpt = None,
    system: SystemOpt = None,
    title: TitleOpt = None,
    file: FilesOpt = None,
    outputs: OutputsOpt = None,
    session: SessionOpt = None,
    continue_: ContinueOpt = False,
    outcome: OutcomeOpt = None,
    budget: BudgetOpt = None,
    approve: ApproveOpt = "ask",
    timeout: TimeoutOpt = None,
    detach: DetachOpt = False,
    output_last: OutputLastOpt = None,
    dry_run: DryRunOpt = False,
) -> int:
    """Give an agent a task and print its answer.

    On a terminal you watch it work; in a pipe stdout is the answer and nothing else. The exit code says how it ended.
    """
    from antcli.client.launch import user_message
    from antcli.commands import attachments, goals, starting
    from antcli.commands.downloads import whole_file
    from antcli.commands.tasks import read_task
    from antcli.commands.turns import checked_approval, deadline_after, perform, report

    context = current()
    approval = checked_approval(approve)
    deadline = deadline_after(timeout)
    if session and continue_:
        raise UsageError("--session and --continue exclude each other.")
    existing = session or ("@last" if continue_ else None)
    if existing and (agent or env or model or system or title or budget):
        raise UsageError("--agent, --env, --model, --system, --title and --budget are for new sessions.")
    if detach and (timeout or output_last or outputs or approve != "ask"):
        raise UsageError(
            "--timeout, --output-last, --outputs and --approve need someone who follows: not with --detach."
        )
    limit = None if budget is None else goals.budget(budget)
    if output_last:
        check_folder(output_last)
    if outputs:
        attachments.check_outputs(outputs)
    files = attachments.checked(file or ())
    events = [user_message(read_task(context, task))]
    if outcome is not None:
        events = [goals.outcome(outcome, task=events[0])]
    wish = starting.Wish(
        agent=agent, environment=env, model=model, system=system, title=title, budget=limit, files=files
    )
    if dry_run:
        return _preview(context, existing, wish, events, detach=detach)
    if existing:
        session_id = context.resolve_id("sessions", existing)
        header = f"session {session_id}"
        places = attachments.add(context, session_id, files)
    else:
        started = starting.start(context, wish, events, at_once=detach and not files)
        session_id, header, places = started.session_id, started.header, started.files
    events = [attachments.told(event, places) for event in events]
    if detach and (existing or files):
        context.client.call("sessions.events.send", session_id, body={"events": events})
    if detach:
        _print_detached(context, session_id)
        return ExitCode.OK
    try:
        turn, ending = perform(
            context, session_id, events, approve=approval, deadline=deadline, header=header, fresh=not existing
        )
    except ApiError as error:
        if not existing:
            starting.undo(context, session_id, error)
        waiting = _how_it_waits(context, session_id, error) if existing else None
        if waiting is None:
            raise
        report(context, session_id, *waiting)
        return ExitCode.REQUIRES_ACTION
    finished = ending.exit_code in (ExitCode.OK, ExitCode.OUTCOME_NOT_MET)
    print_result(context, session_id, turn, ending, finished)
    if output_last and finished:
        with whole_file(output_last, force=True) as written:
            written.write(turn.answer.encode(errors="replace"))
    if outputs and finished:
        attachments.fetch(context, session_id, outputs)
    report(context, session_id, turn, ending)
    return ending.exit_code


def _preview(context: Context, session: str | None, wish: Wish, events: list[dict[str, Any]], *, detach: bool) -> int:
    """Shows what would be sent: a new session, if there is none, and the task."""
    from antcli.commands.attachments import NEW_FILE, UPLOADS, resource, told
    from antcli.commands.dry_run import NEW, Call, preview
    from antcli.commands.files import upload_call
    from antcli.commands.starting import draft

    calls = [upload_call(path, None, {}) for path in wish.files]
    if session is not None:
        calls += [Call("sessions.resources.add", (session,), resource(path, NEW_FILE)) for path in wish.files]
    else:
        calls.append(Call("sessions.create", (), draft(context, wish, events, at_once=detach and not wish.files)))
    if session is not None or wish.files or not detach:
        places = [f"{UPLOADS}/{os.path.basename(path)}" for path in wish.files]
        events = [told(event, places) for event in events]
        calls.append(Call("sessions.events.send", (session or NEW,), {"events": events}))
    preview(context, *calls)
    return ExitCode.OK


def _how_it_waits(context: Context, session_id: str, error: ApiError) -> tuple[Turn, Ending] | None:
    """How the session stands when it refused our message because it waits for an answer."""
    from antcli.client.drive import Ending
    from antcli.commands.wait import how_it_stands

    if error.status not in (400, 409):
        return None
    turn = how_it_stands(context.client, session_id)
    return (turn, Ending(ExitCode.REQUIRES_ACTION, "", 0.0)) if turn.reason == "requires_action" else None


def _print_detached(context: Context, session_id: str) -> None:
    if context.output.format in ("json", "jsonl", "yaml"):
        context.output.object("sessions", {"session_id": session_id})
    else:
        context.output.text(session_id)


def print_result(context: Context, session_id: str, turn: Turn, ending: Ending, finished: bool) -> None:
    """What stdout gets in the end: the answer, or with a format for programs the result object."""
    from antcli.commands.turns import shows_answer

    output = context.output
    match output.format:
        case "jsonl":
            return  # every event is out already
        case "id":
            output.text(session_id)
        case "json" | "yaml" | "table" | "csv":
            output.object("results", result_object(session_id, turn, ending))
        case _ if finished and turn.answer and not shows_answer(context):
            answer = turn.answer
            if context.terminal.stdout_is_terminal:
                from antcli.output.foreign import harmless

                answer = harmless(answer)
            output.text(answer, end="" if answer.endswith("\n") else "\n")


def result_object(session_id: str, turn: Turn, ending: Ending) -> dict[str, Any]:
    """The result of a run for programs: a contract, change it only with a changelog line."""
    result: dict[str, Any] = {
        "session_id": session_id,
        "status": turn.status,
        "stop_reason": turn.reason,
        "answer": turn.answer,
        "usage": turn.usage,
        "duration_seconds": round(ending.seconds, 3),
        "exit_code": int(ending.exit_code),
    }
    if turn.pending:
        result["pending"] = [{key: call.get(key) for key in ("id", "name", "input")} for call in turn.pending]
    if ending.message:
        result["message"] = ending.message
    return result


def check_folder(path: str) -> None:
    """Raises UsageError when no file can be written there: better before the work than after it."""
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--output-last: {path} cannot be written.")
