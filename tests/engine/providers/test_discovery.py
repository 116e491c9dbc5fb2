from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from antcli.engine.providers.discovery import discover
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn

LLAMA = {"id": "llama3", "object": "model", "owned_by": "library"}
EMBEDDING = {"id": "text-embedding-nomic", "object": "model"}


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound and not listening: refused, and nobody else gets it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_the_first_in_order_that_answers_is_taken(closed_port: int) -> None:
    with MessagesEndpoint(models=[EMBEDDING, LLAMA]) as second, MessagesEndpoint(models=[LLAMA]) as third:
        ports = [("Ollama", closed_port), ("LM Studio", second.port), ("llama.cpp", third.port)]
        found = asyncio.run(discover(ports, limit=5))
        assert found is not None
        assert (found.base_url, found.default_model) == (second.url, "llama3")
        assert found.source == f"LM Studio on port {second.port}"
        assert found.api_key is None


def test_what_is_no_list_of_models_is_passed_over(closed_port: int) -> None:
    assert asyncio.run(discover([("a", closed_port)])) is None
    for models, status in (
        ([], 200),
        ([{"id": "a row of something"}], 200),
        ([EMBEDDING], 200),
        ([LLAMA], 404),
        ([LLAMA], 401),
    ):
        with MessagesEndpoint(models=models, models_status=status) as endpoint:
            assert asyncio.run(discover([("a", endpoint.port)], limit=5)) is None


def test_a_silent_server_is_given_up_after_the_limit() -> None:
    asyncio.run(discover([]))  # the HTTP library is imported outside the limit
    with MessagesEndpoint(models=[LLAMA], models_delay=20) as slow, MessagesEndpoint(models=[LLAMA]) as quick:
        started = time.monotonic()
        found = asyncio.run(discover([("slow", slow.port), ("quick", quick.port)], limit=0.3))
        assert found is not None
        assert found.base_url == quick.url
        assert time.monotonic() - started < 5


def test_no_request_for_an_answer_is_made() -> None:
    with MessagesEndpoint([Turn(text="x")], models=[LLAMA]) as endpoint:
        asyncio.run(discover([("a", endpoint.port)], limit=5))
        assert endpoint.requests == []
