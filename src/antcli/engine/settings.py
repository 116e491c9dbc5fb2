"""What an engine is started with. Built from the command line, the profile and the environment; never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A Messages API endpoint. `api_key` and `headers` are secrets: never logged, never in an event."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    default_model: str | None = None
    source: str = ""  # in words, for `ant doctor`: "ANTHROPIC_API_KEY", "Ollama on port 11434", ...


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine. Exactly one of `socket` and `port` says where it listens; `port` 0 picks a free one."""

    data_dir: Path
    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    api_key: str | None = field(default=None, repr=False)
    model: ModelSettings | None = None
    sandbox: str = "auto"  # auto, bubblewrap, docker, podman, none
    idle_minutes: float = 15.0  # 0: stay for ever
    model_retries: int = 5
    context_tokens: int = 150_000  # a longer conversation is summarised
    log_format: str = "text"
