"""Outcomes (semantics.md 18): what the session works towards, and how its evaluations change that.

The agent works until its turn would end; then a grader that knows nothing but the task, the rubric and the deliverables
gives a verdict. The grader's own conversation is in the log as records of type `_grader`, which nobody is shown.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from antcli.engine.session import spending

if TYPE_CHECKING:
    from antcli.engine.session.state import State
    from antcli.engine.store.base import Record

DEFAULT_ITERATIONS = 3
GOES_ON = ("needs_revision", "max_iterations_reached")  # the agent gets the word once more


def define(state: State, record: Record) -> None:
    """Fold a `user.define_outcome`."""
    body = json.loads(record.body)
    state.outcomes.append(
        {
            "outcome_id": body["outcome_id"],
            "description": body["description"],
            "max_iterations": body["max_iterations"],
            "iteration": 0,
            "result": "pending",
            "explanation": None,
            "completed_at": None,
            "position": record.position,
        }
    )


def fold(state: State, record: Record) -> None:
    """Fold a record of an evaluation."""
    if record.type == "_outcome_started":
        _change(state, result="running")
        _give_the_word(state)
        state.under_way = True
    elif record.type == "span.outcome_evaluation_start":
        _change(state, result="evaluating")
        state.evaluation = {
            "id": record.event_id,
            "position": record.position,
            "requests": 0,
            "usage": dict.fromkeys(spending.TOKENS, 0),
        }
    elif record.type == "_grader":
        _fold_grader(state, record.data or {})
    elif record.type == "span.outcome_evaluation_end":
        _end_evaluation(state, json.loads(record.body), record)


def _fold_grader(state: State, data: dict[str, Any]) -> None:
    if state.evaluation is None or "usage" not in data:
        return
    spending.count(state, data["usage"], data)
    used = {name: count + data["usage"][name] for name, count in state.evaluation["usage"].items()}
    answered = not data.get("failed")
    state.evaluation = state.evaluation | {"usage": used, "requests": state.evaluation["requests"] + answered}
    if answered:
        state.requests += 1
        state.failures = 0
    elif not data.get("interrupted"):
        state.failures += 1


def _end_evaluation(state: State, body: dict[str, Any], record: Record) -> None:
    state.evaluation = None
    result, explanation = body["result"], body["explanation"]
    if result == "needs_revision":
        _change(state, result="running", explanation=explanation, iteration=body["iteration"] + 1)
    else:
        _change(state, result=result, explanation=explanation, completed_at=record.processed_at)
    if result in GOES_ON:
        _give_the_word(state)


def _give_the_word(state: State) -> None:
    state.owes = True
    state.rounds = 0


def _change(state: State, **changes: Any) -> None:
    if state.outcomes:
        state.outcomes[-1] = state.outcomes[-1] | changes


def shown(state: State) -> list[dict[str, Any]]:
    """`outcome_evaluations` of the session object."""
    fields = ("outcome_id", "description", "iteration", "result", "explanation", "completed_at")
    return [{"type": "outcome_evaluation"} | {name: outcome[name] for name in fields} for outcome in state.outcomes]
