from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest

TEXT: Any = {"type": "text", "content": "It rhymes."}


def define(**changes: Any) -> Any:
    return {"type": "user.define_outcome", "description": "A poem.", "rubric": TEXT} | changes


@pytest.fixture
def session_id(sdk: anthropic.Anthropic) -> str:
    agent = sdk.beta.agents.create(name="poet", model="m")
    return sdk.beta.sessions.create(agent=agent.id, environment_id=sdk.beta.environments.create(name="e").id).id


def test_an_outcome_is_echoed_with_its_id_and_shown_in_the_session(sdk: anthropic.Anthropic, session_id: str) -> None:
    sent = sdk.beta.sessions.events.send(session_id, events=[define()])
    assert sent.data is not None
    (echo,) = sent.data
    assert echo.type == "user.define_outcome" and echo.max_iterations == 3 and echo.processed_at
    assert echo.outcome_id.startswith("outc_")
    session = sdk.beta.sessions.retrieve(session_id)
    assert session.status == "running"
    (outcome,) = session.outcome_evaluations
    assert (outcome.outcome_id, outcome.result, outcome.iteration) == (echo.outcome_id, "pending", 0)
    assert (outcome.explanation, outcome.completed_at) == (None, None)


def test_a_rubric_in_a_file_is_read_at_once(sdk: anthropic.Anthropic, http: httpx.Client, session_id: str) -> None:
    file = sdk.files.upload(file=("rubric.md", b"It scans."))
    sent = sdk.beta.sessions.events.send(
        session_id, events=[define(rubric={"type": "file", "file_id": file.id}, max_iterations=5)]
    )
    assert sent.data is not None
    assert sent.to_dict()["data"][0]["rubric"] == {"type": "text", "content": "It scans."}  # type: ignore[index]
    assert sent.to_dict()["data"][0]["max_iterations"] == 5  # type: ignore[index]
    binary = sdk.files.upload(file=("rubric.bin", b"\xff\xfe\xff"))
    for id, status, reason in ((binary.id, 400, "not UTF-8 text"), ("file_nothing", 404, "No file")):
        body = {"events": [define(rubric={"type": "file", "file_id": id})]}
        refused = http.post(f"/v1/sessions/{session_id}/events", json=body)
        assert refused.status_code == status and reason in refused.text and "events.0.rubric.file_id" in refused.text


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (define(description=""), "events.0.description: must not be empty."),
        (define(rubric={"type": "text", "content": "x" * 262_145}), "events.0.rubric.content: at most 262,144 characters, got 262,145."),  # noqa: E501
        (define(rubric="It rhymes."), "events.0.rubric: must be an object, got a string."),
        (define(max_iterations=0), "events.0.max_iterations: at least 1, got 0."),
        (define(max_iterations=21), "events.0.max_iterations: at most 20, got 21."),
        (define(outcome_id="outc_1"), "events.0.outcome_id: unknown field."),
    ],
)  # fmt: skip
def test_a_bad_outcome_is_refused(http: httpx.Client, session_id: str, event: Any, expected: str) -> None:
    refused = http.post(f"/v1/sessions/{session_id}/events", json={"events": [event]})
    assert refused.status_code == 400 and refused.json()["error"]["message"] == expected


def test_one_outcome_at_a_time(sdk: anthropic.Anthropic, http: httpx.Client, session_id: str) -> None:
    refused = http.post(f"/v1/sessions/{session_id}/events", json={"events": [define(), define()]})
    assert "events.1: the session works towards outcome" in refused.text
    assert list(sdk.beta.sessions.events.list(session_id)) == [], "a batch is taken as a whole"
    session = sdk.beta.sessions.retrieve(session_id)
    body = {"agent": session.agent.id, "environment_id": session.environment_id, "initial_events": [define(), define()]}
    assert "at most one user.define_outcome" in http.post("/v1/sessions", json=body).text
    born = sdk.beta.sessions.create(
        agent=session.agent.id, environment_id=session.environment_id, initial_events=[define()]
    )
    assert born.status == "running" and born.outcome_evaluations[0].result == "pending"
