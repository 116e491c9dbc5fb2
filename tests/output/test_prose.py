from __future__ import annotations

import random

import pytest

from antcli.output.prose import Prose, Row

TEXT = """# Heading

Some words that are long enough to be wrapped in a narrow terminal, with *stars*.

- an item that goes on and on until it needs a second row
  1. a deeper one which is long as well, and longer still

```python
print("a line of code that is longer than the width of the terminal but is left alone")
```

| a | table |
日本語のとても長い文章は空白がないので折り返しが難しいですがそれでも表示されなければなりません
end"""


def rows_of(pieces: list[str], width: int) -> list[Row]:
    prose = Prose()
    rows: list[Row] = []
    for piece in pieces:
        rows += prose.feed(piece, width)
    return rows + prose.finish()


def in_pieces(text: str, seed: int) -> list[str]:
    chance = random.Random(seed)
    pieces = []
    while text:
        size = chance.randint(1, 12)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@pytest.mark.parametrize("width", [12, 40, 100])
@pytest.mark.parametrize("seed", range(10))
def test_rows_are_the_same_however_the_text_arrives(width: int, seed: int) -> None:
    assert rows_of(in_pieces(TEXT, seed), width) == rows_of([TEXT], width)


def test_prose_is_wrapped_between_words_and_items_hang() -> None:
    assert [row.text for row in rows_of(["- one two three four\nfive"], 12)] == ["- one two", "  three four", "five"]


def test_code_and_tables_are_left_alone() -> None:
    kinds = {row.text: row.kind for row in rows_of([TEXT], 40)}
    assert kinds['print("a line of code that is longer than the width of the terminal but is left alone")'] == "code"
    assert kinds["| a | table |"] == "code"
    assert kinds["# Heading"] == "heading"
    assert kinds["end"] == "text"


def test_a_row_without_an_end_is_broken_before_it_fills_the_screen() -> None:
    rows = rows_of(["x" * 1000], 10)
    assert len(rows) == 34 and "".join(row.text for row in rows) == "x" * 1000


def test_nothing_but_blanks_between_words_is_lost() -> None:
    for width in (10, 33, 80):
        joined = "".join(row.text for row in rows_of([TEXT], width))
        assert "".join(joined.split()) == "".join(TEXT.split())
