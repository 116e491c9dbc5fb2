"""`ant worker`: run the tools of sessions on this machine, for a self-hosted environment."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import Commands, examples
from antcli.context import Context, current
from antcli.errors import NotLoggedInError, UsageError

if TYPE_CHECKING:
    from antcli.client.server import Server
    from antcli.worker.session import Place

KEY, KEY_FILE = "ANTHROPIC_ENVIRONMENT_KEY", "ANTHROPIC_ENVIRONMENT_KEY_FILE"
LOCAL_KEYS = ("ant-env-", "ant-work-")  # what the keys of local engines begin with


class LogFormat(StrEnum):
    text = "text"
    json = "json"


def _refuse(ctx: Any, param: Any, value: Any) -> None:
    if value is not None and not ctx.resilient_parsing:
        hint = f"Other users see what is on a command line. Set {KEY}, or give --environment-key-file."
        raise UsageError("--environment-key is not taken.", hint=hint)


Id = Annotated[str | None, typer.Option("--environment-id", envvar="ANTHROPIC_ENVIRONMENT_ID", metavar="ID",
                                        show_envvar=False, help="The environment, by its id.")]  # fmt: skip
Refused = Annotated[str | None, typer.Option("--environment-key", hidden=True, callback=_refuse, help="Not taken.")]
KeyFile = Annotated[Path | None, typer.Option("--environment-key-file", envvar=KEY_FILE, show_envvar=False,
                                              metavar="FILE", help=f"File with the key, else {KEY}.")]  # fmt: skip
Workdir = Annotated[Path, typer.Option(metavar="DIR", help="Where the tools work.")]
Unrestricted = Annotated[
    bool, typer.Option("--unrestricted-paths", help="Let the file tools leave --workdir. bash always can.")
]
MaxIdle = Annotated[
    str, typer.Option("--max-idle", metavar="TIME", help="Leave a session that has rested so long; 0 is never.")
]
LeaseTime = Annotated[
    str, typer.Option("--lease", metavar="TIME", help="How long a lost worker's session waits for another one.")
]
Format = Annotated[LogFormat, typer.Option(metavar="FORMAT", help="text or json.")]

app = Commands("Run the tools of self-hosted sessions on this machine.")


@app.command("poll")
@examples("ant worker poll own-machines", "ant worker poll --environment-id env_01 --workdir jobs --concurrency 4",
          "ant worker poll own-machines --on-work 'ant worker run' --log-format json")  # fmt: skip
def poll(
    environment: Annotated[str | None, typer.Argument(metavar="[ENVIRONMENT]", help="The environment.")] = None,
    environment_id: Id = None,
    environment_key: Refused = None,
    environment_key_file: KeyFile = None,
    worker_id: Annotated[
        str | None,
        typer.Option(
            "--worker-id",
            envvar="ANTHROPIC_WORKER_ID",
            show_envvar=False,
            metavar="NAME",
            help="What the queue calls this worker.",
        ),
    ] = None,
    workdir: Workdir = Path(),
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Sessions at once; with more than one, each has a folder.")
    ] = 1,
    on_work: Annotated[
        str | None, typer.Option("--on-work", metavar="PROGRAM", help="Run this for each session, not the tools.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Leave after one session; exit code 1 when it failed.")] = False,
    drain: Annotated[bool, typer.Option("--drain", help="Leave when no session waits.")] = False,
    unrestricted_paths: Unrestricted = False,
    max_idle: MaxIdle = "60s",
    lease: LeaseTime = "60s",
    log_format: Format = LogFormat.text,
) -> int:
    """Take sessions from the queue of an environment and run their tools here, until Ctrl-C or SIGTERM.

    It needs the key of the environment and no other: `ant envs keys create` makes one. bash runs as you, without a
    sandbox around it.
    """
    from antcli.fatal_signals import stopping
    from antcli.worker.log import Log
    from antcli.worker.program import ProgramWork, argv_of
    from antcli.worker.queue import Queue, client_for
    from antcli.worker.session import Item, SessionWork
    from antcli.worker.worker import Job, Limits, Worker

    context = current()
    argv = argv_of(on_work) if on_work else []
    place = _place(context, workdir, unrestricted_paths, max_idle, lease)
    key = _key(context, environment_key_file)
    server = _server(context, key)
    id = _environment(context, environment, environment_id)
    log = Log(context.terminal.stderr, json=log_format is LogFormat.json, quiet=context.options.quiet)

    name = worker_id or f"{socket.gethostname()}-{os.getpid()}"
    queue = Queue(server, id, name, log, context.trace)

    def job(work: dict[str, Any]) -> Job:
        about = log.about(work_id=work["id"], session_id=work["data"]["id"])
        if argv:
            return ProgramWork(queue, argv, work, _child_environment(context, server, key), about)
        folder = place.workdir / work["data"]["id"] if concurrency > 1 else place.workdir
        item = Item(id, work["id"], work["data"]["id"])
        return SessionWork(
            client_for(server, work.get("secret"), context.trace), item, place._replace(workdir=folder), about
        )

    context.stay()
    limits = Limits(1 if once else concurrency, 1 if once else None, drain)
    worker = Worker(queue, job, limits, log)
    with stopping(worker.stop):
        worker.run()
    return int(once and worker.failures > 0)


@app.command("run")
@examples("ant worker run --environment-id env_01 --work-id work_01 --session-id session_01")
def run(
    session_id: Annotated[str, typer.Option("--session-id", envvar="ANTHROPIC_SESSION_ID", show_envvar=False,
                                            metavar="ID", help="The session.")],
    work_id: Annotated[str, typer.Option("--work-id", envvar="ANTHROPIC_WORK_ID", show_envvar=False, metavar="ID",
                                         help="The claimed work item.")],
    environment_id: Annotated[str, typer.Option("--environment-id", envvar="ANTHROPIC_ENVIRONMENT_ID",
                                                show_envvar=False, metavar="ID", help="The environment.")],
    environment_key: Refused = None,
    environment_key_file: KeyFile = None,
    work_secret_file: Annotated[
        Path | None,
        typer.Option("--work-secret-file", envvar="ANTHROPIC_WORK_SECRET_FILE", show_envvar=False, metavar="FILE",
                     help="The item's secret, or the item as JSON; - is stdin. It needs no key."),
    ] = None,
    workdir: Workdir = Path(),
    unrestricted_paths: Unrestricted = False,
    max_idle: MaxIdle = "60s",
    lease: LeaseTime = "60s",
    log_format: Format = LogFormat.text,
) -> int:  # fmt: skip
    """Run the tools of one session whose work item was claimed: the other end of `ant worker poll --on-work`.

    There the ids are in the environment, and need not be given.
    """
    from antcli.fatal_signals import stopping
    from antcli.worker.log import Log
    from antcli.worker.queue import client_for, token_in
    from antcli.worker.session import Item, SessionWork

    context = current()
    place = _place(context, workdir, unrestricted_paths, max_idle, lease)
    secret = _secret(context, work_secret_file)
    token = token_in(secret)
    if secret and not token:
        raise UsageError("The work secret holds no token.", hint="Give it as it stands in the work item.")
    server = _server(context, token or _key(context, environment_key_file))
    log = Log(context.terminal.stderr, json=log_format is LogFormat.json, quiet=context.options.quiet)
    item = Item(environment_id, work_id, session_id)
    work = SessionWork(
        client_for(server, secret, context.trace), item, place, log.about(work_id=work_id, session_id=session_id)
    )
    context.stay()
    with stopping(work.stop):
        return int(work.run() in ("lost", "refused"))


def _place(context: Context, workdir: Path, unrestricted: bool, max_idle: str, lease: str) -> Place:
    from antcli.commands.durations import seconds
    from antcli.profiles.paths import data_dir
    from antcli.worker.secrecy import hide
    from antcli.worker.session import Place

    hide()
    idle, held = seconds(max_idle, "--max-idle"), seconds(lease, "--lease")
    if not 1 <= held <= 3600:
        raise UsageError("--lease: must be between 1s and 1h.")
    begun = data_dir(context.environ) / "worker"
    return Place(workdir.absolute(), begun, context.environ, not unrestricted, idle or None, int(held))


def _environment(context: Context, named: str | None, id: str | None) -> str:
    """An id as it stands; a name is looked up, for which the key of the environment is not enough."""
    found = named or id
    if not found:
        raise UsageError("Which environment?", hint="Give its id, or set ANTHROPIC_ENVIRONMENT_ID.")
    return found if found.startswith("env_") else context.resolve_id("environments", found)


def _key(context: Context, file: Path | None) -> str | None:
    if file is None:
        return context.environ.get(KEY) or None
    return _private_text(file, "--environment-key-file")


def _secret(context: Context, file: Path | None) -> str | None:
    """The secret itself, or that of an item in JSON."""
    import json

    if file is None:
        return context.environ.get("ANTHROPIC_WORK_SECRET") or None
    if str(file) == "-":
        from antcli.commands.embedding import read

        text = read("-", name="--work-secret-file").decode().strip()
    else:
        text = _private_text(file, "--work-secret-file")
    if not text.startswith("{"):
        return text
    try:
        found = json.loads(text).get("secret")
    except ValueError:
        found = None
    return str(found or text)


def _private_text(file: Path, name: str) -> str:
    """A secret is not taken from where everybody can read it. Raises UsageError."""
    try:
        if file.stat().st_mode & stat.S_IROTH:
            raise UsageError(f"{name} {file}: everybody can read it.", hint=f"chmod 600 {file}")
        return file.read_text().strip()
    except OSError as error:
        raise UsageError(f"{name} {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} {file}: not UTF-8 text.") from None


def _server(context: Context, key: str | None) -> Server:
    """Where the key belongs. Without one only the local engine is left, which trusts its user."""
    from antcli.client.server import Server
    from antcli.profiles.resolve import PUBLIC_API
    from antcli.worker.queue import bearer

    options, environ = context.options, context.environ
    if key is None:
        if context.selection.kind != "local":
            raise NotLoggedInError("There is no key of the environment.", hint=f"Set {KEY}; its owner has made one.")
        return context.server
    given = options.base_url or (None if options.profile else environ.get("ANTHROPIC_BASE_URL"))
    if given:
        return Server(given.strip().rstrip("/"), "hosted", "environment", "the base URL is set", headers=bearer(key))
    chosen = context.selection
    if chosen.kind == "local":
        if key.startswith(LOCAL_KEYS):
            return replace(context.server, headers=bearer(key))
        return Server(PUBLIC_API, "hosted", "environment", "the key is not one of ours", headers=bearer(key))
    return Server(chosen.base_url, chosen.kind, chosen.profile, chosen.why, headers=bearer(key))


def _child_environment(context: Context, server: Server, key: str | None) -> dict[str, str]:
    """What the program of --on-work is given beside the ids: the key, and the server that it is for."""
    environ = dict(context.environ)
    if key is not None:
        environ[KEY] = key
    if server.socket is None:
        environ["ANTHROPIC_BASE_URL"] = server.base_url
    return environ
