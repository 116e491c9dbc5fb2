"""Workload identity federation: the exchange that the official SDK makes, made the same way, and what can go wrong."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from antcli.client import exchange
from antcli.client.exchange import ExchangedToken
from antcli.errors import ServerError, UsageError
from antcli.profiles.federation import of_environment

IDENTITY = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOm5vYm9keS93ZWJzaXRlIn0.c2lnbmF0dXJl"
ACCESS = "sk-ant-oat01-exchanged"
RULE, ORGANIZATION = "fdrl_01", "6f1c7f3e-0000-4000-8000-000000000001"


@pytest.fixture
def endpoint(api):
    api.on("POST", "/v1/oauth/token", {"token_type": "Bearer", "access_token": ACCESS, "expires_in": 600})
    api.page("/v1/models", {"id": "claude-opus-5-5", "type": "model"})
    return api


@pytest.fixture
def federated(environ, endpoint, tmp_path):
    (tmp_path / "token").write_text(f"{IDENTITY}\n")
    return environ | {
        "ANTHROPIC_BASE_URL": endpoint.url, "ANTHROPIC_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "ANTHROPIC_FEDERATION_RULE_ID": RULE, "ANTHROPIC_ORGANIZATION_ID": ORGANIZATION, "ANT_MAX_RETRIES": "0",
    }  # fmt: skip


@pytest.fixture
def profile(environ, endpoint, tmp_path):
    """Makes an official profile `ci` that says all by itself; the environment to use it."""
    (tmp_path / "token").write_text(IDENTITY)

    def make(base_url=endpoint.url, **more):
        authentication = {
            "type": "oidc_federation", "federation_rule_id": RULE, **more,
            "identity_token": {"source": "file", "path": str(tmp_path / "token")},
        }  # fmt: skip
        config = {"version": "1.0", "authentication": authentication, "organization_id": ORGANIZATION}
        (home(tmp_path) / "configs").mkdir(parents=True, exist_ok=True)
        path = home(tmp_path) / "configs" / "ci.json"
        path.write_text(json.dumps(config | ({"base_url": base_url} if base_url else {})))
        os.utime(path, (time.time() - 60,) * 2)
        path.chmod(0o644)
        return environ | {"ANTHROPIC_PROFILE": "ci", "ANT_MAX_RETRIES": "0"}

    return make


def home(root: Path) -> Path:
    return root / ".config" / "anthropic"


def keep(root, token="kept", left=600.0, mode=0o600):
    path = home(root) / "credentials" / "ci.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "oauth_token", "access_token": token, "expires_at": int(time.time() + left)}))
    path.chmod(mode)
    return path


def exchanges(api):
    return [request for request in api.requests if request.path == "/v1/oauth/token"]


def asked(api):
    return [request.headers["authorization"] for request in api.requests if request.path == "/v1/models"]


# The request, beside the SDK's.


@pytest.mark.parametrize(
    "more",
    [
        {}, {"ANTHROPIC_SERVICE_ACCOUNT_ID": "svac_01"}, {"ANTHROPIC_WORKSPACE_ID": "wrkspc_01"},
        {"ANTHROPIC_IDENTITY_TOKEN": "another", "ANTHROPIC_SCOPE": "user:inference"},
        {"ANTHROPIC_IDENTITY_TOKEN": IDENTITY, "ANTHROPIC_IDENTITY_TOKEN_FILE": ""},
        {"ANTHROPIC_WORKSPACE_ID": "", "ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": "", "ANTHROPIC_PROFILE": ""},
    ],
    ids=str,
)  # fmt: skip
def test_it_is_the_request_of_the_sdk(ant, endpoint, federated, monkeypatch, more):
    import anthropic

    given = federated | more
    assert ant("models", "list", environ=given).code == 0
    ours, [ours_next] = exchanges(endpoint), endpoint.requests[1:]
    endpoint.requests.clear()
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with anthropic.Anthropic() as client:
        client.models.list()
    del client
    with warnings.catch_warnings():  # the SDK leaves the connection of the exchange open
        warnings.simplefilter("ignore")
        gc.collect()
    theirs, [theirs_next] = exchanges(endpoint), endpoint.requests[1:]
    assert [(request.method, request.path, request.body) for request in ours] == [
        (request.method, request.path, request.body) for request in theirs
    ]
    assert len(ours) == 1 and ours[0].headers["content-type"] == theirs[0].headers["Content-Type"]
    assert ours[0].headers["anthropic-beta"] == theirs[0].headers["anthropic-beta"]
    assert ours_next.headers["authorization"] == theirs_next.headers["Authorization"] == f"Bearer {ACCESS}"
    assert ours_next.headers["anthropic-beta"].split(",")[0] in theirs_next.headers["anthropic-beta"].split(",")
    if given.get("ANTHROPIC_WORKSPACE_ID"):
        assert ours[0].body["workspace_id"] == "wrkspc_01" and "anthropic-workspace-id" not in ours_next.headers


def test_options_are_the_variables(ant, endpoint, environ, federated, tmp_path):
    bare = environ | {"ANTHROPIC_BASE_URL": endpoint.url}
    options = ("--identity-token-file", str(tmp_path / "token"), "--federation-rule", RULE,
               "--organization-id", ORGANIZATION, "--service-account-id", "svac_01")  # fmt: skip
    assert ant("models", "list", *options, environ=bare).code == 0
    assert exchanges(endpoint)[0].body == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": IDENTITY,
        "federation_rule_id": RULE, "organization_id": ORGANIZATION, "service_account_id": "svac_01",
    }  # fmt: skip
    result = ant("beta:models", "list", "--identity-token", IDENTITY, *options[2:], environ=bare)
    assert result.code == 0 and "--identity-token-file keeps it from them" in result.err
    assert IDENTITY not in result.out + result.err
    assert [request.body["assertion"] for request in exchanges(endpoint)] == [IDENTITY] * 2


def test_a_profile_is_exchanged_once_and_shared_with_the_sdk(ant, endpoint, profile, tmp_path, monkeypatch):
    from anthropic.lib.credentials import CredentialsFile

    environ = profile()
    for _ in range(2):
        assert ant("models", "list", environ=environ).code == 0
    assert len(exchanges(endpoint)) == 1 and asked(endpoint) == [f"Bearer {ACCESS}"] * 2
    path = home(tmp_path) / "credentials" / "ci.json"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(home(tmp_path)))
    assert CredentialsFile("ci")().token == ACCESS and len(exchanges(endpoint)) == 1


def test_the_token_of_the_sdk_is_used(ant, endpoint, profile, tmp_path):
    environ = profile()
    keep(tmp_path, "of-the-sdk")
    assert ant("models", "list", environ=environ).code == 0
    assert (exchanges(endpoint), asked(endpoint)) == ([], ["Bearer of-the-sdk"])


# Which credential.


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({"ANTHROPIC_API_KEY": "sk"}, "ANTHROPIC_API_KEY"), ({"ANTHROPIC_AUTH_TOKEN": "at"}, "ANTHROPIC_AUTH_TOKEN"),
        ({"ANTHROPIC_PROFILE": "person"}, "ANTHROPIC_PROFILE (person)"), ({}, "federation"),
    ],
    ids=str,
)  # fmt: skip
def test_the_order_is_the_official_one(ant, federated, tmp_path, more, source):
    for part, content in (
        ("configs", {"authentication": {"type": "user_oauth"}}),
        ("credentials", {"access_token": "t"}),
    ):
        (home(tmp_path) / part).mkdir(parents=True, exist_ok=True)
        (home(tmp_path) / part / "person.json").write_text(json.dumps(content))
    (home(tmp_path) / "active_config").write_text("person")
    given = federated | more
    if source == "federation":
        del given["ANTHROPIC_BASE_URL"]
    status = ant("auth", "status", "-o", "json", environ=given)
    assert status.json["credential"] == source
    assert status.json.get("federation_rule_id") == (RULE if source == "federation" else None)


def test_options_that_do_not_count_are_said_to(ant, hosted, endpoint):
    result = ant("models", "list", "--federation-rule", RULE, environ=hosted)
    assert result.code == 0 and "not used: ANTHROPIC_API_KEY" in result.err and not exchanges(endpoint)
    result = ant("models", "list", "--federation-rule", "other", "--api-key-stdin", stdin="sk-x", environ=hosted)
    assert result.code == 0 and not exchanges(endpoint)


def test_options_come_before_the_active_profile(ant, environ, endpoint, federated, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('active = "box"\n[profiles.box]\nkind = "local"\n')
    given = {name: value for name, value in federated.items() if name != "ANTHROPIC_BASE_URL"}
    assert ant("auth", "status", "-o", "json", environ=given).json["kind"] == "local"
    chosen = ant("auth", "status", "-o", "json", "--federation-rule", RULE, environ=given)
    assert chosen.json["credential"] == "federation" and chosen.json["base_url"] == "https://api.anthropic.com"


@pytest.mark.parametrize("spelling", ["models", "beta:models"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ANTHROPIC_FEDERATION_RULE_ID", "--federation-rule"), ("ANTHROPIC_ORGANIZATION_ID", "--organization-id"),
        ("ANTHROPIC_IDENTITY_TOKEN_FILE", "--identity-token-file"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(ant, endpoint, federated, spelling, name, words):
    result = ant(spelling, "list", environ={**federated, name: ""})
    assert (result.code, endpoint.requests) == (2, [])
    assert words in result.err and name in result.err and result.err.count("--") == 1


def test_an_organisation_alone_is_no_wish_to_exchange(ant, endpoint, hosted):
    assert ant("models", "list", environ=hosted | {"ANTHROPIC_ORGANIZATION_ID": ORGANIZATION}).code == 0
    assert not exchanges(endpoint)


def test_a_profile_is_filled_from_the_environment_and_then_keeps_nothing(ant, endpoint, profile, tmp_path):
    environ = profile(federation_rule_id="")
    (home(tmp_path) / "active_config").write_text("ci")
    assert "--federation-rule" in ant("models", "list", environ=environ).err
    for more in ({}, {"ANTHROPIC_PROFILE": ""}):  # by name, and as the active one
        result = ant("models", "list", environ=environ | {"ANTHROPIC_FEDERATION_RULE_ID": "fdrl_env"} | more)
        assert result.code == 0, result.err
    assert [request.body["federation_rule_id"] for request in exchanges(endpoint)] == ["fdrl_env"] * 2
    assert not (home(tmp_path) / "credentials").exists()


def test_the_address_of_a_profile_is_the_only_one_that_its_token_goes_to(ant, endpoint, profile, tmp_path):
    environ = profile() | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    keep(tmp_path)
    assert ant("models", "list", environ=environ).code == 0 and asked(endpoint) == ["Bearer kept"]
    other = ant("models", "list", "--base-url", "http://127.0.0.1:9", environ=environ)
    assert other.code == 3 and "127.0.0.1:9" in other.err


def test_another_workspace_than_that_of_the_profile_is_refused(ant, endpoint, federated):
    given = federated | {"ANTHROPIC_WORKSPACE_ID": "wrkspc_01"}
    assert ant("models", "list", "--workspace-id", "wrkspc_02", environ=given).code == 0  # the option goes before
    assert exchanges(endpoint)[0].body["workspace_id"] == "wrkspc_02"


def test_a_kept_token_is_not_used_for_the_workspace_of_another_profile(ant, endpoint, profile, tmp_path):
    environ = profile() | {"ANTHROPIC_PROFILE": "ci"}
    keep(tmp_path)
    (tmp_path / "config").mkdir()
    text = f'[profiles.ours]\nkind = "hosted"\nbase_url = "{endpoint.url}"\nworkspace_id = "wrkspc_ours"\n'
    (tmp_path / "config" / "config.toml").write_text(text)
    assert ant("models", "list", "-p", "ours", environ=environ).code == 0
    assert exchanges(endpoint)[0].body["workspace_id"] == "wrkspc_ours" and asked(endpoint) == [f"Bearer {ACCESS}"]


# When it is exchanged anew.


def source_of(federated):
    return of_environment(federated)


def test_the_file_is_read_again_for_each_exchange(endpoint, federated, tmp_path):
    endpoint.on("POST", "/v1/oauth/token", {"access_token": ACCESS, "expires_in": 0})
    token = ExchangedToken(endpoint.url, source_of(federated), retries=0)
    token()
    (tmp_path / "token").write_text("rotated")
    token()
    assert [request.body["assertion"] for request in exchanges(endpoint)] == [IDENTITY, "rotated"]


def test_threads_wait_for_one_exchange(endpoint, federated):
    token = ExchangedToken(endpoint.url, source_of(federated), retries=0)
    threads = [threading.Thread(target=token) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(exchanges(endpoint)) == 1


@pytest.mark.parametrize(("lifetime", "good", "due"), [(600, 470, 490), (60, 20, 40)])
def test_it_is_replaced_two_minutes_before_its_end_or_after_half_of_it(
    endpoint, federated, monkeypatch, lifetime, good, due
):
    endpoint.on("POST", "/v1/oauth/token", {"access_token": ACCESS, "expires_in": lifetime})
    token, start, later = ExchangedToken(endpoint.url, source_of(federated), retries=0), time.time(), [0]
    monkeypatch.setattr(exchange.time, "time", lambda: start + later[0])
    made = []
    for later[0] in (0, good, due):
        token()
        made.append(len(exchanges(endpoint)))
    assert made == [1, 1, 2]


@pytest.mark.parametrize(
    ("left", "works", "used"),
    [(300, True, "kept"), (90, True, ACCESS), (90, False, "kept"), (5, False, None), (-5, True, ACCESS)],
)
def test_a_kept_token_is_replaced_before_its_end(ant, endpoint, profile, tmp_path, left, works, used):
    environ = profile()
    keep(tmp_path, left=left)
    if not works:
        endpoint.on("POST", "/v1/oauth/token", (503, {}))
    result = ant("models", "list", environ=environ)
    assert result.code == (5 if used is None else 0)
    assert asked(endpoint) == ([] if used is None else [f"Bearer {used}"])


def test_a_token_that_is_older_than_the_config_is_not_used(ant, endpoint, profile, tmp_path):
    environ = profile()
    os.utime(keep(tmp_path), (time.time() - 3600,) * 2)
    assert ant("models", "list", environ=environ).code == 0 and asked(endpoint) == [f"Bearer {ACCESS}"]


def test_a_refused_token_is_replaced_once(ant, endpoint, profile, tmp_path):
    environ = profile()
    keep(tmp_path, "revoked")
    no = 401, {"type": "error", "error": {"type": "authentication_error", "message": "No."}}
    page = endpoint.answers["GET", "/v1/models"]
    endpoint.on("GET", "/v1/models", lambda request: no if "revoked" in request.headers["authorization"] else page)
    assert ant("models", "list", environ=environ).code == 0
    assert asked(endpoint) == ["Bearer revoked", f"Bearer {ACCESS}"] and len(exchanges(endpoint)) == 1
    endpoint.on("GET", "/v1/models", no)
    assert ant("models", "list", environ=environ).code == 3 and len(exchanges(endpoint)) == 2


# What goes wrong.


def test_a_token_of_another_shape_is_hidden_too(ant, endpoint, federated, tmp_path):
    (tmp_path / "token").write_text("opaque-secret")
    endpoint.on("POST", "/v1/oauth/token", (400, {"error": "what is opaque-secret?"}))
    assert "what is [hidden]?" in ant("models", "list", environ=federated).err


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ((400, {"error": "invalid_grant", "error_description": f"no rule takes {IDENTITY}"}), 3, "invalid_grant"),
        ((401, {"error": "invalid_grant", "error_description": IDENTITY[:60]}), 3, "workspaces"),
        ((403, {"type": "error", "error": {"type": "x", "message": f"no: {IDENTITY}"}}), 3, "no: [hidden]"),
        ((404, {}), 3, "base URL"), ((429, {}), 5, "429"), ((500, {"error": IDENTITY}), 5, "500"),
        ((200, {"access_token": ACCESS, "token_type": "mac", "expires_in": 5}), 5, "no bearer token"),
        ((200, {"access_token": f"{ACCESS}\n", "expires_in": 5}), 5, "no bearer token"),
        ((200, {"access_token": ACCESS}), 5, "how long"),
        ((200, {"access_token": ACCESS, "expires_in": "x"}), 5, "how long"),
        ((200, [IDENTITY]), 5, "no bearer token"), ((200, "x" * (1 << 20)), 5, "megabyte"), ((307, {}), 3, "307"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_refusals_are_told_without_what_is_secret(ant, endpoint, federated, answer, code, says):
    endpoint.on("POST", "/v1/oauth/token", answer)
    result = ant("models", "list", environ=federated)
    assert result.code == code and says in result.err, result.err
    assert all(part not in result.out + result.err for part in (*IDENTITY.split("."), ACCESS))
    assert asked(endpoint) == []


def test_an_exchange_that_failed_is_tried_again(endpoint, federated, monkeypatch):
    monkeypatch.setattr(exchange, "worth_repeating", lambda status, headers: status == 503)
    monkeypatch.setattr(exchange, "delay_before", lambda *_: 0)
    answers = [(503, {}), (503, {}), {"access_token": ACCESS, "expires_in": 60}]
    endpoint.on("POST", "/v1/oauth/token", lambda _: answers.pop(0))
    assert ExchangedToken(endpoint.url, source_of(federated), retries=2)() == ACCESS


def test_an_endpoint_that_does_not_answer_is_left(ant, endpoint, federated, monkeypatch):
    monkeypatch.setattr(exchange, "_PATIENCE", 0.2)
    done = threading.Event()
    endpoint.on("POST", "/v1/oauth/token", lambda _: done.wait(20) and {})
    try:
        result = ant("models", "list", environ=federated)
        assert result.code == 5 and "No answer" in result.err
    finally:
        done.set()


def test_nobody_there(federated):
    with pytest.raises(ServerError, match="Cannot reach"):
        ExchangedToken("http://127.0.0.1:9", source_of(federated), retries=0)()


@pytest.mark.parametrize("url", ["http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com"])
def test_no_identity_token_on_an_open_road(federated, url):
    with pytest.raises(UsageError, match="is not sent to"):
        ExchangedToken(url, source_of(federated), retries=0)()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "Cannot read"), (b"", "empty"), (b"\xff\xfe", "ASCII"), (b"a\nb", "one short line"),
        (b"x" * 20000, "Is it a key"),
    ],
)  # fmt: skip
def test_an_identity_token_that_is_none(ant, endpoint, federated, tmp_path, content, says):
    (tmp_path / "token").unlink()
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    result = ant("models", "list", environ=federated)
    assert (result.code, endpoint.requests) == (3, []) and says in result.err and str(tmp_path / "token") in result.err


def test_files_that_others_can_touch_are_refused(ant, endpoint, profile, tmp_path):
    environ = profile()
    path = keep(tmp_path, mode=0o644)
    result = ant("models", "list", environ=environ)
    assert result.code == 2 and "chmod 600" in result.err
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in ant("models", "list", environ=environ).err
    path.unlink()
    (home(tmp_path) / "configs" / "ci.json").chmod(0o666)
    result = ant("models", "list", environ=environ)
    assert result.code == 2 and "chmod go-w" in result.err and not endpoint.requests


# What is shown and kept.


def test_no_token_is_shown_or_kept(ant, endpoint, federated, tmp_path):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    shown = ""
    for words in (("models", "list", "--debug"), ("agents", "create", "--name", "x", "--model", "m", "--dry-run"),
                  ("auth", "status"), ("auth", "status", "-o", "json"), ("profile", "show"), ("doctor",)):  # fmt: skip
        result = ant(*words, environ=federated)
        shown += result.out + result.err
    assert all(part not in shown for part in (*IDENTITY.split("."), ACCESS))
    assert "> POST /v1/oauth/token" in shown and "$ANTHROPIC_AUTH_TOKEN" in shown and str(tmp_path / "token") in shown
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(ACCESS not in path.read_text(errors="replace") for path in new)


def test_a_dry_run_and_a_status_exchange_nothing(ant, endpoint, federated):
    ant("agents", "create", "--name", "x", "--model", "m", "--dry-run", environ=federated)
    ant("auth", "status", environ=federated)
    assert endpoint.requests == []


def test_the_token_is_printed_for_another_program(ant, endpoint, federated):
    assert ant("auth", "print-credentials", "--access-token", environ=federated).out == f"{ACCESS}\n"
    assert f"ANTHROPIC_AUTH_TOKEN={ACCESS}\n" in ant("auth", "print-credentials", "--env", environ=federated).out


def test_choosing_it_imports_no_http():
    program = "import sys; from antcli.profiles.resolve import resolve; resolve(None, {'HOME': '/nowhere', " \
        "'ANTHROPIC_FEDERATION_RULE_ID': 'r', 'ANTHROPIC_ORGANIZATION_ID': 'o', 'ANTHROPIC_IDENTITY_TOKEN': 't'}); " \
        "print([name for name in ('httpx', 'ssl', 'http.client', 'antcli.client') if name in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n", done.stderr
