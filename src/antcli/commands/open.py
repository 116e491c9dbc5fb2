"""`ant open`: a thing in the browser. Where no server has a page for a session, the page is made here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from antcli.commands.base import examples
from antcli.context import current
from antcli.errors import AntError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.context import Context

_CONSOLE = "https://platform.claude.com"
# The console's section of a kind, in the order in which a name is looked up. Skills have no page of their own there.
_SECTIONS = {
    "sessions": "sessions", "agents": "agents", "environments": "environments", "deployments": "deployments",
    "memory_stores": "memory-stores", "vaults": "vaults", "skills": "skills",
}  # fmt: skip

ThingArg = Annotated[
    str, typer.Argument(metavar="THING", help="Session, agent, environment ...: name, id, its beginning, or @last.")
]
PrintOpt = Annotated[bool, typer.Option("--print", help="Print the address, do not open a browser.")]


@examples("ant open @last", "ant open reviewer --print")
def open_(thing: ThingArg, print: PrintOpt = False) -> None:
    """Open a session, or another thing, in the browser.

    For the hosted service that is its page in the Console. The local engine has no pages: a session becomes a page
    in a temporary file, with all that was said and done. Without a terminal or a browser the address is printed.
    """
    context = current()
    kind, id = _found(context, thing)
    url = _in_the_console(context, kind, id) or _own_page(context, kind, id)
    if context.output.for_programs:
        context.output.object("links", {"id": id, "url": url})
    elif not print and in_browser(context, url):
        context.output.notice(f"Opened {url}")
    else:
        context.output.text(url)


def _found(context: Context, text: str) -> tuple[str, str]:
    """The kind and id of what was named. Raises AntError (not found)."""
    from antcli.references import KINDS, LAST, PICK

    if text in (LAST, PICK):
        return "sessions", context.resolve_id("sessions", text)
    begun = [kind for kind in _SECTIONS if text.startswith(KINDS[kind].prefix)]
    for kind in begun or _SECTIONS:
        try:
            return kind, context.resolve_id(kind, text)
        except AntError as error:
            if error.code != ExitCode.NOT_FOUND or begun:
                raise
    kinds = ", ".join(KINDS[kind].singular for kind in _SECTIONS)
    raise AntError(f"Nothing is called {text!r}.", hint=f"Looked for: {kinds}.", code=ExitCode.NOT_FOUND)


def _in_the_console(context: Context, kind: str, id: str) -> str | None:
    """The address of its page in the web console of the server; None for a server that is not known to have one."""
    from antcli.profiles.resolve import PUBLIC_API

    chosen = context.selection
    console = context.environ.get("ANTHROPIC_CONSOLE_URL", "").rstrip("/")
    if chosen.kind == "local" or not (console or chosen.base_url == PUBLIC_API):
        return None
    workspace = quote(chosen.workspace_id or "default", safe="")
    place = f"{console or _CONSOLE}/workspaces/{workspace}/{_SECTIONS[kind]}"
    return place if kind == "skills" else f"{place}/{quote(id, safe='')}"


def _own_page(context: Context, kind: str, id: str) -> str:
    """The address of a new file that only this user can read. Raises UsageError for what is no session."""
    import tempfile
    from pathlib import Path

    from antcli.commands.downloads import plain_name
    from antcli.output.page import page
    from antcli.references import KINDS

    if kind != "sessions":
        group = "envs" if kind == "environments" else _SECTIONS[kind]
        what = KINDS[kind].singular
        raise UsageError(
            f"This server has no web page for {'an' if what[0] in 'ae' else 'a'} {what}.",
            hint=f"`ant {group} get {id}` shows it.",
        )
    session: dict[str, Any] = context.client.call("sessions.retrieve", id)
    pieces = list(page(session, context.client.pages("sessions.events.list", id)))  # a failure leaves no file behind
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="replace", prefix=f"{plain_name(id)}-", suffix=".html", delete=False
    ) as file:
        file.writelines(pieces)
    return Path(file.name).as_uri()


def in_browser(context: Context, url: str) -> bool:
    """Whether a browser with a window took it: one in the terminal, or on the far side of SSH, is not wanted."""
    environ = context.environ
    seen = sys.platform == "darwin" and not environ.get("SSH_CONNECTION")
    seen = seen or any(environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))
    if not seen or not context.interactive:
        return False
    import webbrowser

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
