"""GJSON paths, the language of `--transform`, over decoded values: `compile(path)` makes a function of one.

    name.last      key of a key           tags.0      element       tags.#      how many
    tools.#.name   of every element       #(age>40)   the first     #(age>40)#  all that fit
    {id,name}      an object of paths     [id,name]   an array      a|@reverse  a modifier
    na*e, n?me     wildcards              a\\.b        a dot in a key            !"text" a literal

The published Python implementation is under the GPL and imports for 60 ms, so this is one of our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from antcli.output.gjson_modifiers import MODIFIERS
from antcli.output.gjson_queries import MISSING, OPERATORS, Comparison, fits

Get = Callable[[Any], Any]
_NO_NAME = ':.,|@#"()[]{}\\'  # what does not stand in a name without quotes


class PathError(ValueError):
    """What is wrong with a path, and at which character (from 1)."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} at character {position + 1}")


def compile(path: str) -> Get:
    """The function that gets what a path leads to, or MISSING. Raises PathError."""
    parser = _Parser(path)
    if not path:
        raise PathError("an empty path", 0)
    get = parser.pipeline("")
    if parser.at < len(path):
        raise PathError(f"unexpected {path[parser.at]!r}", parser.at)
    return get


class _Parser:
    """A recursive descent over the path. `stops` are the characters that end a path inside of something."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def pipeline(self, stops: str) -> Get:
        """Segments with `|` between: each is applied to the whole result of the one before."""
        get = self.segment(stops)
        while self.peek() == "|":
            self.at += 1
            get = _then(get, self.segment(stops))
        return get

    def segment(self, stops: str) -> Get:
        """Components with `.` between. Behind one that leads to many, the rest is applied to each of them."""
        many, get = self.component(stops)
        if self.peek() != ".":
            return get
        self.at += 1
        rest = self.segment(stops)
        return _then(get, _each(rest)) if many else _then(get, rest)

    def component(self, stops: str) -> tuple[bool, Get]:
        start = self.peek()
        if start == "#":
            return self.hash(stops)
        if start == "@":
            modifier = self.modifier(stops)
            if modifier is not None:
                return False, modifier
        if start in ("{", "["):
            return False, self.multipath(start)
        if start == "!":
            self.at += 1
            return False, self.literal(stops)
        return False, _key(*self.key(stops))

    def key(self, stops: str) -> tuple[list[str], bool]:
        """A key as pieces of plain text with wildcards between, and whether it has any."""
        pieces, wild, begin = [""], False, self.at
        while (char := self.peek()) and char not in f".|{stops}":
            self.at += 1
            if char == "\\" and self.at < len(self.text):
                pieces[-1] += self.text[self.at]
                self.at += 1
            elif char in "*?":
                wild = True
                pieces += [char, ""]
            else:
                pieces[-1] += char
        if self.at == begin:
            found = f"before {self.peek()!r}" if self.peek() else "at the end"
            raise PathError(f"a key is missing {found},", self.at)
        return pieces, wild

    def hash(self, stops: str) -> tuple[bool, Get]:
        """`#` is the length, `#.` every element, `#(...)` a query."""
        self.at += 1
        following = self.peek()
        if following in ("(", "["):
            return self.query(following)
        if following == ".":
            return True, lambda value: value if isinstance(value, list) else MISSING
        if following == "" or following in f"|{stops}":
            return False, lambda value: len(value) if isinstance(value, list) else MISSING
        self.at -= 1
        return False, _key(*self.key(stops))

    def query(self, opening: str) -> tuple[bool, Get]:
        begin, closing = self.at, ")" if opening == "(" else "]"
        self.at += 1
        self.spaces()
        get = None
        if self.peek() not in ("", closing) and not self.operator(take=False):
            get = self.pipeline(f"=!<>% {closing}")
        self.spaces()
        operator = self.operator(take=True)
        comparison = Comparison(get, operator, *self.operand(closing, begin)) if operator else Comparison(get)
        self.spaces()
        if self.peek() != closing:
            raise PathError(f"{opening!r} is not closed", begin)
        self.at += 1
        if self.peek() != "#":
            return False, lambda value: next(fits(comparison, value), MISSING)
        self.at += 1
        return True, lambda value: [*fits(comparison, value)] if isinstance(value, list) else MISSING

    def operator(self, *, take: bool) -> str:
        for operator in OPERATORS:
            if self.text.startswith(operator, self.at):
                self.at += len(operator) if take else 0
                return operator
        return ""

    def operand(self, closing: str, begin: int) -> tuple[str, bool, bool]:
        """The right side of a comparison: its text, whether it is quoted, and whether a `~` stands before it."""
        self.spaces()
        tilde = self.peek() == "~"
        self.at += tilde
        if self.peek() == '"':
            return self.string(), True, tilde
        start, depth = self.at, 0
        while (char := self.peek()) and (depth or char != closing):
            depth += (char in "([{") - (char in ")]}")
            self.at += 1
        if not self.peek():
            raise PathError("a query is not closed", begin)
        return self.text[start : self.at].strip(), False, tilde

    def string(self) -> str:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
        except ValueError:
            raise PathError("a text in quotes is not closed", self.at) from None
        return str(value)

    def multipath(self, opening: str) -> Get:
        begin, closing = self.at, "}" if opening == "{" else "]"
        self.at += 1
        entries: list[tuple[str, Get]] = []
        while self.peek() != closing:
            if not self.peek():
                raise PathError(f"{opening!r} is not closed", begin)
            name = self.name() if opening == "{" else ""
            start = self.at
            get = self.pipeline(f",{closing}")
            entries.append((name or _last_word(self.text[start : self.at]), get))
            if self.peek() == ",":
                self.at += 1
        self.at += 1
        return _object(entries) if opening == "{" else _array(entries)

    def name(self) -> str:
        """`"name":` or `name:` before a path of an object."""
        begin = self.at
        if self.peek() == '"':
            name = self.string()
        else:
            while self.peek() not in ("", *_NO_NAME):
                self.at += 1
            name = self.text[begin : self.at]
        if self.peek() == ":":
            self.at += 1
            return name
        self.at = begin
        return ""

    def modifier(self, stops: str) -> Get | None:
        end = self.at + 1
        while end < len(self.text) and self.text[end] not in f".|:{stops}":
            end += 1
        change = MODIFIERS.get(self.text[self.at + 1 : end])
        if change is None:
            return None  # a key may begin with @
        self.at = end
        argument: Any = None
        if self.peek() == ":":
            self.at += 1
            argument = self.argument(stops)
        return lambda value: change(value, argument)

    def argument(self, stops: str) -> Any:
        if self.peek() and self.peek() in '{["':
            try:
                value, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
            except ValueError:
                raise PathError("the argument of a modifier is not JSON", self.at) from None
            return value
        begin = self.at
        while self.peek() and self.peek() not in f"|{stops}":
            self.at += 1
        return self.text[begin : self.at]

    def literal(self, stops: str) -> Get:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self.text, self.at)
        except ValueError:
            raise PathError("what follows ! is not JSON", self.at) from None
        return lambda _: value

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def spaces(self) -> None:
        while self.peek() == " ":
            self.at += 1


def _then(first: Get, second: Get) -> Get:
    def get(value: Any) -> Any:
        found = first(value)
        return MISSING if found is MISSING else second(found)

    return get


def _each(rest: Get) -> Get:
    def get(values: Any) -> Any:
        return [found for value in values if (found := rest(value)) is not MISSING]

    return get


def _key(pieces: list[str], wild: bool) -> Get:
    if wild:
        from antcli.output.gjson_queries import pattern

        match = pattern(pieces)

        def any_key(value: Any) -> Any:
            if not isinstance(value, dict):
                return MISSING
            return next((inner for key, inner in value.items() if match(key)), MISSING)

        return any_key
    name = pieces[0]

    def one_key(value: Any) -> Any:
        if isinstance(value, dict):
            return value.get(name, MISSING)
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            return value[int(name)]
        return MISSING

    return one_key


def _object(entries: list[tuple[str, Get]]) -> Get:
    return lambda value: {name: found for name, get in entries if (found := get(value)) is not MISSING}


def _array(entries: list[tuple[str, Get]]) -> Get:
    return lambda value: [found for _, get in entries if (found := get(value)) is not MISSING]


def _last_word(path: str) -> str:
    """What the result of a path is called in an object."""
    word = path.replace("|", ".").rpartition(".")[2]
    return word if word and not set(word) & set('#@()[]{}"*?!') else "_"
