"""`ant doctor`: look at everything between the command line and an answer, and say what to repair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from antcli.commands.base import examples
from antcli.context import Context, current
from antcli.errors import ExitCode, NoModelError

if TYPE_CHECKING:
    from antcli.client.client import Client

OK, WARNING, BROKEN = "ok", "warning", "broken"
PATIENCE = 10.0  # seconds


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
    from antcli.output.text import STATUS_COLOURS, clean, paint

    state = f"{check.state:<8}"
    if context.terminal.colour:
        state = paint(state, STATUS_COLOURS[check.state])
    line = f"{state} {check.name:<11} {clean(check.detail)}"
    return f"{line}\n{' ' * 21}{clean(check.fix)}" if check.fix else line


def checks(context: Context) -> Iterator[Check]:
    """The checks, one after the other; what depends on something broken is left out."""
    yield _versions()
    try:
        chosen = context.selection
    except Exception as error:
        yield _broken("profile", error)
        return
    yield Check("profile", OK, f"{chosen.profile} ({chosen.kind}): {chosen.why}")
    for note in chosen.notes:
        yield Check("profile", WARNING, note)
    if chosen.kind == "local":
        yield from _local(context)
    else:
        yield from _hosted(context)


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
    yield _model(status["model"])


def _sandbox(sandbox: dict[str, Any]) -> Check:
    if not sandbox["available"]:
        fix = "Install bubblewrap (`apt install bubblewrap`), or Docker or Podman; `ant engine restart` looks again."
        return Check("sandbox", BROKEN, sandbox["reason"] or "no sandbox works here", fix)
    if sandbox["backend"] == "none":
        return Check("sandbox", WARNING, "none: tools run on this machine, unprotected", "Unset engine.sandbox.")
    return Check("sandbox", OK, sandbox["backend"])


def _model(model: dict[str, Any]) -> Check:
    if not model["configured"]:
        return Check("model", WARNING, "the engine has none to ask", NoModelError.hint)
    return Check("model", OK, f"{model['base_url']} ({model['source']}), default {model['default'] or 'not set'}")


def _client(context: Context) -> Client:
    from antcli.client.client import Client

    return Client(context.server, retries=0, timeout=PATIENCE)


def _broken(name: str, error: Exception) -> Check:
    from antcli.output.failures import describe

    failure = describe(error)
    return Check(name, BROKEN, failure.message, failure.hint)
