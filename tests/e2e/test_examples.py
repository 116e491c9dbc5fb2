"""Every example of every command's help, and the lines of the README, run as they stand there: in bash, by the
installed `ant`, against a real engine in which there is what the example names.

An example ends with 0 and prints what its command is for; `examples/expected.py` says what, or what else.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.e2e.ant import bash
from tests.e2e.examples import hosted, lines, needs, things
from tests.e2e.examples.expected import ANSWER, EXPECTED, Expected
from tests.e2e.examples.lines import Example
from tests.e2e.examples.project import project
from tests.e2e.examples.world import Done, World
from tests.engine.harness.test_mcp import McpServer
from tests.fakes.api_server import Api, serving
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn, anthropic_model

_MISSING = [name for name in ("git", "jq", "tmux") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")

WORLDS = 3
MODELS_ALONE = ("messages", "completions", "beta.messages")  # what is asked is not in their answers
MODELS = ("claude-sonnet-5-5", "claude-opus-5-5")


EXAMPLES = [*(example for found in lines.commands().values() for example in found), *lines.readme()]


def answer(body: dict[str, Any]) -> Turn:
    """The model: it says what it read, and as a grader it is satisfied."""
    if any(tool.get("name") == "give_verdict" for tool in body.get("tools") or ()):
        return Turn(tools=[{"name": "give_verdict", "input": {"result": "satisfied", "explanation": "It does."}}])
    content = body["messages"][-1]["content"]
    if "Draw" in str(content):
        return Turn(tools=[bash("echo drawn > /mnt/session/outputs/sales.svg")])
    texts = [content] if isinstance(content, str) else [block.get("text", "") for block in content]
    return Turn(text=ANSWER + " ".join(texts))


class Runner:
    """Runs examples in several worlds at once; `outcome` waits for the one that is asked for."""

    def __init__(self, folder: Path, wanted: list[Example], **environ: str) -> None:
        fib = re.search(r"```yaml\n(# fib.yaml\n.*?)```", lines.README.read_text(), re.DOTALL)
        assert fib is not None
        template = project(folder / "project", fib.group(1))
        self._worlds: SimpleQueue[World] = SimpleQueue()
        self._all = []
        for number in range(WORLDS):
            (home := folder / f"home-{number}").mkdir()
            world = World(home, template, **environ)
            self._all.append(world)
            self._worlds.put(world)
        self._pool = ThreadPoolExecutor(WORLDS)
        self._futures: dict[Example, Future[Done]] = {each: self._pool.submit(self._run, each) for each in wanted}

    def outcome(self, example: Example) -> Done:
        return self._futures[example].result(120)

    @property
    def asked(self) -> set[Example]:
        return set(self._futures)

    @property
    def ran(self) -> set[Example]:
        return {example for example, future in self._futures.items() if future.done() and not future.exception()}

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for world in self._all:
            world.close()
            world.ant.close()

    def _run(self, example: Example) -> Done:
        world = self._worlds.get()
        try:
            world.fresh()
            if example.line.startswith(hosted.LINES):
                return self._run_hosted(world, example.line)
            return run(world, example.line)
        finally:
            self._worlds.put(world)

    @staticmethod
    def _run_hosted(world: World, line: str) -> Done:
        before = dict(world.ant.environ)
        key = {
            "ANTHROPIC_BASE_URL": before["FAKE_API"], "ANTHROPIC_API_KEY": "sk-example",
            "ANTHROPIC_CONSOLE_URL": hosted.CONSOLE,
        }  # fmt: skip
        world.ant.environ.update(key)
        try:
            world.newest("sessions", "sesn_4fK9")
            return world.run(line)
        finally:
            for name in key:
                del world.ant.environ[name]


def run(world: World, line: str) -> Done:
    wanted = EXPECTED.get(line, Expected())
    typed = needs.seeded(world, wanted.typed or line)
    if wanted.keys:
        done = world.run_on_terminal(typed, *wanted.keys)
    elif wanted.until:
        done = world.run_until(typed, wanted.until, wanted.signal, lambda: say(world, world.made.get("goes on")))
    else:
        done = world.run(typed)
    if wanted.then:
        done.shown = world.run(wanted.then).stdout
    done.ids = tuple(world.made.values())
    return done


def say(world: World, session: str | None) -> None:
    """A word to the session, so that there is something to see."""
    if session is None:
        return
    message = {"type": "user.message", "content": [{"type": "text", "text": "Go on."}]}
    if world.call("sessions.retrieve", session)["status"] == "idle":
        world.call("sessions.events.send", session, events=[message])


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with serving() as found:
        hosted.serve_examples(found)
        yield found


@pytest.fixture(scope="module")
def mcp() -> Iterator[McpServer]:
    with McpServer() as found:
        found.tokens = {things.MCP_TOKEN}
        yield found


@pytest.fixture(scope="module")
def runner(
    request: pytest.FixtureRequest, api: Api, mcp: McpServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    chosen = [item.callspec.params.get("example") for item in request.session.items if hasattr(item, "callspec")]
    wanted = [example for example in chosen if isinstance(example, Example)]
    with MessagesEndpoint(answer=answer, models=[anthropic_model(id) for id in MODELS]) as endpoint:
        folder = tmp_path_factory.mktemp("examples")
        runner = Runner(folder, wanted, ANT_MODEL_BASE_URL=endpoint.url, FAKE_API=api.url, FAKE_MCP=mcp.url)
        try:
            yield runner
        finally:
            runner.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.line)
def test_the_example_does_what_it_is_there_for(runner: Runner, example: Example) -> None:
    done, wanted = runner.outcome(example), EXPECTED.get(example.line, Expected())
    told = f"{example.line}\nexit code {done.code}\n{done.stdout}\n{done.stderr}"
    assert done.code == wanted.code, told
    assert "Traceback" not in done.stdout + done.stderr and not re.search("(?m)^Error", done.stderr), told
    assert wanted.says in done.stdout and wanted.tells in done.stderr, told
    assert bool(done.stdout.strip()) is not wanted.quiet, told
    assert wanted.shows in done.shown, f"{told}\n{wanted.then}\n{done.shown}"
    if not wanted.keys and not wanted.quiet:
        check_format(example, done.stdout)
        if example.operation is not None and not wanted.says and " -o " not in example.line:
            check_answer(example, done)


def check_format(example: Example, stdout: str) -> None:
    if "|" in example.line:
        return
    words = shlex.split(example.line)
    format = words[words.index("-o") + 1] if "-o" in words else ""
    if format == "json":
        json.loads(stdout)
    elif format == "jsonl":
        assert all(isinstance(json.loads(line), dict) for line in stdout.splitlines())
    elif format == "csv":
        assert all(line.count(",") == stdout.partition("\n")[0].count(",") for line in stdout.splitlines())


def check_answer(example: Example, done: Done) -> None:
    """What an operation answers, piped: an object or lines of them, about what was made for it, with what was given."""
    verb = example.operation.name.rpartition(".")[2]
    if done.ids and verb not in ("create", "stats"):
        assert any(id in done.stdout for id in done.ids if id), done.stdout
    if example.operation.pages or example.operation.lines:
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(item.keys() & {"id", "type", "custom_id"} for item in found)
        return
    thing = json.loads(done.stdout)
    if verb == "delete":
        assert thing["type"].endswith("_deleted")
    elif verb == "archive":
        assert thing["archived_at"]
    elif verb in ("create", "update") and not example.operation.name.startswith(MODELS_ALONE):
        assert all(value in json.dumps(thing, ensure_ascii=False) for value in given(example))


TOLD = ("name", "title", "description", "system", "display_name", "metadata", "path", "external_id", "mount_path")


def given(example: Example) -> Iterator[str]:
    """The plain texts of the body that the line gives."""
    words = shlex.split(example.line)
    names = {"--" + field.name.replace("_", "-"): field.type for field in example.operation.body if field.name in TOLD}
    for flag, value in pairwise(words):
        if names.get(flag) in ("string", "map", "any") and not value.startswith(("@", "{", "null")):
            yield value.partition("=")[2] if names[flag] == "map" else value


def test_every_command_of_both_spellings_has_an_example_that_ran(runner: Runner) -> None:
    if runner.asked < set(EXAMPLES):
        pytest.skip("only some of the examples were asked for")
    assert {example.command for example in runner.ran} - {""} == set(lines.commands())


def test_nothing_is_expected_of_an_example_that_is_not_there() -> None:
    assert set(EXPECTED) <= {example.line for example in EXAMPLES}
    assert all(wanted.why for wanted in EXPECTED.values() if wanted.code)
