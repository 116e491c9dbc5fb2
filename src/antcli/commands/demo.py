"""`ant demo`: a scripted agent at work with real tools; needs no model and no account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antcli.commands.base import examples
from antcli.commands.options import TimeoutOpt
from antcli.context import current

if TYPE_CHECKING:
    from antcli.context import Context

TASK = "Write a program that prints the first 12 Fibonacci numbers and their sum, run it, and tell me what it prints."
_AGENT = "demo"
_EXPLANATION = (
    "The model of this demo is a script: its words were written beforehand. The tools are real: they run in the "
    "sandbox of the engine on this machine."
)


@examples("ant demo")
def demo(timeout: TimeoutOpt = None) -> int:
    """Watch an agent write, run and repair a program. The model is scripted, the tools are real."""
    from antcli.client import launch
    from antcli.commands.run import print_result
    from antcli.commands.starting import Wish, start
    from antcli.commands.turns import deadline_after, perform, report
    from antcli.errors import ExitCode

    context = _on_this_machine(current())
    deadline = deadline_after(timeout)
    _tell(context, f"{_EXPLANATION}\n\n> {TASK}\n")
    agent = launch.ensure_agent(context.client, _AGENT, model="demo")
    message = launch.user_message(TASK)
    started = start(context, Wish(agent=agent["id"], model="demo", title="Demo"), [message])
    turn, ending = perform(
        context, started.session_id, [message], approve="all", deadline=deadline, header=started.header,
        fresh=True,
    )  # fmt: skip
    print_result(context, started.session_id, turn, ending, ending.exit_code == ExitCode.OK)
    report(context, started.session_id, turn, ending)
    if ending.exit_code == ExitCode.OK:
        _tell(context, f"\n{_next_step(context)}")
    return ending.exit_code


def _tell(context: Context, text: str) -> None:
    """Words about the demo, on stderr; wrapped where somebody reads them."""
    if context.terminal.stderr_is_terminal:
        import textwrap

        width = min(context.terminal.width, 100)
        text = "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.split("\n"))
    context.output.notice(text)


def _on_this_machine(context: Context) -> Context:
    """The context itself when it is local, else one of the local profile: the demo never leaves this machine."""
    if context.selection.kind == "local":
        return context
    from dataclasses import replace

    from antcli.context import Context, use

    local = Context(context.terminal, context.environ, replace(context.options, profile="local"))
    use(local)
    return local


def _next_step(context: Context) -> str:
    model = context.client.get("/engine/status").get("model") or {}
    command = '`ant run "Write a haiku about sandboxes into haiku.txt"`'
    if model.get("configured"):
        return f"Next, with a real model ({model.get('source') or model.get('default')}): {command}"
    return f"Next, with a real model: set ANTHROPIC_API_KEY (or start Ollama), then {command}"
