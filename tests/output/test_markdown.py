from __future__ import annotations

import random
import re
import time

import pytest

from antcli.output.markdown import Markdown
from antcli.output.spans import Line, Span, line_width, merged, plain
from antcli.output.text import BOLD, CYAN, DIM, ITALIC, STRIKE, UNDERLINE

TEXT = """

# Heading with `code`

Some words that are **long enough** to be wrapped in a *narrow* terminal, with `co de`, ~~gone~~ and **bold that
goes on into the next line, never closed, snake_case_names, 2*3*4, \\*escaped\\*, [a link](https://example.com/a_(b))
and [none].
The last `mark` is open: **so

- an item that goes on and on until it needs a second **row or more of the terminal**
  1. a deeper one which is long as well, and longer still
- [ ] not done
- [x] done
***
> a quotation that is long enough for several rows in a narrow terminal
> - with an item

```python
print("a line of code that is longer than the width of the terminal but is left alone")  # why

    return None
```

| Name | Number |
|:-----|-------:|
| **a** | 1 |
| a cell with a lot of words that do not fit | 1000 |

| no table
日本語のとても長い文章は空白がないので折り返しが難しいですが、それでも表示されなければなりません
end"""


def rows_of(pieces: list[str], width: int, **options: bool) -> list[list[Span]]:
    markdown = Markdown(**options)
    rows: list[Line] = []
    for piece in pieces:
        rows += markdown.feed(piece, width)
        markdown.rest(width)  # looking changes nothing
    return [merged(row) for row in rows + markdown.finish(width)]


def texts(source: str, width: int = 40, **options: bool) -> list[str]:
    return [plain(row) for row in rows_of([source], width, **options)]


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


@pytest.mark.parametrize(
    "source", ["[a](", "**b ", "`", "| a ", "*", "- [", "***", "```", "<", "\\", "_a ", "~~", "\n"]
)
def test_marks_of_every_kind_in_any_portion(source: str) -> None:
    text = source * 400 + "\n" + "x".join([source] * 9) + "\nend"
    whole = rows_of([text], 30)
    for seed in range(3):
        assert rows_of(in_pieces(text, seed), 30) == whole
    assert plain(whole[-1]).endswith("end")


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("a **b** c", [Span("a "), Span("b", BOLD), Span(" c")]),
        ("*a* _b_", [Span("a", ITALIC), Span(" "), Span("b", ITALIC)]),
        ("***a***", [Span("a", f"{BOLD};{ITALIC}")]),
        ("**a `b`**", [Span("a ", BOLD), Span("b", f"{BOLD};{CYAN}")]),
        ("~~a~~", [Span("a", STRIKE)]),
        ("`` a`b ``", [Span("a`b", CYAN)]),
        ("# a", [Span("a", f"{BOLD};{UNDERLINE}")]),
        ("### a", [Span("a", BOLD)]),
        ("[a](http://b)", [Span("a", UNDERLINE), Span(" (http://b)", DIM)]),
        ("[http://b](http://b)", [Span("http://b", UNDERLINE)]),
        ("![a](b.png)", [Span("a", UNDERLINE), Span(" (b.png)", DIM)]),
        ("> a", [Span("│ ", DIM), Span("a")]),
        ("- a", [Span("• ", CYAN), Span("a")]),
        ("10. a", [Span("10. ", CYAN), Span("a")]),
        ("- [x] a", [Span("☑ ", CYAN), Span("a")]),
    ],
)
def test_marks_become_styles(source: str, row: list[Span]) -> None:
    assert rows_of([source], 40) == [row]


@pytest.mark.parametrize(
    "source",
    ["2*3*4", "a_b_c", "*args, **kwargs", "5 * 3 * 2", "__init__", "**", "[a] (b)", "a ` b", "C# #1", "~a~", "\\n"],
)
def test_what_only_looks_like_a_mark_stays(source: str) -> None:
    assert rows_of([source], 40) == [[Span(source)]]


def test_an_open_mark_is_drawn_as_if_closed() -> None:
    markdown = Markdown()
    assert markdown.feed("See **the wh", 40) == []
    assert merged(markdown.rest(40)[0]) == [Span("See "), Span("the wh", BOLD)]
    markdown.feed("ole** of [the do", 40)
    assert merged(markdown.rest(40)[0])[-1] == Span("the do", UNDERLINE)


