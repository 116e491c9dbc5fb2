"""A session in the browser, for `ant sessions connect --web`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from antcli.errors import ExitCode

if TYPE_CHECKING:
    from antcli.context import Context


def view(context: Context, session: dict[str, Any], *, browser: bool) -> int:
    """Serves the page until Ctrl-C; the session goes on. The address is printed where no browser is opened."""
    from antcli.commands.turns import collect_garbage_again, keep_engine
    from antcli.viewer.feed import Feed
    from antcli.viewer.server import Viewer

    collect_garbage_again()
    client, id = context.client, str(session["id"])
    feed = Feed(client, session, keep_engine(context))
    feed.begin()
    with Viewer(feed, lambda events: client.call("sessions.events.send", id, body={"events": events})) as viewer:
        threading.Thread(target=feed.run, daemon=True).start()
        _tell(context, id, viewer.address, browser=browser)
        try:
            viewer.serve_forever()
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
    return ExitCode.OK


def _tell(context: Context, id: str, address: str, *, browser: bool) -> None:
    from antcli.commands.open import in_browser

    if context.output.for_programs:
        context.output.object("links", {"id": id, "url": address})
    elif browser and in_browser(context, address):
        context.output.notice("Opened in the browser.")
    else:
        context.output.text(address)
    context.output.notice("The address is good once, for two minutes. Ctrl-C ends this; the session goes on.")
