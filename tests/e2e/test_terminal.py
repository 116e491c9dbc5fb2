"""What a person sees: `ant` in a real terminal (tmux), driven by keys, read from the screen."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.ant import ASK, Ant, bash, until
from tests.e2e.tmux import Tmux

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture(scope="module")
def asking(ant: Ant) -> str:
    calls = [bash("echo first; echo secret"), bash("echo second")]
    ant.agent("asking", ant.script({"text": "May I?", "tools": calls}, {"text": "Thanks."}, name="asking"), ASK)
    return "asking"


def slow(ant: Ant) -> str:
    return ant.script({"text": "Sleeping now.", "tools": [bash("sleep 30")]}, {"text": "Awake."}, name="slow")


def test_the_answer_is_written_and_calls_are_shown(ant: Ant, terminal: Tmux) -> None:
    model = ant.script(
        {"pace": "100ms", "text": "Let me look around here for a little while.", "tools": [bash("sleep 0.7; seq 9")]},
        {"text": "There are **nine**."}, name="live",
    )  # fmt: skip
    terminal.run("run", "Count", "--model", model)
    assert "little while." not in terminal.sees("Let me look")
    terminal.sees("bash sleep 0.7; seq 9  0.")
    screen = terminal.sees("exit=0")
    assert "✓ bash sleep 0.7; seq 9" in screen and "│ 5\n  │ … 4 more lines\n\nThere are nine.\n" in screen
    assert "out tokens" in screen and screen.count("bash sleep") == 1


def test_a_question_shows_all_and_ignores_early_keys(ant: Ant, terminal: Tmux, asking: str) -> None:
    terminal.run("run", "x", "--agent", asking)
    screen = terminal.sees("asks to run (1 of 2)")
    terminal.type("n")  # typed for something else: too early to count
    assert "echo first; echo secret" in screen
    time.sleep(0.7)
    assert "(1 of 2)" in terminal.screen() and "Denied" not in terminal.screen()
    terminal.type("y")
    terminal.sees("asks to run (2 of 2)")
    time.sleep(0.7)
    terminal.type("r")
    terminal.sees("Reason")
    terminal.type("Too late", "Enter")
    screen = terminal.sees("exit=0")
    assert "Allowed." in screen and "│ secret" in screen and "Too late" in screen and "Thanks." in screen


def test_a_question_can_be_left_open(ant: Ant, terminal: Tmux, asking: str) -> None:
    terminal.run("run", "x", "--agent", asking)
    for number in (1, 2):
        terminal.sees(f"({number} of 2)")
        time.sleep(0.6)
        terminal.type("q")
    screen = terminal.sees("exit=6")
    assert "ant approve sesn_" in screen.replace("\n", "")
    assert ant("approve", "@last").returncode == 0
    assert ant("wait", "@last").returncode == 0


def test_a_message_to_a_session_that_asks_exits_6(ant: Ant, asking: str) -> None:
    assert ant("run", "x", "--agent", asking).returncode == 6
    done = ant("run", "--continue", "y")
    assert done.returncode == 6 and "ant approve" in done.stderr


def test_a_task_that_is_refused_leaves_no_session(ant: Ant, tmp_path: Path) -> None:
    (tmp_path / "big").write_text("x" * 34_000_000)
    before = len(ant.json("sessions", "list"))
    assert ant("run", f"@{tmp_path / 'big'}", "--model", ant.script({"text": "ok"}, name="ok")).returncode == 1
    assert len(ant.json("sessions", "list")) == before


def test_somebody_else_may_answer(ant: Ant, terminal: Tmux, asking: str) -> None:
    terminal.run("run", "x", "--agent", asking)
    terminal.sees("(1 of 2)")
    assert ant("approve", "@last").returncode == 0
    screen = terminal.sees("exit=0")
    assert "Thanks." in screen


def test_ctrl_c_stops_the_session(ant: Ant, terminal: Tmux) -> None:
    terminal.run("run", "x", "--model", slow(ant))
    terminal.sees("bash sleep 30")
    terminal.type("C-c")
    screen = terminal.sees("exit=130")
    assert "✗ bash sleep 30" in screen and "ant run --session sesn_" in screen
    assert ant.json("sessions", "get", "@last")["status"] == "idle"
    terminal.type("echo typed", "Enter")
    terminal.sees("\ntyped")  # the terminal echoes again


def test_a_resize_leaves_no_traces(ant: Ant, terminal: Tmux) -> None:
    terminal.run("run", "x", "--model", slow(ant))
    terminal.sees("bash sleep 30")
    for columns in (40, 120, 30, 90):
        terminal.resize(columns, 30)
        time.sleep(0.4)
    terminal.type("C-c")
    screen = terminal.sees("exit=130")
    assert screen.count("sleep 30") == 1 and screen.count("Sleeping now.") == 1


def test_a_long_answer_is_all_in_the_scroll_back(ant: Ant, terminal: Tmux) -> None:
    lines = [f"line {number}" for number in range(10_000)]
    terminal.run("run", "x", "--model", ant.script({"text": "\n".join(lines)}, name="long"))
    terminal.sees("exit=0")
    history = terminal.screen(history=True).splitlines()
    assert [line for line in history if line.startswith("line ")] == lines


def test_markdown_is_shown_as_it_is_written_and_piped_as_it_is(ant: Ant, terminal: Tmux) -> None:
    table = "| a | b |\n|---|---|\n| 日本 | 2 |"
    answer = f"## Parts\n\n- **one** `two`\n\n{table}\n\n```sh\nls  # all\n```\nThe end is *near*."
    model = ant.script({"pace": "5ms", "text": answer}, name="markdown")
    terminal.resize(40, 40)
    terminal.run("run", "x", "--model", model)
    screen = terminal.sees("exit=0")
    for rows in ("Parts\n\n• one two\n\na    │ b\n─────┼──\n日本 │ 2\n\n── sh ──", "ls  # all\n──", "The end is near."):
        assert screen.count(f"\n{rows}") == 1
    assert "\x1b[3mnear" in terminal.screen(colours=True)
    assert ant("run", "x", "--model", model).stdout == answer + "\n"


def test_one_line_without_an_end_is_all_in_the_scroll_back(ant: Ant, terminal: Tmux) -> None:
    text = "".join(f"{number:07}" for number in range(30_000))
    terminal.run("run", "x", "--model", ant.script({"text": text}, name="line"))
    terminal.sees("exit=0", 60)
    history = terminal.screen(history=True).replace("\n", "")
    assert history.count(text) == 1


def test_a_redirected_answer_keeps_the_way_on_the_screen(ant: Ant, terminal: Tmux, tmp_path: Path) -> None:
    model = ant.script({"tools": [bash("echo noise")]}, {"text": "Only this."}, name="redirected")
    target = tmp_path / "answer"
    terminal.type(f"ant run x --model {model} > {target}; echo exit=$?", "Enter")
    screen = terminal.sees("exit=0")
    assert target.read_text() == "Only this.\n"
    assert "✓ bash echo noise" in screen and "Only this." not in screen


def test_chat(ant: Ant, terminal: Tmux) -> None:
    model = ant.script(
        {"text": "Hello!"}, {"tools": [bash("sleep 30")]}, {"text": "Good bye."}, name="chat",
    )  # fmt: skip
    terminal.run("chat", "--model", model)
    terminal.sees("\n>")
    terminal.type("hi", "Enter")
    terminal.sees("Hello!")
    terminal.sees("out tokens\n>")
    terminal.type("sleep", "Enter")
    terminal.sees("bash sleep 30")
    terminal.type("C-c")
    until(lambda: terminal.screen().endswith(">"))
    terminal.type("bye", "Enter")
    terminal.sees("Good bye.")
    until(lambda: terminal.screen().endswith(">"))
    terminal.type("C-d")
    screen = terminal.sees("exit=0")
    assert "ant chat --session sesn_" in screen
    terminal.type("clear", "Enter")
    terminal.run("chat", "--continue")
    assert "agent     Good bye." in terminal.sees("\n>")
    terminal.type("/exit", "Enter")
    terminal.sees("exit=0")


def test_connect_shows_what_was_said_and_takes_part(ant: Ant, terminal: Tmux) -> None:
    model = ant.script(
        {"text": "First answer.", "tools": [bash("seq 30")]}, {"text": "Counted."},
        {"tools": [bash("seq 41 60")]}, {"text": "Second answer."}, name="connect",
    )  # fmt: skip
    assert ant("run", "one", "--model", model).returncode == 0
    terminal.run("sessions", "connect", "@last", "-v")
    screen = terminal.sees("/ commands")
    assert "First answer." in screen and "Counted." in screen
    terminal.type("two", "Enter")
    screen = terminal.sees("Second answer.")
    assert "│ 41\n" in screen and "│ 60\n" in screen and "more lines" not in screen
    terminal.type("C-d")
    assert "ant chat --session sesn_" in terminal.sees("exit=0")


def test_messages_queue_while_the_agent_works(ant: Ant, terminal: Tmux) -> None:
    model = ant.script(
        {"tools": [bash("sleep 1.5")]}, {"text": "First done."}, {"tools": [bash("sleep 30")]}, {"text": "Last."},
        name="queue",
    )  # fmt: skip
    terminal.run("chat", "--model", model)
    terminal.sees("/ commands")
    terminal.type("one", "Enter")
    terminal.sees("bash sleep 1.5")
    terminal.type("two", "Enter", "a draft")
    terminal.sees("queued: two\n> a draft")
    terminal.resize(40, 30)
    screen = terminal.sees("bash sleep 30")
    assert screen.count("queued:") == 0 and screen.count("First done.") == 1 and screen.endswith("> a draft")
    terminal.type("three", "Enter")
    terminal.sees("queued: a draftthree")
    terminal.type("Escape")
    terminal.sees("✗ bash sleep 30")
    until(lambda: terminal.screen().endswith("> a draftthree"))
    terminal.type("C-c", "x", "C-j", "y", "Enter")
    assert "> x\n  y\nLast." in terminal.sees("Last.")
    terminal.type("C-d")
    terminal.sees("exit=0")


def test_a_chat_asks_in_place_and_a_paste_is_no_answer(ant: Ant, terminal: Tmux, asking: str) -> None:
    terminal.run("chat", "--agent", asking)
    terminal.sees("/ commands")
    terminal.type("go", "Enter")
    terminal.sees("(1 of 2)")
    time.sleep(0.7)
    terminal.type("-l", "yes please")
    time.sleep(0.7)
    assert "(1 of 2)" in terminal.screen() and "(2 of 2)" not in terminal.screen()
    terminal.type("y")
    terminal.sees("(2 of 2)")
    time.sleep(0.7)
    terminal.type("n")
    assert "Denied." in terminal.sees("Thanks.")
    terminal.type("C-d")
    terminal.sees("exit=0")


def test_top_shows_what_runs_and_leaves_no_trace(ant: Ant, terminal: Tmux) -> None:
    session = ant("run", "x", "--model", slow(ant), "--title", "Long one", "--detach").stdout.strip()
    until(lambda: "sleep 30" in ant("top", "-o", "json").stdout)
    row = next(row for row in ant.json("top") if row["id"] == session)
    assert row["title"] == "Long one" and row["last_action"].startswith("bash") and row["tokens"] >= 0
    terminal.run("top")
    assert "Long one" in terminal.sees("q leaves")
    terminal.resize(60, 20)
    terminal.type("s")
    terminal.sees("sorted by tokens")
    terminal.type("q")
    assert "q leaves" not in terminal.sees("exit=0")
    assert ant("interrupt", session, "--wait").returncode == 0


def test_no_colour_and_no_movement_on_a_dumb_terminal(ant: Ant, terminal: Tmux) -> None:
    model = ant.script({"text": "Plain."}, name="dumb")
    terminal.type(
        f"TERM=dumb ant run x --model {model} | cat -v; TERM=dumb ant run x --model {model} 2>&1; echo exit=$?", "Enter"
    )
    assert terminal.sees("\nexit=0").splitlines().count("Plain.") == 2


def test_commands_show_when_a_slash_is_typed_and_ctrl_c_twice_leaves(ant: Ant, terminal: Tmux) -> None:
    terminal.run("chat", "--model", ant.script({"text": "ok"}, name="menu"))
    terminal.sees("/ commands")
    terminal.type("/")
    assert "/status   The session" in terminal.sees("/exit     Leave")
    terminal.resize(40, 30)
    terminal.sees("/status   The session, its agent a...")
    terminal.type("Escape")
    until(lambda: "/exit" not in terminal.screen())
    terminal.type("sta", "Enter")
    terminal.sees("status   idle")
    terminal.type("a draft", "C-c")
    until(lambda: terminal.screen().endswith(">"))
    terminal.type("C-c")
    terminal.sees("Ctrl-C again leaves.")
    terminal.type("C-c")
    terminal.sees("exit=0")


def test_a_chat_outlives_the_engine(ant: Ant, terminal: Tmux) -> None:
    model = ant.script({"tools": [bash("sleep 30")]}, {"text": "Back again."}, {"text": "Still here."}, name="outlives")
    terminal.run("chat", "--model", model)
    terminal.sees("/ commands")
    terminal.type("go", "Enter")
    terminal.sees("bash sleep 30")
    terminal.type("my draft")
    terminal.sees("> my draft")
    os.kill(ant.json("engine", "status")["pid"], signal.SIGKILL)
    terminal.sees("Lost the event stream")
    screen = terminal.sees("Back again.")
    assert "Connected again." in screen and "The call was interrupted" in screen
    until(lambda: terminal.screen().endswith("out tokens\n> my draft"))
    os.kill(ant.json("engine", "status")["pid"], signal.SIGKILL)
    terminal.type("Enter")
    screen = terminal.sees("Still here.")
    assert "The engine had stopped; it is started again." in screen and screen.count("Lost the event stream") == 1
    terminal.type("C-d")
    terminal.sees("exit=0")


def test_followed_logs_show_an_answer_while_it_is_written(ant: Ant, terminal: Tmux) -> None:
    model = ant.script(
        {"text": "Ready."}, {"pace": "300ms", "text": "One **two** three four five six seven eight nine ten."},
        name="followed",
    )  # fmt: skip
    session = ant("run", "x", "--model", model, "--detach").stdout.strip()
    assert ant("wait", session).returncode == 0
    terminal.run("logs", "-f", session, "--until", "session.deleted")
    terminal.sees("idle: end_turn")
    ant.start("run", "--session", session, "--detach", "y")
    assert "ten." not in terminal.sees("agent     One two three")
    terminal.sees("nine ten.")
    terminal.type("C-c")
    screen = terminal.sees("exit=130")
    assert screen.count("One two three four") == 1 and screen.count("Ready.") == 1


def test_a_long_answer_in_a_chat_is_all_in_the_scroll_back(ant: Ant, terminal: Tmux) -> None:
    lines = [f"line {number}" for number in range(10_000)]
    terminal.run("chat", "--model", ant.script({"text": "\n".join(lines)}, name="long-chat"))
    terminal.sees("/ commands")
    terminal.type("go", "Enter")
    terminal.sees("out tokens\n>", 60)
    history = terminal.screen(history=True).splitlines()
    assert [line for line in history if line.startswith("line ")] == lines
    terminal.type("C-d")
    terminal.sees("exit=0")


def test_a_chat_is_resized_in_a_question_and_remembers_what_was_typed(ant: Ant, terminal: Tmux, asking: str) -> None:
    terminal.run("chat", "--agent", asking)
    terminal.sees("/ commands")
    terminal.type("remember me", "Enter")
    terminal.sees("(1 of 2)")
    terminal.resize(40, 30)
    terminal.sees("y allow · n deny · r deny with a reaso…")
    time.sleep(0.7)
    terminal.type("y")
    screen = terminal.sees("(2 of 2)")
    assert screen.count("(1 of 2)") == 1 and screen.count("echo first; echo secret") == 1
    time.sleep(0.7)
    terminal.type("n")
    terminal.sees("Thanks.")
    terminal.type("C-d")
    terminal.sees("exit=0")
    terminal.type("clear", "Enter")
    terminal.run("chat", "--continue")
    terminal.sees("/ commands")
    terminal.type("Up")
    terminal.sees("\n> remember me")
    terminal.type("C-c", "C-c", "C-c")
    terminal.sees("exit=0")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("chat",), "Ctrl-D leaves"),
        (("run", "x"), "y allow"),
        (("agents", "get"), "Esc leaves"),
        (("top",), "q leaves"),
    ],
)
def test_a_killed_program_leaves_the_terminal_as_it_was(
    ant: Ant, terminal: Tmux, asking: str, words: tuple[str, ...], shown: str
) -> None:
    options = ["--agent", asking] if words[0] in ("chat", "run") else []
    script = ant.home / "killed.sh"
    script.write_text(f"sh -c 'echo $$ > killed; exec ant {' '.join([*words, *options])}'\nstty -a > modes\n")
    terminal.type("sh killed.sh; echo over=$?", "Enter")  # a shell's own prompt would mend the modes before we look
    terminal.sees(shown)
    program = int((ant.home / "killed").read_text())
    with suppress(ProcessLookupError):  # the first may be a wish to stop the session, the next come into the clean-up
        for _ in range(2000):
            os.kill(program, signal.SIGTERM)
            time.sleep(0.005)
    terminal.sees("over=0")
    modes = (ant.home / "modes").read_text().replace(";", " ").split()
    assert {"icanon", "echo", "isig"} <= set(modes)


def test_a_hangup_at_a_question_leaves_the_terminal_as_it_was(ant: Ant, terminal: Tmux, asking: str) -> None:
    (ant.home / "hung.sh").write_text(
        f"sh -c 'echo $$ > hung; exec ant run x --agent {asking}'\nstty -a > modes-then\n"
    )
    terminal.type("sh hung.sh; echo over=$?", "Enter")
    terminal.sees("y allow")
    os.kill(int((ant.home / "hung").read_text()), signal.SIGHUP)
    terminal.sees("over=0")
    assert {"icanon", "echo", "isig"} <= set((ant.home / "modes-then").read_text().replace(";", " ").split())
