from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError
from antcli.engine.providers.messages import MessagesProvider
from antcli.engine.providers.recording import ReplayProvider
from antcli.engine.providers.registry import Providers
from antcli.engine.providers.script import ScriptProvider
from antcli.engine.settings import ModelSettings
from tests.engine.providers.asking import collect, message_of, request
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn

EPOCH = "1970-01-01T00:00:00.000000Z"


async def find_nothing() -> ModelSettings | None:
    return None


def with_providers(
    settings: ModelSettings | None,
    act: Callable[[Providers], Awaitable[Any]],
    find: Callable[[], Awaitable[ModelSettings | None]] = find_nothing,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    async def run() -> Any:
        providers = Providers(settings, find=find, clock=clock)
        try:
            return await act(providers)
        finally:
            await providers.aclose()

    return asyncio.run(run())


def test_prefixes_choose_the_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    async def act(providers: Providers) -> None:
        script, name = await providers.resolve("script:a.yaml")
        assert isinstance(script, ScriptProvider)
        assert (script.path, name) == (tmp_path / "a.yaml", "a.yaml")
        assert (await providers.resolve(f"script:{tmp_path}/a.yaml"))[0] is script
        assert (await providers.resolve("script:~/a.yaml"))[0] is script
        recording, _ = await providers.resolve("recording:a.yaml")
        assert isinstance(recording, ReplayProvider)
        demo, name = await providers.resolve("demo")
        assert isinstance(demo, ScriptProvider)
        assert name == "demo"
        endpoint, name = await providers.resolve("qwen3:8b")
        assert isinstance(endpoint, MessagesProvider)
        assert name == "qwen3:8b"
        assert (await providers.resolve("other"))[0] is endpoint
        with pytest.raises(ModelError, match="names no file"):
            await providers.resolve("script:")

    with_providers(ModelSettings("http://127.0.0.1:9"), act)


def test_without_any_model_the_error_says_so() -> None:
    async def act(providers: Providers) -> None:
        with pytest.raises(ModelError, match="No model is configured") as caught:
            await providers.resolve("claude-sonnet-5-5")
        assert (caught.value.kind, caught.value.retryable) == ("failed", False)
        assert await providers.describe() == {"configured": False, "source": None, "base_url": None, "default": None}
        assert await providers.models() == []

    with_providers(None, act)


def test_an_answer_comes_through_the_configured_endpoint() -> None:
    async def act(providers: Providers) -> str:
        provider, model = await providers.resolve("some-model")
        return str(message_of(await collect(provider, request(model=model)))["content"][0]["text"])

    with MessagesEndpoint([Turn(text="Hi")]) as endpoint:
        assert with_providers(ModelSettings(endpoint.url), act) == "Hi"


def test_a_search_is_made_once_for_many_and_remembered() -> None:
    searches: list[int] = []
    found: list[ModelSettings | None] = [None]
    clock = [0.0]

    async def find() -> ModelSettings | None:
        searches.append(1)
        await asyncio.sleep(0.01)
        return found[0]

    async def resolves(providers: Providers) -> bool:
        try:
            await providers.resolve("m")
            return True
        except ModelError:
            return False

    async def act(providers: Providers) -> None:
        clock[0] = 100.0
        assert await asyncio.gather(*(resolves(providers) for _ in range(20))) == [False] * 20
        assert len(searches) == 1
        found[0] = ModelSettings("http://127.0.0.1:9", default_model="llama3", source="Ollama on port 9")
        clock[0] += 4
        assert not await resolves(providers)
        clock[0] += 2
        assert await resolves(providers)
        assert len(searches) == 2
        clock[0] += 59
        assert await resolves(providers)
        assert len(searches) == 2
        described = await providers.describe()
        assert (described["source"], described["default"]) == ("Ollama on port 9", "llama3")
        found[0] = None
        clock[0] += 2
        assert not await resolves(providers)
        assert len(searches) == 3

    with_providers(None, act, find, lambda: clock[0])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ModelSettings("https://api.anthropic.com", "k"), ("https://api.anthropic.com", "claude-sonnet-5-5")),
        (ModelSettings("https://api.anthropic.com/v1", default_model="mine"), ("https://api.anthropic.com", "mine")),
        (ModelSettings("http://u:canary@h:1/p/v1?k=canary", default_model="m"), ("http://h:1/p", "m")),
        (ModelSettings("canary", default_model="m"), (None, "m")),
        (ModelSettings("http://127.0.0.1:9"), ("http://127.0.0.1:9", None)),
    ],
)
def test_the_description_names_the_endpoint_without_its_login(
    settings: ModelSettings, expected: tuple[str | None, str | None]
) -> None:
    described = with_providers(settings, Providers.describe)
    assert described["configured"]
    assert (described["base_url"], described["default"]) == expected
    assert "canary" not in str(described)


def test_the_default_is_the_first_of_the_endpoints_models() -> None:
    with MessagesEndpoint(models=[{"id": "first"}, {"id": "second"}]) as endpoint:
        assert with_providers(ModelSettings(endpoint.url), Providers.describe)["default"] == "first"


def test_models_are_full_objects_that_the_official_types_accept() -> None:
    from anthropic.types.beta import BetaModelInfo

    rows: list[dict[str, Any]] = [
        {"id": "llama3", "object": "model", "created": 1_700_000_000, "owned_by": "library"},
        {"id": "odd", "created": "yesterday"},
        {"id": "claude", "display_name": "Claude", "created_at": "2026-02-04T00:00:00Z", "max_tokens": 9},
    ]
    with MessagesEndpoint(models=rows) as endpoint:
        models = with_providers(ModelSettings(endpoint.url), Providers.models)
    for model in models:
        BetaModelInfo.model_validate(model, strict=False)
        assert set(model) == set(BetaModelInfo.model_fields)
    assert [model["created_at"] for model in models] == ["2023-11-14T22:13:20.000000Z", EPOCH, "2026-02-04T00:00:00Z"]
    assert (models[0]["display_name"], models[0]["lifecycle"], models[0]["max_tokens"]) == ("llama3", "active", None)
    assert (models[2]["display_name"], models[2]["max_tokens"]) == ("Claude", 9)


def test_the_http_library_is_imported_when_it_is_needed_and_without_its_command_line() -> None:
    program = (
        "import sys, antcli.engine.providers.registry\n"
        "heavy = {'httpx', 'yaml', 'pydantic', 'rich', 'click'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from antcli.engine.providers.endpoint import http_library; http_library()\n"
        "assert not {'rich', 'click', 'pygments'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
