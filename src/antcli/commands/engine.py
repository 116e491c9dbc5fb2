"""`ant engine`: the local engine in the background."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import Commands, examples
from antcli.context import current
from antcli.errors import AntError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from antcli.client.client import Client

app = Commands("The local engine in the background.")


@app.command("status")
@examples("ant engine status", "ant engine status -o json")
def status() -> None:
    """Show the engine: its process, sandbox, model and running sessions. Exit code 1 when it does not run."""
    context = current()
    client = local_client()
    if client is None:
        raise AntError("The engine does not run.", hint="It starts by itself with the first command that needs it.")
    with client:
        context.output.object("engines", client.get("/engine/status"))


@app.command("stop")
@examples("ant engine stop")
def stop() -> None:
    """Stop the engine. Sessions that work are parked, and go on after the next start."""
    from antcli.engine import daemon

    context = current()
    stopped = daemon.stop(context.engine_settings.data_dir)
    context.output.notice("The engine has stopped." if stopped else "The engine did not run.")


@app.command("restart")
@examples("ant engine restart")
def restart() -> None:
    """Stop the engine and start it with the settings of now."""
    from antcli.engine import daemon

    context = current()
    daemon.stop(context.engine_settings.data_dir)
    running = daemon.ensure(context.engine_settings, notice=context.output.notice)
    context.output.notice(f"The engine runs as process {running.pid}.")


@app.command("logs")
@examples("ant engine logs", "ant engine logs -f")
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")] = False,
    tail: Annotated[int, typer.Option("--tail", metavar="N", help="Only the last lines; 0 is all.")] = 200,
) -> None:
    """Print the engine's log."""
    from antcli.engine import daemon

    context = current()
    path = daemon.log_path(context.engine_settings.data_dir)
    if not path.exists():
        raise AntError(f"There is no log at {path}.", hint="The engine has not run yet.", code=ExitCode.NOT_FOUND)
    _print_log(path, follow, tail)


def _print_log(path: Path, follow: bool, tail: int) -> None:
    context = current()
    output = context.output
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
        if follow:  # before the first line, so that nothing is imported any more when Ctrl-C may come
            context.stay()
            output.end_with_reader()
        output.text("".join(lines[-tail:] if tail else lines), end="")
        while follow:
            line = file.readline()
            if line:
                output.text(line, end="")
            else:
                time.sleep(0.2)


def local_client() -> Client | None:
    """A client of the engine that runs now; None when none does."""
    from antcli.client.client import Client

    server = current().running_engine()
    return None if server is None else Client(server, retries=0, timeout=5.0)
