"""The cipher over a real store, with keys from each place."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.store.sqlite import SqliteStore
from antcli.engine.vaults import keyrings, keys
from antcli.engine.vaults.cipher import Cipher
from antcli.engine.vaults.keys import SecretError

SECRET = "tok-5up3r-s3cret-value"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the key nor the keyring of whoever runs the tests."""
    monkeypatch.delenv("ANT_MASTER_KEY", raising=False)
    monkeypatch.setattr(keyrings, "_QUIET", ())


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@contextlib.asynccontextmanager
async def cipher(data_dir: Path) -> AsyncIterator[Cipher]:
    store = SqliteStore(data_dir / "engine.db")
    await store.open()
    try:
        yield Cipher(store, data_dir)
    finally:
        await store.close()


async def seal(data_dir: Path, secret: Any = SECRET, owner: str = "vcrd_1") -> str:
    async with cipher(data_dir) as here:
        return await here.seal(secret, owner)


async def unseal(data_dir: Path, sealed: str, owner: str = "vcrd_1") -> Any:
    async with cipher(data_dir) as here:
        return await here.open(sealed, owner)


def test_what_is_sealed_opens_again_in_another_life(tmp_path: Path) -> None:
    value = {"token": SECRET, "client": None}
    sealed = asyncio.run(seal(tmp_path, value))
    assert SECRET not in sealed and sealed != asyncio.run(seal(tmp_path, value))
    assert asyncio.run(unseal(tmp_path, sealed)) == value
    assert (tmp_path / keys.FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(keys.FILE)] == [keys.FILE]


def test_a_sealed_text_is_bound_to_its_owner_and_whole(tmp_path: Path) -> None:
    sealed = asyncio.run(seal(tmp_path))
    last = "A" if sealed[-5] != "A" else "B"
    for wrong, owner in ((sealed, "vcrd_2"), (sealed[:-5] + last + sealed[-4:], "vcrd_1"), ("ant1.x", "vcrd_1")):
        with pytest.raises(SecretError, match=rf"secret of {owner} is damaged"):
            asyncio.run(unseal(tmp_path, wrong, owner))


@pytest.mark.parametrize("form", [lambda raw: base64.b64encode(raw).decode(), lambda raw: raw.hex(),
                                  lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()])  # fmt: skip
def test_the_environments_key_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any) -> None:
    raw = secrets.token_bytes(32)
    monkeypatch.setenv("ANT_MASTER_KEY", form(raw))
    sealed = asyncio.run(seal(tmp_path))
    assert not (tmp_path / keys.FILE).exists()
    monkeypatch.setenv("ANT_MASTER_KEY", raw.hex())
    assert asyncio.run(unseal(tmp_path, sealed)) == SECRET


@pytest.mark.parametrize("text", ["short", "x" * 64, "!" * 44, new_key()[:-4]])
def test_a_malformed_key_is_named_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ANT_MASTER_KEY", text)
    with pytest.raises(SecretError, match="ANT_MASTER_KEY is no key: it must be 32 bytes") as raised:
        asyncio.run(seal(tmp_path))
    assert text not in str(raised.value)


def test_another_key_opens_nothing_and_destroys_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = asyncio.run(seal(tmp_path))
    monkeypatch.setenv("ANT_MASTER_KEY", new_key())
    with pytest.raises(SecretError, match=r"sealed with master key .* ANT_MASTER_KEY is"):
        asyncio.run(unseal(tmp_path, sealed))
    again = asyncio.run(seal(tmp_path))  # what is given anew is sealed with the key that was asked for
    assert asyncio.run(unseal(tmp_path, again)) == SECRET
    monkeypatch.delenv("ANT_MASTER_KEY")
    assert asyncio.run(unseal(tmp_path, sealed)) == SECRET


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    sealed = asyncio.run(seal(tmp_path))
    key = (tmp_path / keys.FILE).rename(tmp_path / "elsewhere")
    for act in (seal(tmp_path), unseal(tmp_path, sealed)):
        with pytest.raises(SecretError, match=r"master-key is missing\. Put it back, or set ANT_MASTER_KEY"):
            asyncio.run(act)
    assert not (tmp_path / keys.FILE).exists()
    key.rename(tmp_path / keys.FILE)
    assert asyncio.run(unseal(tmp_path, sealed)) == SECRET
    (tmp_path / keys.FILE).write_text(new_key())
    with pytest.raises(SecretError, match="the one from the data directory is"):
        asyncio.run(seal(tmp_path))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    asyncio.run(seal(tmp_path))
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        asyncio.run(seal(tmp_path))


class Keyring:
    """What the operating system's keyring does, in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.hangs = False

    def get_password(self, service: str, account: str) -> str | None:
        if self.hangs:
            time.sleep(5)
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, secret: str) -> None:
        self.kept[service, account] = secret


@pytest.fixture
def os_keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    import keyring

    found = Keyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: found)
    monkeypatch.setattr(keyrings, "_QUIET", (Keyring.__module__,))
    monkeypatch.setattr(keyrings, "_is_unlocked", lambda module: True)
    return found


def test_an_unlocked_keyring_keeps_the_key(
    tmp_path: Path, os_keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = asyncio.run(seal(tmp_path))
    assert len(os_keyring.kept) == 1 and not (tmp_path / keys.FILE).exists()
    assert asyncio.run(unseal(tmp_path, sealed)) == SECRET
    monkeypatch.setattr(keyrings, "_is_unlocked", lambda module: False)
    with pytest.raises(SecretError, match="in the OS keyring, which is locked"):
        asyncio.run(unseal(tmp_path, sealed))
    assert not (tmp_path / keys.FILE).exists()


def test_a_keyring_that_does_not_answer_is_none(
    tmp_path: Path, os_keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    os_keyring.hangs = True
    monkeypatch.setattr(keyrings, "_SECONDS", 0.05)
    asyncio.run(seal(tmp_path))
    assert (tmp_path / keys.FILE).exists()


def test_a_keyring_that_would_ask_is_not_used(tmp_path: Path, os_keyring: Keyring, monkeypatch: Any) -> None:
    monkeypatch.setattr(keyrings, "_QUIET", ())
    asyncio.run(seal(tmp_path))
    assert not os_keyring.kept and (tmp_path / keys.FILE).exists()
