from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError
from antcli.engine.providers.registry import Providers
from tests.engine.providers.asking import collect, message_of, request


def run_demo(workspace: Path, spoil: str = "") -> list[dict[str, Any]]:
    """Play the demo against real files and the real interpreter; `spoil` is added to each command's output."""

    def call(tool: str, input: dict[str, str]) -> tuple[str, bool]:
        at = {name: value.replace("/workspace", str(workspace)) for name, value in input.items()}
        if tool == "bash":
            command = at["command"].replace("python3", sys.executable)
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
            return f"{spoil}{done.stdout}{done.stderr}"[len(spoil) * 2 :], done.returncode != 0
        file = Path(at["file_path"])
        if tool == "write":
            file.write_text(input["content"])
        else:
            assert file.read_text().count(input["old_string"]) == 1
            file.write_text(file.read_text().replace(input["old_string"], input["new_string"]))
        return "ok", False

    async def play() -> list[dict[str, Any]]:
        providers = Providers(None)
        provider, model = await providers.resolve("demo")
        messages: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["stop_reason"] == "tool_use":
            answer = message_of(await collect(provider, request(len(answers), messages=messages, model=model)))
            answers.append(answer)
            results = []
            for block in answer["content"]:
                if block["type"] == "tool_use":
                    text, failed = call(block["name"], block["input"])
                    results.append(
                        {"type": "tool_result", "tool_use_id": block["id"], "content": text, "is_error": failed}
                    )
            messages += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": results}]
        await providers.aclose()
        return answers

    return asyncio.run(play())


def test_the_demo_meets_a_real_error_repairs_it_and_reports_what_was_printed(tmp_path: Path) -> None:
    answers = run_demo(tmp_path)
    tools = [block["name"] for answer in answers for block in answer["content"] if block["type"] == "tool_use"]
    assert tools == ["write", "bash", "edit", "bash"]
    printed = subprocess.run([sys.executable, tmp_path / "fib.py"], capture_output=True, text=True, check=True).stdout
    numbers, total = printed.splitlines()
    report = answers[-1]["content"][0]["text"]
    assert numbers in report
    assert total.removeprefix("sum: ") in report


def test_the_demo_ends_when_the_tools_do_not_really_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="IndexError") as caught:
        run_demo(tmp_path, spoil="x" * 10_000)
    assert caught.value.fatal
