from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from antcli.engine import daemon
from antcli.engine.access import is_loopback, server_key
from antcli.engine.handover import pack
from antcli.engine.settings import EngineSettings
from antcli.errors import EngineStartError, UsageError

_SERVE = """
import sys
from antcli.engine.handover import unpack
from antcli.engine.serve import serve
from antcli.errors import AntError
try:
    sys.exit(serve(unpack(sys.stdin.buffer.read())))
except AntError as error:
    print(error.message, file=sys.stderr)
    sys.exit(int(error.code))
"""


class Served:
    """`serve` in a process of its own, ready. Stopped at the end of the block."""

    def __init__(self, settings: EngineSettings, **variables: str) -> None:
        self.settings = settings
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | variables,
        )  # fmt: skip
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.process.stdin.write(pack(settings))
        self.process.stdin.close()
        self.line = self.process.stdout.readline()
        self.url = json.loads(self.line)["url"] if self.line else ""

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and log."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(10)
        assert self.process.stdout and self.process.stderr
        log = "" if self.process.stderr.closed else self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, log

    @property
    def key(self) -> str:
        return (self.settings.data_dir / "api-key").read_text().strip()

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        return httpx.get(self.url + path, headers={"x-api-key": key} if key else {}, trust_env=False)


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    return EngineSettings(tmp_path / "data", port=0, sandbox="none", idle_minutes=0)


def refused(settings: EngineSettings, **variables: str) -> tuple[int, str]:
    served = Served(settings, **variables)
    assert served.line == b""
    return served.end()


def test_the_ready_line_says_where_and_the_key_is_made(settings: EngineSettings) -> None:
    with Served(settings) as served:
        ready = json.loads(served.line)
        assert ready == {"url": served.url, "pid": served.process.pid, "data_dir": str(settings.data_dir)}
        path = settings.data_dir / "api-key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert served.get("/v1/agents").status_code == 401
        assert served.get("/v1/agents", served.key).json() == {"data": [], "next_page": None}
        first = served.key
        found = daemon.find(settings.data_dir)
        assert found is not None and (found.url, found.socket, found.foreground) == (served.url, None, True)
        assert served.end()[0] == 0
    with Served(settings) as again:
        assert again.key == first


