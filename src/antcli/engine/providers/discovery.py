"""A model server that already runs on this machine: Ollama, LM Studio or llama.cpp on its usual port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from antcli.engine.providers.base import ModelError
from antcli.engine.providers.endpoint import http_library
from antcli.engine.providers.messages import MessagesProvider
from antcli.engine.settings import ModelSettings

USUAL_PORTS = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080))


async def discover(ports: Sequence[tuple[str, int]] = USUAL_PORTS, *, limit: float = 0.3) -> ModelSettings | None:
    """The first of `ports` behind which a list of models answers within `limit` seconds, with its first model."""
    await asyncio.to_thread(http_library)
    probes = [asyncio.create_task(_probe(name, port, limit)) for name, port in ports]
    try:
        for probe in probes:
            if (found := await probe) is not None:
                return found
        return None
    finally:
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


async def _probe(name: str, port: int, limit: float) -> ModelSettings | None:
    base_url = f"http://127.0.0.1:{port}"
    provider = MessagesProvider(ModelSettings(base_url), connect_timeout=limit, read_timeout=limit)
    try:
        await provider.open()
        async with asyncio.timeout(limit):
            rows = await provider.models()
    except (ModelError, TimeoutError):
        return None
    finally:
        await provider.aclose()
    # Anything may listen on 8080: only rows that call themselves models count. Embedding models cannot talk.
    ids = [row["id"] for row in rows if "model" in (row.get("object"), row.get("type"))]
    talking = [id for id in ids if "embed" not in id.lower()]
    if not talking:
        return None
    return ModelSettings(base_url, default_model=talking[0], source=f"{name} on port {port}")
