"""Environments (api.md 6.1 to 6.3): what create and update accept, and the configuration as responses show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import (
    Body,
    Description,
    Metadata,
    MetadataPatch,
    Name,
    by_type,
    invalid_value,
    limited,
    only_empty,
    only_false,
    tag,
)
from antcli.engine.errors import invalid

PACKAGE_MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")

_NO_ROOT = "packages of the system cannot be put into a sandbox of an ordinary user; install them on the machine"


def _check_package(name: str) -> str:
    if name.startswith("-") or not name.isprintable() or name != name.strip():
        raise invalid_value(f"must be a package's name, with a version where wanted, got {name!r:.60}")
    return name


_Names = Annotated[list[Annotated[str, limited(512, 1), AfterValidator(_check_package)]], Field(max_length=500)]


class Unrestricted(Body):
    type: Literal["unrestricted"]


class Limited(Body):
    """Without hosts: no network at all."""

    type: Literal["limited"]
    allowed_hosts: Annotated[Any, only_empty("an allow-list of hosts; without one it is no network at all")] = None
    allow_mcp_servers: Annotated[bool | None, only_false()] = None
    allow_package_managers: Annotated[bool | None, only_false()] = None


Networking = Annotated[
    Annotated[Unrestricted, tag("unrestricted")] | Annotated[Limited, tag("limited")],
    by_type("unrestricted", "limited"),
]


class Packages(Body):
    type: Literal["packages"] | None = None
    apt: Annotated[Any, only_empty(_NO_ROOT)] = None
    cargo: _Names | None = None
    gem: _Names | None = None
    go: _Names | None = None
    npm: _Names | None = None
    pip: _Names | None = None


class CloudConfig(Body):
    type: Literal["cloud"]
    networking: Networking | None = None
    packages: Packages | None = None


class SelfHostedConfig(Body):
    """Workers outside the engine run the tools: there is nothing to set."""

    type: Literal["self_hosted"]


Config = Annotated[
    Annotated[CloudConfig, tag("cloud")] | Annotated[SelfHostedConfig, tag("self_hosted")],
    by_type("cloud", "self_hosted"),
]


class EnvironmentCreate(Body):
    name: Name
    config: Config | None = None
    description: Description | None = None
    metadata: Metadata | None = None
    scope: Literal["organization"] | None = None


class EnvironmentUpdate(Body):
    """A field that is not in `model_fields_set` keeps its value, and so does a null name, config or scope."""

    name: Name | None = None
    config: Config | None = None
    description: Description | None = None
    metadata: MetadataPatch | None = None
    scope: Literal["organization"] | None = None


def resolve_config(
    config: CloudConfig | SelfHostedConfig | None, stored: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The configuration as responses show it; inner fields that are not given keep the stored values.

    Raises RequestError (400) when it would change the type.
    """
    if config is not None and stored is not None and config.type != stored["type"]:
        message = f"config.type: the type of an environment cannot be changed: it is {stored['type']}."
        raise invalid(message, code="invalid_config_type_change")
    if isinstance(config, SelfHostedConfig):
        return {"type": "self_hosted"}
    if config is not None and config.networking is not None:
        networking = _networking(config.networking)
    else:
        networking = stored["networking"] if stored else {"type": "unrestricted"}
    packages: dict[str, Any] = {"type": "packages"} | {manager: [] for manager in PACKAGE_MANAGERS}
    packages |= stored["packages"] if stored else {}
    if config is not None and config.packages is not None:
        given = config.packages.model_fields_set - {"type"}
        packages |= {manager: getattr(config.packages, manager) or [] for manager in given}
    return {"type": "cloud", "networking": networking, "packages": packages}


def check_config(config: dict[str, Any]) -> None:
    """What must hold between the parts of a resolved configuration. Raises RequestError (400)."""
    named = any(config.get("packages", {}).get(manager) for manager in PACKAGE_MANAGERS)
    if named and config["networking"]["type"] == "limited":
        raise invalid("config.packages: packages are installed through the network: they need networking unrestricted.")


def _networking(networking: Unrestricted | Limited) -> dict[str, Any]:
    if isinstance(networking, Unrestricted):
        return {"type": "unrestricted"}
    return {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False, "allow_package_managers": False}
