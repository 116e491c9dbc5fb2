"""Who may talk to an engine on a port: whoever has its key, and workers with theirs. A Unix socket is guarded by its
file mode instead; a worker's key that is sent there counts none the less.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.requests import Request

from antcli.engine.api.errors import unauthorized
from antcli.engine.orchestration import environment_keys, work_tokens
from antcli.engine.orchestration.environment_keys import Worker

if TYPE_CHECKING:
    from antcli.engine.api.services import Services

Headers = list[tuple[bytes, bytes]]
WORKER = "worker"  # in the scope of a request


async def who_asks(headers: Headers, key: bytes | None, here: Services) -> Worker | None:
    """The worker that asks; None for whoever may do everything. Both `Authorization: Bearer` and `x-api-key` count.

    `key` is the engine's, None on a socket. Raises RequestError (401).
    """
    given = [_credential(name, value) for name, value in headers]
    credentials = [credential for credential in given if credential is not None]
    # Every one is compared, so that the time taken tells nothing.
    if key is not None and any([hmac.compare_digest(credential, key) for credential in credentials]):
        return None
    for credential in credentials:
        if credential.startswith(_WORKERS_KEYS):
            return await _worker(credential.decode("ascii", "replace"), here)
    if key is None:
        return None
    if not credentials:
        raise unauthorized("A key is needed: send `x-api-key`, or `Authorization: Bearer`.")
    raise unauthorized("The key is not valid for this engine.")


def asking_worker(request: Request) -> Worker | None:
    """None when somebody asks who may do everything."""
    found: Worker | None = request.scope.get(WORKER)
    return found


async def _worker(credential: str, here: Services) -> Worker:
    if credential.startswith(environment_keys.PREFIX):
        found = await here.keys.worker(credential)
        if found is None:
            raise unauthorized("The environment key is not valid: it was revoked, or its environment is gone.")
        return found
    claim = await here.work.claimed_with(credential)
    found = await here.keys.worker_with(claim.item, claim.key_id) if claim else None
    if found is None:
        raise unauthorized("The token of the work item is not valid: the item is gone, or its key was revoked.")
    return found


def _credential(name: bytes, value: bytes) -> bytes | None:
    if name == b"x-api-key":
        return value.strip()
    if name == b"authorization" and value[:7].lower() == b"bearer ":
        return value[7:].strip()
    return None


_WORKERS_KEYS = (environment_keys.PREFIX.encode(), work_tokens.PREFIX.encode())
