"""How a turn ends or stands still, other than by the model's word: failures, a budget that is used up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from antcli.engine.clock import now
from antcli.engine.harness.answer import NO_USAGE, Answer
from antcli.engine.harness.control import Control
from antcli.engine.harness.evaluation import spend
from antcli.engine.harness.steps import Step, next_step
from antcli.engine.providers.base import ModelError
from antcli.engine.session import turns
from antcli.engine.session.events import event, stamped
from antcli.engine.session.log import Draft, SessionLog
from antcli.engine.session.objects import has_hands
from antcli.engine.store.base import Record, Store

if TYPE_CHECKING:
    from antcli.engine.resources.resources import Resources

LOST_CALL = "The call was interrupted: the engine stopped while it ran. It may have run, wholly or in part."
_ERROR_TYPES = {
    "overloaded": "model_overloaded_error",
    "rate_limited": "model_rate_limited_error",
    "billing": "billing_error",
    "failed": "model_request_failed_error",
}
_LARGEST_BACKOFF = 30.0
LONGEST_WAIT = 120.0  # whatever an endpoint asks for


class TurnEnds:
    """Each end leaves the log whole: no span open, no call without a result. `retries` bounds the tries of one model
    request."""

    def __init__(self, store: Store, resources: Resources, *, retries: int) -> None:
        self._store = store
        self._resources = resources
        self._retries = retries

    async def collect(self, log: SessionLog) -> None:
        """Take back what the hands left: who sees the session idle finds it all. Before the end of the turn, so that a
        turn that a crash cuts off here is ended again."""
        if has_hands(log.row.body["agent"]):
            await self._resources.collect(log.row)

    async def queued(self, log: SessionLog, *types: str, before: int | None = None) -> list[Record]:
        items = log.state.queued(*types) if types else log.state.queue
        positions = [item.position for item in items if before is None or item.position < before]
        found = [await self._store.record(log.id, position) for position in positions]
        return [record for record in found if record is not None]

    async def pause_at_budget(self, log: SessionLog, epoch: int) -> None:
        """What the model owes stays owed, what is queued stays queued: a higher budget resumes it."""

        def decide(draft: Draft) -> None:
            if next_step(draft.state) in (Step.MODEL, Step.GRADE) and turns.is_used_up(
                draft.budget, draft.state, now()
            ):
                turns.stop(draft, turns.BUDGET_REACHED)

        await log.commit(decide, epoch=epoch)

    async def retry_or_fail(
        self, log: SessionLog, epoch: int, control: Control, error: ModelError, answer: Answer
    ) -> None:
        again = error.retryable and log.state.failures < self._retries
        if not again:
            await self.fail(log, epoch, _ERROR_TYPES[error.kind], error.message, answer, terminal=error.fatal)
            return

        def decide(draft: Draft) -> None:
            close_span(draft, answer=answer)
            draft.add(_error(draft, _ERROR_TYPES[error.kind], error.message, "retrying"))
            turns.reschedule(draft)

        delay = error.retry_after
        if delay is None:
            delay = min(_LARGEST_BACKOFF, 0.5 * 2**log.state.failures) * random.uniform(0.75, 1.0)
        delay = min(delay, LONGEST_WAIT)
        await log.commit(decide, epoch=epoch)
        await control.race(log, _pause(delay, control.parking))

    async def fail(
        self, log: SessionLog, epoch: int, error_type: str, message: str, answer: Answer | None = None, *,
        terminal: bool = False,
    ) -> None:  # fmt: skip
        """The turn is dead: say why, flush what was queued, go idle; a terminal error ends the session."""
        await self.collect(log)
        flushed = await self.queued(log)

        def decide(draft: Draft) -> None:
            close_span(draft, answer=answer)
            turns.refuse_open_calls(draft, LOST_CALL)
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


def close_span(draft: Draft, *, is_error: bool | None = True, lost: bool = False, answer: Answer | None = None) -> None:
    """`answer` is what came before the request failed: it was paid for."""
    if draft.state.span is not None:
        usage = answer.shown_usage() if answer else NO_USAGE
        ending = {"model_request_start_id": draft.state.span, "is_error": is_error, "model_usage": usage}
        data = {"lost": lost} | (answer.spent() if answer else {})
        draft.add(event("span.model_request_end", draft.state.thread_id, ending, data=data))
    elif answer is not None and draft.state.evaluation is not None:
        spend(draft, answer)


def _error(draft: Draft, type: str, message: str, retry_status: str) -> Record:
    error = {"type": type, "message": message, "retry_status": {"type": retry_status}}
    return event("session.error", draft.state.thread_id, {"error": error})


async def _pause(seconds: float, parking: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await parking.wait()
