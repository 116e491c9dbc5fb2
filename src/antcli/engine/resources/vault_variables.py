"""Credentials for environment variables, in a session's sandbox as placeholders.

What holds today: commands find the variable, and its value is a placeholder that names the credential; the secret
itself never is in a sandbox. Nothing puts the secret into requests yet (that is the egress proxy's part), so what a
command sends to a server is the placeholder.
"""

from __future__ import annotations

from pathlib import Path

from antcli.engine.resources.kind import Furnishing, Kind
from antcli.engine.store.base import SessionRow
from antcli.engine.vaults.vaults import Vaults


class VaultVariables(Kind):
    def __init__(self, vaults: Vaults) -> None:
        self._vaults = vaults

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        found = await self._vaults.variables(session.body.get("vault_ids", []))
        return Furnishing(variables={name: placeholder(credential.id) for name, credential in found.items()})


def placeholder(credential_id: str) -> str:
    """Stays the same when the secret is changed."""
    return f"placeholder_{credential_id}"
