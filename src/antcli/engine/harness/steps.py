"""What a session needs next: a pure function of the fold of its log."""

from __future__ import annotations

from enum import Enum

from antcli.engine.session.state import Call, State
from antcli.engine.tools.builtin import BUILTIN_TOOLS


class Step(Enum):
    DONE = "nothing: it is parked or ended"
    INTERRUPT = "apply the client's interrupt"
    TOOLS = "run the calls that may run"
    WAIT = "go idle until the client answers"
    MODEL = "ask the model"
    GRADE = "have the outcome evaluated"
    IDLE = "end the turn"


def next_step(state: State) -> Step:
    if state.status not in ("running", "rescheduling"):
        return Step.DONE
    if state.queued("user.interrupt"):
        return Step.INTERRUPT
    if runnable(state):
        return Step.TOOLS
    if state.calls:
        return Step.WAIT
    if state.evaluation is not None:  # what is queued meanwhile comes after the verdict
        return Step.GRADE
    if state.owes or state.queued("user.message") or state.has_new_outcome:
        return Step.MODEL
    if state.outcome is not None:
        return Step.GRADE
    return Step.IDLE


def runnable(state: State) -> list[Call]:
    return [call for call in state.calls.values() if not call.waits]


def next_calls(state: State) -> list[Call]:
    """The calls to run now: reads that stand together run side by side, a call with side effects runs alone."""
    calls = runnable(state)
    reads = []
    for call in calls:
        if not is_read(call):
            break
        reads.append(call)
    return reads or calls[:1]


def is_read(call: Call) -> bool:
    return call.kind == "builtin" and BUILTIN_TOOLS[call.name].pure
