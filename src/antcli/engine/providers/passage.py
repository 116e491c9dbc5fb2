"""A request handed on to the model endpoint as it is, and its answer handed back: only the credentials are ours."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from antcli.engine.providers.messages import MessagesProvider, start_of_body

if TYPE_CHECKING:
    import httpx

_PASSED_ON = ("anthropic-version", "anthropic-beta", "anthropic-user-profile-id", "accept")
_PASSED_BACK = ("content-type", "retry-after", "retry-after-ms", "x-should-retry")


class Answer(NamedTuple):
    """`body` yields the answer as it arrives and must be read, or closed, to the end."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]


async def hand_on(provider: MessagesProvider, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Raises ModelError when the endpoint cannot be asked, and for a refused credential: it is not the client's."""
    client = await provider.open()
    import httpx

    sent = {name: headers[name] for name in _PASSED_ON if name in headers} | {"content-type": "application/json"}
    request = client.build_request("POST", provider.endpoint.url(path), content=body, headers=sent)
    try:
        response = await client.send(request, stream=True)
    except httpx.HTTPError as error:
        raise provider.broken(error) from None
    kept = {name: response.headers[name] for name in _PASSED_BACK if name in response.headers}
    if response.is_success:
        return Answer(response.status_code, kept, _portions(response))
    async with contextlib.aclosing(response):
        content = await start_of_body(response)
    if response.status_code in (401, 403) or response.is_redirect:
        raise provider.refusal(response, content, model="")
    text = provider.endpoint.redacted(content.decode("utf-8", "replace"))
    return Answer(response.status_code, kept, _whole(text.encode()))


async def _portions(response: httpx.Response) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(response):
        async for portion in response.aiter_bytes():
            yield portion


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
