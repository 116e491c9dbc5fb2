"""The Messages API: handed on to the model endpoint of this engine, with the engine's credential."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from antcli.engine.api.query import Query
from antcli.engine.api.services import operation, services
from antcli.engine.api.validation import parse_json
from antcli.engine.errors import RequestError, invalid
from antcli.engine.providers.base import ModelError, NoModelError
from antcli.engine.providers.passage import hand_on


async def pass_on(request: Request, query: Query) -> Response:
    """The endpoint's answer, streamed as it comes. RequestError: 400 without a model, 502 when nobody answers."""
    body = await request.body()
    asked = parse_json(body)
    if not isinstance(asked, dict):
        raise invalid("The request body must be a JSON object.")
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model: required, a string.")
    try:
        provider = await services(request).providers.endpoint(model)
        answer = await hand_on(provider, request.url.path, body, request.headers)
    except ModelError as error:
        raise _told(error) from error
    return StreamingResponse(answer.body, answer.status, answer.headers)


def _told(error: ModelError) -> RequestError:
    if error.fatal:
        return invalid(f"model: {error.message}")
    if isinstance(error, NoModelError):
        return RequestError(502, "api_error", error.message, code="no_model", retry=False)
    details: dict[str, Any] = {} if error.retryable else {"retry": False}
    return RequestError(502, "api_error", error.message, **details)


ROUTES = [
    operation("POST", "/v1/messages", pass_on),
    operation("POST", "/v1/messages/count_tokens", pass_on),
]
