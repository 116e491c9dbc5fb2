"""Tables for people, fitted to the width of the terminal; piped, aligned columns in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from antcli.output.columns import Column, cell, columns_for, shown
from antcli.output.text import BOLD, STATUS_COLOURS, cut, paint, text_width

_SAMPLE = 100  # rows that decide the widths; the rest streams past them
_SHORTEST = 8  # a shrunk cell keeps this many columns


_TO_THE_RIGHT = ("number", "money", "decimal")


def table(
    kind: str,
    items: Iterable[dict[str, Any]],
    *,
    chosen: Sequence[str] = (),
    width: int | None = None,
    colour: bool = False,
    live: bool = False,
) -> Iterator[str]:
    """The lines of a table. `width` None: as wide as it is (piped); else cells are cut and columns dropped to fit.

    `live`: no line waits for a later one, so only the first row decides the widths.
    """
    rest = iter(items)
    first = list(islice(rest, 1 if live else _SAMPLE))
    columns = columns_for(kind, chosen, first[0] if first else None)
    if not chosen:
        columns = tuple(column for column in columns if not column.rare or any(cell(column, item) for item in first))
    rows = [[shown(column, item) for column in columns] for item in first]
    widths = [max(map(text_width, texts)) for texts in zip([c.title for c in columns], *rows, strict=True)]
    if width is not None:
        widths = fit(columns, widths, width)
    yield _row(columns, [column.title for column in columns], widths, width, colour, header=True)
    for row in rows:
        yield _row(columns, row, widths, width, colour)
    for item in rest:
        yield _row(columns, [shown(column, item) for column in columns], widths, width, colour)


def fit(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Column widths for a terminal: cut texts first, the widest first; then drop columns from the right (width 0)."""
    fitted = list(widths)

    def excess() -> int:
        present = [size for size in fitted if size]
        return sum(present) + 2 * (len(present) - 1) - width

    while excess() > 0:
        texts = [i for i, column in enumerate(columns) if column.kind in ("text", "model") and fitted[i] > _SHORTEST]
        if texts:
            widest = max(texts, key=lambda i: fitted[i])
            others = max((fitted[i] for i in texts if fitted[i] < fitted[widest]), default=_SHORTEST)
            fitted[widest] -= max(1, min(excess(), fitted[widest] - others))
            continue
        present = [i for i, size in enumerate(fitted) if size]
        if len(present) == 1:
            break
        droppable = [i for i in present if columns[i].kind not in ("id", "status")] or present[1:]
        fitted[droppable[-1]] = 0
    return fitted


def _row(
    columns: Sequence[Column],
    texts: Sequence[str],
    widths: Sequence[int],
    limit: int | None,
    colour: bool,
    *,
    header: bool = False,
) -> str:
    present = [i for i, size in enumerate(widths) if size]
    parts = []
    for i in present:
        text = texts[i] if limit is None or columns[i].kind == "id" else cut(texts[i], widths[i])
        space = " " * max(0, widths[i] - text_width(text))
        if colour:
            text = paint(text, BOLD if header else STATUS_COLOURS.get(text, "") if columns[i].kind == "status" else "")
        parts.append(space + text if columns[i].kind in _TO_THE_RIGHT else text if i == present[-1] else text + space)
    return "  ".join(parts).rstrip() + "\n"
