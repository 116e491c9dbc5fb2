"""What of `ant chat` needs no terminal; the rest is in tests/e2e/test_terminal.py."""

from __future__ import annotations

from typing import Any

import pytest


def test_chat_needs_a_terminal_and_names_what_does_not(ant: Any) -> None:
    result = ant("chat")
    assert result.code == 2 and "ant run" in result.err


@pytest.mark.parametrize("arguments", [["--session", "a", "--continue"], ["--continue", "--model", "m"]])
def test_options_that_exclude_each_other(ant: Any, hosted: Any, arguments: list[str]) -> None:
    assert ant("chat", *arguments, terminal=True, environ=hosted).code == 2


def test_a_coding_agent_is_sent_to_run(ant: Any, hosted: Any) -> None:
    assert ant("chat", terminal=True, environ=hosted | {"CLAUDECODE": "1"}).code == 2
