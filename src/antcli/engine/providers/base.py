"""The brain's interface: a request in the shape of the Messages API, an answer as its stream events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One model request of a thread. `messages`, `system` and `tools` are in Messages API form, cache breakpoints set.

    `index` counts the requests of this thread that were answered before (0 for the first), `attempt` the failed tries
    of this very request: both come from the log, so a provider needs no memory of its own.
    """

    session_id: str
    thread_id: str
    index: int
    attempt: int
    model: str
    system: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    max_tokens: int = 16_384
    effort: str | None = None
    speed: str | None = None


class ModelError(Exception):
    """A model request that failed. `message` is shown to users: it never holds a credential.

    `kind` chooses the type of the `session.error` (api.md 10.5). `retryable` errors are tried again, after
    `retry_after` seconds where the endpoint said so. `fatal` ends the session (a script's failed expectation).
    """

    def __init__(
        self, message: str, *, kind: Literal["overloaded", "rate_limited", "billing", "failed"] = "failed",
        retryable: bool = False, retry_after: float | None = None, fatal: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        self.fatal = fatal


class NoModelError(ModelError):
    """The engine was given no endpoint to ask."""


class Provider(Protocol):
    def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        """Messages API stream events as dicts, `message_start` to `message_stop`, nothing else (no `ping`).

        Every `content_block_start` of a tool_use carries `input: {}`. Cancelling the iteration closes the connection.
        Raises ModelError, also in mid-stream; a stream that ends without `message_stop` is a retryable ModelError.
        """
        ...

    async def models(self) -> list[dict[str, Any]]:
        """What `GET /v1/models` of the endpoint lists, as it came; [] where there is no list. Raises ModelError."""
        ...

    async def aclose(self) -> None: ...
