"""Which calls a worker runs, from the events of a session alone."""

from hypothesis import given
from hypothesis import strategies as st

from antcli.worker.calls import Calls

IDLE = {"type": "session.status_idle", "stop_reason": {"type": "end_turn"}}
WAITS = {"type": "session.status_idle", "stop_reason": {"type": "requires_action", "event_ids": ["a"]}}


def use(id, name="bash", **more):
    return {"type": "agent.tool_use", "id": id, "name": name, "input": {}} | more


def result(id):
    return {"type": "user.tool_result", "id": f"result-{id}", "tool_use_id": id}


def confirmation(id, verdict):
    return {"type": "user.tool_confirmation", "id": f"confirmation-{id}", "tool_use_id": id, "result": verdict}


def interrupt(**more):
    return {"type": "user.interrupt", "id": "interrupt"} | more


def after(*events):
    calls = Calls()
    for event in events:
        calls.take(event)
    return calls


def due(*events):
    call = after(*events).due()
    return call and call["id"]


def test_the_oldest_call_without_an_answer_is_due():
    assert due(use("a"), use("b")) == "a"
    assert due(use("a"), use("b"), result("a")) == "b"
    assert due(result("a"), use("a")) is None


def test_a_call_that_the_server_has_run_is_not_ours():
    assert due(use("a", "web_search")) is None
    assert due(use("a"), {"type": "agent.tool_result", "tool_use_id": "a"}) is None


def test_permission():
    ask = use("a", evaluated_permission="ask")
    assert due(use("a", evaluated_permission="allow")) == "a"
    assert due(use("a", evaluated_permission="deny"), confirmation("a", "allow")) is None
    assert due(use("a", evaluated_permission="something new")) is None
    assert due(ask) is None and due(ask, confirmation("a", "deny")) is None
    assert due(ask, confirmation("a", "allow")) == due(confirmation("a", "allow"), ask) == "a"


def test_an_interrupt_is_answered_for_what_was_asked_before_it_and_counts_once():
    calls = after(use("a"))
    assert calls.take(interrupt()) == {"a"} and calls.is_interrupted(calls.due())
    calls.take(use("b"))
    assert calls.take(interrupt(processed_at="now")) == set()
    calls.answered("a")
    assert calls.due()["id"] == "b" and not calls.is_interrupted(calls.due())


def test_an_interrupt_of_a_thread_is_about_its_calls_alone():
    calls = after(use("a", session_thread_id="one"), use("b", session_thread_id="two"))
    assert calls.take(interrupt(session_thread_id="two")) == {"b"}


def test_the_calls_of_a_thread_that_ended_are_dropped():
    ended = {"type": "session.thread_status_terminated", "session_thread_id": "one"}
    assert due(use("a", session_thread_id="one"), use("b"), ended) == "b"


def test_a_session_rests_after_the_end_of_its_turn():
    assert after(IDLE).resting and after(IDLE, confirmation("a", "allow")).resting
    assert not after(WAITS).resting and not after(IDLE, {"type": "user.message"}).resting
    assert after({"type": "user.message"}, IDLE).resting


EVENTS = st.lists(
    st.one_of(
        st.builds(use, st.sampled_from("abc"), evaluated_permission=st.sampled_from(["allow", "ask", "deny"])),
        st.builds(result, st.sampled_from("abc")),
        st.builds(confirmation, st.sampled_from("abc"), st.sampled_from(["allow", "deny"])),
        st.builds(interrupt),
    )
)


@given(EVENTS)
def test_nothing_runs_that_was_answered_or_not_allowed(events):
    calls = after(*events)
    answered = {event["tool_use_id"] for event in events if event["type"] == "user.tool_result"}
    ran = set()
    while (call := calls.due()) is not None:
        assert call["id"] not in answered | ran and call["evaluated_permission"] != "deny"
        if call["evaluated_permission"] == "ask":
            assert confirmation(call["id"], "allow") in events
        ran.add(call["id"])
        calls.answered(call["id"])
