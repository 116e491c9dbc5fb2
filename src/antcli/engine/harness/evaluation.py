"""Evaluations of outcomes: a grader with a conversation of its own, each step in the log (semantics.md 18).

A grader that starts anew after a crash finds what was said and done so far; what it had begun to run and has no result
counts as lost, as it does for the agent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from antcli.engine.harness import grading
from antcli.engine.harness.answer import NO_USAGE, Answer, ask
from antcli.engine.harness.control import Control, Interrupted
from antcli.engine.harness.conversation import add, fit_to_send
from antcli.engine.harness.request import build
from antcli.engine.harness.steps import Step, next_step
from antcli.engine.metrics import counters
from antcli.engine.providers.base import ModelError
from antcli.engine.session import turns
from antcli.engine.session.events import event, internal
from antcli.engine.session.log import Draft, SessionLog
from antcli.engine.session.objects import recipe
from antcli.engine.session.state import State
from antcli.engine.store.base import Record, Store
from antcli.engine.tools.builtin import BUILTIN_TOOLS, validate_input

if TYPE_CHECKING:
    from antcli.engine.providers.registry import Providers
    from antcli.engine.sandbox.pool import Sandboxes

T = TypeVar("T")

logger = logging.getLogger("antcli.engine")

HEARTBEAT_SECONDS = 15.0
_MOST_REQUESTS = 40
_LOST = "The call was interrupted; it may have run, wholly or in part."
_NO_VERDICT = f"The grader gave no verdict in {_MOST_REQUESTS} model requests."


class Evaluations:
    """`step` brings the evaluation of a session's active outcome on by one model request."""

    def __init__(self, store: Store, providers: Providers, sandboxes: Sandboxes, data_dir: Path) -> None:
        self._store = store
        self._providers = providers
        self._sandboxes = sandboxes
        self._data_dir = data_dir

    async def step(self, log: SessionLog, epoch: int, control: Control, answer: Answer, said: list[Any]) -> None:
        """`said` is the agent's conversation; `answer` takes the grader's. Raises ModelError, Interrupted."""
        if log.state.evaluation is None:
            await self._begin(log, epoch, said)
            return
        if log.state.evaluation["requests"] >= _MOST_REQUESTS:
            await log.commit(lambda draft: self._conclude(draft, grading.Verdict("failed", _NO_VERDICT)), epoch=epoch)
            return
        messages, open_calls = await self._conversation(log)
        if open_calls:
            results = [await self._again(log, call) for call in open_calls]
            await log.commit(lambda draft: _say(draft, "user", results), epoch=epoch)
            return
        try:
            await control.race(log, self._beating(log, epoch, self._ask(log, messages, answer)))
        except Interrupted:
            if answer.usage != NO_USAGE:
                await log.commit(lambda draft: spend(draft, answer, interrupted=True), epoch=epoch)
            raise
        await self._take(log, epoch, control, answer)

    async def _begin(self, log: SessionLog, epoch: int, said: list[dict[str, Any]]) -> None:
        outcome = log.state.outcome
        assert outcome is not None
        work = grading.work_done(said) if _is_elsewhere(log) else ""
        content = grading.question(outcome, await self.rubric(log), grading.last_words(said), work)

        def decide(draft: Draft) -> None:
            if next_step(draft.state) is Step.GRADE and draft.state.evaluation is None:
                where = {"outcome_id": outcome["outcome_id"], "iteration": outcome["iteration"]}
                draft.add(event("span.outcome_evaluation_start", draft.state.thread_id, where))
                _say(draft, "user", content)

        await log.commit(decide, epoch=epoch)

    async def rubric(self, log: SessionLog) -> str:
        assert log.state.outcome is not None
        record = await self._store.record(log.id, log.state.outcome["position"])
        assert record is not None
        return str(json.loads(record.body)["rubric"]["content"])

    async def _conversation(self, log: SessionLog) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The grader's messages, and the calls of the last one that have no result."""
        assert log.state.evaluation is not None
        messages: list[dict[str, Any]] = []
        position = log.state.evaluation["position"]
        while records := await self._store.records(log.id, after=position, limit=1000):
            position = records[-1].position
            for record in records:
                if record.type == "_grader" and "role" in (record.data or {}):
                    assert record.data is not None
                    add(messages, record.data["role"], record.data["content"])
        last = messages[-1]
        calls = [block for block in last["content"] if block["type"] == "tool_use"]
        return messages, calls if last["role"] == "assistant" else []

    async def _ask(self, log: SessionLog, messages: list[dict[str, Any]], answer: Answer) -> None:
        agent = log.row.body["agent"]
        request = build(
            log.id, log.state, agent, messages,
            system=[{"type": "text", "text": grading.system(self_hosted=_is_elsewhere(log))}],
            tools=grading.tools_of_grader(agent, self_hosted=_is_elsewhere(log)),
        )  # fmt: skip
        await ask(self._providers, request, answer)
        if answer.stop_reason == "refusal":
            raise ModelError("The model refused to grade the outcome.")

    async def _take(self, log: SessionLog, epoch: int, control: Control, answer: Answer) -> None:
        """The grader's answer: its verdict, or calls that are run, or neither."""
        calls = answer.calls()
        verdict = grading.verdict_in([block for block, problem in calls if not problem], answer.text())
        content = fit_to_send(answer.content())

        def decide(draft: Draft) -> None:
            if draft.state.evaluation is None:
                return
            _say(draft, "assistant", content, usage=answer.usage, **answer.spent())
            if verdict is not None:
                self._conclude(draft, verdict)
            elif not calls:
                _say(draft, "user", [{"type": "text", "text": grading.NUDGE}])

        await log.commit(decide, epoch=epoch)
        if verdict is None and calls:
            run = self._beating(log, epoch, self._run_all(log, calls))
            results = await control.race(log, run)
            await log.commit(lambda draft: _say(draft, "user", results), epoch=epoch)

    def _conclude(self, draft: Draft, verdict: grading.Verdict) -> None:
        outcome = draft.state.outcome
        if outcome is None:
            return
        result = verdict.result
        if result == "needs_revision" and outcome["iteration"] + 1 >= outcome["max_iterations"]:
            result = "max_iterations_reached"
        goes_on = result in ("needs_revision", "max_iterations_reached")
        data = {"content": grading.feedback(result, verdict.explanation)} if goes_on else None
        turns.end_evaluation(draft, result, verdict.explanation, data)
        if next_step(draft.state) is Step.IDLE:
            turns.stop(draft, turns.END_TURN)

    async def _run_all(self, log: SessionLog, calls: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
        return [await self._run(log, block, problem) for block, problem in calls]

    async def _run(self, log: SessionLog, call: dict[str, Any], problem: str) -> dict[str, Any]:
        tools = grading.tools_of_grader(log.row.body["agent"], self_hosted=_is_elsewhere(log))
        offered = {tool["name"] for tool in tools} - {grading.VERDICT_TOOL}
        if call["name"] == grading.VERDICT_TOOL:
            return _result(call, problem or f"result: must be one of {', '.join(grading.VERDICTS)}")
        if call["name"] not in offered:
            return _result(call, f"There is no tool named {call['name']!r} here.")
        problem = problem or validate_input(call["name"], call["input"]) or ""
        if problem:
            return _result(call, problem)
        counters.tool_calls += 1
        try:
            done = await self._sandboxes.execute(recipe(log.row, self._data_dir), call["name"], call["input"])
        except Exception as error:
            logger.exception("%s: the grader's call of %s failed", log.id, call["name"])
            return _result(call, f"The call could not be run ({type(error).__name__}).")
        return {"type": "tool_result", "tool_use_id": call["id"], "content": done.content} | (
            {"is_error": True} if done.is_error else {}
        )

    async def _again(self, log: SessionLog, call: dict[str, Any]) -> dict[str, Any]:
        """A call of a grader that was cut off: what only looks is run again."""
        tool = BUILTIN_TOOLS.get(call["name"])
        return await self._run(log, call, "") if tool is not None and tool.pure else _result(call, _LOST)

    async def _beating(self, log: SessionLog, epoch: int, work: Coroutine[Any, Any, T]) -> T:
        """`work`, with a sign of life in the log from time to time."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                await asyncio.wait((task,), timeout=HEARTBEAT_SECONDS)
                if task.done():
                    return task.result()
                await log.commit(_beat, epoch=epoch)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))


def _is_elsewhere(log: SessionLog) -> bool:
    """A worker has the agent's hands."""
    return bool(log.row.body.get("self_hosted"))


def spend(draft: Draft, answer: Answer, **how: bool) -> None:
    """What a grader's request used that gave no answer: it failed, or was interrupted."""
    data = {"usage": answer.usage, "failed": True} | answer.spent() | how
    draft.add(internal("_grader", draft.state.thread_id, data))


def _beat(draft: Draft) -> None:
    outcome = draft.state.outcome
    if outcome is not None and draft.state.evaluation is not None:
        where = {"outcome_id": outcome["outcome_id"], "iteration": outcome["iteration"]}
        draft.add(event("span.outcome_evaluation_ongoing", draft.state.thread_id, where))


def _say(draft: Draft, role: str, content: list[dict[str, Any]], **more: Any) -> None:
    if draft.state.evaluation is not None:
        draft.add(internal("_grader", draft.state.thread_id, {"role": role, "content": content} | more))


def _result(call: dict[str, Any], text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"type": "tool_result", "tool_use_id": call["id"], "content": content, "is_error": True}


def begin_outcome(state: State, rubric: str) -> Record:
    """Give the agent its new outcome."""
    assert state.outcome is not None
    return internal("_outcome_started", state.thread_id, {"content": grading.task(state.outcome, rubric)})
