"""The error envelope (api.md 2)."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from antcli.engine.errors import RequestError


def envelope(error: RequestError, request_id: str) -> bytes:
    inner: dict[str, Any] = {"type": error.type, "message": error.message}
    if error.details:
        inner["details"] = error.details
    return to_json({"type": "error", "error": inner, "request_id": request_id})


def no_route(path: str) -> RequestError:
    return RequestError(404, "not_found_error", f"The local engine has nothing at {path[:200]}.")


def wrong_method(method: str, path: str) -> RequestError:
    return RequestError(405, "invalid_request_error", f"{method} is not possible on {path[:200]}.")


def too_large(maximum: int) -> RequestError:
    return RequestError(413, "invalid_request_error", f"The request body is larger than {maximum // 2**20} MB.")


def unauthorized(message: str) -> RequestError:
    return RequestError(401, "authentication_error", message)


def unexpected() -> RequestError:
    return RequestError(500, "api_error", "An unexpected error in the engine. Its log has the details.")


def storage_failed(message: str) -> RequestError:
    return RequestError(503, "api_error", message)
