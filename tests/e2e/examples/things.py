"""The things that examples name: one function each, which makes it through the API and returns its id."""

from __future__ import annotations

import shutil
from typing import Any

from tests.e2e.ant import bash, until
from tests.e2e.examples.needs import LAST, hidden, need, thing
from tests.e2e.examples.world import World

MCP_TOKEN = "t-2"
MODEL = "claude-opus-5-5"
TOOLSET = {"type": "agent_toolset_20260401"}
ASKING = TOOLSET | {"default_config": {"permission_policy": {"type": "always_ask"}}}
LOOKUP = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
REPOSITORY = {"type": "github_repository", "url": "https://github.com/nobody/website", "authorization_token": "t-1"}

# -- agents, environments


@thing("reviewer")
def reviewer(world: World, line: str) -> str:
    made = world.call("agents.create", name="reviewer", model=MODEL, tools=[TOOLSET])
    if "--version 2" in line:
        world.call("agents.update", made["id"], version=1, description="Second")
    return str(made["id"])


@thing("tests")
def tests(world: World, line: str) -> str:
    return str(world.call("environments.create", name="tests")["id"])


@thing("own-machines")
def own_machines(world: World, line: str) -> str:
    return str(world.call("environments.create", name="own-machines", config={"type": "self_hosted"})["id"])


@thing("build-host")
def build_host(world: World, line: str) -> str:
    made = world.call("environments.keys.create", need(world, line, "own-machines"), name="build-host")
    return str(made["id"])


# -- sessions


@thing("@last")
def last(world: World, line: str) -> str:
    id = need(world, line, next((name for text, name in LAST if text in line), "done"))
    return world.newest("sessions", id) if id.startswith("sesn_") else id


def session(
    world: World, line: str, *turns: dict[str, Any], tool: Any = TOOLSET, at_once: str = "Go.", **more: Any
) -> str:
    """A session of `reviewer`, on a script where there are turns, else on the fake model."""
    agent: dict[str, Any] = {"type": "agent_with_overrides", "id": need(world, line, "reviewer"), "tools": [tool]}
    if turns:
        agent["model"] = world.ant.script(*turns, name=f"script-{len(world.made)}")
    events = [{"type": "user.message", "content": [{"type": "text", "text": at_once}]}] if at_once else []
    body = {"agent": agent, "environment_id": need(world, line, "tests"), "title": "A review", "initial_events": events}
    return str(world.call("sessions.create", **(body | more))["id"])


def at_rest(world: World, id: str) -> str:
    until(lambda: world.call("sessions.retrieve", id)["status"] == "idle")
    return id


@hidden("done")
def done(world: World, line: str) -> str:
    return at_rest(world, session(world, line, at_once="Look at it."))


@hidden("another")
def another(world: World, line: str) -> str:
    return session(world, line, {"text": "Still at it.", "delay": 300}, title="Nightly review")


@hidden("asks")
def asks(world: World, line: str) -> str:
    turns = {"text": "May I?", "tools": [bash("echo checked")]}, {"text": "Thanks."}
    return at_rest(world, session(world, line, *turns, tool=ASKING))


@hidden("works")
def works(world: World, line: str) -> str:
    return session(world, line, {"text": "Late.", "delay": 300})


@hidden("goes on")
def goes_on(world: World, line: str) -> str:
    """It says a word to each message, as often as one comes."""
    return at_rest(world, session(world, line, *({"text": f"Word {number}."} for number in range(200))))


@hidden("made a report")
def made_a_report(world: World, line: str) -> str:
    write = bash("for n in $(seq 30); do echo line $n; done > /mnt/session/outputs/report.pdf")
    id = at_rest(world, session(world, line, {"tools": [write]}, {"text": "Done."}))
    until(lambda: world.call("files.list", query={"scope_id": id})["data"])
    return id


@hidden("has resources")
def has_resources(world: World, line: str) -> str:
    file = {"type": "file", "file_id": need(world, line, "report.csv"), "mount_path": "/data.csv"}
    return session(world, line, at_once="", resources=[REPOSITORY, file])


