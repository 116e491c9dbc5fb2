"""Vaults and credentials (api.md 12): what create and update accept."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from antcli.engine import clock
from antcli.engine.api.schemas.base import Body, Metadata, MetadataPatch, by_type, invalid_value, limited, tag
from antcli.engine.vaults.addresses import normalised

MOST_HOSTS = 16
LONGEST_URL = 2048
LONGEST_SECRET = 65_536

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_TOKEN = re.compile(r"[\x21-\x7e]+")

DisplayName = Annotated[str, limited(255, 1)]
_Text = Annotated[str, limited(1024)]


def _check_token(value: str) -> str:
    """It becomes part of a header; the message must not show it."""
    if not _TOKEN.fullmatch(value):
        raise invalid_value("must be printable ASCII without spaces")
    return value


def _check_value(value: str) -> str:
    if "\0" in value:
        raise invalid_value("must not contain a null character")
    return value


def _check_url(value: str) -> str:
    try:
        address = normalised(value)
    except ValueError:
        raise invalid_value("must be a URL of the form http(s)://HOST[:PORT][/PATH]") from None
    if "@" in address.split("/")[2] or "@" in value.split("/")[2] or "#" in value or not _TOKEN.fullmatch(value):
        raise invalid_value("must be a URL without user name, fragment and spaces")
    return value


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise invalid_value("must be the name of an environment variable: letters, digits and _, no digit first")
    return value


def _check_host(value: str) -> str:
    bare = value.removeprefix("*.")
    try:
        ipaddress.IPv4Address(value)
        return value
    except ValueError:
        labels = bare.split(".")
    # What looks like a number must have been meant as an address.
    if len(bare) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        message = f"must be a hostname, an IPv4 address or a wildcard such as *.example.com, got {value[:60]!r}"
        raise invalid_value(message)
    return value


def _check_hosts(hosts: list[str]) -> list[str]:
    if len(hosts) > MOST_HOSTS:
        raise invalid_value(f"at most {MOST_HOSTS} hosts, got {len(hosts)}")
    return hosts


def _future(value: Any) -> Any:
    """As the wire shows it. Null clears."""
    if value is None:
        return None
    try:
        moment = clock.timestamp(clock.parse(value))
    except (TypeError, ValueError, OverflowError):
        raise invalid_value("must be an RFC 3339 time") from None
    if moment <= clock.now():
        raise invalid_value(f"must be in the future, got {moment}")
    return moment


Token = Annotated[str, limited(LONGEST_SECRET, 1), AfterValidator(_check_token)]
Secret = Annotated[str, limited(LONGEST_SECRET, 1), AfterValidator(_check_value)]
Url = Annotated[str, limited(LONGEST_URL, 1), AfterValidator(_check_url)]
Moment = Annotated[str | None, BeforeValidator(_future)]
_ClientId = Annotated[str, limited(1024, 1), AfterValidator(_check_value)]


class NoClientSecret(Body):
    type: Literal["none"]


class BasicClientSecret(Body):
    type: Literal["client_secret_basic"]
    client_secret: Secret


class PostedClientSecret(Body):
    type: Literal["client_secret_post"]
    client_secret: Secret


class BasicClientSecretUpdate(Body):
    type: Literal["client_secret_basic"]
    client_secret: Secret | None = None


class PostedClientSecretUpdate(Body):
    type: Literal["client_secret_post"]
    client_secret: Secret | None = None


class Refresh(Body):
    client_id: _ClientId
    refresh_token: Secret
    token_endpoint: Url
    token_endpoint_auth: Annotated[
        Annotated[NoClientSecret, tag("none")]
        | Annotated[BasicClientSecret, tag("client_secret_basic")]
        | Annotated[PostedClientSecret, tag("client_secret_post")],
        by_type("none", "client_secret_basic", "client_secret_post"),
    ]
    resource: _Text | None = None
    scope: _Text | None = None


class RefreshUpdate(Body):
    refresh_token: Secret | None = None
    scope: _Text | None = None
    token_endpoint_auth: Annotated[
        Annotated[BasicClientSecretUpdate, tag("client_secret_basic")]
        | Annotated[PostedClientSecretUpdate, tag("client_secret_post")],
        by_type("client_secret_basic", "client_secret_post"),
    ] = None  # type: ignore[assignment]  # may be left out, may not be null


class StaticBearer(Body):
    type: Literal["static_bearer"]
    mcp_server_url: Url
    token: Token


class McpOauth(Body):
    type: Literal["mcp_oauth"]
    mcp_server_url: Url
    access_token: Token
    expires_at: Moment = None
    refresh: Refresh | None = None


class Unrestricted(Body):
    type: Literal["unrestricted"]


class Limited(Body):
    type: Literal["limited"]
    allowed_hosts: Annotated[list[Annotated[str, AfterValidator(_check_host)]], AfterValidator(_check_hosts)]


Networking = Annotated[
    Annotated[Unrestricted, tag("unrestricted")] | Annotated[Limited, tag("limited")],
    by_type("unrestricted", "limited"),
]


class InjectionLocation(Body):
    header: bool = None  # type: ignore[assignment]  # may be left out, may not be null
    body: bool = None  # type: ignore[assignment]


class EnvironmentVariable(Body):
    type: Literal["environment_variable"]
    secret_name: Annotated[str, limited(256, 1), AfterValidator(_check_name)]
    secret_value: Secret
    networking: Networking
    injection_location: InjectionLocation = None  # type: ignore[assignment]


class StaticBearerUpdate(Body):
    type: Literal["static_bearer"]
    token: Token | None = None


class McpOauthUpdate(Body):
    type: Literal["mcp_oauth"]
    access_token: Token | None = None
    expires_at: Moment = None
    refresh: RefreshUpdate | None = None


class EnvironmentVariableUpdate(Body):
    type: Literal["environment_variable"]
    secret_value: Secret | None = None
    networking: Networking | None = None
    injection_location: InjectionLocation = None  # type: ignore[assignment]


_KINDS = ("static_bearer", "mcp_oauth", "environment_variable")

Auth = Annotated[
    Annotated[StaticBearer, tag("static_bearer")]
    | Annotated[McpOauth, tag("mcp_oauth")]
    | Annotated[EnvironmentVariable, tag("environment_variable")],
    by_type(*_KINDS),
]
AuthUpdate = Annotated[
    Annotated[StaticBearerUpdate, tag("static_bearer")]
    | Annotated[McpOauthUpdate, tag("mcp_oauth")]
    | Annotated[EnvironmentVariableUpdate, tag("environment_variable")],
    by_type(*_KINDS),
]


class VaultCreate(Body):
    display_name: DisplayName
    metadata: Metadata | None = None


class VaultUpdate(Body):
    """Null keeps the value."""

    display_name: DisplayName | None = None
    metadata: MetadataPatch | None = None


class CredentialCreate(Body):
    auth: Auth
    display_name: Annotated[str, limited(255)] | None = None
    metadata: Metadata | None = None


class CredentialUpdate(Body):
    """Null keeps the value, but for `display_name`, which it clears."""

    auth: AuthUpdate = None  # type: ignore[assignment]
    display_name: DisplayName | None = None
    metadata: MetadataPatch | None = None
