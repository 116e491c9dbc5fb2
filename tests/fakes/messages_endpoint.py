"""A model endpoint for tests: a real HTTP server on a loopback port that speaks the Messages API, faults included.

In a test:

    call = {"name": "bash", "input": {"command": "ls"}}
    with MessagesEndpoint([Turn(tools=[call]), Turn(text="Done.")]) as endpoint:
        ...                                # endpoint.url, endpoint.requests, endpoint.add(Turn(...))

For a subprocess: `python -m tests.fakes.messages_endpoint --port 0 --turns FILE` prints its URL on the first line;
FILE is a YAML or JSON list of the fields of Turn. Turns are a queue; with `by_conversation` the turn is chosen by the
number of assistant messages in the request instead, so that many sessions can be served by the same turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

USAGE = {
    "input_tokens": 25,
    "output_tokens": 12,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 200,
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass
class Turn:
    """What one request gets. Counts of events are of the whole stream, from `message_start` = 1; times are seconds."""

    text: str | list[str] = ""
    thinking: str = ""
    signature: str = "c2lnbmF0dXJl"
    tools: list[dict[str, Any]] = field(default_factory=list)  # {name, input, id?}
    stop_reason: str = ""
    usage: dict[str, int] = field(default_factory=lambda: dict(USAGE))
    pings: bool = True
    stream: bool = True  # False: answer with one JSON message whatever was asked
    # an error instead of the answer
    status: int = 200
    error_type: str = ""
    error_message: str = "made to fail"
    headers: dict[str, str] = field(default_factory=dict)
    # an error, the end, or silence in the middle of the answer
    error_event_after: int | None = None  # events, then an `error` event of `error_type`
    cut_after: int | None = None  # events, then the connection breaks
    end_after: int | None = None  # events, then the body ends properly, without message_stop
    stall_after: int | None = None  # events, then nothing until the client goes away
    # slowness and packaging
    delay: float = 0.0  # before the response's head
    pace: float = 0.0  # between two events
    portion: int = 0  # bytes in one write; 0: one event in one write
    raw: str | None = None  # a body of your own, as text/event-stream or as `headers` say


@dataclass
class Exchange:
    """A recorded request. `disconnected` is set when the client closed the connection before the answer was whole."""

    path: str
    headers: dict[str, str]
    body: Any
    client: tuple[str, int]
    disconnected: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)


Answer = Callable[[dict[str, Any]], Turn]


class MessagesEndpoint:
    """The server, running in a thread between `start` and `stop`; also a context manager."""

    def __init__(
        self, turns: Iterable[Turn] = (), *, answer: Answer | None = None, by_conversation: bool = False,
        models: list[dict[str, Any]] | None = None, models_status: int = 200, models_delay: float = 0.0,
    ) -> None:  # fmt: skip
        self.requests: list[Exchange] = []
        self.models = models if models is not None else [anthropic_model("claude-sonnet-5-5")]
        self.models_status = models_status
        self.models_delay = models_delay
        self._turns = deque(turns)
        self._answer = answer
        self._by_conversation = by_conversation
        self._lock = threading.Lock()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, *turns: Turn) -> None:
        with self._lock:
            self._turns.extend(turns)

    def start(self, port: int = 0) -> MessagesEndpoint:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            Starlette(
                routes=[
                    Route("/v1/messages", self._messages, methods=["POST"]),
                    Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
                    Route("/v1/models", self._models, methods=["GET"]),
                ]
            ),
            log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        listener.listen(512)  # accepts from now on: nobody has to wait for the thread
        self._thread = threading.Thread(target=self._serve, args=(self._server, listener), name="fake-endpoint")
        self._thread.start()
        return self

    @staticmethod
    def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
        with listener:
            server.run(sockets=[listener])

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(timeout=10)
            if self._thread.is_alive():
                raise RuntimeError("the fake endpoint does not stop")
        self._server = self._thread = None

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _messages(self, request: Request) -> Response:
        body = await request.json()
        client = (request.client.host, request.client.port) if request.client else ("", 0)
        exchange = Exchange(request.url.path, dict(request.headers), body, client)
        turn = self._next_turn(exchange)
        if turn is None:
            return error_response(400, "invalid_request_error", "the fake endpoint has no turn left")
        await asyncio.sleep(turn.delay)
        if turn.raw is not None:
            exchange.answered.set()
            return Response(turn.raw, turn.status, {"content-type": "text/event-stream"} | turn.headers)
        if turn.status >= 300:
            exchange.answered.set()
            kind = turn.error_type or ERROR_TYPES.get(turn.status, "api_error")
            return error_response(turn.status, kind, turn.error_message, turn.headers)
        if not turn.stream or not body.get("stream"):
            exchange.answered.set()
            return JSONResponse(message(turn, body["model"], len(self.requests)), headers=turn.headers)
        return _Stream(turn, exchange, events(turn, body["model"], len(self.requests)))

    def _next_turn(self, exchange: Exchange) -> Turn | None:
        with self._lock:
            self.requests.append(exchange)
            if self._answer is not None:
                return self._answer(exchange.body)
            if self._by_conversation:
                number = sum(1 for message in exchange.body["messages"] if message["role"] == "assistant")
                return self._turns[number] if number < len(self._turns) else None
            return self._turns.popleft() if self._turns else None

    async def _count(self, request: Request) -> Response:
        return JSONResponse({"input_tokens": len(await request.body()) // 4})

    async def _models(self, request: Request) -> Response:
        await asyncio.sleep(self.models_delay)
        if self.models_status != 200:
            return error_response(self.models_status, ERROR_TYPES.get(self.models_status, "api_error"), "no list")
        ids = [model.get("id") for model in self.models]
        ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
        return JSONResponse({"data": self.models, "has_more": False, **ends})


class _Stream(Response):
    """Writes the events as server-sent events, with the turn's faults, and watches for the client to go away."""

    def __init__(self, turn: Turn, exchange: Exchange, events: list[dict[str, Any]]) -> None:
        super().__init__(media_type="text/event-stream", headers={"request-id": "req_fake", **turn.headers})
        del self.headers["content-length"]
        self._turn = turn
        self._exchange = exchange
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writing = asyncio.create_task(self._write(send))
        watching = asyncio.create_task(self._watch(receive))
        await asyncio.wait({writing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not writing.done():
            self._exchange.disconnected.set()
        for task in (writing, watching):
            task.cancel()
        await asyncio.gather(writing, watching, return_exceptions=True)
        self._exchange.answered.set()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for data in self._portions():
            if data is None:
                return  # without the end of the body: the server then drops the connection
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _portions(self) -> AsyncIterator[bytes | None]:
        """The bytes to write one after the other; None breaks the connection."""
        turn = self._turn
        for number, event in enumerate(self._events):
            if number == turn.end_after:
                return
            if number == turn.cut_after:
                yield None
                return
            if number == turn.stall_after:
                await asyncio.Event().wait()
            if number == turn.error_event_after:
                kind = turn.error_type or "overloaded_error"
                yield frame({"type": "error", "error": {"type": kind, "message": turn.error_message}})
                return
            data = frame(event)
            for start in range(0, len(data), turn.portion or len(data)):
                yield data[start : start + (turn.portion or len(data))]
            await asyncio.sleep(turn.pace)


def frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def message(turn: Turn, model: str, number: int) -> dict[str, Any]:
    """The turn as a whole message."""
    texts = [turn.text] if isinstance(turn.text, str) else turn.text
    content: list[dict[str, Any]] = []
    if turn.thinking:
        content.append({"type": "thinking", "thinking": turn.thinking, "signature": turn.signature})
    content += [{"type": "text", "text": text, "citations": None} for text in texts if text]
    for index, tool in enumerate(turn.tools):
        id = tool.get("id", f"toolu_{number:04}{index:04}")
        content.append({"type": "tool_use", "id": id, "name": tool["name"], "input": tool.get("input", {})})
    return {
        "id": f"msg_{number:08}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": turn.stop_reason or ("tool_use" if turn.tools else "end_turn"),
        "stop_sequence": None,
        "usage": turn.usage,
    }


def events(turn: Turn, model: str, number: int) -> list[dict[str, Any]]:
    """The turn as the events of a stream, as the hosted service sends them."""
    whole = message(turn, model, number)
    start = whole | {"content": [], "stop_reason": None, "usage": turn.usage | {"output_tokens": 1}}
    stream: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(whole["content"]):
        stream += _block_events(index, block)
        if turn.pings and index == 0:
            stream.insert(2, {"type": "ping"})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    stream.append({"type": "message_delta", "delta": delta, "usage": turn.usage})
    stream.append({"type": "message_stop"})
    return stream


def _block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "text":
        empty = block | {"text": ""}
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    elif block["type"] == "thinking":
        empty = block | {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _parts(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        empty = block | {"input": {}}
        parts = ["", *_parts(json.dumps(block["input"], ensure_ascii=False))]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _parts(text: str) -> list[str]:
    size = max(8, len(text) // 50)
    return [text[start : start + size] for start in range(0, len(text), size)]


def anthropic_model(id: str) -> dict[str, Any]:
    return {"type": "model", "id": id, "display_name": id.title(), "created_at": "2026-02-04T00:00:00Z"}


def error_response(status: int, type: str, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {"type": "error", "error": {"type": type, "message": text}, "request_id": "req_fake"}
    return JSONResponse(body, status, {"request-id": "req_fake"} | (headers or {}))


def read_turns(path: Path) -> list[Turn]:
    import yaml

    known = {field.name for field in fields(Turn)}
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    for row in rows:
        if unknown := set(row) - known:
            raise ValueError(f"{path}: unknown fields {sorted(unknown)}")
    return [Turn(**row) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake Messages API endpoint on a loopback port.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--turns", type=Path, required=True, help="a YAML or JSON list of turns")
    parser.add_argument("--by-conversation", action="store_true", help="choose turns by the messages of the request")
    options = parser.parse_args()
    endpoint = MessagesEndpoint(read_turns(options.turns), by_conversation=options.by_conversation)
    endpoint.start(options.port)
    print(endpoint.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        endpoint.stop()


if __name__ == "__main__":
    main()