def test_the_key_comes_from_the_environment_or_a_file(
    settings: EngineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n")
    monkeypatch.delenv("ANT_SERVER_API_KEY", raising=False)
    assert server_key(settings, file) == "from-a-file"
    monkeypatch.setenv("ANT_SERVER_API_KEY", "from-the-environment")
    assert server_key(settings, file) == "from-the-environment"
    assert server_key(replace(settings, api_key="given"), file) == "given"
    for bad in (" ", "with space", "ünicode", "line\nbreak"):
        with pytest.raises(UsageError, match="printable ASCII"):
            server_key(replace(settings, api_key=bad), None)
    monkeypatch.delenv("ANT_SERVER_API_KEY")
    with pytest.raises(UsageError, match="api-key-file"):
        server_key(settings, tmp_path / "missing")


def test_a_port_that_others_can_reach_needs_a_key(settings: EngineSettings) -> None:
    code, log = refused(replace(settings, host="0.0.0.0"), ANT_SERVER_API_KEY="")
    assert code == 2 and "an API key is required" in log
    with Served(replace(settings, host="0.0.0.0", api_key="k")) as served:
        assert not (settings.data_dir / "api-key").exists()
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(url + "/v1/agents", headers={"x-api-key": "k"}, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_which_hosts_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_second_engine_on_the_same_data_is_refused(settings: EngineSettings) -> None:
    with Served(settings):
        code, log = refused(settings)
        assert code == 5 and str(settings.data_dir) in log and "Another engine" in log


def test_a_port_that_is_taken_is_named(settings: EngineSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = refused(replace(settings, port=port))
        assert code == 5 and f"Port {port}" in log and "taken" in log


def test_a_host_that_is_no_address_of_this_machine_is_named(settings: EngineSettings) -> None:
    code, log = refused(replace(settings, host="192.0.2.1", api_key="k"))
    assert code == 5 and "192.0.2.1" in log
    code, log = refused(replace(settings, host="no such host", api_key="k"))
    assert code == 2 and "no such host" in log


def test_a_socket_that_cannot_be_made_is_named(settings: EngineSettings, tmp_path: Path) -> None:
    code, log = refused(replace(settings, port=None, socket=tmp_path / "none" / "x.sock"))
    assert code == 5 and "x.sock" in log


def test_a_data_directory_that_cannot_be_used_is_named(settings: EngineSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, log = refused(replace(settings, data_dir=tmp_path / "file" / "data"))
    assert code == 5 and str(tmp_path / "file" / "data") in log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_told(settings: EngineSettings, small_disk: Path) -> None:
    with contextlib.suppress(OSError):
        (small_disk / "filler").write_bytes(b"x" * 64 * 1024)
    data_dir = small_disk / "data"
    code, log = refused(replace(settings, data_dir=data_dir))
    assert code == 5 and str(data_dir) in log and ("space" in log or "full" in log)
    with pytest.raises(EngineStartError, match=str(data_dir)):
        daemon.ensure(replace(settings, data_dir=data_dir), notice=print)


def test_a_socket_is_private_and_needs_no_key(settings: EngineSettings, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with Served(replace(settings, port=None, socket=path)) as served:
        assert served.url == f"unix://{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x") as client:
            assert client.get("/v1/agents").status_code == 200
        assert not (settings.data_dir / "api-key").exists()
    assert not path.exists()


def test_a_key_of_an_environment_counts_on_a_socket_too(settings: EngineSettings, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with (
        Served(replace(settings, port=None, socket=path)),
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x") as client,
    ):
        body = {"name": "e", "config": {"type": "self_hosted"}}
        keys = f"/v1/environments/{client.post('/v1/environments', json=body).json()['id']}/keys"
        made = client.post(keys).json()
        shown = {"authorization": f"Bearer {made['key']}"}
        assert client.get(keys.replace("keys", "work"), headers=shown).status_code == 200
        assert client.get("/v1/agents", headers=shown).status_code == 403
        assert client.get("/v1/agents", headers={"x-api-key": "any"}).status_code == 200
        assert client.delete(f"{keys}/{made['id']}").status_code == 200
        assert client.get(keys.replace("keys", "work"), headers=shown).status_code == 401


def start_session(served: Served, folder: Path) -> str:
    """A session in a turn that takes a minute."""
    script = folder / "slow.yaml"
    script.write_text(yaml.safe_dump({"turns": [{"text": "done", "delay": 60}]}))

    def post(path: str, body: Any) -> str:
        response = httpx.post(served.url + path, json=body, headers={"x-api-key": served.key}, trust_env=False)
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    message = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}
    body = {
        "agent": post("/v1/agents", {"name": "a", "model": f"script:{script}"}),
        "environment_id": post("/v1/environments", {"name": "e"}),
        "initial_events": [message],
    }
    return post("/v1/sessions", body)


def test_ctrl_c_ends_it(settings: EngineSettings) -> None:
    with Served(settings) as served:
        assert served.end(signal.SIGINT)[0] == 0


def test_a_signal_ends_it_within_five_seconds_with_work_and_streams_open(
    settings: EngineSettings, tmp_path: Path
) -> None:
    with Served(settings) as served, httpx.Client(trust_env=False, headers={"x-api-key": served.key}) as client:
        session = start_session(served, tmp_path)
        with client.stream("GET", f"{served.url}/v1/sessions/{session}/events/stream") as stream:
            started = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            assert b"".join(stream.iter_bytes()) == b"" or stream.is_closed
            assert time.monotonic() - started < 2, "the stream was not let go at once"
        code, log = served.end()
        assert time.monotonic() - started < 5
        assert code == 0 and "Traceback" not in log
    with Served(settings) as again:
        state = again.get(f"/v1/sessions/{session}", again.key).json()["status"]
        assert state in ("running", "rescheduling"), "what was parked goes on"
        again.end(signal.SIGKILL)


def test_the_foreground_engine_stays_when_idle(settings: EngineSettings) -> None:
    with Served(replace(settings, idle_minutes=0.1 / 60)) as served:
        time.sleep(0.5)
        assert served.get("/healthz").status_code == 200


def test_it_retires_at_its_next_idle_moment(settings: EngineSettings) -> None:
    with Served(settings) as served:
        answer = httpx.post(served.url + "/engine/retire", headers={"x-api-key": served.key}, trust_env=False)
        assert answer.json() == {"retiring": True, "running": 0}
        assert served.process.wait(3) == 0


def test_json_logs_are_one_object_a_line_and_hold_no_key(settings: EngineSettings) -> None:
    with Served(replace(settings, log_format="json", api_key="very-secret")) as served:
        served.get("/v1/agents", "very-secret")
        _, log = served.end()
    assert log and all(json.loads(line)["message"] for line in log.splitlines())
    assert "very-secret" not in log
