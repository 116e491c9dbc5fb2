"""`/v1/messages` is handed on to the model endpoint: with the engine's key, never the client's."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest

from antcli.engine.providers.registry import Providers
from antcli.engine.settings import ModelSettings
from tests.engine.api.server import KEY, Server
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn

ASKED = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def endpoint() -> Iterator[MessagesEndpoint]:
    with MessagesEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def client(server: Server, endpoint: MessagesEndpoint) -> Iterator[anthropic.Anthropic]:
    providers = Providers(ModelSettings(endpoint.url, "the-secret-of-the-model"))
    before, server.services.providers = server.services.providers, providers
    with anthropic.Anthropic(base_url=server.url, api_key=KEY, max_retries=0, timeout=10) as client:
        yield client
    server.services.providers = before

    async def close() -> None:
        await providers.aclose()

    server.call(close)


def test_an_answer_comes_back_whole_and_the_key_is_the_engines(
    client: anthropic.Anthropic, endpoint: MessagesEndpoint
) -> None:
    endpoint.add(Turn(text="Good day.", stream=False))
    answer = client.messages.create(**ASKED)
    assert answer.content[0].text == "Good day."
    request = endpoint.requests[0]
    assert request.headers["x-api-key"] == "the-secret-of-the-model"
    assert KEY not in str(request.headers)
    assert request.body["messages"] == ASKED["messages"]


def test_an_answer_is_streamed(client: anthropic.Anthropic, endpoint: MessagesEndpoint) -> None:
    endpoint.add(Turn(text=["One, ", "two."]))
    with client.messages.stream(**ASKED) as stream:
        assert list(stream.text_stream) == ["One, ", "two."]


def test_the_endpoints_refusal_is_told_but_its_key_is_not(
    client: anthropic.Anthropic, endpoint: MessagesEndpoint
) -> None:
    endpoint.add(Turn(status=429, error_message="Too fast: the-secret-of-the-model"))
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**ASKED)
    assert "the-secret" not in str(caught.value) and "Too fast" in str(caught.value)
    endpoint.add(Turn(status=401, error_message="Who are you?"))
    with pytest.raises(anthropic.InternalServerError) as refused:  # the client's own key is good
        client.messages.create(**ASKED)
    assert refused.value.status_code == 502


@pytest.mark.parametrize("model", ["demo", "script:x.yaml"])
def test_a_scripted_model_answers_in_sessions_only(client: anthropic.Anthropic, model: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match="sessions only"):
        client.messages.create(**ASKED | {"model": model})
    with pytest.raises(anthropic.BadRequestError, match="model: required"):
        client.post("/v1/messages", cast_to=object, body={"messages": []})
