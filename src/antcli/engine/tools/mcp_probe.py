"""Whether an MCP server takes a credential: it is really asked, and a token that it rejects is really refreshed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

from antcli.engine.clock import now
from antcli.engine.errors import invalid
from antcli.engine.store.base import Object
from antcli.engine.tools import mcp
from antcli.engine.vaults.oauth import Answer, Refreshed, Tokens, read_answer

if TYPE_CHECKING:
    import httpx2

_LONGEST_BODY = 4096  # characters that are shown
_SCRUBBED = "[removed]"
# Fields that hold secrets, wherever they come from; the end is missing where the body was cut off.
_SECRET_FIELD = re.compile(r'("(?:access_token|refresh_token|id_token|client_secret)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)')
_REJECTED = (401, 403)
_LATER = (408, 425, 429)  # refusals that say nothing of the credential

Json = dict[str, Any]
Verdict = Literal["valid", "invalid", "unknown"]
logger = logging.getLogger("antcli.engine")


async def validate(tokens: Tokens, credential: Object) -> Json:
    """The wire's vault_credential_validation. Raises RequestError (400) for a credential of another type, SecretError.

    A token that is refreshed is kept, whatever the server says to it.
    """
    if (type := credential.body["auth"]["type"]) != "mcp_oauth":
        raise invalid(f"Credential {credential.id} is of type {type}: only those of type mcp_oauth can be validated.")
    if credential.body["archived_at"] is not None:  # its secrets are gone
        return _validation(credential, "invalid", False, None, None)
    secrets = await tokens.vaults.secrets(credential)
    url, token = credential.body["auth"]["mcp_server_url"], str(secrets["access_token"])
    failed = await _probe(url, token)
    refreshed: Refreshed | None = None
    if failed is not None and failed.status == 401:
        refreshed = await tokens.refresh(credential, token)
        if refreshed.token is not None:
            failed = await _probe(url, refreshed.token)
    hidden = _forms([*_texts(secrets), refreshed.token if refreshed else None], credential, secrets)
    return _validation(
        credential,
        _verdict(failed, refreshed),
        "refresh_token" in secrets,
        {"method": failed.method, "http_response": _shown(failed.answer, hidden)} if failed else None,
        {"status": refreshed.status, "http_response": _shown(refreshed.answer, hidden)} if refreshed else None,
    )


def _validation(
    credential: Object, status: Verdict, has_refresh_token: bool, probe: Json | None, refresh: Json | None
) -> Json:
    return {
        "type": "vault_credential_validation", "credential_id": credential.id, "vault_id": credential.parent,
        "status": status, "has_refresh_token": has_refresh_token, "mcp_probe": probe, "refresh": refresh,
        "validated_at": now(),
    }  # fmt: skip


def _verdict(failed: _Probe | None, refreshed: Refreshed | None) -> Verdict:
    if failed is None:
        return "valid"
    if failed.status not in _REJECTED:
        return "unknown"
    answer = refreshed.answer if refreshed else None
    away = answer is not None and (answer.status >= 500 or answer.status in _LATER)
    return "unknown" if away or (refreshed and refreshed.status == "connect_error") else "invalid"


async def _probe(url: str, token: str) -> _Probe | None:
    """Connect and list the tools; the probe with what failed, None when nothing did."""
    probe = _Probe(token)

    async def run() -> None:
        async with asyncio.timeout(mcp.CONNECT_SECONDS), contextlib.AsyncExitStack() as stack:
            client = await mcp.connect(stack, url, probe)
            await mcp.listed(client)
            probe.passed = True

    try:
        await asyncio.create_task(run())  # the library wants to be left by the task that entered it
    except Exception as error:
        if not probe.passed:
            logger.info("an MCP server was tried with a credential and failed: %s", type(error).__name__)
    return None if probe.passed else probe


class _Probe:
    """The requests of one trial: the method of the last one, and what the server said when it refused that."""

    def __init__(self, token: str) -> None:
        self.method = "initialize"
        self.answer: Answer | None = None
        self.last_status: int | None = None
        self.passed = False
        self._token = token

    @property
    def status(self) -> int | None:
        return self.answer.status if self.answer else None

    def http_client(
        self, headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:  # fmt: skip
        import httpx2

        probe = self

        class Bearer(httpx2.Auth):
            async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
                request.headers["authorization"] = f"Bearer {probe._token}"
                yield request

        class Recording(httpx2.AsyncClient):
            async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
                asks = probe._asks(request)
                response = await super().send(request, **options)
                probe.last_status = response.status_code
                if response.status_code < 400:
                    return response
                try:
                    answer = await read_answer(response)  # type: ignore[arg-type]
                finally:
                    await response.aclose()
                if asks or answer.status in _REJECTED:
                    probe.answer = answer
                kept = {"content-type": answer.content_type}
                return httpx2.Response(answer.status, headers=kept, content=answer.body.encode(), request=request)

        return Recording(auth=Bearer(), headers=headers, timeout=timeout or mcp.CONNECT_SECONDS)

    def _asks(self, request: httpx2.Request) -> bool:
        """Whether it is a call of the protocol, which then counts as the last one."""
        if request.method != "POST":
            return False
        try:
            method = json.loads(request.content)["method"]
        except (ValueError, KeyError, TypeError):
            return False
        if str(method).startswith("notifications/"):
            return False
        self.method, self.answer = str(method), None
        return True


def _shown(answer: Answer | None, hidden: list[str]) -> Json | None:
    if answer is None:
        return None
    body = answer.body
    for secret in hidden:
        body = body.replace(secret, _SCRUBBED)
    body = _SECRET_FIELD.sub(rf'\1"{_SCRUBBED}"', body)
    return {
        "status_code": answer.status, "content_type": answer.content_type,
        "body": body[:_LONGEST_BODY], "body_truncated": len(body) > _LONGEST_BODY,
    }  # fmt: skip


def _texts(secrets: Mapping[str, Any]) -> list[str | None]:
    return [str(value) for value in secrets.values() if value]


def _forms(texts: list[str | None], credential: Object, secrets: Mapping[str, Any]) -> list[str]:
    """The secrets as they are and as servers may echo them, the longest first."""
    plain = {text for text in texts if text}
    refresh = credential.body["auth"].get("refresh")
    if refresh and (client_secret := secrets.get("client_secret")):
        plain.add(base64.b64encode(f"{refresh['client_id']}:{client_secret}".encode()).decode())
    forms = {form for text in plain for form in (text, json.dumps(text)[1:-1], quote(text, ""), quote_plus(text))}
    return sorted(forms, key=len, reverse=True)