def test_prose_is_wrapped_between_words_and_items_hang() -> None:
    assert texts("- one two three four\nfive", 12) == ["• one two", "  three four", "five"]
    assert texts("> one two three four", 12) == ["│ one two", "│ three four"]


def test_ideographs_are_wrapped_without_blanks_and_commas_stay_behind_them() -> None:
    assert texts("日本語の、文章です。長い", 8) == ["日本語", "の、文章", "です。長", "い"]


def test_code_is_left_alone_between_two_rules() -> None:
    code = ['x = "' + "y" * 60 + '"', "", "    z"]
    rows = texts("\n".join(["```python", *code, "```"]))
    assert rows[0].startswith("── python ─") and rows[1:-1] == code and set(rows[-1]) == {"─"}
    assert texts("```\n# a\n**b**")[1:3] == ["# a", "**b**"]
    assert texts("~~~\n```\n~~~ \nout") == ["─" * 40, "```", "─" * 40, "out"]
    assert texts("  ```\n  a\n    b\n  ```")[1:3] == ["a", "  b"]


def test_a_table_has_columns() -> None:
    assert texts("| a | long |\n|---|---:|\n| bcd | **1** |\nend") == ["a   │ long", "────┼─────", "bcd │    1", "end"]
    assert texts("| 日本 | x |\n|-|-|\n| a | b |") == ["日本 │ x", "─────┼──", "a    │ b"]


def test_a_wide_table_is_wrapped_and_a_very_wide_one_becomes_a_list() -> None:
    words = "some words that do not fit"
    source = f"| a | b |\n|---|---|\n| {words} | {words} |"
    rows = rows_of([source], 30)
    assert len(rows) > 3 and all(line_width(row) <= 30 for row in rows)
    assert texts(source, 14)[1:4] == ["a: some words", "  that do not", "  fit"]


def test_a_table_shows_while_it_is_written_and_a_long_one_leaves_early() -> None:
    markdown = Markdown()
    assert markdown.feed("| a | b |\n|---|---|\n| 1 | 2 |\n| 3", 40) == []
    assert [plain(row) for row in markdown.rest(40)] == ["a │ b", "──┼──", "1 │ 2"]
    assert len(markdown.feed("|\n" + "| 5 | 6 |\n" * 1000, 40)) > 980


def test_empty_rows_at_the_edges_are_left_out() -> None:
    assert texts("\n\na\n\n\nb\n\n") == ["a", "", "", "b"]


def test_without_colour_code_keeps_its_marks_and_without_unicode_all_is_ascii() -> None:
    assert texts("a `b`", colour=False) == ["a `b`"]
    assert "".join(texts("- a\n- [ ] b\n> c\n***\n| a | b |\n|-|-|\n|1|2|", ascii_only=True)).isascii()


def test_a_row_without_an_end_is_broken_before_it_fills_the_screen() -> None:
    for source in ("x" * 1000, "```\n" + "x" * 1000):
        markdown = Markdown()
        rows = [row for at in range(0, len(source), 7) for row in markdown.feed(source[at : at + 7], 10)]
        assert max(map(line_width, rows)) == 30 and sum(map(line_width, markdown.rest(10))) <= 40


def test_nothing_but_blanks_and_marks_is_lost() -> None:
    for width in (10, 33, 80):
        shown = "".join("".join(texts(TEXT, width)).split())
        source = TEXT.split("```")[0] + TEXT.split("no table")[1]
        assert [word for word in re.findall(r"\w+", source) if word not in shown and word != "x"] == []
        assert shown.count("日本語") == shown.count("Heading") == 1 and shown.endswith("end")


@pytest.mark.parametrize(
    "source", ["word " * 5, "x" * 25, "**b** and `c` ", "[a](http://b) ", "line\n", "| a | b |\n", "*", "[a"]
)
def test_the_cost_grows_with_the_text_only(source: str) -> None:
    def seconds_for(count: int) -> float:
        markdown = Markdown()
        began = time.process_time()
        for _ in range(count):
            markdown.feed(source, 80)
        return time.process_time() - began

    seconds_for(200)
    assert seconds_for(8000) < 4 * 3 * seconds_for(2000) + 0.1
