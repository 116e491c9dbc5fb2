"""Who may talk to an engine on a port: whoever has its key. A Unix socket is guarded by its file mode instead."""

from __future__ import annotations

import hmac

from antcli.engine.api.errors import unauthorized
from antcli.engine.errors import RequestError

Headers = list[tuple[bytes, bytes]]


def check_key(headers: Headers, key: bytes) -> RequestError | None:
    """Accept `Authorization: Bearer` and `x-api-key`; None means welcome."""
    given = [_credential(name, value) for name, value in headers]
    credentials = [credential for credential in given if credential is not None]
    if not credentials:
        return unauthorized("A key is needed: send `x-api-key`, or `Authorization: Bearer`.")
    # Every one is compared, so that the time taken tells nothing.
    if any([hmac.compare_digest(credential, key) for credential in credentials]):
        return None
    return unauthorized("The key is not valid for this engine.")


def _credential(name: bytes, value: bytes) -> bytes | None:
    if name == b"x-api-key":
        return value.strip()
    if name == b"authorization" and value[:7].lower() == b"bearer ":
        return value[7:].strip()
    return None
