"""A transcript on a terminal: what agents say is shown as it is meant, and, while they write it, as far as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from antcli.client.turn import Event, text_of
from antcli.output.spans import Line, Span, styled, unpainted
from antcli.output.surface import Surface
from antcli.output.tail import Tail
from antcli.output.text import DIM, YELLOW
from antcli.output.transcript import Transcript
from antcli.output.writing import Writing

_WIDEST = 100  # columns of prose
_NARROW = 60  # columns of a terminal where a message stands below who says it


class LogView:
    """`show` takes events and previews of them; `close` leaves the terminal as it was found."""

    def __init__(self, surface: Surface, transcript: Transcript) -> None:
        self._surface = surface
        self._transcript = transcript
        self._tail = Tail(surface)
        self._writing = Writing(surface, self._put, self._width)
        self._head: tuple[list[str], str] = (
            [],
            "",
        )  # of the message that is shown: a new day, and what stands before it
        self._begun = False  # it stands there
        self._above: list[Line] = []

    def show(self, event: Event) -> None:
        kind = str(event.get("type"))
        if kind == "event_start":
            self._preview(event.get("event") or {})
        elif kind == "event_delta":
            self._writing.grow(event)
        elif kind == "agent.message" and text_of(event):
            self._message(event)
        else:
            if kind == "span.model_request_end":
                self._give_up()
            self._print(self._transcript.lines(event))
        self._draw()

    def notice(self, text: str) -> None:
        self._above.append(styled(text, YELLOW))
        self._draw()

    def close(self) -> None:
        self._give_up()
        self._tail.show(self._above, ())
        self._above = []

    def _preview(self, begun: Event) -> None:
        if begun.get("type") == "agent.message":
            self._give_up()
            self._speak({**begun, "processed_at": datetime.now(UTC).isoformat()})
            self._writing.begin(str(begun.get("id")))

    def _message(self, event: Event) -> None:
        if not self._writing.is_of(event):
            self._give_up()
            self._speak(event)
        self._writing.complete(event)

    def _give_up(self) -> None:
        """A preview without its message: the request failed, or we leave."""
        if self._writing.open:
            self._writing.end()
            if self._begun:
                self._above.append([Span(self._margin()), Span("(not finished)", DIM)])

    def _speak(self, event: Event) -> None:
        day, head, _ = self._transcript.head(event, "agent")
        self._head, self._begun = (day, head), False

    def _put(self, rows: Sequence[Line]) -> None:
        self._above += self._placed(rows)
        self._begun = True

    def _placed(self, rows: Sequence[Line]) -> list[Line]:
        """Rows of the message behind what stands before them."""
        margin = self._margin()
        placed: list[Line] = [[Span(margin), *row] if row else () for row in rows]
        if self._begun or not placed:
            return placed
        day, head = self._head
        before: list[Line] = [unpainted(line) for line in day]
        if self._surface.width < _NARROW:
            return [*before, unpainted(head.rstrip()), *placed]
        return [*before, [*unpainted(f"{head} "), *rows[0]], *placed[1:]]

    def _print(self, lines: Iterable[str]) -> None:
        self._above += [unpainted(line) for line in lines]

    def _draw(self) -> None:
        self._writing.flush()
        rows = self._placed(self._writing.rest())
        above, self._above = self._above, []
        self._tail.show(above, rows)

    def _margin(self) -> str:
        return "  " if self._surface.width < _NARROW else self._transcript.margin

    def _width(self) -> int:
        return max(min(self._surface.width - 1 - len(self._margin()), _WIDEST), 10)
