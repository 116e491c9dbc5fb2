"""`ant sessions connect --web` in a real browser, on a real engine."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ant import ASK, Ant, bash, until
from tests.e2e.browser import PROGRAM, Browser

SAID = "# Hello\n\nMay I? <script>document.title = 'taken'</script>\n\n|a|b|\n|-|-:|\n|1|2|"


@pytest.fixture
def ant(tmp_path: Path) -> Iterator[Ant]:
    found = Ant(tmp_path / "home")
    (tmp_path / "home").mkdir()
    yield found
    found.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    found = Browser(tmp_path / "browser")
    yield found
    found.close()


def press(browser: Browser, button: str) -> None:
    until(
        lambda: browser.js(
            f"[...document.querySelectorAll('button')].some(b => b.innerText == '{button}' && !b.disabled)"
        )
    )
    browser.js(f"[...document.querySelectorAll('button')].find(b => b.innerText == '{button}').click()")


def type_in(browser: Browser, text: str) -> None:
    browser.js(f"""(box => {{
        box.value = {text!r};
        box.dispatchEvent(new KeyboardEvent("keydown", {{key: "Enter", bubbles: true, cancelable: true}}));
    }})(document.getElementById("text"))""")


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium here")
def test_a_person_takes_part_in_the_browser(ant: Ant, browser: Browser) -> None:
    model = ant.script(
        {"text": SAID, "tools": [bash("echo first; echo secret")]}, {"text": "Thanks, **done**."},
        {"text": "Sleeping.", "tools": [bash("sleep 60")]}, {"text": "Awake."}, name="web",
    )  # fmt: skip
    ant.agent("asking", model, ASK)
    ant("run", "Say hello", "--agent", "asking", "--detach")
    ant("wait", "@last")
    viewer = ant.start("beta:sessions", "connect", "--session-id", "@last", "--web", "--no-browser")
    assert viewer.stdout is not None
    address = viewer.stdout.readline().strip()
    browser.open(address)
    shown = browser.sees("bash asks to run")
    assert "<script>" in shown and "waits for an answer" in shown and "May I?" in shown
    assert browser.js("location.href") == address.partition("#")[0] and browser.js("document.title") == "Say hello"
    press(browser, "Allow")
    browser.sees("done.")
    assert browser.js("document.querySelector('strong').innerText") == "done"
    until(lambda: "idle" in browser.js("document.getElementById('status').innerText"))
    type_in(browser, "And now sleep")
    browser.sees("sleep 60")
    press(browser, "Allow")
    until(lambda: "running" in browser.js("document.getElementById('status').innerText"))
    press(browser, "Stop")
    until(lambda: "idle" in browser.js("document.getElementById('status').innerText"))
    browser.reload()
    assert "And now sleep" in browser.sees("Thanks, done.")
    assert browser.js("document.cookie") == "" and browser.trouble == []
    log = ant.events("@last")
    assert [event["result"] for event in log if event["type"] == "user.tool_confirmation"] == ["allow", "allow"]
    viewer.send_signal(signal.SIGINT)
    assert viewer.wait(20) == 130
    browser.sees("not connected")
    type_in(browser, "Is anybody there?")
    assert "nothing was sent" in browser.sees("The viewer has ended")
    assert browser.js("document.getElementById('text').value") == "Is anybody there?"


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium here")
def test_a_used_address_opens_nothing(ant: Ant, browser: Browser, tmp_path: Path) -> None:
    ant("run", "Hello", "--model", ant.script({"text": "Private."}, name="used"))
    viewer = ant.start("sessions", "connect", "@last", "--web", "--no-browser", "-o", "jsonl")
    assert viewer.stdout is not None
    address = json.loads(viewer.stdout.readline())["url"]
    browser.open(address)
    browser.sees("Private.")
    other = Browser(tmp_path / "other")
    try:
        other.open(address)
        assert "Private." not in other.sees("good once")
        time.sleep(0.2)
        assert "Private." not in other.js("document.body.innerText")
    finally:
        other.close()
