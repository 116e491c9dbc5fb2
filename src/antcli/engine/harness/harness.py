"""The loop: wake on a session, read its log, ask the model, append, run tools, repeat (DESIGN.md 5.3, 5.4).

Nothing here must survive: whatever is needed to go on is in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from antcli.engine.clock import now, parse
from antcli.engine.harness.answer import NO_USAGE, Answer
from antcli.engine.harness.compaction import asking_for_summary, compacted
from antcli.engine.harness.control import Control, Interrupted, is_interrupted
from antcli.engine.harness.conversation import Conversations
from antcli.engine.harness.evaluation import Evaluations, begin_outcome, spend
from antcli.engine.harness.judging import Judge
from antcli.engine.harness.request import build
from antcli.engine.harness.steps import Step, is_read, next_calls, next_step
from antcli.engine.metrics import counters
from antcli.engine.providers.base import ModelError
from antcli.engine.sandbox.base import ToolResult
from antcli.engine.session import turns
from antcli.engine.session.events import event, internal, stamped
from antcli.engine.session.log import Decide, Draft, SessionLog
from antcli.engine.session.objects import has_hands, recipe
from antcli.engine.session.state import Call
from antcli.engine.store.base import Record, StorageError, Store
from antcli.engine.tools.builtin import validate_input
from antcli.engine.tools.mcp_names import McpTool
from antcli.prices import price_of

if TYPE_CHECKING:
    from antcli.engine.providers.registry import Providers
    from antcli.engine.resources.resources import Resources
    from antcli.engine.sandbox.pool import Sandboxes
    from antcli.engine.tools.mcp import McpFailure, McpServers

T = TypeVar("T")

_ERROR_TYPES = {
    "overloaded": "model_overloaded_error",
    "rate_limited": "model_rate_limited_error",
    "billing": "billing_error",
    "failed": "model_request_failed_error",
}
_LOST_CALL = "The call was interrupted: the engine stopped while it ran. It may have run, wholly or in part."
_BROKEN_CALL = "The engine failed to run this call. It may have run, wholly or in part."
_LARGEST_BACKOFF = 30.0
_STORAGE_PAUSE = 2.0
_LONGEST_WAIT = 120.0  # whatever an endpoint asks for
_MOST_ROUNDS = 500
_MESSAGES = ("user.message", "system.message")
_UNATTENDED_SECONDS = 5.0  # a silence before a wake that was not work

logger = logging.getLogger("antcli.engine")


class Harness:
    """Stateless but for a cache: one object serves all sessions. `retries` bounds the tries of one model request; a
    conversation of more than `context_tokens` is summarised before it goes on."""

    def __init__(
        self, store: Store, providers: Providers, sandboxes: Sandboxes, resources: Resources, mcp: McpServers,
        data_dir: Path, *, retries: int, context_tokens: int,
    ) -> None:  # fmt: skip
        self._store = store
        self._conversations = Conversations(store)
        self._judge = Judge(store, providers)
        self._evaluations = Evaluations(store, providers, sandboxes, data_dir)
        self._providers = providers
        self._sandboxes = sandboxes
        self._resources = resources
        self._mcp = mcp
        self._data_dir = data_dir
        self._retries = retries
        self._context_tokens = context_tokens

    async def run(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Bring the session on until it is idle or ended, or until it is to be parked.

        Raises FencedError when another harness has taken over, StorageError.
        """
        try:
            await self._recover(log, epoch)
            await self._go_on(log, epoch, control)
        finally:
            await self._mcp.end_run(log.id)

    async def _go_on(self, log: SessionLog, epoch: int, control: Control) -> None:
        # A call that is announced is run before parking: whoever finds it later must take it for lost.
        while not control.parking.is_set() or _is_announced(log):
            step = next_step(log.state)
            if step is Step.DONE:
                return
            with contextlib.suppress(Interrupted):  # the interrupt waits in the log: it is the next step
                await _STEPS[step](self, log, epoch, control)

    async def fail(self, log: SessionLog, epoch: int, message: str) -> None:
        """End the turn with an error of the engine itself."""
        if log.state.status in ("running", "rescheduling"):
            await self._end_turn(log, epoch, "unknown_error", message)

    async def _recover(self, log: SessionLog, epoch: int) -> None:
        """After a crash: close the open model request, answer calls whose hands may have moved. The time that nobody
        worked does not count as active."""
        since = log.state.latest
        unattended = log.state.running_since is not None and _seconds_since(since) > _UNATTENDED_SECONDS

        def decide(draft: Draft) -> None:
            if unattended:
                draft.add(internal("_resumed", draft.state.thread_id, {"since": since}))
            if not is_interrupted(log):  # else the interrupt closes it
                self._close_span(draft, lost=True)
            for call in list(draft.state.calls.values()):
                if call.started:
                    thread = draft.state.thread_id
                    draft.add(turns.tool_error(thread, call.id, _LOST_CALL, mcp=call.kind == "mcp"))

        if unattended or log.state.span is not None or _is_announced(log):
            await log.commit(decide, epoch=epoch)

    def _close_span(
        self, draft: Draft, *, is_error: bool | None = True, lost: bool = False, answer: Answer | None = None
    ) -> None:
        """`answer` is what came before the request failed: it was paid for."""
        if draft.state.span is not None:
            usage = answer.shown_usage() if answer else NO_USAGE
            ending = {"model_request_start_id": draft.state.span, "is_error": is_error, "model_usage": usage}
            data = {"lost": lost} | (answer.spent() if answer else {})
            draft.add(event("span.model_request_end", draft.state.thread_id, ending, data=data))
        elif answer is not None and draft.state.evaluation is not None:
            spend(draft, answer)

    # Steps

    async def _apply_interrupt(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Stop the turn; what was queued behind the interrupt becomes the next one (semantics.md 3.3)."""
        await self._collect(log)
        interrupts = await self._queued(log, "user.interrupt")
        # A turn that had not got to its own message yet is interrupted with it.
        own = [] if log.state.under_way else await self._queued(log, *_MESSAGES, before=interrupts[0].position)

        def decide(draft: Draft) -> None:
            self._close_span(draft, is_error=None)
            turns.refuse_open_calls(draft, turns.INTERRUPTED_CALL)
            outcome = draft.state.outcome
            if outcome is not None and outcome["position"] < interrupts[-1].position:
                turns.end_evaluation(draft, "interrupted", turns.INTERRUPTED_OUTCOME)
            draft.add(*(stamped(record) for record in [*own, *interrupts]))
            turns.stop(draft, turns.END_TURN)
            turns.start_queued(draft)

        await log.commit(decide, epoch=epoch)

    async def _run_tools(self, log: SessionLog, epoch: int, control: Control) -> None:
        calls = next_calls(log.state)
        unannounced = [call for call in calls if not is_read(call) and not call.started]
        if unannounced:
            thread = log.state.thread_id
            await log.commit(
                lambda draft: draft.add(*(internal("_call_started", thread, {"id": call.id}) for call in unannounced)),
                epoch=epoch,
            )
        if is_interrupted(log):
            raise Interrupted
        await control.race(log, self._run_all(log, epoch, calls))

    async def _run_all(self, log: SessionLog, epoch: int, calls: list[Call]) -> None:
        tasks = [asyncio.ensure_future(self._run_call(log, epoch, call)) for call in calls]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _run_call(self, log: SessionLog, epoch: int, call: Call) -> None:
        problem = validate_input(call.name, call.input) if call.kind == "builtin" else None
        if problem:
            result = ToolResult.text(problem, is_error=True)
        else:
            counters.tool_calls += 1
            try:
                result = await self._carry_out(log, call)
            except Exception as error:  # a broken hand is the call's misfortune, not the turn's
                logger.exception("%s: %s failed", log.id, call.name)
                result = ToolResult.text(f"{_BROKEN_CALL} ({type(error).__name__})", is_error=True)
        thread, mcp = log.state.thread_id, call.kind == "mcp"
        record = turns.tool_result(thread, call.id, result.content, is_error=result.is_error, mcp=mcp)

        def decide(draft: Draft) -> None:
            if call.id in draft.state.calls:
                draft.add(record)

        await _keep(log, decide, epoch)

    async def _carry_out(self, log: SessionLog, call: Call) -> ToolResult:
        if call.kind == "mcp":
            return await self._mcp.call(log.id, log.row.body, call.server, call.name, call.input)
        await self._resources.touch(log.row)
        return await self._sandboxes.execute(recipe(log.row, self._data_dir), call.name, call.input)

    async def _collect(self, log: SessionLog) -> None:
        """Take back what the hands left: who sees the session idle finds it all. Before the end of the turn, so that a
        turn that a crash cuts off here is ended again."""
        if has_hands(log.row.body["agent"]):
            await self._resources.collect(log.row)

    async def _wait(self, log: SessionLog, epoch: int, control: Control) -> None:
        await self._collect(log)

        def decide(draft: Draft) -> None:
            if next_step(draft.state) is Step.WAIT:
                turns.wait_for_client(draft)

        await log.commit(decide, epoch=epoch)

    async def _idle(self, log: SessionLog, epoch: int, control: Control) -> None:
        await self._collect(log)

        def decide(draft: Draft) -> None:
            if next_step(draft.state) is Step.IDLE:
                turns.stop(draft, turns.END_TURN)

        await log.commit(decide, epoch=epoch)

    async def _ask(self, log: SessionLog, epoch: int, control: Control) -> None:
        if log.state.owes and log.state.rounds >= _MOST_ROUNDS:  # else a new turn begins, which counts anew
            await self._end_turn(log, epoch, "tool_use_limit_reached_error", f"More than {_MOST_ROUNDS} tool rounds.")
            return
        if turns.is_used_up(log.row.body.get("budget"), log.state, now()):
            await self._pause_at_budget(log, epoch)
            return
        if log.state.context_tokens > self._context_tokens:
            await self._compact(log, epoch, control)
            return
        span = await self._begin_turn(log, epoch) if not log.state.owes else await self._begin_request(log, epoch, [])
        messages = await self._messages(log)
        answer = Answer(log.preview)
        answer.offered = await control.race(log, self._find_tools(log, epoch))
        if not await self._get_answer(log, epoch, control, messages, answer):
            return
        judge = await self._judge_calls(log, epoch, control, answer)
        if not answer.needs_hands(log.row.body["agent"]):
            await self._collect(log)

        def decide(draft: Draft) -> None:
            if draft.state.span != span:  # a write that seemed to fail was none the less made
                return
            answer.record(draft, log.row.body["agent"], span)
            if judge is not None:
                draft.add(internal("_judged", draft.state.thread_id, {"usage": judge.usage} | judge.spent()))
            if answer.stop_reason == "refusal":
                turns.refuse_open_calls(draft, "The model refused.")
                turns.end_evaluation(draft, "failed", "The model refused.")
                turns.stop(draft, {"type": "refusal"}, _refusal_details(answer))
                turns.start_queued(draft)
            elif next_step(draft.state) is Step.IDLE:
                turns.stop(draft, turns.END_TURN)
            elif next_step(draft.state) is Step.WAIT:
                turns.wait_for_client(draft)

        await _keep(log, decide, epoch)

    async def _find_tools(self, log: SessionLog, epoch: int) -> dict[str, McpTool]:
        """What the agent's MCP servers offer; a server that fails is told of, and the turn goes on without it."""
        tools, failures = await self._mcp.tools(log.id, log.row.body)
        if failures:
            errors = [_mcp_error(failure) for failure in failures]
            thread = log.state.thread_id
            await log.commit(
                lambda draft: draft.add(*(event("session.error", thread, {"error": error}) for error in errors)),
                epoch=epoch,
            )
        return tools

    async def _judge_calls(self, log: SessionLog, epoch: int, control: Control, answer: Answer) -> Answer | None:
        """Have the calls judged whose policy is `auto`; the judge's answer, if it was asked. Raises Interrupted."""
        open_calls = answer.open_calls(log.row.body["agent"])
        if not open_calls:
            return None
        judge = Answer(lambda type, data: None)
        try:
            answer.judged = await control.race(log, self._judge.decide(log, open_calls, judge))
        except Interrupted:
            await log.commit(lambda draft: self._close_span(draft, is_error=None, answer=answer), epoch=epoch)
            raise
        return judge

    async def _pause_at_budget(self, log: SessionLog, epoch: int) -> None:
        """What the model owes stays owed, what is queued stays queued: a higher budget resumes it."""

        def decide(draft: Draft) -> None:
            if next_step(draft.state) in (Step.MODEL, Step.GRADE) and turns.is_used_up(
                draft.budget, draft.state, now()
            ):
                turns.stop(draft, turns.BUDGET_REACHED)

        await log.commit(decide, epoch=epoch)

    async def _messages(self, log: SessionLog) -> list[dict[str, Any]]:
        """The conversation as the model is shown it: with the contents of the files that it refers to."""
        conversation = await self._conversations.of(log)
        if not conversation.has_files or self._resources.contents is None:
            return conversation.messages
        return await self._resources.contents.fill(conversation.messages)

    async def _compact(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Have the conversation summarised; the summary and the unanswered input are what the model is shown next."""
        span = await self._begin_request(log, epoch, [])
        messages = list((await self._conversations.of(log)).messages)
        answer = Answer(lambda type, data: None)
        if not await self._get_answer(log, epoch, control, asking_for_summary(await self._messages(log)), answer):
            return
        if not answer.text():
            problem = "The model did not summarise the conversation, which is too long to go on."
            await self._end_turn(log, epoch, "compaction_limit_reached_error", problem, answer)
            return

        def decide(draft: Draft) -> None:
            if draft.state.span == span:
                ending = {"model_request_start_id": span, "is_error": False, "model_usage": answer.shown_usage()}
                thread, shown = draft.state.thread_id, compacted(messages, answer.text())
                data = {"summary": True} | answer.spent()
                draft.add(event("span.model_request_end", thread, ending, data=data))
                draft.add(event("agent.thread_context_compacted", thread, data={"messages": shown}))

        await _keep(log, decide, epoch)

    async def _grade(self, log: SessionLog, epoch: int, control: Control) -> None:
        if turns.is_used_up(log.row.body.get("budget"), log.state, now()):
            await self._pause_at_budget(log, epoch)
            return
        if log.state.status == "rescheduling":
            await log.commit(lambda draft: turns.start(draft), epoch=epoch)
        await self._collect(log)
        said = await self._messages(log)
        answer = Answer(lambda type, data: None)
        try:
            await self._evaluations.step(log, epoch, control, answer, said)
        except ModelError as error:
            await self._handle_failure(log, epoch, control, error, answer)

    async def _get_answer(
        self, log: SessionLog, epoch: int, control: Control, messages: list[dict[str, Any]], answer: Answer
    ) -> bool:
        """Let the model fill `answer`; False when it failed, which is dealt with. Raises Interrupted."""
        if is_interrupted(log):
            raise Interrupted
        try:
            await control.race(log, self._stream(log, messages, answer))
        except ModelError as error:
            await self._handle_failure(log, epoch, control, error, answer)
            return False
        except Interrupted:
            if answer.usage != NO_USAGE:
                await log.commit(lambda draft: self._close_span(draft, is_error=None, answer=answer), epoch=epoch)
            raise
        return True

    async def _begin_turn(self, log: SessionLog, epoch: int) -> str:
        """Begin with what is queued, and with the outcome that the client has defined."""
        first = [stamped(record) for record in await self._queued(log, *_MESSAGES)]
        if log.state.has_new_outcome:
            first.append(begin_outcome(log.state, await self._evaluations.rubric(log)))
        return await self._begin_request(log, epoch, first)

    async def _begin_request(self, log: SessionLog, epoch: int, first: list[Record]) -> str:
        """Add the records `first` and open the span of a model request; its event id."""
        start = event("span.model_request_start", log.state.thread_id)

        def decide(draft: Draft) -> None:
            if draft.state.status == "rescheduling":
                turns.start(draft)
            draft.add(*first, start)

        await log.commit(decide, epoch=epoch)
        return start.event_id

    async def _stream(self, log: SessionLog, messages: list[dict[str, Any]], answer: Answer) -> None:
        agent = log.row.body["agent"]
        provider, model = await self._providers.resolve(agent["model"]["id"])
        answer.price = price_of(await self._providers.priced_as(agent["model"]["id"]) or "")
        notes, offered = self._resources.notes(log.row.body), answer.offered.values()
        request = build(
            log.id, log.state, agent, messages, model, notes, offered=offered,
            self_hosted=bool(log.row.body.get("self_hosted")),
        )  # fmt: skip
        counters.model_requests += 1
        async with contextlib.aclosing(provider.stream(request)) as items:
            async for item in items:
                answer.take(item)

    async def _handle_failure(
        self, log: SessionLog, epoch: int, control: Control, error: ModelError, answer: Answer
    ) -> None:
        again = error.retryable and log.state.failures < self._retries
        if not again:
            await self._end_turn(log, epoch, _ERROR_TYPES[error.kind], error.message, answer, terminal=error.fatal)
            return

        def decide(draft: Draft) -> None:
            self._close_span(draft, answer=answer)
            draft.add(_error(draft, _ERROR_TYPES[error.kind], error.message, "retrying"))
            turns.reschedule(draft)

        delay = error.retry_after
        if delay is None:
            delay = min(_LARGEST_BACKOFF, 0.5 * 2**log.state.failures) * random.uniform(0.75, 1.0)
        delay = min(delay, _LONGEST_WAIT)
        await log.commit(decide, epoch=epoch)
        await control.race(log, _pause(delay, control.parking))

    async def _end_turn(
        self, log: SessionLog, epoch: int, error_type: str, message: str, answer: Answer | None = None, *,
        terminal: bool = False,
    ) -> None:  # fmt: skip
        """The turn is dead: say why, flush what was queued, go idle; a terminal error ends the session."""
        await self._collect(log)
        flushed = await self._queued(log)

        def decide(draft: Draft) -> None:
            self._close_span(draft, answer=answer)
            turns.refuse_open_calls(draft, _LOST_CALL)
            turns.end_evaluation(draft, "failed", f"The turn ended before the outcome was met: {message}")
            draft.add(*(stamped(record, {"flushed": True}) for record in flushed))
            if terminal:
                draft.add(_error(draft, error_type, message, "terminal"))
                turns.terminate(draft)
                return
            draft.add(_error(draft, error_type, message, "exhausted"))
            turns.stop(draft, {"type": "retries_exhausted"})
            turns.start_queued(draft)  # what came after the failure starts afresh

        await log.commit(decide, epoch=epoch)

    async def _queued(self, log: SessionLog, *types: str, before: int | None = None) -> list[Record]:
        items = log.state.queued(*types) if types else log.state.queue
        positions = [item.position for item in items if before is None or item.position < before]
        found = [await self._store.record(log.id, position) for position in positions]
        return [record for record in found if record is not None]


_STEPS = {
    Step.INTERRUPT: Harness._apply_interrupt,
    Step.TOOLS: Harness._run_tools,
    Step.WAIT: Harness._wait,
    Step.MODEL: Harness._ask,
    Step.GRADE: Harness._grade,
    Step.IDLE: Harness._idle,
}


def _is_announced(log: SessionLog) -> bool:
    return any(call.started for call in log.state.calls.values())


def _error(draft: Draft, type: str, message: str, retry_status: str) -> Record:
    error = {"type": type, "message": message, "retry_status": {"type": retry_status}}
    return event("session.error", draft.state.thread_id, {"error": error})


def _mcp_error(failure: McpFailure) -> dict[str, Any]:
    """`retrying`: the server is tried again when the session runs the next time."""
    return {
        "type": f"mcp_{failure.kind}_failed_error",
        "message": failure.message,
        "mcp_server_name": failure.server,
        "retry_status": {"type": "retrying"},
    }


async def _keep(log: SessionLog, decide: Decide, epoch: int) -> None:
    """Commit what cannot be had a second time: a call's result, an answer. A full disk is waited for.

    Raises FencedError, RequestError; cancelling ends the wait.
    """
    while True:
        try:
            await log.commit(decide, epoch=epoch)
            return
        except StorageError as error:
            logger.error("%s: %s It is tried again.", log.id, error)
            await asyncio.sleep(_STORAGE_PAUSE)


def _refusal_details(answer: Answer) -> dict[str, Any]:
    details = answer.stop_details or {}
    return {"type": "refusal", "category": details.get("category"), "explanation": details.get("explanation")}


def _seconds_since(moment: str) -> float:
    return (parse(now()) - parse(moment)).total_seconds()


async def _pause(seconds: float, parking: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await parking.wait()
