"""The three kinds of credentials: what of each is shown, what is secret, and what an update may change (api.md 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antcli.engine.errors import invalid
from antcli.engine.vaults.addresses import normalised

Json = dict[str, Any]
_BOTH = {"header": True, "body": True}


def split(auth: Mapping[str, Any]) -> tuple[Json, Json]:
    """(what responses show, the secrets) of the `auth` of a create request."""
    match auth["type"]:
        case "static_bearer":
            return {"type": "static_bearer", "mcp_server_url": auth["mcp_server_url"]}, {"token": auth["token"]}
        case "mcp_oauth":
            return _split_oauth(auth)
    given = auth.get("injection_location")
    location = _BOTH if given is None else {name: given.get(name, False) for name in _BOTH}
    _check_location(location)
    shown = {
        "type": "environment_variable",
        "secret_name": auth["secret_name"],
        "networking": auth["networking"],
        "injection_location": location,
    }
    return shown, {"secret_value": auth["secret_value"]}


def key_of(shown: Mapping[str, Any]) -> str:
    """What is unique among the active credentials of a vault."""
    if shown["type"] == "environment_variable":
        return key_of_variable(shown["secret_name"])
    return key_of_server(shown["mcp_server_url"])


def key_of_server(url: str) -> str:
    return f"server {normalised(url)}"


def key_of_variable(name: str) -> str:
    return f"variable {name}"


def secret_names(shown: Mapping[str, Any]) -> set[str]:
    """The secrets that a credential of this shape has."""
    match shown["type"]:
        case "static_bearer":
            return {"token"}
        case "environment_variable":
            return {"secret_value"}
    names = {"access_token"}
    if refresh := shown.get("refresh"):
        names.add("refresh_token")
        if refresh["token_endpoint_auth"]["type"] != "none":
            names.add("client_secret")
    return names


def merge(shown: Json, patch: Mapping[str, Any]) -> tuple[Json, Json]:
    """(what responses show now, the secrets that are new). Raises RequestError (400) for what cannot be changed."""
    if patch["type"] != shown["type"]:
        raise invalid(f"auth.type: must be {shown['type']!r}, the type of the credential, got {patch['type']!r}.")
    match shown["type"]:
        case "static_bearer":
            return shown, _given(patch, "token")
        case "mcp_oauth":
            return _merge_oauth(shown, patch)
    changed = dict(shown)
    if patch.get("networking") is not None:
        changed["networking"] = patch["networking"]
    if "injection_location" in patch:
        changed["injection_location"] = shown["injection_location"] | patch["injection_location"]
        _check_location(changed["injection_location"])
    return changed, _given(patch, "secret_value")


def _split_oauth(auth: Mapping[str, Any]) -> tuple[Json, Json]:
    shown: Json = {"type": "mcp_oauth", "mcp_server_url": auth["mcp_server_url"], "expires_at": auth.get("expires_at")}
    secrets = {"access_token": auth["access_token"]}
    refresh = auth.get("refresh")
    shown["refresh"] = None
    if refresh is not None:
        shown["refresh"] = {
            "client_id": refresh["client_id"],
            "token_endpoint": refresh["token_endpoint"],
            "token_endpoint_auth": {"type": refresh["token_endpoint_auth"]["type"]},
            "resource": refresh.get("resource"),
            "scope": refresh.get("scope") or None,
        }
        secrets["refresh_token"] = refresh["refresh_token"]
        secrets |= _given(refresh["token_endpoint_auth"], "client_secret")
    return shown, secrets


def _merge_oauth(shown: Json, patch: Mapping[str, Any]) -> tuple[Json, Json]:
    changed, secrets = dict(shown), _given(patch, "access_token")
    if "expires_at" in patch:
        changed["expires_at"] = patch["expires_at"]
    refresh = patch.get("refresh")
    if refresh is None:
        return changed, secrets
    if shown["refresh"] is None:
        message = "auth.refresh: the credential was made without a refresh token: make a new one to add it."
        raise invalid(message)
    changed["refresh"] = dict(shown["refresh"])
    if refresh.get("scope") is not None:
        changed["refresh"]["scope"] = refresh["scope"] or None
    if "token_endpoint_auth" in refresh:
        stored, given = shown["refresh"]["token_endpoint_auth"]["type"], refresh["token_endpoint_auth"]
        if given["type"] != stored:
            raise invalid(f"auth.refresh.token_endpoint_auth.type: must be {stored!r}: it cannot be changed.")
        secrets |= _given(given, "client_secret")
    return changed, secrets | _given(refresh, "refresh_token")


def _check_location(location: Mapping[str, bool]) -> None:
    if not any(location.values()):
        raise invalid("auth.injection_location: at least one of header and body must be true.")


def _given(source: Mapping[str, Any], name: str) -> Json:
    return {name: source[name]} if source.get(name) is not None else {}
