"""Settings of web_search and web_fetch (api.md 5.4, semantics.md 8.2)."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from antcli.engine.api.schemas.base import Body, TimeZone, invalid_value, limited, refused

WEB_TOOLS = ("web_fetch", "web_search")

_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))+")
_NOT_PUBLIC = (".local", ".localhost", ".internal")
_FIELDS = {
    "web_search": ("allowed_domains", "blocked_domains", "user_location"),
    "web_fetch": ("allowed_domains", "blocked_domains", "max_content_tokens"),
}

_Place = Annotated[str, limited(255, 1)]


class UserLocation(Body):
    type: Literal["approximate"]
    city: _Place | None = None
    region: _Place | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    timezone: TimeZone | None = None


class WebSettings(Body):
    """What the configuration of a web tool may hold beside the settings of all tools."""

    allowed_domains: list[Annotated[str, limited(255, 1)]] | None = None
    blocked_domains: list[Annotated[str, limited(255, 1)]] | None = None
    max_content_tokens: Annotated[int, Field(ge=1)] | None = None
    user_location: UserLocation | None = None
    url_sources: Annotated[Any, refused("url_sources of web_fetch")] = None


def check_web_settings(name: str, given: WebSettings) -> None:
    """Raises PydanticCustomError for what does not go with the tool `name`."""
    for field in WebSettings.model_fields:
        if getattr(given, field) is not None and field not in _FIELDS.get(name, ()):
            raise invalid_value(f"{field} is no setting of {name}")
    if given.allowed_domains is not None and given.blocked_domains is not None:
        raise invalid_value("Only one of allowed_domains or blocked_domains may be set")
    for field in ("allowed_domains", "blocked_domains"):
        _check_domains(name, field, getattr(given, field))


def _check_domains(name: str, field: str, domains: list[str] | None) -> None:
    if domains is None:
        return
    if not domains:
        raise invalid_value(f"{field}: Empty list of domains is ambiguous. Provide at least one domain or null")
    if len(domains) > 64:
        raise invalid_value(f"{field}: at most 64 domains, got {len(domains)}")
    for domain in domains:
        host = domain.partition("/")[0] if name == "web_search" else domain
        if not _DOMAIN.fullmatch(host) or _is_address(host) or host.lower().endswith(_NOT_PUBLIC):
            raise invalid_value(f"{field}: {domain!r:.60} is no plain host name like docs.example.com")
        if [other.lower() for other in domains].count(domain.lower()) > 1:
            raise invalid_value(f"{field}: {domain!r:.60} is there twice")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve_web_settings(name: str, given: WebSettings) -> dict[str, Any]:
    """All settings of the tool, null where nothing was given."""
    found: dict[str, Any] = {field: getattr(given, field) for field in _FIELDS.get(name, ())}
    if location := found.get("user_location"):
        found["user_location"] = location.model_dump()
    return found | ({"url_sources": None} if name == "web_fetch" else {})
