"""`follow` against a real engine, through a proxy that cuts every connection after a random number of bytes."""

import contextlib
import random
import socket
import threading

import httpx

from antcli.client.client import Client
from antcli.client.follow import follow
from antcli.client.server import Server
from tests.e2e.served import KEY, served

CUTS = 1000
CHANCE = random.Random(7)


def next_cut() -> int:
    """Bytes until a connection breaks: mostly in the first events or in the headers, now and then much later."""
    return CHANCE.randrange(1, 60_000 if CHANCE.random() < 0.1 else 2_500)


class CuttingProxy:
    """Forwards to `port`; what the engine sends back breaks off soon, `CUTS` times."""

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._forward, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forward(self, connection: socket.socket) -> None:
        with connection, socket.create_connection(("127.0.0.1", self._port)) as engine:
            back = threading.Thread(target=_pump, args=(connection, engine), daemon=True)
            back.start()
            allowed = next_cut() if self.cuts < CUTS else 1 << 40
            with contextlib.suppress(OSError):
                while allowed > 0 and (data := engine.recv(min(allowed, 65536))):
                    connection.sendall(data)
                    allowed -= len(data)
            self.cuts += allowed <= 0
            for end in (connection, engine):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def test_a_thousand_cuts_lose_nothing_and_repeat_nothing(tmp_path):
    with served(tmp_path / "home") as engine, contextlib.ExitStack() as stack:
        # A session that goes on for as long as connections are cut, two events every few milliseconds.
        api = stack.enter_context(httpx.Client(base_url=engine.url, headers={"x-api-key": KEY}, timeout=10))
        model = engine.script(*({"text": f"answer {n}"} for n in range(2000)))
        agent = api.post("/v1/agents", json={"name": "a", "model": model}).json()["id"]
        environment = api.post("/v1/environments", json={"name": "e"}).json()["id"]
        session = api.post("/v1/sessions", json={"agent": agent, "environment_id": environment}).json()["id"]
        path = f"/v1/sessions/{session}/events"

        proxy = CuttingProxy(int(engine.url.rsplit(":", 1)[1]))
        stack.callback(proxy.close)

        def talk() -> None:
            sent = 0
            while proxy.cuts < CUTS and sent < 1500:
                message = {"type": "user.message", "content": [{"type": "text", "text": f"question {sent}"}]}
                api.post(path, json={"events": [message]}).raise_for_status()
                sent += 1
                threading.Event().wait(0.01)
            last = {"type": "user.message", "content": [{"type": "text", "text": "the last one"}]}
            api.post(path, json={"events": [last]}).raise_for_status()

        talker = threading.Thread(target=talk, daemon=True)

        server = Server(proxy.url, "hosted", "test", "test", headers={"x-api-key": KEY})
        client = stack.enter_context(Client(server, retries=0))
        last_seen = False

        def stop(event) -> bool:
            nonlocal last_seen
            if event["type"] == "user.message" and event["processed_at"]:
                last_seen = last_seen or event["content"][0]["text"] == "the last one"
            return last_seen and event["type"] == "session.status_idle"

        talker.start()
        followed = list(follow(client, session, queued=False, stop=stop, first_delay=0.001, longest_delay=0.01))
        talker.join(10)
        assert proxy.cuts >= CUTS

        listed, query = [], {"limit": "1000"}
        while True:
            page = api.get(path, params=query).json()
            listed += [event["id"] for event in page["data"]]
            if page["next_page"] is None:
                break
            query["page"] = page["next_page"]
        assert [event["id"] for event in followed] == listed
