"""`ant worker`, the installed command, runs the tools of sessions in self_hosted environments with nothing but the key
of its environment; it dies, is stopped, and loses its lease, and the sessions go on."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from antcli.client.client import Client
from antcli.client.server import Server
from tests.e2e.ant import until
from tests.e2e.served import ANT, KEY, Served, served
from tests.e2e.served import environment as clean

TOOLSET = {"type": "agent_toolset_20260401"}
ASKING = TOOLSET | {"default_config": {"permission_policy": {"type": "always_ask"}}}
LIMIT = 30


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with served(tmp_path_factory.mktemp("worker") / "home") as engine:
        yield engine


@pytest.fixture(scope="module")
def client(engine):
    server = Server(engine.url, "hosted", "test", "a test", headers={"x-api-key": KEY})
    with Client(server, retries=0) as client:
        yield client


@pytest.fixture
def environment(client):
    body = {"name": "own", "config": {"type": "self_hosted"}}
    return client.call("environments.create", body=body)["id"]


class Worker:
    """`ant worker ...` as a process of its own, which knows the key of the environment and no other."""

    def __init__(self, engine: Served, client: Client, environment: str, folder: Path) -> None:
        self.engine, self.client, self.environment = engine, client, environment
        self.key = client.call("environments.keys.create", environment, body={})["key"]
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *arguments: str, words=("worker", "poll"), home="home", **variables: str
    ) -> subprocess.Popen[str]:
        home = self.folder / home
        home.mkdir(exist_ok=True)
        environ = clean(home, ANTHROPIC_BASE_URL=self.engine.url, ANTHROPIC_ENVIRONMENT_ID=self.environment)
        environ |= {"ANTHROPIC_ENVIRONMENT_KEY": self.key, **variables}
        del environ["ANT_SERVER_API_KEY"]
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [ANT, *words, *arguments], env=environ, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, text=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    def stop(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(LIMIT)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def worker(engine, client, environment, tmp_path):
    (tmp_path / "work").mkdir()
    found = Worker(engine, client, environment, tmp_path)
    yield found
    found.close()
    assert found.key not in found.log.read_text()


@pytest.fixture
def workdir(tmp_path):
    return tmp_path / "work"


def say(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def call(name, **input):
    return {"tools": [{"name": name, "input": input}]}


def start(engine, client, environment, *turns, tools=(TOOLSET,), **more) -> str:
    agent = client.call(
        "agents.create", body={"name": "tester", "model": engine.script(*turns), "tools": list(tools), **more}
    )
    body = {"agent": agent["id"], "environment_id": environment, "initial_events": [say("go")]}
    return client.call("sessions.create", body=body)["id"]


def send(client, session, **event):
    client.call("sessions.events.send", session, body={"events": [event]})


def events(client, session, *types) -> list[dict[str, Any]]:
    found = client.pages("sessions.events.list", session)
    return [event for event in found if not types or event["type"] in types]


def results(client, session):
    return events(client, session, "user.tool_result")


def text(result) -> str:
    return "".join(block["text"] for block in result["content"])


def has_ended(client, session) -> bool:
    last = events(client, session)[-1]
    return last["type"] == "session.status_idle" and last["stop_reason"]["type"] == "end_turn"


def states(client, environment) -> list[str]:
    return [item["state"] for item in client.pages("environments.work.list", environment)]


def test_the_six_tools_run_in_the_working_directory(engine, client, environment, worker, workdir):
    session = start(
        engine, client, environment,
        call("write", file_path="a/made.txt", content="by the worker\n"),
        call("edit", file_path="a/made.txt", old_string="worker", new_string="machine"),
        call("read", file_path=str(workdir / "a/made.txt")),
        call("glob", pattern="**/*.txt"),
        call("grep", pattern="mach.ne"),
        call("bash", command="cat a/made.txt; cd a; export WORD=kept"),
        call("bash", command="pwd; echo $WORD; (exit 3)"),
        {"text": "done"},
    )  # fmt: skip
    process = worker("--workdir", "work", "--drain", "--max-idle", "0.1")
    assert process.wait(LIMIT) == 0
    assert has_ended(client, session) and states(client, environment) == ["stopped"]
    found = results(client, session)
    assert [text(result) for result in found] == [
        "wrote 14 bytes to a/made.txt", "replaced 1 occurrence in a/made.txt", "by the machine\n", "a/made.txt",
        "a/made.txt:1:by the machine", "by the machine", f"{workdir / 'a'}\nkept\n[exit code 3]",
    ]  # fmt: skip
    assert [result.get("is_error") for result in found] == [False] * 6 + [True]


def test_files_stay_in_the_working_directory_and_no_key_is_found(
    engine, client, environment, worker, workdir, tmp_path
):
    (tmp_path / "secret.txt").write_text("outside")
    (workdir / "link").symlink_to(tmp_path)
    turns = (
        call("read", file_path="../secret.txt"),
        call("read", file_path="link/secret.txt"),
        call("write", file_path=str(tmp_path / "new.txt"), content="x"),
        call("glob", pattern="link/*.txt"),
        call("read", file_path=5),
        call("bash", command="env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"),
        {"text": "done"},
    )
    session = start(engine, client, environment, *turns)
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1").wait(LIMIT) == 0
    *outside, listed, wrong, shown = results(client, session)
    assert all("outside the working directory" in text(result) and result["is_error"] for result in outside)
    assert text(listed) == "no matches" and text(wrong) == "file_path: must be a string"
    assert worker.key not in text(shown) and "TERM=dumb" in text(shown)
    assert "ANTHROPIC_" not in text(shown).partition("\nTERM=dumb")[0]
    assert not (tmp_path / "new.txt").exists()

    free = start(engine, client, environment, call("read", file_path="../secret.txt"), {"text": "done"})
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1", "--unrestricted-paths").wait(LIMIT) == 0
    assert [text(result) for result in results(client, free)] == ["outside"]


def test_a_call_that_asks_waits_and_a_denied_one_never_runs(engine, client, environment, worker, workdir):
    session = start(
        engine, client, environment,
        call("bash", command="touch allowed"), call("bash", command="touch denied"), {"text": "done"}, tools=[ASKING],
    )  # fmt: skip
    process = worker("--workdir", "work", "--once", "--max-idle", "0.1", words=("beta:worker", "poll"))
    for number, result in enumerate(("allow", "deny"), 1):
        until(lambda n=number: len(events(client, session, "agent.tool_use")) == n, LIMIT)
        id = events(client, session, "agent.tool_use")[-1]["id"]
        send(client, session, type="user.tool_confirmation", tool_use_id=id, result=result)
    assert process.wait(LIMIT) == 0
    assert [path.name for path in workdir.iterdir()] == ["allowed"]
    assert has_ended(client, session)


def test_an_interrupt_kills_what_runs(engine, client, environment, worker, workdir):
    session = start(
        engine, client, environment,
        call("bash", command="touch begun; sleep 300; touch over"), {"text": "after"},
    )  # fmt: skip
    process = worker("--workdir", "work", "--once", "--max-idle", "0.1")
    until((workdir / "begun").exists, LIMIT)
    send(client, session, type="user.interrupt")
    assert process.wait(LIMIT) == 0
    assert [result["is_error"] for result in results(client, session)] == [True]
    assert not running(session)


def running(session: str) -> list[int]:
    """The processes that tools of the session have left, by the mark in their environment."""
    mark, found = f"SANDBOX={session}".encode(), []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_tells_what_it_broke_off_and_another_goes_on(
    engine, client, environment, worker, workdir, number
):
    both = {"tools": [
        {"name": "bash", "input": {"command": "touch begun; sleep 300"}},
        {"name": "bash", "input": {"command": "echo second"}},
    ]}  # fmt: skip
    session = start(engine, client, environment, both, {"text": "done"})
    process = worker("--workdir", "work")
    until((workdir / "begun").exists, LIMIT)
    assert worker.stop(process, number) == 0
    assert not running(session)
    (broken,) = results(client, session)
    assert "The worker was stopped during this call" in text(broken) and broken["is_error"]

    assert worker("--workdir", "work", "--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert text(results(client, session)[1]) == "second" and has_ended(client, session)


@linux
@pytest.mark.parametrize("home", ["home", "another"])
def test_after_a_kill_another_worker_takes_over(engine, client, environment, worker, workdir, home):
    """On the same machine it knows which call had begun, and does not repeat it in silence."""
    session = start(
        engine, client, environment,
        call("bash", command="echo x >> begun; test $(wc -l < begun) -gt 1 || sleep 300"), {"text": "done"},
    )  # fmt: skip
    process = worker("--workdir", "work", "--lease", "1s")
    until((workdir / "begun").exists, LIMIT)
    assert worker.stop(process, signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not running(session), LIMIT)
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1", home=home).wait(LIMIT) == 0
    assert has_ended(client, session)
    (result,) = results(client, session)
    same = home == "home"
    assert result["is_error"] is same and ("It may have run" in text(result)) is same
    assert (workdir / "begun").read_text() == ("x\n" if same else "x\nx\n")


def test_a_worker_that_lost_its_lease_posts_nothing(engine, client, environment, worker, workdir):
    session = start(
        engine, client, environment, call("bash", command="touch begun; sleep 300"), {"text": "done"},
    )  # fmt: skip
    process = worker("--workdir", "work", "--once", "--lease", "1s")
    until((workdir / "begun").exists, LIMIT)
    process.send_signal(signal.SIGSTOP)
    taken = until(lambda: client.call("environments.work.poll", environment, query={"block_ms": 500}), LIMIT)
    client.call("environments.work.ack", environment, taken["id"])
    process.send_signal(signal.SIGCONT)
    assert process.wait(LIMIT) == 0
    assert not results(client, session) and states(client, environment) == ["starting"]


def test_work_that_is_to_stop_is_broken_off_and_told(engine, client, environment, worker, workdir):
    session = start(engine, client, environment, call("bash", command="touch begun; sleep 300"), {"text": "done"})
    process = worker("--workdir", "work", "--once", "--lease", "1s")
    until((workdir / "begun").exists, LIMIT)
    (item,) = client.pages("environments.work.list", environment)
    client.call("environments.work.stop", environment, item["id"], body={})
    assert process.wait(LIMIT) == 0
    (result,) = results(client, session)
    assert result["is_error"] and "stopped during this call" in text(result)
    assert client.call("environments.work.retrieve", environment, item["id"])["state"] == "stopped"


def test_a_session_that_rests_is_left_by_whoever_takes_it_over(engine, client, environment, worker):
    session = start(engine, client, environment, call("bash", command="true"), {"text": "done"})
    process = worker("--lease", "1s")
    until(lambda: has_ended(client, session), LIMIT)
    worker.stop(process, signal.SIGKILL)
    assert worker("--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert states(client, environment) == ["stopped"]


def test_a_worker_outlives_its_engine(client, worker, workdir, tmp_path):
    """The engine dies while a call runs; the result reaches the one that is started after it."""
    with served(tmp_path / "engine") as engine:
        server = Server(engine.url, "hosted", "test", "a test", headers={"x-api-key": KEY})
        with Client(server, retries=5) as client:
            here = client.call("environments.create", body={"name": "own", "config": {"type": "self_hosted"}})["id"]
            key = client.call("environments.keys.create", here, body={})["key"]
            session = start(
                engine, client, here,
                call("bash", command="touch begun; until [ -e dead ]; do sleep 0.05; done; echo survived"),
                {"text": "done"},
            )  # fmt: skip
            variables = {"ANTHROPIC_BASE_URL": engine.url, "ANTHROPIC_ENVIRONMENT_KEY": key}
            arguments = ("--environment-id", here, "--workdir", "work", "--once", "--max-idle", "0.1")
            process = worker(*arguments, **variables)
            until((workdir / "begun").exists, LIMIT)
            engine.kill()
            (workdir / "dead").touch()
            until(lambda: "could not be sent yet" in worker.log.read_text(), LIMIT)
            engine.start(engine.port)
            assert process.wait(LIMIT) == 0
            assert [text(result) for result in results(client, session)] == ["survived"]
            assert has_ended(client, session)


def test_a_worker_comes_back_to_a_session_that_goes_on(engine, client, environment, worker, workdir):
    session = start(
        engine, client, environment, call("bash", command="echo one"), {"text": "done"},
        call("bash", command="echo two"), {"text": "done"},
    )  # fmt: skip
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1").wait(LIMIT) == 0
    send(client, session, **say("go on"))
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert [text(result) for result in results(client, session)] == ["one", "two"] and has_ended(client, session)


def test_several_sessions_at_once_have_a_folder_each(engine, client, environment, worker, workdir):
    wait = "until [ $(ls -d ../*/here | wc -l) = 2 ]; do sleep 0.05; done"
    sessions = [
        start(engine, client, environment, call("bash", command=f"touch here; {wait}"), {"text": "done"})
        for _ in range(2)
    ]
    process = worker("--workdir", "work", "--concurrency", "2", "--drain", "--max-idle", "0.1", "--log-format", "json")
    assert process.wait(LIMIT) == 0
    assert sorted(path.name for path in workdir.iterdir()) == sorted(sessions)
    assert all(has_ended(client, session) for session in sessions)
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert {line["session_id"] for line in lines if line.get("tool") == "bash"} == set(sessions)


def test_the_skills_of_the_agent_are_there(engine, client, environment, worker, workdir):
    document = b"---\nname: greeting\ndescription: How to greet.\n---\nSay ahoy.\n"
    part = ("files", ("greeting/SKILL.md", document, "text/markdown"))
    skill = client.call("skills.create", body={}, files=[part])
    session = start(
        engine, client, environment, call("bash", command="cat skills/greeting/SKILL.md"), {"text": "done"},
        skills=[{"type": "custom", "skill_id": skill["id"]}],
    )  # fmt: skip
    assert worker("--workdir", "work", "--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert "Say ahoy." in text(results(client, session)[0])


@pytest.fixture
def memory_folder():
    """Where stores are mounted: a place of the whole machine."""
    folder = Path("/mnt/memory")
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        pytest.skip(f"{folder} cannot be written")
    existed = folder.exists()
    yield folder
    if not existed:
        folder.rmdir()


def with_store(engine, client, environment, *turns, access="read_write") -> tuple[str, str, Path]:
    """A session with a store in which there is something, the store, and where it is mounted. Turns are made for it."""
    name = f"notes-{secrets.token_hex(8)}"
    store = client.call("memory_stores.create", body={"name": name})["id"]
    for path in ("/old.md", "/gone.md"):
        client.call("memory_stores.memories.create", store, body={"path": path, "content": "what was known"})
    folder = Path("/mnt/memory", name)
    model = engine.script(*(turn(folder) for turn in turns), {"text": "done"})
    agent = client.call("agents.create", body={"name": "tester", "model": model, "tools": [TOOLSET]})["id"]
    resource = {"type": "memory_store", "memory_store_id": store, "access": access}
    body = {"agent": agent, "environment_id": environment, "initial_events": [say("go")], "resources": [resource]}
    return client.call("sessions.create", body=body)["id"], store, folder


def memories(client, store) -> dict[str, str]:
    found = client.pages("memory_stores.memories.list", store, query={"view": "full"})
    return {memory["path"]: memory["content"] for memory in found}


def test_memory_stores_are_folders_and_what_changes_goes_back(engine, client, environment, worker, memory_folder):
    session, store, folder = with_store(
        engine, client, environment,
        lambda folder: call("read", file_path=f"{folder}/old.md"),
        lambda folder: call("edit", file_path=f"{folder}/old.md", old_string="known", new_string="learnt"),
        lambda folder: call("bash", command=f"mkdir {folder}/a; echo new > {folder}/a/new.md; rm {folder}/gone.md"),
        lambda folder: call("bash", command="until [ -e go ]; do sleep 0.05; done"),
    )  # fmt: skip
    process = worker("--once", "--max-idle", "0.1")
    changed = {"/old.md": "what was learnt", "/a/new.md": "new\n"}
    until(lambda: memories(client, store) == changed, LIMIT)  # at once, not only at the end
    (worker.folder / "go").touch()
    assert process.wait(LIMIT) == 0
    assert text(results(client, session)[0]) == "what was known"
    assert memories(client, store) == changed and not folder.exists() and has_ended(client, session)


def test_the_store_wins_a_conflict_and_one_to_read_is_left_alone(engine, client, environment, worker, memory_folder):
    def conflict(folder):
        wait = "touch here; until [ -e changed ]; do sleep 0.05; done"
        return call("bash", command=f"{wait}; echo mine > {folder}/old.md; echo mine > {folder}/both.md; rm changed")

    def shown(folder):
        return call("bash", command=f"cat {folder}/old.md {folder}/both.md")

    session, store, folder = with_store(engine, client, environment, conflict, shown)
    process = worker("--once", "--max-idle", "0.1")
    until((worker.folder / "here").exists, LIMIT)
    (old,) = [m for m in client.pages("memory_stores.memories.list", store) if m["path"] == "/old.md"]
    client.call("memory_stores.memories.update", store, old["id"], body={"content": "theirs "})
    client.call("memory_stores.memories.create", store, body={"path": "/both.md", "content": "theirs too"})
    (worker.folder / "changed").touch()
    assert process.wait(LIMIT) == 0, worker.log.read_text()
    assert text(results(client, session)[1]) == "theirs theirs too"
    assert memories(client, store) == {"/old.md": "theirs ", "/gone.md": "what was known", "/both.md": "theirs too"}

    session, store, folder = with_store(
        engine, client, environment,
        lambda folder: call("write", file_path=f"{folder}/new.md", content="x"),
        lambda folder: call("bash", command=f"rm -f {folder}/*"), access="read_only",
    )  # fmt: skip
    assert worker("--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert "is read only" in text(results(client, session)[0])
    assert len(memories(client, store)) == 2 and not folder.exists()


@linux
def test_a_folder_of_a_dead_worker_is_begun_anew_and_one_of_somebody_is_kept(
    engine, client, environment, worker, memory_folder
):
    def once(folder):
        return call("bash", command=f"echo lost > {folder}/lost.md; touch begun; sleep 300")

    session, _, folder = with_store(engine, client, environment, once, lambda f: call("bash", command=f"ls {f}"))
    process = worker("--lease", "1s")
    until((worker.folder / "begun").exists, LIMIT)
    worker.stop(process, signal.SIGKILL)
    assert worker("--once", "--max-idle", "0.1").wait(LIMIT) == 0
    assert text(results(client, session)[1]).split() == ["gone.md", "old.md"] and not folder.exists()

    *_, folder = with_store(engine, client, environment)
    folder.mkdir()
    (folder / "mine.txt").touch()
    try:
        assert worker("--once").wait(LIMIT) == 1
        assert "exists already" in worker.log.read_text() and [path.name for path in folder.iterdir()] == ["mine.txt"]
    finally:
        (folder / "mine.txt").unlink()
        folder.rmdir()


def test_a_program_of_ones_own_gets_the_item(engine, client, environment, worker, workdir):
    session = start(engine, client, environment, call("bash", command="echo there"), {"text": "done"})
    program = worker.folder / "handle.sh"
    program.write_text(
        f"#!/bin/sh\nenv > seen.env\ncat > item.json; chmod 600 item.json\nunset ANTHROPIC_ENVIRONMENT_KEY"
        f"\nexec {ANT} worker run --debug --work-secret-file item.json --workdir work --max-idle 0.1\n"
    )
    program.chmod(0o755)
    assert worker("--on-work", "./handle.sh", "--once", "--debug").wait(LIMIT) == 0, worker.log.read_text()
    assert [text(result) for result in results(client, session)] == ["there"] and has_ended(client, session)
    item = json.loads((worker.folder / "item.json").read_text())
    seen = dict(line.partition("=")[::2] for line in (worker.folder / "seen.env").read_text().splitlines())
    assert item["secret"] and item["data"] == {"type": "session", "id": session}
    assert (seen["ANTHROPIC_SESSION_ID"], seen["ANTHROPIC_WORK_ID"]) == (session, item["id"])
    assert (seen["ANTHROPIC_ENVIRONMENT_ID"], seen["ANTHROPIC_ENVIRONMENT_KEY"]) == (environment, worker.key)
    assert item["secret"] not in worker.log.read_text() and states(client, environment) == ["stopped"]


def test_when_a_program_ends_its_item_is_over(engine, client, environment, worker, workdir):
    start(engine, client, environment, {"text": "done"})
    assert worker("--on-work", "false", "--once").wait(LIMIT) == 0
    assert states(client, environment) == ["stopped"] and "exit_code=1" in worker.log.read_text()


def test_a_program_is_ended_with_the_worker(engine, client, environment, worker, workdir):
    start(engine, client, environment, {"text": "done"})
    program = worker.folder / "handle.sh"
    program.write_text("#!/bin/sh\ntrap 'touch ended; exit 7' TERM\ntouch begun\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    process = worker("--on-work", "./handle.sh", "--log-format", "json")
    until((worker.folder / "begun").exists, LIMIT)
    assert worker.stop(process) == 0
    assert (worker.folder / "ended").exists()
    until(lambda: client.call("environments.work.poll", environment, query={"block_ms": 500}), LIMIT)  # handed back
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line[0] == "{"]
    assert [line["exit_code"] for line in lines if line["level"] == "warning"] == [7]


def test_what_is_wrong_is_said_at_once(worker, tmp_path):
    (tmp_path / "open.key").write_text("key")
    (tmp_path / "open.key").chmod(0o644)
    assert worker("--on-work", "./missing.sh").wait(LIMIT) == 2
    assert worker("--environment-key", "k").wait(LIMIT) == 2
    assert worker("--environment-key-file", "open.key").wait(LIMIT) == 2
    assert worker("--workdir", "work", ANTHROPIC_ENVIRONMENT_KEY="ant-env-no").wait(LIMIT) == 3
    told = worker.log.read_text()
    assert "'./missing.sh' is no program" in told and "everybody can read it" in told
    assert "--environment-key is not taken" in told and os.fspath(tmp_path) not in told


@pytest.mark.parametrize(("more", "told"), [((), 1), (("-q",), 0)])
def test_who_waits_for_a_worker_is_told_so_also_without_a_terminal(
    engine, client, environment, tmp_path, more, told
) -> None:
    session = start(engine, client, environment, call("bash", command="true"))
    environ = clean(tmp_path, ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY=KEY)
    words = [ANT, "wait", session, "--timeout", "2s", *more]
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (124, "")
    assert done.stderr.count("A worker of its environment runs its tools") == told
