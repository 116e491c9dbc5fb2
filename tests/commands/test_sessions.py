"""`ant sessions`, its events and threads."""

import os
import select
import subprocess
import sys
import threading
import time

import pytest

SESSION = {
    "id": "sesn_" + "c" * 24, "type": "session", "status": "idle", "title": "Nightly", "agent": {"name": "reviewer"},
    "environment_id": "env_" + "d" * 24, "created_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
ID = SESSION["id"]
AGENT = {"id": "agent_" + "a" * 24, "name": "reviewer", "created_at": "2026-01-01T00:00:00Z"}
ENVIRONMENT = {"id": SESSION["environment_id"], "name": "tests", "created_at": "2026-01-01T00:00:00Z"}
EVENT = {"id": "sevt_1", "type": "agent.message", "content": [{"type": "text", "text": "Hello"}], "processed_at": None}

GONE = {"id": "sevt_3", "type": "session.deleted", "processed_at": "2026-01-01T00:00:01Z"}


@pytest.fixture
def things(api):
    api.page("/v1/agents", AGENT)
    api.page("/v1/environments", ENVIRONMENT)
    api.page("/v1/sessions", SESSION)
    api.on("POST", "/v1/sessions", SESSION)
    api.page(f"/v1/sessions/{ID}/events")
    return api


def test_create_resolves_agent_and_environment_by_name(ant, things, hosted):
    result = ant("sessions", "create", "-a", "reviewer", "--env", "tests", "--title", "Nightly", environ=hosted)
    assert result.json == SESSION
    assert things.last.body == {"agent": AGENT["id"], "environment_id": ENVIRONMENT["id"], "title": "Nightly"}


def test_create_takes_an_agent_with_overrides_as_it_is(ant, things, hosted):
    agent = "{type: agent_with_overrides, id: agent_x, system: Hi}"
    ant("sessions", "create", "--agent", agent, "--environment-id", ENVIRONMENT["id"], environ=hosted)
    assert things.last.body["agent"] == {"type": "agent_with_overrides", "id": "agent_x", "system": "Hi"}


def test_create_falls_back_to_the_defaults_of_the_profile(ant, api, things, environ):
    for setting in ("kind=hosted", f"base_url={api.url}", "defaults.agent=reviewer", "defaults.environment=tests"):
        assert ant("profile", "set", "work", setting).code == 0
    assert ant("-p", "work", "auth", "login", "--with-token", stdin="sk-test\n").code == 0
    assert ant("sessions", "create", "-p", "work").json == SESSION
    assert things.last.body == {"agent": AGENT["id"], "environment_id": ENVIRONMENT["id"]}


def test_list_filters_by_agent_name_and_statuses(ant, things, hosted):
    result = ant("sessions", "list", "--agent", "reviewer", "--status", "idle", "--status", "running", environ=hosted)
    assert result.lines == [SESSION]
    assert things.last.query == {"agent_id": [AGENT["id"]], "statuses[]": ["idle", "running"]}


def test_titles_name_sessions(ant, things, hosted):
    things.on("GET", f"/v1/sessions/{ID}", SESSION)
    assert ant("sessions", "get", "Nightly", environ=hosted).json == SESSION
    assert ant("session", "get", "ccc", environ=hosted).json == SESSION


def test_delete_asks_on_a_terminal_only(ant, things, hosted):
    things.on("DELETE", f"/v1/sessions/{ID}", {"id": ID, "type": "session_deleted"})
    result = ant("sessions", "delete", ID, stdin="n\n", terminal=True, environ=hosted)
    assert result.code == 1 and "[y/N]" in result.err and things.requests == []
    assert ant("sessions", "delete", ID, stdin="y\n", terminal=True, environ=hosted).code == 0
    assert ant("sessions", "delete", ID, "--yes", terminal=True, environ=hosted).code == 0
    assert ant("sessions", "delete", ID, environ=hosted).json["type"] == "session_deleted"
    assert [request.method for request in things.requests] == ["DELETE"] * 3


@pytest.mark.parametrize("words", [("sessions", "events", "send"), ("session", "send")])
def test_send_wraps_a_text_into_a_message(ant, things, hosted, words):
    things.on("POST", f"/v1/sessions/{ID}/events", {"data": [EVENT]})
    assert ant(*words, ID, "Go on.", environ=hosted).lines == [EVENT]
    assert things.last.body == {"events": [{"type": "user.message", "content": [{"type": "text", "text": "Go on."}]}]}


def test_send_takes_events_files_and_stdin(ant, things, hosted, tmp_path):
    things.on("POST", f"/v1/sessions/{ID}/events", {"data": []})
    (tmp_path / "task.md").write_text("From a file")
    ant("sessions", "send", ID, f"@{tmp_path}/task.md", "--event", "{type: user.interrupt}", environ=hosted)
    message, interrupt = things.last.body["events"]
    assert message["content"][0]["text"] == "From a file"
    assert interrupt == {"type": "user.interrupt"}
    ant("sessions", "send", ID, "-", stdin="From stdin", environ=hosted)
    assert things.last.body["events"][0]["content"][0]["text"] == "From stdin"


def test_send_wants_something_to_send(ant, things, hosted):
    assert ant("sessions", "send", ID, environ=hosted).code == 2


def test_events_are_listed_with_filters(ant, things, hosted):
    things.page(f"/v1/sessions/{ID}/events", EVENT)
    result = ant("sessions", "events", "list", ID, "--type", "agent.message", "--order", "desc", environ=hosted)
    assert result.lines == [EVENT]
    assert things.last.query == {"types[]": ["agent.message"], "order": ["desc"]}


def test_an_event_table_tells_what_happened(ant, things, hosted):
    things.page(f"/v1/sessions/{ID}/events", EVENT)
    assert "agent.message  Hello" in ant("sessions", "events", "list", ID, terminal=True, environ=hosted).out


def test_threads_and_their_events(ant, things, hosted):
    thread = {"id": "sthr_1", "status": "idle", "created_at": "2026-01-01T00:00:00Z"}
    things.page(f"/v1/sessions/{ID}/threads", thread)
    things.on("GET", f"/v1/sessions/{ID}/threads/sthr_1", thread)
    things.page(f"/v1/sessions/{ID}/threads/sthr_1/events", EVENT)
    assert ant("sessions", "threads", "list", ID, environ=hosted).lines == [thread]
    assert ant("sessions", "threads", "get", ID, "sthr_1", environ=hosted).json == thread
    assert ant("sessions", "threads", "events", "list", ID, "sthr_1", environ=hosted).lines == [EVENT]
    by_flag = ant("sessions", "threads", "get", "--session-id", ID, "sthr_1", environ=hosted)
    assert by_flag.json == thread


def test_a_missing_second_argument_is_named(ant, things, hosted):
    result = ant("sessions", "threads", "get", ID, environ=hosted)
    assert result.code == 2
    assert result.err == "Error: Missing argument THREAD.\nSee `ant sessions threads get --help`.\n"


def stream_process(hosted, *arguments):
    command = [sys.executable, "-m", "antcli", "sessions", "events", "stream", ID, *arguments]
    return subprocess.Popen(command, env=hosted, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_stream_prints_each_event_the_moment_it_comes(things, hosted):
    more = threading.Event()
    things.on("GET", f"/v1/sessions/{ID}/events/stream", [EVENT, more, EVENT | {"id": "sevt_2"}, GONE])
    with stream_process(hosted) as process:
        assert select.select([process.stdout], [], [], 20)[0]
        assert b"sevt_1" in os.read(process.stdout.fileno(), 65536)  # the second one has not been sent yet
        more.set()
        assert b"sevt_2" in process.stdout.read()
        assert process.wait(20) == 0, process.stderr.read()


def test_stream_stops_after_max_items(things, hosted):
    never = threading.Event()
    things.on("GET", f"/v1/sessions/{ID}/events/stream", [EVENT, EVENT, never])
    with stream_process(hosted, "--max-items", "1") as process:
        assert process.stdout.read().count(b"\n") == 1
        assert process.wait(20) == 0
    never.set()


def test_stream_ends_when_its_reader_leaves_though_nothing_more_happens(things, hosted):
    never = threading.Event()
    things.on("GET", f"/v1/sessions/{ID}/events/stream", [EVENT, never])
    with stream_process(hosted) as process:
        assert select.select([process.stdout], [], [], 20)[0]
        process.stdout.close()
        began = time.monotonic()
        assert process.wait(20) == 0
        assert time.monotonic() - began < 5
        assert process.stderr.read() == b""
    never.set()


def test_a_session_without_an_environment_gets_the_default_one(ant, api, hosted):
    agent, made = "agent_" + "a" * 24, "env_" + "b" * 24
    api.page("/v1/environments")
    api.on("POST", "/v1/environments", {"id": made})
    api.on("POST", "/v1/sessions", {"id": "sesn_1"})
    shown = ant("sessions", "create", "--agent", agent, "--dry-run", environ=hosted)
    assert '"environment_id": "default"' in shown.out and api.requests == [], shown.err
    assert ant("sessions", "create", "--agent", agent, environ=hosted).code == 0
    assert api.last.body["environment_id"] == made
    assert ant("beta:sessions", "create", "--agent", agent, environ=hosted).code == 2  # the official one wants it said
