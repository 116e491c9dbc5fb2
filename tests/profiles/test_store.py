from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest

from antcli.errors import UsageError
from antcli.profiles import credentials, files, paths, store

CONFIG = """\
active = "work"
future = 1

[profiles.work]
kind = "hosted"
base_url = "https://api.example.com"
colour = "blue"

[profiles.work.defaults]
agent = "coder"

[profiles.box]
engine = { sandbox = "none", idle_minutes = 1.5 }
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"ANT_CONFIG_DIR": str(tmp_path / "config"), "ANT_DATA_DIR": str(tmp_path / "data")}


def write(environ: dict[str, str], text: str | bytes, name: str = "config.toml", mode: int = 0o600) -> Path:
    path = Path(environ["ANT_CONFIG_DIR"]) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_places_are_those_of_the_environment_else_those_of_the_platform(tmp_path: Path) -> None:
    given = {"ANT_CONFIG_DIR": str(tmp_path / "c"), "ANT_DATA_DIR": str(tmp_path / "d")}
    assert (paths.config_dir(given), paths.data_dir(given)) == (tmp_path / "c", tmp_path / "d")
    for path in (paths.config_dir({}), paths.data_dir({})):
        assert path.is_absolute() and path.name == "ant"
    assert paths.official_dir({"XDG_CONFIG_HOME": "/x"}) == Path("/x/anthropic")
    assert paths.official_dir({"HOME": "/h"}) == Path("/h/.config/anthropic")
    assert paths.official_dir({"HOME": "/h", "ANTHROPIC_CONFIG_DIR": "/o"}) == Path("/o")


def test_without_a_file_there_are_the_two_built_in_profiles(environ: dict[str, str]) -> None:
    config = store.load(environ)
    assert config.active is None
    assert config.names() == ["local", "hosted"]
    assert [config.kind(name) for name in config.names()] == ["local", "hosted"]


def test_what_the_file_says_is_read(environ: dict[str, str]) -> None:
    write(environ, CONFIG)
    config = store.load(environ)
    assert config.active == "work"
    assert config.names() == ["work", "box", "local", "hosted"]
    assert config.get("work", "defaults.agent") == "coder"
    assert config.get("work", "engine.sandbox") is None
    assert config.get("box", "engine.idle_minutes") == 1.5
    assert [config.kind(name) for name in ("work", "box")] == ["hosted", "local"]


def test_changes_keep_what_is_not_known(environ: dict[str, str]) -> None:
    path = write(environ, CONFIG)
    config = store.load(environ)
    config.set("work", "defaults.format", "jsonl")
    config.set("box", "engine.idle_minutes", "30")
    config.set("new", "kind", "local")
    assert config.unset("work", "defaults.agent") and not config.unset("work", "defaults.agent")
    config.use("new")
    config.save()
    data = tomllib.loads(path.read_text())
    assert data["future"] == 1 and data["active"] == "new"
    assert data["profiles"]["work"] == {
        "kind": "hosted", "base_url": "https://api.example.com", "colour": "blue", "defaults": {"format": "jsonl"},
    }  # fmt: skip
    assert data["profiles"]["box"] == {"engine": {"sandbox": "none", "idle_minutes": 30}}
    config.delete("new")
    assert config.active is None
    with pytest.raises(UsageError, match="no profile 'new'"):
        config.delete("new")


def test_an_empty_table_goes_with_its_last_setting(environ: dict[str, str]) -> None:
    config = store.load(environ)
    config.set("x", "engine.sandbox", "none")
    config.unset("x", "engine.sandbox")
    assert config.table("x") == {}


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("kind", "cloud", "one of hosted, local"), ("base_url", "example.com", "a URL"),
        ("base_url", "https://me:pw@example.com", "without a password"), ("engine.idle_minutes", "soon", "a number"),
        ("engine.idle_minutes", "-1", "from 0 up"), ("engine.idle_minutes", "nan", "a number"),
        ("engine.model_retries", "1.5", "a number"), ("defaults.format", "xml", "one of auto"),
        ("defaults.agent", " ", "a text"), ("colour", "blue", "no setting"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused(environ: dict[str, str], key: str, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        store.load(environ).set("x", key, text)


@pytest.mark.parametrize("name", ["", "a b", "../x", ".x", "a/b", "x" * 65])
def test_a_bad_name_is_refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        store.load(environ).set(name, "kind", "local")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a = 1\nactive = "x\n', "line 2"), ("a = 1\n\nb ==\n", "line 3"), (b"a = 1\nb = '\xff'\n", "line 2"),
        ("x = 1\nactive = 7\n", "line 2"), ("profiles = 3\n", "line 1"), ("\n[profiles]\nwork = 1\n", "line 3"),
        ('[profiles.a]\nkind = "local"\n\n[profiles.b]\n  kind = "cloud"\n', "line 5"),
        ('[profiles.a]\nkind="local"\n[profiles.a.engine]\nidle_minutes = "x"\n', "line 4"),
        ('[profiles."a"]\nengine.sandbox = "chroot"\n', "line 2"), ("[profiles.a]\ndefaults = 5\n", "line 2"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_named_with_its_line(environ: dict[str, str], text: str, line: str) -> None:
    path = write(environ, text)
    with pytest.raises(UsageError) as caught:
        store.load(environ)
    assert str(path) in caught.value.message and line in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(environ: dict[str, str]) -> None:
    (Path(environ["ANT_CONFIG_DIR"]) / "config.toml").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"Cannot read .*config\.toml: Is a directory"):
        store.load(environ)


def test_the_file_is_replaced_in_one_step_and_a_link_stays(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('active = "local"\n')
    path = Path(environ["ANT_CONFIG_DIR"]) / "config.toml"
    path.parent.mkdir()
    path.symlink_to(real)
    config = store.load(environ)
    config.use("hosted")
    config.save()
    assert path.is_symlink() and tomllib.loads(real.read_text()) == {"active": "hosted"}

    def fail(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    config.use("local")
    with pytest.raises(UsageError, match="No space left"):
        config.save()
    assert tomllib.loads(real.read_text()) == {"active": "hosted"}
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.write(path, b"0" * 100_000, mode=0o600)
    done = threading.Event()

    def keep_writing() -> None:
        for number in range(15):
            files.write(path, bytes([48 + number % 10]) * 100_000, mode=0o600)
        done.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    while not done.is_set():
        content = path.read_bytes()
        assert len(content) == 100_000 and len(set(content)) == 1
    writer.join()


def test_secrets_are_kept_for_the_owner_alone(environ: dict[str, str]) -> None:
    previous = os.umask(0)
    try:
        credentials.store(environ, "work", api_key="sk-1")
    finally:
        os.umask(previous)
    path = Path(environ["ANT_CONFIG_DIR"]) / "credentials.toml"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    credentials.store(environ, "work", model_api_key="sk-2")
    credentials.store(environ, "other", auth_token="t-1")
    found = credentials.load(environ, "work")
    assert (found.api_key, found.auth_token, found.model_api_key) == ("sk-1", None, "sk-2")
    assert "sk-" not in repr(found)
    credentials.store(environ, "work", api_key=None)
    assert credentials.load(environ, "work").api_key is None
    assert credentials.forget(environ, "work") and not credentials.forget(environ, "work")
    assert credentials.load(environ, "other").auth_token == "t-1"
    assert credentials.load(environ, "nobody") == credentials.Credentials()


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o644])
def test_secrets_others_can_read_are_refused(environ: dict[str, str], bits: int) -> None:
    path = write(environ, '[work]\napi_key = "sk-1"\n', "credentials.toml", bits)
    for use in (lambda: credentials.load(environ, "work"), lambda: credentials.store(environ, "work", api_key="x")):
        with pytest.raises(UsageError) as caught:
            use()
        assert str(path) in caught.value.message and "chmod 600" in caught.value.hint
        assert "sk-1" not in caught.value.message + caught.value.hint


def test_a_broken_secrets_file_shows_no_secret(environ: dict[str, str]) -> None:
    write(environ, '[work]\napi_key = "sk-1\n', "credentials.toml")
    with pytest.raises(UsageError, match="line 2") as caught:
        credentials.load(environ, "work")
    assert "sk-1" not in str(caught.value)
    write(environ, 'api_key = "sk-1"\n', "credentials.toml")
    with pytest.raises(UsageError, match="must be a table") as caught:
        credentials.load(environ, "work")
    assert "sk-1" not in str(caught.value)
