"""`ant deny`: refuse the tool calls that a session asks about."""

from __future__ import annotations

from typing import Annotated

import typer

from antcli.commands.approve import EventsArg, answer
from antcli.commands.base import examples
from antcli.commands.options import DryRunOpt, SessionArg
from antcli.context import current

MessageOpt = Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="The reason; the model reads it.")]


@examples("ant deny @last", 'ant deny @last --message "Use the test database"')
def deny(session: SessionArg, events: EventsArg = None, message: MessageOpt = "", dry_run: DryRunOpt = False) -> int:
    """Refuse the tool calls that a session asks about. The model learns of it and goes on."""
    return answer(current(), session, events or [], allow=False, message=message, dry_run=dry_run)
