"""What is sent to make a thing, and to change some of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from antcli.config_as_code.credentials import FIXED, FIXED_IN_REFRESH
from antcli.config_as_code.kinds import Kind


def creation_body(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def update_body(
    kind: Kind, names: Iterable[str], wanted: Mapping[str, Any], there: Mapping[str, Any]
) -> dict[str, Any]:
    """The changed fields; what the server would merge is said in whole. An agent that changed meanwhile is refused."""
    body = {name: _field(kind, name, wanted.get(name), there.get(name)) for name in names}
    return body | ({"version": there["version"]} if kind.word == "agent" else {})


def _field(kind: Kind, name: str, wanted: Any, there: Any) -> Any:
    if kind.updated_by[name].type == "map":
        return {**dict.fromkeys(there or ()), **(wanted or {})}
    if name == "config" and isinstance(wanted, dict):
        return _config(wanted, there or {})
    if name == "auth":
        return _auth(wanted, there or {})
    if name == "multiagent" and isinstance(wanted, dict) and wanted.get("type") == "multiagent_20261001":
        return {"advisor": None, "subagents": None, "workflows": None} | wanted
    return wanted


def _config(wanted: dict[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    if wanted.get("type") != "cloud":
        return wanted
    installed = there.get("packages") or {}
    packages: dict[str, Any] = {name: [] for name, found in installed.items() if isinstance(found, list) and found}
    networking = wanted.get("networking") or {"type": "unrestricted"}
    if networking.get("type") == "limited":
        closed = {"allowed_hosts": [], "allow_mcp_servers": False, "allow_package_managers": False}
        networking = closed | networking
    return wanted | {"networking": networking, "packages": packages | (wanted.get("packages") or {})}


def _auth(wanted: dict[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in wanted.items() if name not in FIXED}
    if isinstance(body.get("refresh"), dict):
        body["refresh"] = _refresh(body["refresh"])
    if there.get("injection_location") and "injection_location" not in body:
        body["injection_location"] = {"header": True, "body": True}
    return body


def _refresh(wanted: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in wanted.items() if name not in FIXED_IN_REFRESH}
    if (body.get("token_endpoint_auth") or {}).get("type") == "none":
        del body["token_endpoint_auth"]
    return body
