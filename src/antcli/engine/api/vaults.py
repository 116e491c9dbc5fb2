"""Vaults and their credentials: `/v1/vaults` (api.md 12)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.vaults import CredentialCreate, CredentialUpdate, VaultCreate, VaultUpdate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.api.validation import merge_metadata
from antcli.engine.tools.mcp_probe import validate
from antcli.engine.vaults.vaults import CREDENTIAL, VAULT, shown

Json = dict[str, Any]


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, VaultCreate)
    return json_response(await services(request).vaults.create(body.display_name, body.metadata or {}))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response((await services(request).vaults.get(_vault_id(request))).body)


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, VaultUpdate)

    def changes(vault: Json) -> Json:
        changed: Json = {"metadata": merge_metadata(vault["metadata"], body.metadata)}
        return changed | ({"display_name": body.display_name} if body.display_name is not None else {})

    return json_response(await services(request).vaults.update(_vault_id(request), changes))


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    part = slice_of(here.cursors, "vaults", page=query.text("page"), order="desc", limit=query.limit())
    rows = await here.store.list(VAULT, part.page, include_archived=query.flag("include_archived"))
    return json_response(part.body(rows))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = _vault_id(request)
    await services(request).vaults.delete(id)
    return json_response({"id": id, "type": "vault_deleted"})


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(await services(request).vaults.archive(_vault_id(request)))


async def create_credential(request: Request, query: Query) -> Response:
    body = await read_body(request, CredentialCreate)
    auth = body.auth.model_dump(exclude_unset=True)
    made = await services(request).vaults.add(_vault_id(request), auth, body.display_name, body.metadata or {})
    return json_response(made)


async def retrieve_credential(request: Request, query: Query) -> Response:
    return json_response(shown(await services(request).vaults.credential(*_ids(request))))


async def update_credential(request: Request, query: Query) -> Response:
    body = await read_body(request, CredentialUpdate)
    given = body.model_fields_set
    auth = body.auth.model_dump(exclude_unset=True) if "auth" in given else {}

    def fields(credential: Json) -> Json:
        changed: Json = {"metadata": merge_metadata(credential["metadata"], body.metadata)}
        return changed | ({"display_name": body.display_name} if "display_name" in given else {})

    return json_response(await services(request).vaults.change(*_ids(request), auth, fields))


async def list_credentials(request: Request, query: Query) -> Response:
    here, vault_id = services(request), _vault_id(request)
    await here.vaults.get(vault_id)
    part = slice_of(
        here.cursors, f"credentials of {vault_id}", page=query.text("page"), order="desc", limit=query.limit()
    )
    archived = query.flag("include_archived")
    rows = await here.store.list(CREDENTIAL, part.page, parent=vault_id, include_archived=archived)
    return json_response(part.body(rows, shown))


async def delete_credential(request: Request, query: Query) -> Response:
    await read_nothing(request)
    vault_id, id = _ids(request)
    await services(request).vaults.delete_credential(vault_id, id)
    return json_response({"id": id, "type": "vault_credential_deleted"})


async def archive_credential(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(await services(request).vaults.archive_credential(*_ids(request)))


async def validate_credential(request: Request, query: Query) -> Response:
    await read_nothing(request)
    here = services(request)
    return json_response(await validate(here.tokens, await here.vaults.credential(*_ids(request))))


def _vault_id(request: Request) -> str:
    return str(request.path_params["vault_id"])


def _ids(request: Request) -> tuple[str, str]:
    return _vault_id(request), str(request.path_params["credential_id"])


_VAULT, _CREDENTIALS = "/v1/vaults/{vault_id}", "/v1/vaults/{vault_id}/credentials"
_CREDENTIAL = "/v1/vaults/{vault_id}/credentials/{credential_id}"

ROUTES = [
    creation("/v1/vaults", create, retrieve, "vault_id"),
    operation("GET", "/v1/vaults", list_, "include_archived", "limit", "page"),
    operation("GET", _VAULT, retrieve),
    operation("POST", _VAULT, update),
    operation("DELETE", _VAULT, delete),
    operation("POST", f"{_VAULT}/archive", archive),
    creation(_CREDENTIALS, create_credential, retrieve_credential, "credential_id"),
    operation("GET", _CREDENTIALS, list_credentials, "include_archived", "limit", "page"),
    operation("GET", _CREDENTIAL, retrieve_credential),
    operation("POST", _CREDENTIAL, update_credential),
    operation("DELETE", _CREDENTIAL, delete_credential),
    operation("POST", f"{_CREDENTIAL}/archive", archive_credential),
    operation("POST", f"{_CREDENTIAL}/mcp_oauth_validate", validate_credential),
]