@thing("resource_01")
def resource(world: World, line: str) -> str:
    found = world.call("sessions.resources.list", need(world, line, "@last"))["data"]
    kind = "github_repository" if "--authorization-token" in line else "file"
    return next(str(item["id"]) for item in found if item["type"] == kind)


@thing("sthr_4fK9")
def thread(world: World, line: str) -> str:
    return str(world.call("sessions.threads.list", need(world, line, "@last"))["data"][0]["id"])


# -- files and skills


@thing("data.csv")
def data(world: World, line: str) -> str:
    return _by_ant(world, "files", "upload", "data.csv")


@thing("report.csv")
def report_csv(world: World, line: str) -> str:
    return _by_ant(world, "files", "upload", "report.csv")


@thing("report.pdf")
def report(world: World, line: str) -> str:
    id = need(world, line, "made a report")
    return str(world.call("files.list", query={"scope_id": id})["data"][0]["id"])


@thing("results.csv")
def results(world: World, line: str) -> str:
    write = bash("seq 30 | sed 's/^/line /' > /mnt/session/outputs/results.csv")
    id = at_rest(world, session(world, line, {"tools": [write]}, {"text": "Done."}))
    return str(until(lambda: world.call("files.list", query={"scope_id": id})["data"])[0]["id"])


@thing("pdf-forms")
def pdf_forms(world: World, line: str) -> str:
    return _by_ant(world, "skills", "create", "./pdf-forms", "--name", "pdf-forms")


@thing("pdf-forms.zip")
def packed_skill(world: World, line: str) -> str:
    return shutil.make_archive(str(world.folder / "pdf-forms"), "zip", world.folder, "pdf-forms")


@thing("skver_4fK9")
def skill_version(world: World, line: str) -> str:
    need(world, line, "pdf-forms")
    return _by_ant(world, "skills", "versions", "create", "pdf-forms", "./pdf-forms")


def _by_ant(world: World, *words: str) -> str:
    """What is uploaded is uploaded by the command."""
    done = world.run(" ".join(("ant", *words, "-o", "id")))
    assert done.code == 0, done.stderr
    return done.stdout.strip()


# -- vaults and memory


@thing("team")
def team(world: World, line: str) -> str:
    return str(world.call("vaults.create", display_name="team")["id"])


@thing("github")
def github(world: World, line: str) -> str:
    auth = {"type": "static_bearer", "token": "t-1", "mcp_server_url": "https://mcp.example.com/github"}
    made = world.call("vaults.credentials.create", need(world, line, "team"), display_name="github", auth=auth)
    return str(made["id"])


@thing("linear")
def linear(world: World, line: str) -> str:
    auth = {"type": "mcp_oauth", "access_token": MCP_TOKEN, "mcp_server_url": world.ant.environ["FAKE_MCP"]}
    made = world.call("vaults.credentials.create", need(world, line, "team"), display_name="linear", auth=auth)
    return str(made["id"])


@thing("notes")
def notes(world: World, line: str) -> str:
    return str(world.call("memory_stores.create", name="notes")["id"])


@thing("/team/style.md")
def memory(world: World, line: str) -> str:
    store = need(world, line, "notes")
    return str(world.call("memory_stores.memories.create", store, path="/team/style.md", content="Brief.")["id"])


@thing("memver_4fK9")
def memory_version(world: World, line: str) -> str:
    """Not the one that counts, which cannot be redacted."""
    store, id = need(world, line, "notes"), need(world, line, "/team/style.md")
    first = world.call("memory_stores.memories.retrieve", store, id)["memory_version_id"]
    world.call("memory_stores.memories.update", store, id, content="Be brief.")
    return str(first)


@hidden("a dream")
def dream(world: World, line: str) -> str:
    inputs = [
        {"type": "memory_store", "memory_store_id": need(world, line, "notes")},
        {"type": "sessions", "session_ids": [need(world, line, "done")]},
    ]
    model = world.ant.script({"text": "Nothing to add.", "delay": 300}, name="dream")
    made = world.call("dreams.create", inputs=inputs, model=model)
    if "archive" in line:
        world.call("dreams.cancel", made["id"])
    elif "running" in line:
        until(lambda: world.call("dreams.retrieve", made["id"])["status"] == "running")
    return world.newest("dreams", made["id"])


