"""Credentials of a vault, as its file declares them: their secrets are the names of environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from antcli.config_as_code.comparison import simplified

# Of `auth` and its `refresh`: an update takes them not (api.md 12).
FIXED = ("mcp_server_url", "secret_name")
FIXED_IN_REFRESH = ("client_id", "token_endpoint", "resource")
_SECRET = {"static_bearer": "token", "mcp_oauth": "access_token", "environment_variable": "secret_value"}


def declared_credentials(credentials: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries of `credentials` in a vault's file for live credentials."""
    return [_declared(credential) for credential in credentials]


def place_of(credential: Mapping[str, Any]) -> str:
    """What a credential is for: the variable it stands in, or the server that it opens. One vault has one of each."""
    auth = credential.get("auth") or {}
    return str(auth.get("secret_name") or auth.get("mcp_server_url") or "")


def _declared(credential: Mapping[str, Any]) -> dict[str, Any]:
    auth = dict(simplified("auth", credential["auth"]))
    variable = _variable(place_of(credential))
    auth[_SECRET[auth["type"]]] = _reference(variable)
    if "refresh" in auth:
        auth["refresh"] = _refresh(auth["refresh"], variable)
    entry = {"display_name": credential.get("display_name"), "auth": auth, "metadata": credential.get("metadata")}
    return {name: value for name, value in entry.items() if value}


def _refresh(refresh: Mapping[str, Any], variable: str) -> dict[str, Any]:
    answer = {**refresh, "refresh_token": _reference(f"{variable}_REFRESH")}
    how = dict(refresh.get("token_endpoint_auth") or {"type": "none"})
    if how["type"] != "none":
        how["client_secret"] = _reference(f"{variable}_CLIENT_SECRET")
    return answer | {"token_endpoint_auth": how}


def _reference(variable: str) -> str:
    return "${" + variable + "}"


def _variable(place: str) -> str:
    """`https://mcp.example.com/v1` is MCP_EXAMPLE_COM_V1."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"^https?://", "", place)).strip("_").upper()
    return name if name[:1].isalpha() else f"TOKEN_{name}"
