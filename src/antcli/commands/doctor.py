"""`ant doctor`: look at everything between the command line and an answer, and say what to repair."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from sys import maxsize
from typing import TYPE_CHECKING, Any

from antcli.commands.base import examples
from antcli.context import Context, current
from antcli.errors import ExitCode, NoModelError

if TYPE_CHECKING:
    from pathlib import Path

    from antcli.client.client import Client

OK, WARNING, BROKEN = "ok", "warning", "broken"
PATIENCE = 10.0  # seconds of silence that a server may keep
LONGEST = 30.0  # seconds for all that is asked of servers
LEAST_SPACE, LITTLE_SPACE = 50e6, 1e9  # bytes


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and for what is not well the way to repair it."""

    name: str
    state: str
    detail: str
    fix: str = ""


@examples("ant doctor", "ant doctor -p work -o json")
def doctor() -> int:
    """Check the setup and say what to repair. Exit code 1 when something is broken."""
    context = current()
    found = []
    if context.output.for_programs or context.output.format == "table":
        found = list(checks(context))
        context.output.list("checks", (asdict(check) for check in found))
    else:
        for check in checks(context):
            found.append(check)
            context.output.text(_line(context, check))
    return ExitCode.FAILURE if any(check.state == BROKEN for check in found) else ExitCode.OK


def _line(context: Context, check: Check) -> str:
    from antcli.output.spans import plain
    from antcli.output.text import STATUS_COLOURS, clean, paint
    from antcli.output.wrapping import wrapped

    state = f"{check.state:<8}"
    if context.terminal.colour:
        state = paint(state, STATUS_COLOURS[check.state])
    margin = " " * 21
    width = max(context.terminal.width - len(margin), 20) if context.terminal.stdout_is_terminal else maxsize
    texts = [row for text in (check.detail, check.fix) if text for row in wrapped(clean(text), "", width)]
    first, *others = map(plain, texts)
    return "\n".join([f"{state} {check.name:<11} {first}", *(margin + row for row in others)])


def checks(context: Context) -> Iterator[Check]:
    """The checks; what depends on something broken is left out. The server is asked while the rest is looked at."""
    yield _versions()
    try:
        chosen = context.selection
    except Exception as error:
        yield _broken("profile", error)
        return
    yield Check("profile", OK, f"{chosen.profile} ({chosen.kind}): {chosen.why}")
    for note in chosen.notes:
        yield Check("profile", WARNING, note)
    answers = _aside(_local(context) if chosen.kind == "local" else _hosted(context))
    yield _data_dir(chosen.data_dir)
    yield from _completion(context)
    yield from answers


def _aside(slow: Iterator[Check]) -> Iterator[Check]:
    """Runs checks in a thread of their own from now on, and yields what they find; after a limit, that they hang."""
    from queue import Empty, Queue
    from threading import Thread
    from time import monotonic

    found: Queue[Check | None] = Queue()

    def work() -> None:
        try:
            for check in slow:
                found.put(check)
        except Exception as error:
            found.put(_broken("server", error))
        found.put(None)

    Thread(target=work, daemon=True).start()
    end = monotonic() + LONGEST

    def results() -> Iterator[Check]:
        while True:
            try:
                check = found.get(timeout=max(0.0, end - monotonic()))
            except Empty:
                fix = "See `ant engine logs`, or try again when the machine is less busy."
                yield Check("server", BROKEN, f"the checks did not end within {LONGEST:.0f} seconds", fix)
                return
            if check is None:
                return
            yield check

    return results()


def _data_dir(folder: Path) -> Check:
    """What is there, or where it will be made: writable, and with room."""
    import shutil

    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check("data", BROKEN, f"{existing} cannot be written", "Set ANT_DATA_DIR to a folder of yours.")
    free = shutil.disk_usage(existing).free
    detail = f"{folder}, {free / 1e9:.1f} GB free"
    if free < LEAST_SPACE:
        return Check("data", BROKEN, detail, "Make room: the engine cannot write down what happens.")
    if free < LITTLE_SPACE:
        return Check("data", WARNING, detail, "Make room: sessions and their files are kept there.")
    return Check("data", OK, detail)


