from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles import credentials
from antcli.profiles.resolve import PUBLIC_API, resolve

CONFIG = """
[profiles.work]
kind = "hosted"
base_url = "https://work.example/"
workspace_id = "wrkspc_1"
[profiles.work.defaults]
agent = "coder"
format = "jsonl"

[profiles.box]
kind = "local"
[profiles.box.model]
base_url = "http://127.0.0.1:11434"
default = "tiny"
[profiles.box.engine]
sandbox = "none"
idle_minutes = 3
data_dir = "/somewhere/else"

[profiles.bare]
kind = "local"

[profiles.mine]
kind = "hosted"
"""


class Machine:
    """The environment and files that `resolve` sees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"HOME": str(root), "ANT_CONFIG_DIR": str(root / "ant"), "ANT_DATA_DIR": str(root / "data")}

    def config(self, text: str) -> None:
        (self.root / "ant").mkdir(exist_ok=True)
        (self.root / "ant" / "config.toml").write_text(text)

    def official(self, name: str, *, expires: float | None = None, active: bool = False, **config: Any) -> Path:
        home = self.root / ".config" / "anthropic"
        for part in ("configs", "credentials"):
            (home / part).mkdir(parents=True, exist_ok=True)
        (home / "configs" / f"{name}.json").write_text(json.dumps({"version": "1.0", **config}))
        token = {
            "type": "oauth_token",
            "access_token": f"oat-{name}",
            "expires_at": expires,
            "workspace_id": "wrkspc_o",
        }
        (home / "credentials" / f"{name}.json").write_text(json.dumps(token))
        if active:
            (home / "active_config").write_text(f"{name}\n")
        return home

    def resolve(self, profile: str | None = None, **environ: str) -> Any:
        return resolve(profile, {**self.environ, **environ})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.config(CONFIG)
    return made


KEY, TOKEN, URL = (
    {"ANTHROPIC_API_KEY": "sk-env"},
    {"ANTHROPIC_AUTH_TOKEN": "at-env"},
    {"ANTHROPIC_BASE_URL": "https://env.example/"},
)


@pytest.mark.parametrize(
    ("profile", "active", "environ", "expected"),
    [
        # --profile, then ANT_PROFILE, then ANTHROPIC_BASE_URL with a credential, then the active one, then the
        # environment's credential, then local.
        ("work", "box", {"ANT_PROFILE": "bare", **URL, **KEY}, ("work", "hosted", "https://work.example", "--profile")),
        (None, "box", {"ANT_PROFILE": "work", **URL, **KEY}, ("work", "hosted", "https://work.example", "ANT_PROFILE")),
        (None, "box", {**URL, **KEY}, ("environment", "hosted", "https://env.example", "URL and ANTHROPIC_API_KEY")),
        (None, "box", {**URL, **TOKEN}, ("environment", "hosted", "https://env.example", "ANTHROPIC_AUTH_TOKEN")),
        (None, "box", URL, ("box", "local", "http://ant", "active profile")),
        (None, "box", KEY, ("box", "local", "http://ant", "active profile")),
        (None, None, KEY, ("environment", "hosted", PUBLIC_API, "ANTHROPIC_API_KEY is set")),
        (None, None, TOKEN, ("environment", "hosted", PUBLIC_API, "ANTHROPIC_AUTH_TOKEN is set")),
        (None, None, URL, ("local", "local", "http://ant", "no profile")),
        (None, None, {}, ("local", "local", "http://ant", "no profile")),
        (None, None, {"ANTHROPIC_API_KEY": "", "ANT_PROFILE": ""}, ("local", "local", "http://ant", "no profile")),
        ("local", None, KEY, ("local", "local", "http://ant", "--profile")),
        ("hosted", None, {}, ("hosted", "hosted", PUBLIC_API, "--profile")),
        ("hosted", None, {**URL, **KEY}, ("hosted", "hosted", "https://env.example", "--profile")),
    ],
)  # fmt: skip
def test_which_server(
    machine: Machine, profile: str | None, active: str | None, environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    if active:
        machine.config(f'active = "{active}"\n{CONFIG}')
    found = machine.resolve(profile, **environ)
    assert (found.profile, found.kind, found.base_url) == expected[:3]
    assert expected[3] in found.why


def test_an_unknown_profile_is_a_usage_error_that_names_the_known(machine: Machine) -> None:
    with pytest.raises(UsageError, match="no profile 'wrok'") as caught:
        machine.resolve("wrok")
    assert "work" in caught.value.hint
    machine.config('active = "gone"\n')
    with pytest.raises(UsageError, match="no profile 'gone'"):
        machine.resolve()


@pytest.mark.parametrize(
    ("environ", "headers", "source"),
    [
        ({**KEY, **TOKEN}, {"x-api-key": "sk-env"}, "ANTHROPIC_API_KEY"),
        (TOKEN, {"authorization": "Bearer at-env"}, "ANTHROPIC_AUTH_TOKEN"),
        (
            {"ANTHROPIC_WORKSPACE_ID": "w_9", **KEY}, {"x-api-key": "sk-env", "anthropic-workspace-id": "w_9"},
            "ANTHROPIC_API_KEY",
        ),
    ],
)  # fmt: skip
def test_credentials_of_the_environment(machine: Machine, environ: dict[str, str], headers: Any, source: str) -> None:
    found = machine.resolve(**environ)
    assert (found.headers, found.credential) == (headers, source)
    found.require_credential()


def test_a_profiles_own_key_comes_first_and_its_workspace_goes_along(machine: Machine) -> None:
    credentials.store(machine.environ, "work", api_key="sk-work")
    credentials.store(machine.environ, "mine", auth_token="at-mine")
    assert machine.resolve("work", **KEY).headers == {"x-api-key": "sk-work", "anthropic-workspace-id": "wrkspc_1"}
    assert machine.resolve("mine", **KEY).headers == {"authorization": "Bearer at-mine"}


def test_a_credential_goes_to_no_address_but_its_own(machine: Machine) -> None:
    assert machine.resolve("work", **KEY).credential == ""
    assert "x-api-key" not in machine.resolve("work", **KEY).headers
    assert machine.resolve("work", **KEY, ANTHROPIC_BASE_URL="https://work.example").headers["x-api-key"] == "sk-env"
    assert machine.resolve("mine", **KEY).headers == {"x-api-key": "sk-env"}
    credentials.store(machine.environ, "mine", api_key="sk-mine")
    assert machine.resolve("mine", **URL, **KEY).base_url == PUBLIC_API  # where the stored key belongs
    with pytest.raises(NotLoggedInError, match="'work'"):
        machine.resolve("work", **KEY).require_credential()
    machine.resolve("box").require_credential()


def test_defaults_of_the_profile(machine: Machine) -> None:
    assert machine.resolve("work").defaults == {"agent": "coder", "format": "jsonl"}
    assert machine.resolve("box").defaults == {"model": "tiny"}
    assert machine.resolve(**KEY).defaults == {}


def test_the_local_engines_settings(machine: Machine) -> None:
    found = machine.resolve("box")
    assert found.engine == {"sandbox": "none", "idle_minutes": 3}
    assert found.data_dir == machine.root / "data"  # ANT_DATA_DIR
    del machine.environ["ANT_DATA_DIR"]
    assert machine.resolve("box").data_dir == Path("/somewhere/else")
    assert machine.resolve("bare").data_dir.name == "ant"


def model(base_url: str, key: str | None, source: str, default: str | None = None) -> dict[str, Any]:
    return {"base_url": base_url, "api_key": key, "default_model": default, "source": source}


MODEL = {"ANT_MODEL_BASE_URL": "http://m.example/", "ANT_MODEL_API_KEY": "sk-model"}


@pytest.mark.parametrize(
    ("profile", "environ", "stored", "expected"),
    [
        ("bare", {**MODEL, **KEY}, "sk-own", model("http://m.example", "sk-model", "ANT_MODEL_BASE_URL")),
        ("bare", {"ANT_MODEL_BASE_URL": "http://m.ex"}, "sk-own", model("http://m.ex", None, "ANT_MODEL_BASE_URL")),
        ("box", {**MODEL, **KEY}, None, model("http://m.example", "sk-model", "ANT_MODEL_BASE_URL", "tiny")),
        ("box", KEY, None, model("http://127.0.0.1:11434", None, "profile 'box'", "tiny")),
        ("box", KEY, "sk-own", model("http://127.0.0.1:11434", "sk-own", "profile 'box'", "tiny")),
        ("bare", KEY, "sk-own", model(PUBLIC_API, "sk-own", "profile 'bare'")),
        ("bare", {"ANT_MODEL_API_KEY": "sk-model", **KEY}, None, model(PUBLIC_API, "sk-model", "ANT_MODEL_API_KEY")),
        ("bare", KEY, None, model(PUBLIC_API, "sk-env", "ANTHROPIC_API_KEY")),
        ("bare", {**KEY, **URL}, None, model("https://env.example", "sk-env", "ANTHROPIC_API_KEY")),
        ("local", KEY, None, model(PUBLIC_API, "sk-env", "ANTHROPIC_API_KEY")),
        ("bare", TOKEN, None, None),
        ("bare", {}, None, None),
    ],
)  # fmt: skip
def test_the_engines_model(machine: Machine, profile: str, environ: Any, stored: str | None, expected: Any) -> None:
    if stored:
        credentials.store(machine.environ, profile, model_api_key=stored)
    assert machine.resolve(profile, **environ).model == expected


def test_secrets_are_not_in_the_repr(machine: Machine) -> None:
    assert "sk-" not in repr(machine.resolve(**KEY)) + repr(machine.resolve("bare", **KEY))


def test_an_official_profile_is_used_by_name(machine: Machine) -> None:
    machine.official("team", expires=time.time() + 60, base_url="https://team.example", workspace_id="wrkspc_t")
    expected = {
        "authorization": "Bearer oat-team", "anthropic-beta": "oauth-2025-04-20", "anthropic-workspace-id": "wrkspc_t",
    }  # fmt: skip
    for found in (
        machine.resolve("team"),
        machine.resolve(ANT_PROFILE="team"),
        machine.resolve(ANTHROPIC_PROFILE="team"),
    ):
        assert (found.kind, found.base_url, found.headers) == ("hosted", "https://team.example", expected)
        assert "team" in found.credential
    assert machine.resolve(ANTHROPIC_PROFILE="team", **URL).base_url == "https://env.example"
    assert "oat-" not in repr(found)


def test_the_official_active_profile_is_the_last_before_local(machine: Machine) -> None:
    machine.official("team", active=True)
    machine.official("default")
    assert machine.resolve().headers["authorization"] == "Bearer oat-team"
    assert "official" in machine.resolve().why
    assert machine.resolve(**KEY).headers == {"x-api-key": "sk-env"}
    machine.config(f'active = "bare"\n{CONFIG}')
    assert machine.resolve().kind == "local"
    assert machine.resolve("mine").headers["authorization"] == "Bearer oat-team"
    assert "authorization" not in machine.resolve("work").headers


def test_the_official_default_profile_needs_no_active_config(machine: Machine) -> None:
    home = machine.official("default")
    assert machine.resolve().headers["authorization"] == "Bearer oat-default"
    assert machine.resolve().headers["anthropic-workspace-id"] == "wrkspc_o"
    del machine.environ["HOME"]
    assert machine.resolve(ANTHROPIC_CONFIG_DIR=str(home)).headers["authorization"] == "Bearer oat-default"


@pytest.mark.parametrize("unit", [1, 1000])
def test_an_expired_token_is_said_to_be_expired(machine: Machine, unit: int) -> None:
    machine.official("team", expires=(time.time() - 60) * unit, active=True)
    for ask in (lambda: machine.resolve("team"), lambda: machine.resolve(ANTHROPIC_PROFILE="team")):
        with pytest.raises(NotLoggedInError, match="'team' expired at 2"):
            ask()
    found = machine.resolve()
    assert found.kind == "local" and "expired" in found.notes[0]


def test_official_files_are_never_needed_and_never_written(machine: Machine) -> None:
    home = machine.official("default")
    for broken in ("{", "[]", "null"):
        (home / "credentials" / "default.json").write_text(broken)
        assert machine.resolve().kind == "local"
    with pytest.raises(UsageError, match="no official profile"):
        machine.resolve(ANTHROPIC_PROFILE="../x")
    (home / "credentials" / "default.json").write_text("{")
    with pytest.raises(UsageError, match=r"default\.json: not JSON"):
        machine.resolve(ANTHROPIC_PROFILE="default")
    assert sorted(path.name for path in home.rglob("*.json")) == ["default.json", "default.json"]


def test_resolving_is_light(tmp_path: Path) -> None:
    script = (
        "import sys, os, json; from antcli.profiles.resolve import resolve; resolve(None, os.environ);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    environ = {**os.environ, "ANT_CONFIG_DIR": str(tmp_path), "ANT_DATA_DIR": str(tmp_path), "ANTHROPIC_API_KEY": "k"}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)
    heavy = {"platformdirs", "tomli_w", "httpx", "pydantic", "asyncio", "typer", "datetime", "tempfile"}
    assert not set(json.loads(run.stdout)) & heavy
