"""Access tokens that expire: exchanged at the token endpoint for new ones, which are kept (semantics.md 14)."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from antcli.engine.clock import parse, timestamp
from antcli.engine.store.base import Object, StaleError
from antcli.engine.vaults.vaults import Vaults

if TYPE_CHECKING:
    import httpx

_SECONDS = 20.0
_MARGIN = timedelta(seconds=30)  # a token that is about to expire counts as expired
_LARGEST_ANSWER = 2**20

Json = dict[str, Any]
logger = logging.getLogger("antcli.engine")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered, with no more of its body than is shown."""

    status: int
    content_type: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of one exchange; `token` is the new access token, `answer` what the endpoint said to refuse it."""

    status: Literal["succeeded", "failed", "connect_error", "no_refresh_token"]
    token: str | None = field(default=None, repr=False)
    answer: Answer | None = None


class Tokens:
    """What the engine shows to MCP servers. One exchange at a time for a credential: refresh tokens often work once."""

    def __init__(self, vaults: Vaults) -> None:
        self.vaults = vaults
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def current(self, credential: Object) -> str:
        """The access token, refreshed before when it has expired and can be. Raises SecretError."""
        shown = credential.body["auth"]
        if shown["type"] == "static_bearer":
            return str((await self.vaults.secrets(credential))["token"])
        token = str((await self.vaults.secrets(credential))["access_token"])
        expires_at = shown["expires_at"]
        if expires_at is None or parse(expires_at) > datetime.now(UTC) + _MARGIN:
            return token
        return (await self.refresh(credential, token)).token or token

    async def refresh(self, credential: Object, rejected: str) -> Refreshed:
        """A token instead of the one that was rejected: a newer one that is kept already, or a fresh one.

        Raises SecretError.
        """
        lock = self._locks.get(credential.id)
        if lock is None:
            lock = self._locks[credential.id] = asyncio.Lock()
        async with lock:
            found = await self.vaults.credential(credential.parent, credential.id)
            if found.body["archived_at"] is not None or found.body["auth"]["type"] != "mcp_oauth":
                return Refreshed("no_refresh_token")
            secrets = await self.vaults.secrets(found)
            if secrets["access_token"] != rejected:
                return Refreshed("succeeded", secrets["access_token"])
            if "refresh_token" not in secrets:
                return Refreshed("no_refresh_token")
            # To its end, whoever waits for it: the old refresh token may not work a second time.
            return await asyncio.shield(asyncio.ensure_future(self._exchange(found, secrets)))

    async def _exchange(self, credential: Object, secrets: Json) -> Refreshed:
        import httpx

        try:
            answer = await _ask(credential.body["auth"]["refresh"], secrets)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            logger.warning("%s: its token endpoint did not answer (%s)", credential.id, type(error).__name__)
            return Refreshed("connect_error")
        granted = _granted(answer)
        if granted is None:
            logger.warning("%s: its token endpoint refused the refresh token (status %s)", credential.id, answer.status)
            return Refreshed("failed", answer=answer)
        await self._keep(credential, secrets, granted)
        return Refreshed("succeeded", granted["access_token"])

    async def _keep(self, credential: Object, secrets: Json, granted: Json) -> None:
        renewed = secrets | {name: granted[name] for name in ("access_token", "refresh_token") if granted.get(name)}
        expires_at = _expiry(granted.get("expires_in"))
        while True:
            try:
                await self.vaults.store_tokens(credential, renewed, expires_at)
                return
            except StaleError:
                credential = await self.vaults.credential(credential.parent, credential.id)
                changed = credential.body["archived_at"] is not None
                if changed or await self.vaults.secrets(credential) != secrets:
                    return  # somebody gave other tokens meanwhile: theirs are newer


async def _ask(refresh: Json, secrets: Json) -> Answer:
    """Raises httpx.HTTPError and others when there is no answer."""
    import httpx

    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"], "client_id": refresh["client_id"]}
    form |= {name: refresh[name] for name in ("resource", "scope") if refresh[name]}
    login: tuple[str, str] | None = None
    match refresh["token_endpoint_auth"]["type"]:
        case "client_secret_post":
            form["client_secret"] = secrets["client_secret"]
        case "client_secret_basic":
            login = (refresh["client_id"], secrets["client_secret"])
    headers = {"accept": "application/json"}
    async with (
        httpx.AsyncClient(timeout=_SECONDS, auth=login) as client,
        client.stream("POST", refresh["token_endpoint"], data=form, headers=headers) as response,
    ):
        return await read_answer(response)


async def read_answer(response: httpx.Response) -> Answer:
    data = b""
    async for part in response.aiter_bytes():
        data += part
        if len(data) > _LARGEST_ANSWER:
            break
    return Answer(response.status_code, response.headers.get("content-type", ""), data.decode("utf-8", "replace"))


def _granted(answer: Answer) -> Json | None:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return None
    good = answer.status == 200 and isinstance(body, dict)
    token = body.get("access_token") if good else None
    # It becomes a header.
    usable = isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != ""
    return body if usable else None


def _expiry(seconds: Any) -> str | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < 10**9:
        return None
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
