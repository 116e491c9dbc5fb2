"""Vaults and their credentials: kept, changed, archived, opened for the engine's own use (semantics.md 14).

An object of a credential is what responses show and, under `sealed`, its secrets. Every change of a vault's set of
credentials also touches the vault, so that two of them cannot pass a limit, or an archive, side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import RequestError, conflict, invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.store.base import (
    Change,
    DuplicateError,
    Insert,
    Object,
    Page,
    Remove,
    Replace,
    StaleError,
    Store,
)
from antcli.engine.vaults import auth
from antcli.engine.vaults.cipher import Cipher

VAULT, CREDENTIAL = "vault", "vault_credential"
MOST_CREDENTIALS = 20
MOST_VAULTS = 50  # of a session
_ALL = Page(10_000, "asc")

Json = dict[str, Any]


def shown(credential: Object) -> Json:
    """The credential as responses show it: without what is sealed."""
    return {name: value for name, value in credential.body.items() if name != "sealed"}


class Vaults:
    """All methods raise RequestError (404) for an id that is not there."""

    def __init__(self, store: Store, cipher: Cipher) -> None:
        self._store = store
        self.cipher = cipher

    async def create(self, display_name: str, metadata: Mapping[str, str]) -> Json:
        moment = now()
        vault = {
            "id": new_id("vlt"), "type": "vault", "display_name": display_name, "metadata": dict(metadata),
            "created_at": moment, "updated_at": moment, "archived_at": None,
        }  # fmt: skip
        return (await self._store.insert(VAULT, vault["id"], vault)).body  # type: ignore[arg-type]

    async def get(self, id: str) -> Object:
        found = await self._store.get(VAULT, id)
        if found is None:
            raise not_found("vault", id)
        return found

    async def update(self, id: str, changes: Callable[[Json], Json]) -> Json:
        """`changes` makes the fields that change from the vault."""
        while True:
            vault = await self.get(id)
            _must_be_active(vault)
            changed = vault.body | changes(vault.body)
            if changed == vault.body:
                return changed
            try:
                return (await self._store.replace(vault, changed | {"updated_at": now()})).body
            except StaleError:
                continue

    async def archive(self, id: str) -> Json:
        """The vault and its credentials; their secrets are gone afterwards."""
        while True:
            vault = await self.get(id)
            if vault.body["archived_at"] is not None:
                return vault.body
            moment = now()
            active = await self._store.list(CREDENTIAL, _ALL, parent=id, include_archived=False)
            end = {"archived_at": moment, "updated_at": moment}
            changes = [Replace(vault, vault.body | end), *(_archived(credential, moment) for credential in active)]
            try:
                return (await self._store.change(*changes))[0].body
            except StaleError:
                continue

    async def delete(self, id: str) -> None:
        while True:
            vault = await self.get(id)
            credentials = await self._store.list(CREDENTIAL, _ALL, parent=id)
            try:
                await self._store.change(Remove(vault), *map(Remove, credentials))
                return
            except StaleError:
                continue

    # Credentials

    async def add(
        self, vault_id: str, given: Mapping[str, Any], display_name: str | None, metadata: Mapping[str, str]
    ) -> Json:
        """A new credential from the `auth` of a create request. Raises RequestError (400, 409), SecretError."""
        visible, secrets = auth.split(given)
        key, id, moment = auth.key_of(visible), new_id("vcrd"), now()
        body = {
            "id": id, "type": "vault_credential", "vault_id": vault_id, "auth": visible, "display_name": display_name,
            "metadata": dict(metadata), "created_at": moment, "updated_at": moment, "archived_at": None,
        }  # fmt: skip
        while True:
            vault = await self.get(vault_id)
            _must_be_active(vault)
            active = await self._store.list(CREDENTIAL, _ALL, parent=vault_id, include_archived=False)
            if len(active) >= MOST_CREDENTIALS and not any(credential.key == key for credential in active):
                raise invalid(
                    f"auth: a vault holds at most {MOST_CREDENTIALS} active credentials, and vault {vault_id} has"
                    f" {len(active)}: archive or delete one."
                )
            body["sealed"] = await self.cipher.seal(secrets, id)
            try:
                # In this order, so that a taken key is told from a vault that changed.
                made, _ = await self._store.change(
                    Insert(CREDENTIAL, id, body, parent=vault_id, key=key), Replace(vault, vault.body)
                )
                return shown(made)
            except StaleError:
                continue
            except DuplicateError as error:
                raise _taken(visible, str(error)) from None

    async def credential(self, vault_id: str, id: str) -> Object:
        found = await self._store.get(CREDENTIAL, id)
        if found is None or found.parent != vault_id:
            await self.get(vault_id)  # says which of the two is missing
            raise not_found("credential", id)
        return found

    async def change(self, vault_id: str, id: str, patch: Mapping[str, Any], fields: Callable[[Json], Json]) -> Json:
        """`patch` is the `auth` of an update request, or empty; `fields` makes the other fields that change.

        Raises RequestError (400), SecretError.
        """
        while True:
            credential = await self.credential(vault_id, id)
            if credential.body["archived_at"] is not None:
                raise invalid(f"Credential {id} is archived and cannot be changed.")
            body = credential.body | fields(credential.body)
            if patch:
                body["auth"], secrets = auth.merge(body["auth"], patch)
                if secrets:
                    body["sealed"] = await self._resealed(credential, secrets)
            if body == credential.body:
                return shown(credential)
            try:
                return shown(await self._store.replace(credential, body | {"updated_at": now()}))
            except StaleError:
                continue

    async def archive_credential(self, vault_id: str, id: str) -> Json:
        while True:
            credential = await self.credential(vault_id, id)
            if credential.body["archived_at"] is not None:
                return shown(credential)
            try:
                return shown((await self._store.change(_archived(credential, now())))[0])
            except StaleError:
                continue

    async def delete_credential(self, vault_id: str, id: str) -> None:
        await self.credential(vault_id, id)
        if not await self._store.delete(CREDENTIAL, id):
            raise not_found("credential", id)

    # For the engine itself

    async def secrets(self, credential: Object) -> Json:
        """Raises SecretError. What it returns must never reach a log, an event, an answer or a sandbox."""
        opened: Json = await self.cipher.open(credential.body["sealed"], credential.id)
        return opened

    async def store_tokens(self, credential: Object, secrets: Json, expires_at: str | None) -> Object:
        """What a token endpoint gave. Raises StaleError when the credential has changed since it was read."""
        sealed = await self.cipher.seal(secrets, credential.id)
        changed = credential.body["auth"] | {"expires_at": expires_at}
        body = credential.body | {"auth": changed, "sealed": sealed, "updated_at": now()}
        return await self._store.replace(credential, body)

    async def check(self, vault_ids: Sequence[str], where: str = "vault_ids") -> list[str]:
        """The vaults that a new session may use. Raises RequestError (400, 404) naming the field."""
        if len(vault_ids) > MOST_VAULTS:
            raise invalid(f"{where}: at most {MOST_VAULTS} vaults, got {len(vault_ids)}.")
        for index, id in enumerate(vault_ids):
            if id in vault_ids[:index]:
                raise invalid(f"{where}.{index}: {id!r} is given twice.")
            vault = await self._store.get(VAULT, id)
            if vault is None:
                raise RequestError(404, "not_found_error", f"{where}.{index}: no vault with id {id!r}.")
            if vault.body["archived_at"] is not None:
                raise invalid(f"{where}.{index}: vault {id} is archived.")
        return list(vault_ids)

    async def for_server(self, vault_ids: Sequence[str], url: str) -> Object | None:
        """The active credential of an MCP server: that of the first vault which has one."""
        return await self._first(vault_ids, auth.key_of_server(url))

    async def variables(self, vault_ids: Sequence[str]) -> dict[str, Object]:
        """Name -> the active credential of an environment variable; of two the one in the earlier vault."""
        found: dict[str, Object] = {}
        for vault_id in vault_ids:
            for credential in await self._store.list(CREDENTIAL, _ALL, parent=vault_id, include_archived=False):
                if credential.body["auth"]["type"] == "environment_variable":
                    found.setdefault(credential.body["auth"]["secret_name"], credential)
        return found

    async def _first(self, vault_ids: Sequence[str], key: str) -> Object | None:
        for vault_id in vault_ids:
            found = await self._store.by_key(CREDENTIAL, key, parent=vault_id)
            if found is not None:
                return found
        return None

    async def _resealed(self, credential: Object, secrets: Json) -> str:
        """With the new secrets; the old ones are opened only where some of them stay, so that all can be given anew
        when the master key is lost."""
        if auth.secret_names(credential.body["auth"]) - set(secrets):
            secrets = await self.secrets(credential) | secrets
        return await self.cipher.seal(secrets, credential.id)


def _archived(credential: Object, moment: str) -> Change:
    """Without its secrets and its key: another credential may take its place."""
    return Replace(credential, credential.body | {"archived_at": moment, "updated_at": moment, "sealed": None})


def _must_be_active(vault: Object) -> None:
    if vault.body["archived_at"] is not None:
        raise invalid(f"Vault {vault.id} is archived and cannot be changed.")


def _taken(visible: Json, id: str) -> RequestError:
    field = "secret_name" if visible["type"] == "environment_variable" else "mcp_server_url"
    return conflict(
        f"auth.{field}: credential {id} of this vault already is for {visible[field]!r}: update or archive it."
    )
