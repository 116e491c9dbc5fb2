"""What every tool call does, wherever the hands run."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from antcli.engine.sandbox.base import SandboxDiedError

from .conftest import MARK, Box, Run, running, text, until


def test_the_shell_keeps_its_state_between_calls(run: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.bash('mkdir -p sub && cd sub; word=hello; say() { echo "say $1"; }; export SHOWN=yes')
        assert (await box.bash("pwd; say $word; printenv SHOWN")).endswith("/sub\nsay hello\nyes")
        await box.bash("sleep 300 & echo $! > job")
        assert await box.bash("kill -0 $(cat job) && echo alive") == "alive"

    run(scenario)


def test_output_is_merged_in_order_and_without_escapes(run: Run) -> None:
    async def scenario(box: Box) -> None:
        words = await box.bash("echo one; echo two >&2; printf '\\e[31mred\\e[0m \\e]0;title\\aend'")
        assert words == "one\ntwo\nred end"
        assert await box.bash("true") == "(no output)"

    run(scenario)


def test_commands_read_nothing_from_standard_input(run: Run) -> None:
    async def scenario(box: Box) -> None:
        assert await box.bash('cat; read line; echo "got:$line"') == "got:"

    run(scenario)


@pytest.mark.parametrize(
    "command",
    [
        "echo 'a b'\"'\"'c'",
        "cat <<'EOF'\na b'c\nEOF",
        '# nothing\necho "a b\'c"',
        'for x in "a b\'c"; do\n echo $x\ndone',
        '-n 2>/dev/null; echo "a b\'c"',
    ],
)
def test_commands_may_contain_anything(run_isolated: Run, command: str) -> None:
    async def scenario(box: Box) -> None:
        assert await box.bash(command) == "a b'c"

    run_isolated(scenario)


def test_a_failed_command_is_an_error_with_its_output(run: Run) -> None:
    async def scenario(box: Box) -> None:
        assert await box.fails("echo before; (exit 7)") == "before\n[exit code 7]"
        assert "syntax error" in await box.fails("if then")
        assert await box.bash("echo still here") == "still here"
        assert "NUL" in await box.fails("echo \0")

    run(scenario)


def test_a_shell_that_ends_is_reported_and_replaced(run: Run) -> None:
    async def scenario(box: Box) -> None:
        assert "ended with code 3" in await box.fails("echo bye; exit 3")
        assert "ended by signal 9" in await box.fails("kill -9 $$")
        assert (await box.bash("exec echo replaced")).startswith("replaced\n")
        assert "ended with code 1" in await box.fails("set -e; false")
        assert await box.bash("echo new") == "new"

    run(scenario)


def test_a_command_out_of_time_is_killed_with_all_it_started(run: Run, tmp_path: Path) -> None:
    async def scenario(box: Box) -> None:
        await box.bash("lost=1")
        begin = time.monotonic()
        words = await box.fails(
            "echo partial; setsid -f bash -c 'exec -a $MARK-survivor-1 sleep 300'; "
            "(trap '' TERM HUP; exec -a $MARK-survivor-2 sleep 300) & sleep 300",
            timeout_ms=300,
        )
        assert time.monotonic() - begin < 3
        assert words.startswith("partial\n[timed out after 0.3 s")
        assert "state" in words
        await until(lambda: not running("survivor"))
        assert await box.bash('echo "<$lost>"') == "<>"

    run(scenario)


def test_signals_and_broken_pipes_are_as_in_any_shell(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        assert await box.bash("yes | head -1; echo ${PIPESTATUS[0]}") == "y\n141"
        # Whoever asks all processes to end does not mean the hands; the shell does not ask itself.
        await box.bash("x=1; sleep 300 & sleep 300 & kill -TERM -1; wait")
        assert await box.bash("echo $x; pgrep -c sleep || true") == "1\n0"

    run_isolated(scenario)


def test_restart_gives_a_new_shell(run: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.bash("kept=1; exec -a $MARK-restarted sleep 300 & sleep 0.1; echo noise")
        result = await box.call("bash", restart=True)
        assert (text(result), result.is_error) == ("bash session restarted", False)
        await until(lambda: not running("restarted"))
        assert await box.bash('echo "<$kept>"') == "<>"

    run(scenario)


def test_endless_output_keeps_its_end_in_bounded_memory(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        words = await box.fails("yes grün", timeout_ms=700)
        assert re.match(r"\[output truncated: of \d{7,} bytes, these are the last 102400\]\n", words)
        assert "timed out" in words[-200:]
        hands = int(await box.bash("awk '/VmHWM/ {print $2}' /proc/2/status"))
        assert hands < 40_000  # KiB
        assert "output truncated" not in await box.bash("echo quiet")

    run_isolated(scenario)


def test_what_is_truncated_keeps_the_last_bytes(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        short = await box.bash("seq 1 10000")
        assert (short[:2], short[-6:]) == ("1\n", "\n10000")
        words = await box.bash("seq 1 30000")
        assert words.startswith("[output truncated: of 168894 bytes, these are the last 102400]\n")
        assert words.endswith("\n29999\n30000")

    run_isolated(scenario)


def test_binary_output_is_survived(run: Run) -> None:
    async def scenario(box: Box) -> None:
        words = await box.bash("head -c 20000 /dev/urandom; printf '\\0\\377end'")
        assert words.endswith("\ufffd\ufffdend")
        assert "\0" not in words
        assert await box.bash("echo fine") == "fine"

    run(scenario)


def test_more_than_100_000_characters_go_to_a_file(run: Run) -> None:
    async def scenario(box: Box) -> None:
        whole = "".join(f"line {number}\n" for number in range(14_000))
        await box.call("write", file_path="big", content=whole)
        words = text(await box.call("read", file_path="big"))
        assert len(words) < 25_000
        assert (words[:7], words[-11:]) == ("line 0\n", "line 13999\n")
        found = re.search(r"the whole result is in (\S+):", words)
        assert found
        assert found[1].startswith("/mnt/session/tool_outputs/")
        assert text(await box.call("grep", pattern="^line 7000$", path=found[1])).endswith(":7001:line 7000")
        at_limit = await box.call("write", file_path="edge", content="x" * 100_000)
        assert not at_limit.is_error
        assert text(await box.call("read", file_path="edge")) == "x" * 100_000

    run(scenario)


def test_jobs_in_the_background_are_heard_later(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        assert await box.bash("(sleep 0.1; echo late; touch done) & echo now") == "now"
        await until(lambda: (box.workspace / "done").exists())
        assert await box.bash("echo then") == "late\nthen"

    run_isolated(scenario)


def test_file_tools_and_bash_see_the_same_files(run: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.call("write", file_path="/workspace/a/b.py", content="x = 1\n")
        assert await box.bash("cat a/b.py") == "x = 1"
        await box.bash("echo 'x = 2' > a/b.py")
        assert not (await box.call("edit", file_path="a/b.py", old_string="2", new_string="3")).is_error
        assert text(await box.call("read", file_path="/workspace/a/b.py")) == "x = 3\n"
        assert text(await box.call("glob", pattern="**/*.py")) == "a/b.py"
        assert text(await box.call("grep", pattern="x")) == "a/b.py:1:x = 3"
        await box.call("write", file_path="/mnt/session/outputs/result", content="42")
        assert (box.workspace.parent / "outputs" / "result").read_text() == "42"

    run(scenario)


def test_failures_of_file_tools_are_error_results(run: Run) -> None:
    async def scenario(box: Box) -> None:
        for tool, input, words in (
            ("read", {"file_path": "missing"}, "No such file"),
            ("write", {"file_path": "/proc/nothing/x", "content": ""}, "No such file"),
            ("grep", {"pattern": "("}, "pattern"),
            ("glob", {"pattern": "/x"}, "pattern"),
        ):
            result = await box.call(tool, **input)
            assert result.is_error
            assert words in text(result)

    run(scenario)


def test_names_that_are_no_text_are_survived(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.bash("printf needle > $'bad\\377name'")
        for tool in ("glob", "grep"):
            words = text(await box.call(tool, pattern="*" if tool == "glob" else "needle"))
            assert words.startswith("bad")
            words.encode()

    run_isolated(scenario)


def test_calls_of_different_tools_overlap_but_bash_waits_its_turn(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.bash("echo x > f; mkfifo gate")
        slow = asyncio.create_task(box.bash("cat gate; echo first"))
        queued = asyncio.create_task(box.bash("echo second"))
        reads = await asyncio.gather(*(box.call("read", file_path="f") for _ in range(20)))
        assert {text(result) for result in reads} == {"x\n"}
        assert not slow.done()
        assert not queued.done()
        (box.workspace / "gate").write_text("opened\n")
        assert (await slow, await queued) == ("opened\nfirst", "second")

    run_isolated(scenario)


def test_cancelling_kills_what_the_call_started(run: Run) -> None:
    async def scenario(box: Box) -> None:
        call = asyncio.create_task(box.bash("setsid -f bash -c 'exec -a $MARK-cancelled sleep 300'; sleep 300"))
        queued = asyncio.create_task(box.bash("echo never"))
        await until(lambda: running("cancelled"))
        queued.cancel()
        call.cancel()
        begin = time.monotonic()
        for task in (call, queued):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert time.monotonic() - begin < 1.5
        assert not running("cancelled")
        assert await box.bash("echo alive") == "alive"

    run(scenario)


def test_cancelling_a_search_ends_it(run: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.bash("mkfifo gate")  # nobody writes: searching it takes for ever
        if await box.bash("command -v rg || true") == "(no output)":
            pytest.skip("no ripgrep here")
        call = asyncio.create_task(box.call("grep", pattern=f"{MARK}-needle", path="gate"))
        await until(lambda: running("needle"))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not running("needle")

    run(scenario)


def test_reads_that_die_with_the_shell_are_run_again(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        await box.call("write", file_path="f", content="x\n" * 5)
        endless = asyncio.create_task(box.call("bash", command="sleep 300", timeout_ms=150))
        reads = []
        while not endless.done():
            reads += await asyncio.gather(*(box.call("grep", pattern="x") for _ in range(4)))
        assert (await endless).is_error
        assert not [result for result in reads if result.is_error]

    run_isolated(scenario)


def test_destroying_kills_everything_and_ends_calls(run: Run) -> None:
    async def scenario(box: Box) -> None:
        call = asyncio.create_task(
            box.call("bash", command="setsid -f bash -c 'trap \"\" TERM; exec -a $MARK-destroyed sleep 300'; sleep 300")
        )
        await until(lambda: running("destroyed"))
        await box.hands.destroy()
        await box.hands.destroy()
        with pytest.raises(SandboxDiedError):
            await call
        with pytest.raises(SandboxDiedError):
            await box.bash("true")
        await until(lambda: not running("destroyed"))
        assert not box.hands.alive

    run(scenario)


def test_no_variable_of_the_engine_reaches_the_shell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANT_SERVER_API_KEY", "SOME_TOKEN"):
        monkeypatch.setenv(name, "sk-very-secret")

    async def scenario(box: Box) -> None:
        words = await box.bash("env")
        assert "secret" not in words
        assert "ANT" not in words
        assert "MODE=fast" in words
        assert "TERM=dumb" in words
        assert "LANG=" in words

    run(scenario, MODE="fast", ANTHROPIC_API_KEY="sk-very-secret", ANT_X="sk-very-secret")
