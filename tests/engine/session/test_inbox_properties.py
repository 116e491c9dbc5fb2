"""Any order of messages, answers, interrupts, archive and crashes ends in a legal state."""

import asyncio
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from antcli.engine.errors import RequestError
from antcli.engine.harness import turn_ends
from antcli.engine.providers.base import ModelError
from antcli.engine.session.state import State, fold
from tests.engine.core import ASK, CUSTOM, agent, message, running, toolset, types
from tests.engine.doubles import Brain, Hands, answer, text, use

CONFIGS = [
    {"name": "bash", "enabled": True, "permission_policy": ASK},
    {"name": "edit", "enabled": False, "permission_policy": ASK},
]
AGENT = agent("claude-opus-5-5", toolset({"type": "always_allow"}, *CONFIGS), CUSTOM)
CALLS = {
    "read": lambda: use("read", file_path="a"),
    "write": lambda: use("write", file_path="a", content="b"),
    "asked": lambda: use("bash", command="x"),
    "denied": lambda: use("edit", file_path="a", old_string="a", new_string="b"),
    "custom": lambda: use("lookup", key=1),
    "text": lambda: text("words"),
    "thinking": lambda: {"type": "thinking", "thinking": "hm", "signature": "s"},
    "blank": lambda: text("\n"),
}

# What one model request does: an answer of these blocks, or an error.
answers = st.one_of(
    st.tuples(
        st.lists(st.sampled_from(sorted(CALLS)), max_size=4),
        st.sampled_from([None, "max_tokens", "pause_turn", "refusal"]),
    ),
    st.sampled_from(["overloaded", "refused", "bug"]),
)  # fmt: skip

# What clients and fate do: a batch of events, or something that befalls the session. Numbers choose a waiting call.
client_events = st.one_of(
    st.just(("message",)),
    st.just(("interrupt",)),
    st.just(("outcome",)),
    st.just(("message with a system message",)),
    st.tuples(st.just("answer"), st.integers(0, 3), st.sampled_from(["allow", "deny", "result"])),
)
deeds = st.one_of(
    st.tuples(st.just("send"), st.lists(client_events, min_size=1, max_size=3), st.integers(0, 6)),
    st.tuples(st.just("retitle")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("crash"), st.integers(0, 6)),
    st.tuples(st.just("archive")),
)


class Mortal:
    """A store that stops answering for ever after some appends, as if the process were gone."""

    def __init__(self, store):
        self._store = store
        self.dead_after = None

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def append(self, append):
        if self.dead_after is not None:
            self.dead_after -= 1
            if self.dead_after < 0:
                await asyncio.Event().wait()
        return await self._store.append(append)


VERDICTS = {
    None: lambda: use("give_verdict", result="satisfied", explanation="yes"),
    "max_tokens": lambda: use("give_verdict", result="needs_revision", explanation="no"),
    "pause_turn": lambda: text("hard to say"),
}


def thinker(plan):
    """A brain that follows the plan request by request, whatever crashes; then it only says a word."""
    steps = iter(plan)

    def think(request):
        step = next(steps, None)
        if step == "overloaded":
            raise ModelError("overloaded", kind="overloaded", retryable=True, retry_after=0)
        if step == "refused":
            raise ModelError("refused")
        if step == "bug":
            raise KeyError("bug")
        grades = any(tool["name"] == "give_verdict" for tool in request.tools)
        if step is None:
            return answer(VERDICTS[None]() if grades else text("ok"))
        blocks, stop_reason = step
        if grades and stop_reason in VERDICTS:
            return answer(VERDICTS[stop_reason]())
        return answer(*(CALLS[name]() for name in blocks), stop_reason=stop_reason)

    return Brain(think)


async def live(core, id, deed):
    """Do one thing; a refusal is an answer too."""
    kind, *rest = deed
    try:
        if kind == "send":
            events, pause = rest
            await core.send(id, *[event for item in events for event in await wire(core, id, item)])
            for _ in range(pause * 3):
                await asyncio.sleep(0)
        elif kind == "settle":
            await core.until(id, lambda session: session["status"] in ("idle", "terminated"))
        elif kind == "archive":
            await core.sessions.archive(id)
        elif kind == "retitle":
            await core.sessions.update(id, {"title": f"t{next(counter)}"})
    except RequestError:
        pass


counter = itertools.count()


async def wire(core, id, item):
    """The events of one deed; a system message goes with its message."""
    if item[0] == "message":
        return [message(f"m{next(counter)}")]
    if item[0] == "interrupt":
        return [{"type": "user.interrupt"}]
    if item[0] == "outcome":
        rubric = {"type": "text", "content": "good"}
        return [{"type": "user.define_outcome", "description": "work", "rubric": rubric, "max_iterations": 2}]
    if item[0] == "message with a system message":
        system = {"type": "system.message", "content": [{"type": "text", "text": "now"}]}
        return [message(f"m{next(counter)}"), system]
    _, number, verdict = item
    calls = list((await core.logs.open(id)).state.calls.values())
    if not calls:
        return [{"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_none"}]
    call = calls[number % len(calls)]
    if verdict == "result" or call.kind == "custom":
        return [{"type": "user.custom_tool_result", "custom_tool_use_id": call.id}]
    return [{"type": "user.tool_confirmation", "tool_use_id": call.id, "result": verdict}]