def _completion(context: Context) -> Iterator[Check]:
    """Of the user's shell, where it is one that we know."""
    from antcli.commands import shells

    shell = shells.named(context.environ.get("SHELL", "").rpartition("/")[2])
    if shell not in shells.FILES:
        return
    if shells.is_installed(shell, context.environ):
        yield Check("completion", OK, f"installed for {shell}")
    else:
        fix = f"`ant completion {shell} --install` puts it there."
        yield Check("completion", WARNING, f"not installed for {shell}", fix)


def _versions() -> Check:
    import platform

    from antcli import __version__

    system = platform.platform(terse=True)
    return Check("versions", OK, f"ant {__version__}, Python {platform.python_version()}, {system}")


def _hosted(context: Context) -> Iterator[Check]:
    chosen = context.selection
    try:
        chosen.require_credential()
    except Exception as error:
        yield _broken("credential", error)
        return
    yield Check("credential", OK, f"from {chosen.credential}")
    try:
        with _client(context) as client:
            models = list(client.pages("models.list", limit=1))
    except Exception as error:
        yield _broken("server", error)
        return
    yield Check("server", OK, f"{chosen.base_url} answers")
    if models:
        yield Check("model", OK, f"{models[0]['id']} and others")
    else:
        yield Check("model", WARNING, "the server offers none")


def _local(context: Context) -> Iterator[Check]:
    try:
        context.engine_settings  # noqa: B018  (it is made here, and may not be possible)
        with _client(context) as client:
            status = client.get("/engine/status")
    except Exception as error:
        yield _broken("engine", error)
        return
    from antcli import __version__

    detail = f"process {status['pid']}, version {status['version']}, data in {status['data_dir']}"
    if status["version"] == __version__:
        yield Check("engine", OK, detail)
    else:
        yield Check("engine", WARNING, detail, "`ant engine restart` starts this version.")
    yield _sandbox(status["sandbox"])
    yield _model(status["model"], context)


def _sandbox(sandbox: dict[str, Any]) -> Check:
    if not sandbox["available"]:
        fix = "Install bubblewrap (`apt install bubblewrap`), or Docker or Podman; `ant engine restart` looks again."
        return Check("sandbox", BROKEN, sandbox["reason"] or "no sandbox works here", fix)
    if sandbox["backend"] == "none":
        return Check("sandbox", WARNING, "none: tools run on this machine, unprotected", "Unset engine.sandbox.")
    return Check("sandbox", OK, sandbox["backend"])


def _model(model: dict[str, Any], context: Context) -> Check:
    """Asks the model for one token, through the engine: what an agent's turn needs is what is tried."""
    if not model["configured"]:
        return Check("model", WARNING, "the engine has none to ask", NoModelError.hint)
    where = f"{model['base_url']} ({model['source']})"
    try:
        with _client(context) as client:
            name = context.default("model") or model["default"] or _first_model(client)
            if not name:
                return Check("model", WARNING, f"{where} lists no model", "Say --model when you make an agent.")
            if str(name).startswith(("script:", "recording:")) or name == "demo":
                return Check("model", OK, f"{name}, which needs no endpoint")
            question = {"model": name, "max_tokens": 1, "messages": [{"role": "user", "content": "Say ok."}]}
            client.post("/v1/messages", question)
    except Exception as error:
        return replace(_broken("model", error), fix=f"Check what answers at {model['base_url']}, and its key.")
    return Check("model", OK, f"{name} at {where} answers")


def _first_model(client: Client) -> str:
    return next((str(item["id"]) for item in client.pages("models.list", limit=1)), "")


def _client(context: Context) -> Client:
    from antcli.client.client import Client

    return Client(context.server, retries=0, timeout=PATIENCE)


def _broken(name: str, error: Exception) -> Check:
    from antcli.output.failures import describe

    failure = describe(error)
    return Check(name, BROKEN, failure.message, failure.hint)
