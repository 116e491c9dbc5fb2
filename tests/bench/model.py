"""A Messages API endpoint that answers at once and says in its answer when it did: `python -m tests.bench.model DELAY`.

The text of each answer is "RECEIVED FIRST LAST": the moments, in nanoseconds of the monotonic clock, at which it had
the request, wrote the first piece of text, and wrote the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_START: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
     "content": [], "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
]  # fmt: skip
_END: list[dict[str, Any]] = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]


def chunk(*events: dict[str, Any]) -> bytes:
    data = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            received = time.monotonic_ns()
            writer.write(_HEAD)
            await asyncio.sleep(float(sys.argv[1]))
            writer.write(chunk(*_START, delta(f"{received} {time.monotonic_ns()} ")))
            await asyncio.sleep(0)
            writer.write(chunk(delta(f"{time.monotonic_ns()}"), *_END) + b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(15, os._exit, 0)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
