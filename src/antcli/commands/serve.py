"""`ant serve`: the engine in the foreground."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import examples
from antcli.context import Context, current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.engine.settings import EngineSettings

PORT = 8484


class LogFormat(StrEnum):
    text = "text"
    json = "json"


class SandboxKind(StrEnum):
    auto = "auto"
    bubblewrap = "bubblewrap"
    docker = "docker"
    podman = "podman"
    none = "none"


Host = Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")]
Port = Annotated[
    int | None, typer.Option(metavar="PORT", min=0, max=65535, help=f"Port; 0 picks one, {PORT} is the usual.")
]
Socket = Annotated[Path | None, typer.Option(metavar="PATH", help="Listen on a Unix socket, not on a port.")]
DataDir = Annotated[Path | None, typer.Option(metavar="DIR", help="Where sessions are kept.")]
Database = Annotated[str | None, typer.Option(metavar="URL", help="Another database than SQLite in the data dir.")]
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="File with the key that clients must send.")]
Sandbox = Annotated[SandboxKind | None, typer.Option(metavar="KIND", help="auto, bubblewrap, docker, podman or none.")]


@examples("ant serve", "ant serve --host 0.0.0.0 --port 8484 --api-key-file key.txt")
def serve(
    host: Host = "127.0.0.1",
    port: Port = None,
    socket: Socket = None,
    data_dir: DataDir = None,
    database: Database = None,
    api_key_file: KeyFile = None,
    sandbox: Sandbox = None,
    log_format: Annotated[LogFormat, typer.Option(metavar="FORMAT", help="text or json.")] = LogFormat.text,
) -> int:
    """Run the engine in the foreground, on a port or a socket.

    When it is ready, it prints one line of JSON with its address, then logs to stderr.
    """
    if socket is not None and port is not None:
        raise UsageError("--socket and --port exclude each other.")
    if database is not None:
        raise UsageError("--database: this engine keeps its sessions in SQLite only.", hint="Leave the option out.")
    context = current()
    settings = served_settings(context, data_dir)
    settings = replace(
        settings,
        socket=socket,
        host=host,
        port=None if socket else PORT if port is None else port,
        api_key=context.environ.get("ANT_SERVER_API_KEY") or None,
        sandbox=sandbox.value if sandbox else settings.sandbox,
        idle_minutes=0,
        log_format=log_format.value,
    )
    from antcli.engine.serve import serve as run_engine

    context.stay()
    return run_engine(settings, api_key_file=api_key_file)


def served_settings(context: Context, data_dir: Path | None) -> EngineSettings:
    settings = context.engine_settings
    return settings if data_dir is None else replace(settings, data_dir=data_dir.absolute())