# -- deployments


@thing("nightly")
def nightly(world: World, line: str) -> str:
    event = {"type": "user.message", "content": [{"type": "text", "text": "Review what is new."}]}
    schedule = {"type": "cron", "expression": "0 3 * * *", "timezone": "UTC"}
    made = world.call(
        "deployments.create", name="nightly", agent=need(world, line, "reviewer"), schedule=schedule,
        environment_id=need(world, line, "tests"), initial_events=[event],
    )  # fmt: skip
    if "unpause" in line:
        world.call("deployments.pause", made["id"])
    return str(made["id"])


@hidden("a run")
def run(world: World, line: str) -> str:
    made = world.call("deployments.run", need(world, line, "nightly"))
    return world.newest("deployment_runs", made["id"])


@hidden("a run that failed")
def failed_run(world: World, line: str) -> str:
    deployment = need(world, line, "nightly")
    world.call("environments.archive", need(world, line, "tests"))
    return str(world.call("deployments.run", deployment)["id"])


# -- work


@hidden("waiting work")
def waiting_work(world: World, line: str) -> str:
    """A session in an environment of one's own machines asks for its tools there."""
    event = {"type": "user.message", "content": [{"type": "text", "text": "Look it up."}]}
    model = world.ant.script({"text": "Good day."}, name="worker")
    agent = world.call("agents.create", name="worker", model=model, tools=[LOOKUP])
    here = need(world, line, "own-machines")
    world.call("sessions.create", agent=agent["id"], environment_id=here, initial_events=[event])
    return str(until(lambda: world.call("environments.work.list", here)["data"])[0]["id"])


@thing("work_4fK9")
def work(world: World, line: str) -> str:
    """As far as the command wants it to be: polled, and for a heartbeat acknowledged."""
    id, here = need(world, line, "waiting work"), need(world, line, "own-machines")
    if "stats" not in line:
        world.call("environments.work.poll", here)
    if "heartbeat" in line or "worker run" in line:
        world.call("environments.work.ack", here, id)
    return id


@hidden("its session")
def its_session(world: World, line: str) -> str:
    here = need(world, line, "own-machines")
    return str(world.call("environments.work.retrieve", here, need(world, line, "work_01"))["data"]["id"])


# -- people, profiles, keys


@thing("anna")
def anna(world: World, line: str) -> str:
    return str(world.call("user_profiles.create", name="anna")["id"])


@hidden("profile work")
def work_profile(world: World, line: str) -> str:
    world.run(f"ant profile set work kind=hosted base_url={world.ant.environ['FAKE_API']}")
    world.run("ant auth login -p work --with-token < key.txt; ant profile use local")
    return "work"


@hidden("a team's key")
def teams_key(world: World, line: str) -> str:
    world.run("ant auth login -p team --base-url https://agents.example.com --with-token < key.txt")
    return "team"


@hidden("a key")
def key(world: World, line: str) -> str:
    world.run("ant auth login --with-token < key.txt")
    return "hosted"


@hidden("a token")
def token(world: World, line: str) -> str:
    world.run("ant auth login --with-token --bearer < key.txt")
    return "hosted"


@hidden("a default")
def a_default(world: World, line: str) -> str:
    world.run("ant profile set local defaults.agent=reviewer")
    return "local"


@hidden("what files say")
def what_files_say(world: World, line: str) -> str:
    lock_file = "--lock-file staging-lock.json" if "staging" in line else ""
    assert world.run(f"ant apply agents/ environments/ --yes {lock_file}").code == 0
    return ""


@hidden("no engine")
def no_engine(world: World, line: str) -> str:
    world.run("ant engine stop")
    return ""


@hidden("an engine")
def an_engine(world: World, line: str) -> str:
    world.client()
    return "engine"
