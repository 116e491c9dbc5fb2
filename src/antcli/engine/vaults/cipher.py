"""Secrets at rest: envelope encryption.

Each secret is encrypted with a data key of its own, which the master key wraps (both AES-256-GCM). What the secret
belongs to is bound in as associated data, so that a sealed text moved to another object does not open. The sealed text
names the master key: one sealed with another key is told apart from a damaged one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

from antcli.engine.store.base import Object, RefusedError, StorageError, Store
from antcli.engine.vaults import keys
from antcli.engine.vaults.keys import KEY_BYTES, KEY_VARIABLE, MasterKey, SecretError

_VERSION = "ant1"
_NONCE_BYTES = 12


class Cipher:
    """Seals and opens with the master key, which is found (or made) at the first use and then kept in memory."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._data_dir = data_dir
        self._key: MasterKey | None = None
        self._finding = asyncio.Lock()

    async def seal(self, secret: Any, owner: str) -> str:
        """The sealed text of a JSON value; `owner` (an id) must be named again to open it. Raises SecretError."""
        master = await self._master()
        data_key = os.urandom(KEY_BYTES)
        bound = owner.encode()
        wrapped = _encrypt(master.key, data_key, b"key\0" + bound)
        sealed = _encrypt(data_key, json.dumps(secret).encode(), b"secret\0" + bound)
        return ".".join((_VERSION, master.id, _text(wrapped), _text(sealed)))

    async def open(self, sealed: str, owner: str) -> Any:
        """Raises SecretError: another master key, or a damaged or misplaced text. Nothing is changed."""
        from cryptography.exceptions import InvalidTag

        master = await self._master()
        try:
            version, key_id, wrapped, data = sealed.split(".")
            bound = owner.encode()
            if version != _VERSION:
                raise ValueError(version)
            if key_id != master.id:
                raise SecretError(_other_key(key_id, master))
            data_key = _decrypt(master.key, _bytes(wrapped), b"key\0" + bound)
            return json.loads(_decrypt(data_key, _bytes(data), b"secret\0" + bound))
        except (InvalidTag, ValueError):
            raise SecretError(f"The secret of {owner} is damaged: give it anew.") from None

    async def _master(self) -> MasterKey:
        async with self._finding:
            if self._key is None:
                known = await self._store.get("meta", "master_key")
                key = await asyncio.to_thread(keys.find, self._data_dir, known.body["place"] if known else None)
                known = known or await self._remember(key)
                if key.place != "environment" and key.id != known.body["id"]:
                    raise SecretError(_other_key(known.body["id"], key))
                self._key = key
            return self._key

    async def _remember(self, key: MasterKey) -> Object:
        """Where the first key is, so that a lost one is never replaced in silence."""
        try:
            return await self._store.insert("meta", "master_key", {"id": key.id, "place": key.place})
        except (RefusedError, StorageError):
            stored = await self._store.get("meta", "master_key")  # another engine on the same store was first
            if stored is None:
                raise
            return stored


def _other_key(key_id: str, master: MasterKey) -> str:
    source = {"environment": KEY_VARIABLE, "keyring": "the OS keyring", "file": "the data directory"}[master.place]
    return (
        f"Secrets here are sealed with master key {key_id}, and the one from {source} is {master.id}. "
        f"Start the engine with the right key in {KEY_VARIABLE}, or set a new one there and give the secrets anew."
    )


def _encrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _decrypt(key: bytes, data: bytes, bound: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
