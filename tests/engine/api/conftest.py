from __future__ import annotations

from collections.abc import Iterator

import anthropic
import httpx
import pytest

from tests.engine.api.server import KEY, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("engine")) as server:
        yield server


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[anthropic.Anthropic]:
    """The official SDK in strict mode is the judge of every answer."""
    with anthropic.Anthropic(
        base_url=server.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=10, trust_env=False) as client:
        yield client
