"""What the tools of a set have in common: switched on or off, and who has to agree to a call (semantics.md 9)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from antcli.engine.api.schemas.base import Body, by_type, tag


class AlwaysAllow(Body):
    type: Literal["always_allow"]


class AlwaysAsk(Body):
    type: Literal["always_ask"]


class Auto(Body):
    type: Literal["auto"]


Policy = Annotated[
    Annotated[AlwaysAllow, tag("always_allow")]
    | Annotated[AlwaysAsk, tag("always_ask")]
    | Annotated[Auto, tag("auto")],
    by_type("always_allow", "always_ask", "auto"),
]


class ToolSettings(Body):
    """What is not given comes from the level above: the toolset's default, or the default of its kind."""

    enabled: bool | None = None
    permission_policy: Policy | None = None


def resolve_settings(given: ToolSettings | None, above: dict[str, Any]) -> dict[str, Any]:
    """`enabled` and `permission_policy` as responses show them."""
    enabled = given.enabled if given else None
    policy = given.permission_policy if given else None
    return {
        "enabled": above["enabled"] if enabled is None else enabled,
        "permission_policy": dict(above["permission_policy"]) if policy is None else {"type": policy.type},
    }
