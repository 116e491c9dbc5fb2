"""The loop: wake on a session, read its log, ask the model, append, run tools, repeat (DESIGN.md 5.3, 5.4).

Nothing here must survive: whatever is needed to go on is in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from antcli.engine.clock import now, parse
from antcli.engine.harness.answer import Answer
from antcli.engine.harness.control import Control, Interrupted, is_interrupted
from antcli.engine.harness.evaluation import Evaluations
from antcli.engine.harness.model_requests import MESSAGES, ModelRequests
from antcli.engine.harness.steps import Step, is_read, next_calls, next_step
from antcli.engine.harness.turn_ends import LOST_CALL, TurnEnds, close_span
from antcli.engine.metrics import counters
from antcli.engine.providers.base import ModelError
from antcli.engine.sandbox.base import ToolResult
from antcli.engine.session import turns
from antcli.engine.session.events import internal, stamped
from antcli.engine.session.log import Draft, SessionLog
from antcli.engine.session.objects import recipe
from antcli.engine.session.state import Call
from antcli.engine.store.base import Store
from antcli.engine.tools.builtin import validate_input

if TYPE_CHECKING:
    from antcli.engine.providers.registry import Providers
    from antcli.engine.resources.resources import Resources
    from antcli.engine.sandbox.pool import Sandboxes
    from antcli.engine.tools.mcp import McpServers

_BROKEN_CALL = "The engine failed to run this call. It may have run, wholly or in part."
_UNATTENDED_SECONDS = 5.0  # a silence before a wake that was not work

logger = logging.getLogger("antcli.engine")


class Harness:
    """Stateless but for a cache: one object serves all sessions. `retries` bounds the tries of one model request; a
    conversation of more than `context_tokens` is summarised before it goes on."""

    def __init__(
        self, store: Store, providers: Providers, sandboxes: Sandboxes, resources: Resources, mcp: McpServers,
        data_dir: Path, *, retries: int, context_tokens: int,
    ) -> None:  # fmt: skip
        self._sandboxes = sandboxes
        self._resources = resources
        self._mcp = mcp
        self._data_dir = data_dir
        self._ends = TurnEnds(store, resources, retries=retries)
        self._evaluations = Evaluations(store, providers, sandboxes, data_dir)
        self._requests = ModelRequests(
            store, providers, resources, mcp, self._evaluations, self._ends, context_tokens=context_tokens
        )

    async def run(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Bring the session on until it is idle or ended, or until it is to be parked.

        Raises FencedError when another harness has taken over, StorageError.
        """
        try:
            await self._recover(log, epoch)
            await self._go_on(log, epoch, control)
        finally:
            self._sandboxes.end_turn(log.id)
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
            await self._ends.fail(log, epoch, "unknown_error", message)

    async def _recover(self, log: SessionLog, epoch: int) -> None:
        """After a crash: close the open model request, answer calls whose hands may have moved. The time that nobody
        worked does not count as active."""
        since = log.state.latest
        unattended = log.state.running_since is not None and _seconds_since(since) > _UNATTENDED_SECONDS

        def decide(draft: Draft) -> None:
            if unattended:
                draft.add(internal("_resumed", draft.state.thread_id, {"since": since}))
            if not is_interrupted(log):  # else the interrupt closes it
                close_span(draft, lost=True)
            for call in list(draft.state.calls.values()):
                if call.started:
                    thread = draft.state.thread_id
                    draft.add(turns.tool_error(thread, call.id, LOST_CALL, mcp=call.kind == "mcp"))

        if unattended or log.state.span is not None or _is_announced(log):
            await log.commit(decide, epoch=epoch)

    # Steps

    async def _apply_interrupt(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Stop the turn; what was queued behind the interrupt becomes the next one (semantics.md 3.3)."""
        await self._ends.collect(log)
        interrupts = await self._ends.queued(log, "user.interrupt")
        # A turn that had not got to its own message yet is interrupted with it.
        own = [] if log.state.under_way else await self._ends.queued(log, *MESSAGES, before=interrupts[0].position)

        def decide(draft: Draft) -> None:
            close_span(draft, is_error=None)
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

        await log.keep(decide, epoch)

    async def _carry_out(self, log: SessionLog, call: Call) -> ToolResult:
        if call.kind == "mcp":
            return await self._mcp.call(log.id, log.row.body, call.server, call.name, call.input)
        await self._resources.touch(log.row)
        return await self._sandboxes.execute(
            recipe(log.row, self._data_dir), call.name, call.input, used_before=log.state.used_hands
        )

    async def _wait(self, log: SessionLog, epoch: int, control: Control) -> None:
        await self._ends.collect(log)

        def decide(draft: Draft) -> None:
            if next_step(draft.state) is Step.WAIT:
                turns.wait_for_client(draft)

        await log.commit(decide, epoch=epoch)

    async def _idle(self, log: SessionLog, epoch: int, control: Control) -> None:
        await self._ends.collect(log)

        def decide(draft: Draft) -> None:
            if next_step(draft.state) is Step.IDLE:
                turns.stop(draft, turns.END_TURN)

        await log.commit(decide, epoch=epoch)

    async def _ask(self, log: SessionLog, epoch: int, control: Control) -> None:
        await self._requests.ask(log, epoch, control)

    async def _grade(self, log: SessionLog, epoch: int, control: Control) -> None:
        if turns.is_used_up(log.row.body.get("budget"), log.state, now()):
            await self._ends.pause_at_budget(log, epoch)
            return
        if log.state.status == "rescheduling":
            await log.commit(lambda draft: turns.start(draft), epoch=epoch)
        await self._ends.collect(log)
        said = await self._requests.messages(log)
        answer = Answer(lambda type, data: None)
        try:
            await self._evaluations.step(log, epoch, control, answer, said)
        except ModelError as error:
            await self._ends.retry_or_fail(log, epoch, control, error, answer)


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


def _seconds_since(moment: str) -> float:
    return (parse(now()) - parse(moment)).total_seconds()
