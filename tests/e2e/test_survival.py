"""`kill -9` of the engine at random moments of a session with twenty tool calls (DESIGN.md 6, "back at work")."""

import json
import random
import threading
import time
from collections import Counter

import httpx

from tests.e2e.served import KEY, TOOLSET, Served, served

KILLS = 50
CALLS = 20
LOST = "It may have run"


def turns():
    for n in range(CALLS):
        command = f"echo {n} >> effects; sleep 0.0{n % 3}"
        yield {"text": f"Step {n}.", "tools": [{"name": "bash", "input": {"command": command}}]}
    yield {"text": "All done."}


class Watcher(threading.Thread):
    """Reads the session's stream like a user would, until the engine dies."""

    def __init__(self, url: str, session: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[dict] = []
        self.open = threading.Event()
        self._address = f"{url}/v1/sessions/{session}/events/stream"
        self.start()

    def run(self) -> None:
        try:
            with httpx.stream("GET", self._address, headers={"x-api-key": KEY}, timeout=10) as response:
                self.open.set()
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self.seen.append(json.loads(line[6:]))
        except httpx.HTTPError:
            pass


def client(engine: Served) -> httpx.Client:
    return httpx.Client(base_url=engine.url, headers={"x-api-key": KEY}, timeout=10)


def wait_for(condition, seconds: float):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_nothing_is_lost_or_doubled_when_the_engine_is_killed_anywhere(tmp_path):
    chance = random.Random(20261123)
    slowest = 0.0
    with served(tmp_path / "home") as engine:
        model = engine.script(*turns())
        with client(engine) as api:
            agent = api.post("/v1/agents", json={"name": "a", "model": model, "tools": [TOOLSET]}).json()["id"]
            environment = api.post("/v1/environments", json={"name": "e"}).json()["id"]
        for _ in range(KILLS):
            with client(engine) as api:
                session = api.post("/v1/sessions", json={"agent": agent, "environment_id": environment}).json()["id"]
                watcher = Watcher(engine.url, session)
                assert watcher.open.wait(5)
                message = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}
                api.post(f"/v1/sessions/{session}/events", json={"events": [message]}).raise_for_status()
                moment = chance.randrange(0, 6 * CALLS)
                wait_for(lambda moment=moment, seen=watcher.seen: len(seen) >= moment or _idle(seen), 20)
                time.sleep(chance.random() * 0.02)  # between two events, too
            engine.kill()
            watcher.join(5)
            engine.start()
            began = time.monotonic()
            with client(engine) as api:
                first = len(_events(api, session))
                _until(
                    api, session, 5, lambda session, events, first=first: events > first or session["status"] == "idle"
                )
                slowest = max(slowest, time.monotonic() - began)
                _until(api, session, 20, lambda session, events: session["status"] == "idle")
                _check(_events(api, session), watcher.seen, engine.data_dir / "sessions" / session / "workspace")
                api.delete(f"/v1/sessions/{session}").raise_for_status()
    assert slowest < 5


def _idle(seen):
    return bool(seen) and seen[-1]["type"] == "session.status_idle"


def _until(api, session, seconds, condition):
    wait_for(lambda: condition(api.get(f"/v1/sessions/{session}").json(), len(_events(api, session))), seconds)


def _events(api, session):
    return api.get(f"/v1/sessions/{session}/events").json()["data"]


def _check(events, seen, workspace):
    ids = [event["id"] for event in events]
    assert max(Counter(ids).values()) == 1, "an event stands twice"
    shown = [event["id"] for event in seen if event["processed_at"]]
    assert max(Counter(shown).values(), default=1) == 1, "an event was shown twice"
    assert ids[: len(shown)] == shown, "an event that a client saw is lost or has moved"
    assert events[-1]["type"] == "session.status_idle" and events[-1]["stop_reason"] == {"type": "end_turn"}
    uses = {event["id"]: event for event in events if event["type"] == "agent.tool_use"}
    results = [event for event in events if event["type"] == "agent.tool_result"]
    assert len(uses) == CALLS and sorted(uses) == sorted(event["tool_use_id"] for event in results)
    effects = Counter((workspace / "effects").read_text().split())
    for result in results:
        number = uses[result["tool_use_id"]]["input"]["command"].split()[1]
        text = result["content"][0]["text"]
        if LOST in text:
            assert result["is_error"] and effects[number] <= 1
        else:
            assert effects[number] == 1, f"{number}: {text}"
    texts = [event["content"][0]["text"] for event in events if event["type"] == "agent.message"]
    assert texts == [f"Step {n}." for n in range(CALLS)] + ["All done."]
