"""Which brain answers for a model id, and what the engine can say about its models."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from antcli.engine.clock import timestamp
from antcli.engine.model_facts import is_from_file
from antcli.engine.providers.base import ModelError, NoModelError, Provider
from antcli.engine.providers.discovery import discover
from antcli.engine.providers.messages import MessagesProvider
from antcli.engine.providers.recording import ReplayProvider
from antcli.engine.providers.script import ScriptProvider
from antcli.engine.settings import ModelSettings

_DEMO_SCRIPT = Path(__file__).parents[2] / "static" / "demo.yaml"
_ANTHROPIC_DEFAULT = "claude-sonnet-5-5"
_FOUND_FOR = 60.0  # seconds
_MISSING_FOR = 5.0
_DESCRIBE_LIMIT = 3.0
_OPTIONAL = (
    *("line", "capabilities", "max_input_tokens", "max_tokens"),
    *("allowed_fallback_models", "deprecated_at", "retires_at"),
)
_NO_MODEL = (
    "No model is configured: set ANTHROPIC_API_KEY, set ANT_MODEL_BASE_URL, "
    "or start Ollama, LM Studio or llama.cpp on this machine."
)
_FILE_PROVIDERS: dict[str, Callable[[Path], Provider]] = {"script": ScriptProvider, "recording": ReplayProvider}


class Providers:
    """All brains of one engine; each is made when first asked for and kept, with its connections."""

    def __init__(
        self, settings: ModelSettings | None, *, find: Callable[[], Awaitable[ModelSettings | None]] = discover,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._find = find
        self._clock = clock
        self._found: ModelSettings | None = None
        self._found_until = 0.0
        self._finding = asyncio.Lock()
        self._files: dict[tuple[str, Path], Provider] = {}
        self._endpoints: dict[str, MessagesProvider] = {}
        self._first_model: tuple[str, float, str | None] = ("", 0.0, None)

    async def resolve(self, model: str) -> tuple[Provider, str]:
        """The provider for a model id, and the id without the provider's prefix. Raises ModelError."""
        if model == "demo":
            return self._file("script", _DEMO_SCRIPT), model
        kind, _, name = model.partition(":")
        if kind in _FILE_PROVIDERS:
            if not name:
                raise ModelError(f"The model {model!r} names no file: write {kind}:FILE.")
            return self._file(kind, Path(os.path.abspath(os.path.expanduser(name)))), name
        settings = self._settings or await self._discovered()
        if settings is None:
            raise NoModelError(_NO_MODEL)
        return self._at(settings), model

    async def endpoint(self, model: str) -> MessagesProvider:
        """The endpoint that answers for a model outside of sessions. Raises ModelError where none does."""
        provider, _ = await self.resolve(model)
        if not isinstance(provider, MessagesProvider):
            raise ModelError(f"The model {model!r} is played from a file: it answers in sessions only.", fatal=True)
        return provider

    async def priced_as(self, model: str) -> str | None:
        """The id to look a price up by: a script stands in for the model that it names, a recording for none."""
        if model.startswith("script:"):
            provider, _ = await self.resolve(model)
            assert isinstance(provider, ScriptProvider)
            return (await provider.script()).price_as or None
        return None if model == "demo" or model.startswith("recording:") else model

    async def offers_web_tools(self, model: str) -> bool:
        """Whether the model's provider searches and fetches pages itself."""
        if is_from_file(model):
            return False
        settings = self._settings or await self._discovered()
        try:
            return settings is not None and self._at(settings).endpoint.is_anthropic
        except ModelError:  # settings that cannot be used; the first request says why
            return False

    async def warm(self) -> None:
        """Make the configured endpoint's client before the first request needs it. Asks the endpoint nothing."""
        if self._settings is not None:
            with contextlib.suppress(ModelError):  # settings that cannot be used; the first request says why
                await self._at(self._settings).open()

    async def describe(self) -> dict[str, Any]:
        """What `ant doctor` shows: `configured`, `source`, `base_url` (never with a login in it), `default`."""
        settings = self._settings or await self._discovered()
        if settings is None:
            return {"configured": False, "source": None, "base_url": None, "default": None}
        described = {"configured": True, "source": settings.source or None, "base_url": None}
        try:
            provider = self._at(settings)
        except ModelError:  # settings that cannot be used; the first request says why
            return described | {"default": settings.default_model}
        default = settings.default_model or await self._default_of(provider)
        return described | {"base_url": provider.endpoint.root, "default": default}

    async def models(self) -> list[dict[str, Any]]:
        """The endpoint's models as full model objects (api.md 18); [] without an endpoint. Raises ModelError."""
        settings = self._settings or await self._discovered()
        return [model_object(row) for row in await self._at(settings).models()] if settings else []

    async def aclose(self) -> None:
        providers: list[Provider] = [*self._files.values(), *self._endpoints.values()]
        self._files.clear()
        self._endpoints.clear()
        await asyncio.gather(*(provider.aclose() for provider in providers))

    def _file(self, kind: str, path: Path) -> Provider:
        if (kind, path) not in self._files:
            self._files[kind, path] = _FILE_PROVIDERS[kind](path)
        return self._files[kind, path]

    def _at(self, settings: ModelSettings) -> MessagesProvider:
        if settings.base_url not in self._endpoints:
            self._endpoints[settings.base_url] = MessagesProvider(settings)
        return self._endpoints[settings.base_url]

    async def _discovered(self) -> ModelSettings | None:
        async with self._finding:  # many sessions at once make one search
            if self._clock() >= self._found_until:
                self._found = await self._find()
                self._found_until = self._clock() + (_FOUND_FOR if self._found else _MISSING_FOR)
            return self._found

    async def _default_of(self, provider: MessagesProvider) -> str | None:
        if provider.endpoint.is_anthropic:
            return _ANTHROPIC_DEFAULT
        root, until, model = self._first_model
        if root != provider.endpoint.root or self._clock() >= until:
            try:
                async with asyncio.timeout(_DESCRIBE_LIMIT):
                    model = next((str(row["id"]) for row in await provider.models()), None)
            except (ModelError, TimeoutError):
                model = None
            until = self._clock() + (_FOUND_FOR if model else _MISSING_FOR)
            self._first_model = (provider.endpoint.root, until, model)
        return model


def model_object(row: dict[str, Any]) -> dict[str, Any]:
    """A full model object from what an endpoint lists; what it does not say is null, its age the epoch."""
    given = {name: value for name, value in row.items() if value is not None}
    return {
        "id": row["id"],
        "type": "model",
        "display_name": given.get("display_name", row["id"]),
        "created_at": given.get("created_at", _date(given.get("created"))),
        "lifecycle": given.get("lifecycle", "active"),
        **{name: row.get(name) for name in _OPTIONAL},
    }


def _date(seconds: Any) -> str:
    try:
        return timestamp(datetime.fromtimestamp(seconds, UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        return timestamp(datetime.fromtimestamp(0, UTC))
