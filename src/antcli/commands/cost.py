"""`ant cost`: tokens, running time and web searches of sessions, at list prices."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.commands.options import AgentOpt
from antcli.context import current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.context import Context


class By(StrEnum):
    session = "session"
    agent = "agent"
    model = "model"
    day = "day"


_FIELDS = {By.agent: ("agent", "agent_id"), By.model: ("model",), By.day: ("day",)}

SessionsArg = Annotated[
    list[str] | None, typer.Argument(metavar="[SESSION]...", help="Only these sessions.", show_default=False)
]
SinceOpt = Annotated[
    str | None, typer.Option("--since", metavar="DURATION", help="Only sessions made in the last 12h, 7d, ...")
]
ByOpt = Annotated[By, typer.Option("--by", help="A line for each session, agent, model or day.")]


@examples("ant cost @last", "ant cost --since 7d --by agent", "ant cost --by day -o csv")
def cost(sessions: SessionsArg = None, agent: AgentOpt = None, since: SinceOpt = None, by: ByOpt = By.session) -> None:
    """Add up what sessions cost: tokens at list price, running time at $0.08 an hour, web searches.

    A model without a list price has no cost of tokens, and the sums that it is part of have none either.
    """
    from antcli.costs import cost_of, summed

    context = current()
    if sessions and (agent or since):
        raise UsageError("--agent and --since choose among all sessions: leave them out, or the sessions.")
    lines = [cost_of(session) for session in _sessions(context, sessions or [], agent, since)]
    groups = lines if by is By.session else summed(lines, lambda line: {name: line[name] for name in _FIELDS[by]})
    context.output.list("costs" if by is By.session else f"costs.{by.value}", groups)
    _tell_total(context, lines)


def _sessions(context: Context, named: list[str], agent: str | None, since: str | None) -> Iterator[dict[str, Any]]:
    if named:
        for id in dict.fromkeys(context.resolve_id("sessions", text) for text in named):
            yield context.client.call("sessions.retrieve", id)
        return
    query: dict[str, Any] = {"limit": 100, "include_archived": True}
    if agent is not None:
        query["agent_id"] = context.resolve_id("agents", agent)
    if since is not None:
        query["created_at[gte]"] = _moment(since)
    yield from context.client.pages("sessions.list", query=query)


def _moment(since: str) -> str:
    from datetime import UTC, datetime, timedelta

    from antcli.commands.durations import seconds

    return (datetime.now(UTC) - timedelta(seconds=seconds(since, "--since"))).isoformat()


def _tell_total(context: Context, lines: list[dict[str, Any]]) -> None:
    """A last word for people, on stderr: the sum, the date of the prices, the models that have none."""
    from antcli.output.money import dollars
    from antcli.output.text import clean, model_name
    from antcli.prices import AS_OF

    known = sum(line["total"] for line in lines if line["total"] is not None)
    unknown = sorted({clean(model_name(str(line["model"]))) for line in lines if line["total"] is None})
    many = "1 session" if len(lines) == 1 else f"{len(lines)} sessions"
    without = f"; not in it: the tokens of {', '.join(unknown)}, which have no list price" if unknown else ""
    context.output.notice(f"{many}, {dollars(known)} at the list prices of {AS_OF}{without}.")