async def check(core, id, brain):
    """Everything that must hold of a session at rest."""
    async with asyncio.timeout(10):
        while True:
            events = await core.idle(id)  # the fold of the log is the checkpoint
            row = await core.store.session(id)
            if row.status != "idle" or not core.orchestrator.running:
                break
            await asyncio.sleep(0.001)
    assert brain.illegal == []
    records = await core.store.records(id, limit=row.last_position)
    assert [record.position for record in records] == list(range(1, row.last_position + 1))
    state = State(row.state["thread_id"], row.state["agent_name"])
    for record in records:
        fold(state, record)
    assert state.span is None
    check_results(events, state)
    stamps = [event["processed_at"] for event in events if event["processed_at"]]
    assert stamps == sorted(stamps)
    check_statuses(records)
    ids = [event["id"] for event in events]
    assert len(set(ids)) == len(ids)
    spans = [event["id"] for event in events if event["type"] == "span.model_request_start"]
    assert spans == [event["model_request_start_id"] for event in events if event["type"] == "span.model_request_end"]
    check_outcomes(events, state)
    if state.status == "idle" and events:
        assert not state.queue and all(event["processed_at"] for event in events), "idle, and yet something waits"
        status = [event for event in events if event["type"] == "session.status_idle"]
        if status and status[-1]["stop_reason"]["type"] == "requires_action":
            assert status[-1]["stop_reason"]["event_ids"] == state.waiting() == list(state.calls) != []
        else:
            assert not state.calls and not state.owes and state.outcome is None
    return state


def check_outcomes(events, state):
    """Each evaluation ends once, each outcome has one last verdict unless the session waits for its client."""
    assert state.evaluation is None
    begun = [event["id"] for event in events if event["type"] == "span.outcome_evaluation_start"]
    ends = [event for event in events if event["type"] == "span.outcome_evaluation_end"]
    assert begun == [event["outcome_evaluation_start_id"] for event in ends if event["outcome_evaluation_start_id"]]
    last = {event["outcome_id"]: event["result"] for event in ends}
    for outcome in state.outcomes:
        if outcome["result"] != "pending" and outcome["result"] != "running":
            assert last[outcome["outcome_id"]] == outcome["result"] != "needs_revision"


def check_results(events, state):
    uses = [event for event in events if event["type"].endswith("tool_use")]
    given = [event.get("tool_use_id") or event.get("custom_tool_use_id")
             for event in events if event["type"] in ("agent.tool_result", "user.custom_tool_result")]  # fmt: skip
    assert len(set(given)) == len(given), "two results for one call"
    assert set(given) <= {event["id"] for event in uses}
    if state.status != "terminated":
        assert {event["id"] for event in uses} == set(given) | set(state.calls), "a call without a result"


def check_statuses(records):
    """Each change of status is one that semantics.md 2 knows, and idle comes right after usage."""
    status = "idle"
    allowed = {"idle": {"running", "idle", "terminated"}, "running": {"idle", "rescheduled", "terminated"},
               "rescheduled": {"running", "idle", "terminated"}, "terminated": set()}  # fmt: skip
    visible = [record for record in records if not record.type.startswith("_")]
    for before, record in zip([None, *visible], visible, strict=False):
        if record.type.startswith("session.status_"):
            new = record.type.removeprefix("session.status_")
            assert new in allowed[status], f"{status} -> {new}"
            status = new
            assert new != "idle" or before.type == "session.usage"


async def story(directory, plan, deeds):
    brain, hands, id, left = thinker(plan), Hands(), None, list(deeds)
    while True:
        async with running(directory, wrap=Mortal, brain=brain, hands=hands, grace=0, retries=1) as core:
            if id is None:
                id = await core.create(AGENT)
            while left and left[0][0] != "crash":
                await live(core, id, left.pop(0))
            if left:
                core.store.dead_after = left.pop(0)[1]
                doing = [asyncio.create_task(live(core, id, deed)) for deed in left[:1]]
                for _ in range(40):
                    await asyncio.sleep(0)
                await asyncio.sleep(0.005)
                left = left[1:]
                for task in doing:
                    task.cancel()
                continue
            state = await check(core, id, brain)
            if state.status == "terminated":
                return
            # And it can always be brought back to work.
            if state.calls:
                await core.send(id, {"type": "user.interrupt"})
                await check(core, id, brain)
            for n in range(3 + len(plan)):
                await core.send(id, message(f"last {n}"))
                state = await check(core, id, brain)
                if state.status == "terminated":
                    return
                if state.calls:
                    await core.send(id, {"type": "user.interrupt"})
                    await check(core, id, brain)
            assert types(await core.events(id))[-4:-3] == ["span.model_request_end"]
            return


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(turn_ends.random, "uniform", lambda low, high: 0.0)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(answers, max_size=5), st.lists(deeds, min_size=1, max_size=7))
@example(
    [(["custom", "asked"], None)],
    [("send", [("message",)], 6), ("settle",), ("send", [("answer", 0, "result"), ("interrupt",)], 0)],
)
@example(
    [(["custom"], None)],
    [("send", [("message",)], 6), ("settle",), ("send", [("answer", 0, "result"), ("interrupt",)], 0)],
)
@example(["bug"], [("send", [("message",), ("message",)], 0), ("send", [("message",)], 1), ("crash", 2), ("settle",)])
def test_any_story_of_a_session_ends_in_a_legal_state(plan, deeds):
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # many small commits, no power cut to survive
    directory = Path(tempfile.mkdtemp(prefix="ant-story-", dir=memory))
    try:
        asyncio.run(asyncio.wait_for(story(directory, plan, deeds), 30))
    finally:
        shutil.rmtree(directory)
