"""Operations that only our engine has: what the hosted service does in its Console."""

from __future__ import annotations

from antcli.operations import PAGED, Operation

_KEYS = "/v1/environments/{environment_id}/keys"

OWN: dict[str, Operation] = {
    entry.name: entry
    for entry in (
        Operation("environments.keys.create", "POST", _KEYS),
        Operation("environments.keys.list", "GET", _KEYS, PAGED, pages="cursor"),
        Operation("environments.keys.delete", "DELETE", f"{_KEYS}/{{key_id}}"),
    )
}
