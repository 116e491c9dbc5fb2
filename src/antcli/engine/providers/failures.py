"""From an endpoint's error to a ModelError: one mapping for HTTP answers, errors in mid-stream and script models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from antcli.engine.providers.base import ModelError

Kind = Literal["overloaded", "rate_limited", "billing", "failed"]

STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# Gateways put these behind any status; the type says more than the number.
_TELLING_TYPES = {"billing_error", "overloaded_error", "rate_limit_error"}
_DETAIL_LIMIT = 500


def failure(
    status: int, *, source: str, model: str, type: str = "", detail: str = "",
    retry_after: float | None = None, should_retry: bool | None = None,
) -> ModelError:  # fmt: skip
    """The ModelError for an error status. `source` names who answered; `detail` is its own message, without secrets.

    `should_retry` is the endpoint's word on repeating and beats the table; `retry_after` is in seconds.
    """
    if type in _TELLING_TYPES:
        status = STATUS_OF_TYPE[type]
    elif status == 400 and "credit balance is too low" in detail:
        status = 402
    kind, retryable, phrase = _meaning(status, model)
    # Some endpoints echo the key they refuse.
    detail = shortened(detail) if status != 401 else "check the key of the model's endpoint."
    message = f"{source} {phrase} ({status})" + (f": {detail}" if detail else ".")
    retryable = retryable if should_retry is None else should_retry
    return ModelError(message, kind=kind, retryable=retryable, retry_after=retry_after if retryable else None)


def _meaning(status: int, model: str) -> tuple[Kind, bool, str]:
    if status in (401, 403):
        return "failed", False, "refused the key"
    if status == 402:
        return "billing", False, "refused to bill the request"
    if status == 404:
        return "failed", False, f"does not know the model {model!r}"
    if status == 408:
        return "failed", True, "gave up waiting for the request"
    if status == 413:
        return "failed", False, "finds the request too large"
    if status == 429:
        return "rate_limited", True, "limits the rate"
    if status in (503, 529):
        return "overloaded", True, "is overloaded"
    if status >= 500:
        return "failed", True, "failed"
    return "failed", False, "refused the request"


def type_and_detail(body: Any) -> tuple[str, str]:
    """An error's type and message out of the shapes that endpoints use; "" where there is none."""
    if not isinstance(body, dict):
        return "", body if isinstance(body, str) else ""
    inner = body.get("error", body)
    if isinstance(inner, str):
        return "", inner
    if not isinstance(inner, dict):
        return "", ""
    type, detail = inner.get("type"), inner.get("message") or inner.get("detail")
    return type if isinstance(type, str) else "", detail if isinstance(detail, str) else ""


def status_in_stream(body: dict[str, Any]) -> int:
    """The status that an error event stands for: by its type, else by a numeric code, else 500."""
    type, _ = type_and_detail(body)
    inner = body.get("error")
    code = inner.get("code") if isinstance(inner, dict) else None
    fallback = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return STATUS_OF_TYPE.get(type, fallback)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the endpoint asks for: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return max(0.0, seconds) if seconds < 1e9 else None
    return _seconds_until(headers.get("retry-after", ""))


def _seconds_until(date: str) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def shortened(text: str, limit: int = _DETAIL_LIMIT) -> str:
    """One line of printable text, cut to `limit` characters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
