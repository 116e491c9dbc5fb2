"""One tracked thing, field by field: what its file says, what was applied, what the server says.

A field is changed when its file says something else than when it was last applied. It has drifted when the server
says something else than it answered then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from antcli.config_as_code import live, secrets
from antcli.config_as_code.comparison import same, simplified
from antcli.config_as_code.credentials import FIXED, FIXED_IN_REFRESH
from antcli.config_as_code.declared import Declared
from antcli.config_as_code.kinds import Kind
from antcli.config_as_code.state import Entry, digest


class FieldChange(NamedTuple):
    """`after` is None for a field that is cleared. `drifted`: both sides changed, or the server's alone."""

    field: str
    before: Any
    after: Any
    drifted: bool = False


class Compared(NamedTuple):
    """`begun` is what a killed run had sent and not recorded, so that the server's side may be its work."""

    thing: Declared
    entry: Entry
    there: dict[str, Any]
    wanted: dict[str, Any]
    begun: dict[str, Any] | None
    send_secrets: bool


def changed_fields(
    thing: Declared, entry: Entry, found: live.Thing, wanted: dict[str, Any], begun: dict[str, Any] | None,
    *, send_secrets: bool,
) -> list[FieldChange]:  # fmt: skip
    """What an update has to change. `wanted` is the body with ids, `found` the thing on the server."""
    compared = Compared(thing, entry, live.fields(thing.kind, found), wanted, begun, send_secrets)
    changes = (_changed(compared, name) for name in thing.kind.updated_by)
    return [change for change in changes if change is not None]


def must_be_new(kind: Kind, wanted: dict[str, Any], found: live.Thing) -> bool:
    """No update can make this of that."""
    if kind.word == "environment":
        return "config" in wanted and (wanted["config"] or {}).get("type") not in (None, found["config"]["type"])
    if kind.word != "vault_credential":
        return False
    new, old = wanted["auth"], found["auth"]
    new_refresh, old_refresh = new.get("refresh") or {}, old.get("refresh") or {}
    return (
        any(new.get(name) != old.get(name) for name in ("type", *FIXED))
        or bool(new_refresh) != bool(old_refresh)
        or any(new_refresh.get(name) != old_refresh.get(name) for name in FIXED_IN_REFRESH)
    )


def _changed(compared: Compared, name: str) -> FieldChange | None:
    wanted, there = compared.wanted.get(name), compared.there.get(name)
    drifted = _drifted(compared, name)
    if simplified(name, wanted) is None:
        wanted = None
        needed = _must_clear(compared, name)
    else:
        needed = _must_send(compared, name, drifted)
    return FieldChange(name, there, wanted, drifted and compared.begun is None) if needed else None


def _must_send(compared: Compared, name: str, drifted: bool) -> bool:
    applied = compared.entry.applied.get(name)
    wanted = simplified(name, compared.wanted[name])
    as_applied = applied == digest(wanted)
    if secrets.in_field(compared.thing, name) and (compared.send_secrets or (applied and not as_applied)):
        return True  # no server shows a secret, so that it could be compared
    if as_applied and not drifted:
        return False
    if compared.thing.kind.word == "skill" and compared.begun and drifted:
        return bool(compared.begun["applied"].get(name) != digest(wanted))  # else it is the killed run's upload
    return not same(name, compared.wanted[name], compared.there.get(name))


def _must_clear(compared: Compared, name: str) -> bool:
    """The file does not say the field: it is cleared when it was said before, or is said to be empty."""
    said = name in compared.entry.applied or name in compared.thing.body
    field = compared.thing.kind.updated_by[name]
    clearable = field.nullable or field.type == "map"
    return said and clearable and simplified(name, compared.there.get(name)) is not None


def _drifted(compared: Compared, name: str) -> bool:
    remote, there = compared.entry.remote, simplified(name, compared.there.get(name))
    return bool(remote) and remote.get(name) != (None if there is None else digest(there))
