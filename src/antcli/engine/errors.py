"""Errors that the engine answers with: one class, made by small functions named after the status (api.md 2)."""

from __future__ import annotations

from typing import Any


class RequestError(Exception):
    """Becomes the error envelope. `retry=False` sends `x-should-retry: false`, so that SDKs do not repeat it."""

    def __init__(
        self, status: int, type: str, message: str, *, code: str | None = None,
        details: dict[str, Any] | None = None, retry: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
        self.details = ({"error_code": code} if code else {}) | (details or {})
        self.retry = retry


def invalid(message: str, *, code: str | None = None) -> RequestError:
    return RequestError(400, "invalid_request_error", message, code=code)


def forbidden(message: str) -> RequestError:
    return RequestError(403, "permission_error", message)


def not_found(kind: str, id: str, *, code: str | None = None) -> RequestError:
    return RequestError(404, "not_found_error", f"No {kind} with id {id!r}.", code=code)


def conflict(message: str, *, code: str | None = None) -> RequestError:
    """A deterministic conflict: 409 that the SDKs must not repeat."""
    return RequestError(409, "conflict_error", message, code=code, retry=False)


def unsupported(field: str, reason: str = "") -> RequestError:
    """Refuse, never ignore: the engine does not do this yet, and says which field asked for it."""
    return invalid(f"{field}: not supported by the local engine{': ' + reason if reason else ''}.")
