"""User profiles: `/v1/user_profiles` (api.md 19). The engine keeps them; nobody here reviews or enrols anybody."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.user_profiles import (
    DETAILS,
    ActionURLCreate,
    UserProfileCreate,
    UserProfileUpdate,
    details,
)
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services, stored
from antcli.engine.api.validation import merge_metadata
from antcli.engine.clock import now
from antcli.engine.errors import invalid, not_found, unsupported
from antcli.engine.ids import new_id
from antcli.engine.store.base import Object, Page, StaleError, Store

_BATCH = 1000

# Under these beta headers the details of the user are two fields of the profile itself.
_OLDEST, _OLD = "user-profiles-2026-03-24", "user-profiles-2026-08-18"
# Under this one and those before it, grants of trust stand where programs and enforcement stand now.
_GRANTS = "user-profiles-2026-09-04"
_ENROLLMENT = "there is no enrollment page outside the hosted service"


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, UserProfileCreate)
    moment = now()
    profile: dict[str, Any] = {
        "id": new_id("uprof"),
        "name": body.name or None,
        "access_type": body.access_type or "application",
        "details": _details(request, body),
        "metadata": body.metadata,
        "created_at": moment,
        "updated_at": moment,
    }
    await services(request).store.insert("user_profile", profile["id"], profile)
    return json_response(_shown(request, profile))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(_shown(request, (await stored(request, "user_profile")).body))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, UserProfileUpdate)
    store = services(request).store
    changes: dict[str, Any] = {}
    if "name" in body.model_fields_set:
        changes["name"] = body.name or None
    if body.access_type is not None:
        changes["access_type"] = body.access_type
    given = _details(request, body)
    while True:
        found = await stored(request, "user_profile")
        changed = found.body | changes | {"details": found.body["details"] | given}
        changed["metadata"] = merge_metadata(found.body["metadata"], dict(body.metadata or {}), empty_deletes=True)
        if changed != found.body:
            try:
                await store.replace(found, changed | {"updated_at": now()})
            except StaleError:
                continue
        return json_response(_shown(request, (await stored(request, "user_profile")).body))


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    order_by = query.text("order_by") or "created_at"
    if order_by not in ("created_at", "name"):
        raise invalid(f"order_by: must be created_at or name, got {order_by[:60]!r}.")
    order = query.order("desc")
    part = slice_of(
        here.cursors, f"user profiles by {order_by}", page=query.text("page"), order=order, limit=query.limit()
    )
    if order_by == "created_at":
        rows = await here.store.list("user_profile", part.page)
        rows_of_page, next_page, _ = part.cut(rows, lambda row: row.sequence)
    else:
        named = _by_name(await _all(here.store), reverse=order == "desc")
        if part.cursor is not None:
            # The row of the cursor may be gone: its own place in the order is in the cursor.
            last = _place(part.cursor.created_at or None, part.cursor.after, reverse=order == "desc")
            named = [row for row in named if _place(_key(row), row.sequence, reverse=order == "desc") > last]
        rows_of_page, next_page, _ = part.cut(named, lambda row: row.sequence, lambda row: _key(row) or "")
    return json_response(page_body([_shown(request, row.body) for row in rows_of_page], next_page))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["user_profile_id"]
    if not await services(request).store.delete("user_profile", id):
        raise not_found("user profile", id)
    return json_response({"id": id, "type": "user_profile_deleted"})


async def create_enrollment_url(request: Request, query: Query) -> Response:
    await read_nothing(request)
    await stored(request, "user_profile")
    raise unsupported("enrollment_url", _ENROLLMENT)


async def create_action_url(request: Request, query: Query) -> Response:
    await read_body(request, ActionURLCreate)
    await stored(request, "user_profile")
    raise unsupported("action", _ENROLLMENT)


async def _all(store: Store) -> list[Object]:
    found: list[Object] = []
    while batch := await store.list("user_profile", Page(_BATCH, "asc", found[-1].sequence if found else None)):
        found += batch
    return found


def _key(profile: Object) -> str | None:
    """What profiles are sorted by: the name, blind to the case of ASCII letters."""
    name: str | None = profile.body["name"]
    return None if name is None else "".join(c.lower() if c.isascii() else c for c in name)


class _Descending(str):
    """Sorts the other way round."""

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)

    def __gt__(self, other: str) -> bool:
        return str.__lt__(self, other)


def _place(key: str | None, sequence: int, *, reverse: bool) -> tuple[bool, str, int]:
    """Profiles without a name come last in either direction."""
    text = key or ""
    return key is None, _Descending(text) if reverse else text, -sequence if reverse else sequence


def _by_name(rows: list[Object], *, reverse: bool) -> list[Object]:
    return sorted(rows, key=lambda row: _place(_key(row), row.sequence, reverse=reverse))


def _betas(request: Request) -> set[str]:
    return {beta.strip() for value in request.headers.getlist("anthropic-beta") for beta in value.split(",")}


def _version(request: Request) -> str:
    """The beta header under which the client gives and gets the details of the user as two fields, or ""."""
    betas = _betas(request)
    return _OLD if _OLD in betas else _OLDEST if _OLDEST in betas else ""


def _details(request: Request, body: UserProfileCreate | UserProfileUpdate) -> dict[str, Any]:
    """The details that were given, in either form. Raises RequestError (400) for the form of another version."""
    version, given = _version(request), body.model_fields_set
    if version and "external_user_details" in given:
        raise invalid(f"external_user_details: not part of the beta {version}; send external_id.")
    if not version and "external_id" in given:
        raise invalid(f"external_id: needs the beta {_OLD}; send external_user_details.reference_id.")
    if version != _OLD and "external_user_onboarded_at" in given:
        raise invalid(f"external_user_onboarded_at: needs the beta {_OLD}; send external_user_details.onboarded_at.")
    for name in ("external_user_onboarded_at", "external_user_details"):
        if name in given and getattr(body, name) is None:
            raise invalid(f"{name}: cannot be null; leave it out to keep what is stored.")
    if body.external_user_details is not None and isinstance(body, UserProfileUpdate):
        for name in body.external_user_details.model_fields_set:
            if getattr(body.external_user_details, name) is None:
                raise invalid(f"external_user_details.{name}: cannot be cleared.")
    found = details(body.external_user_details)
    if "external_id" in given:
        found["reference_id"] = body.external_id
    if body.external_user_onboarded_at is not None:
        found["onboarded_at"] = body.external_user_onboarded_at
    return found


def _shown(request: Request, profile: dict[str, Any]) -> dict[str, Any]:
    version = _version(request)
    known = dict.fromkeys(DETAILS) | profile["details"]
    shown = {
        "id": profile["id"],
        "type": "user_profile",
        "name": profile["name"],
        "metadata": profile["metadata"],
        "created_at": profile["created_at"],
        "updated_at": profile["updated_at"],
    }
    betas = _betas(request)
    with_grants = bool(version) or _GRANTS in betas
    if with_grants or not any(beta.startswith("user-profiles-") for beta in betas):  # without a header: all there is
        shown["trust_grants"] = {}
    if not with_grants:  # nobody here decides on either
        nothing = {"enforcement_actions": [], "enforcement_status": "unrestricted"}
        shown |= {"programs": {"cyber": None, "efs": None}, **nothing}
    if version != _OLDEST:
        shown["access_type"] = profile["access_type"]
    if not version:
        return shown | {"external_user_details": known}
    shown["external_id"] = known["reference_id"]
    return shown | ({"external_user_onboarded_at": known["onboarded_at"]} if version == _OLD else {})


_ONE = "/v1/user_profiles/{user_profile_id}"

ROUTES = [
    creation("/v1/user_profiles", create, retrieve, "user_profile_id"),
    operation("GET", "/v1/user_profiles", list_, "order", "order_by", "limit", "page"),
    operation("GET", _ONE, retrieve),
    operation("POST", _ONE, update),
    operation("DELETE", _ONE, delete),
    operation("POST", f"{_ONE}/enrollment_url", create_enrollment_url),
    operation("POST", f"{_ONE}/action_urls", create_action_url),
]
