"""Completion of words from generated files. Imports nothing that is slow; ids and names are `commands.candidates`'s.

The shells call `ant __complete WORD...`: the words behind `ant`, the last one as far as it is typed. The answer is a
line a candidate: the candidate, a tab, a few words about it. A line that is only `:files` asks for file names.

Every command has a file in static/words, and `everywhere` the options of all. Its lines, in fields with tabs between:
`command NAME HELP`, `official NAME HELP` (a command that is offered only when its name is begun), `alias NAME COMMAND`,
`option NAME KIND HELP`, `argument KIND`. The kind of a value is empty (none), text, files, |choice|choice, or :names
that the server knows. A colon in a name is a plus in the name of its file.
"""

import os

FILES = ":files\n"
_WORDS = os.path.join(os.path.dirname(__file__), "static", "words")


class Place:
    """Where the words lead: a command's `commands`, `aliases`, `options` (name to kind and help) and `arguments`.

    `pending` is the kind of value that the option before the cursor takes. `words` are the arguments so far, `chosen`
    the values of options.
    """

    def __init__(self, path: list[str]) -> None:
        self.path = path
        self.commands: dict[str, str] = {}
        self.official: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.options: dict[str, tuple[str, str]] = {}
        self.arguments: list[str] = []
        self.pending = ""
        self.words: list[str] = []
        self.chosen: dict[str, str] = {}
        self._read(".".join(["ant", *path]).replace(":", "+"))

    def _read(self, name: str) -> None:
        with open(f"{_WORDS}/{name}.txt", encoding="utf-8") as file:
            for line in file:
                what, name, *rest = line.rstrip("\n").split("\t")
                if what == "command":
                    self.commands[name] = rest[0]
                elif what == "official":
                    self.official[name] = rest[0]
                elif what == "alias":
                    self.aliases[name] = rest[0]
                elif what == "option":
                    self.options.setdefault(name, (rest[0], rest[1]))
                else:
                    self.arguments.append(name)

    def all_options(self) -> dict[str, tuple[str, str]]:
        """Those of every command too."""
        self._read("everywhere")
        return self.options

    def kind_of(self, option: str) -> str:
        return self.all_options().get(option, ("", ""))[0]

    def wanted(self, last: str) -> tuple[str, str, str]:
        """The kind of the value at the cursor, what stands before it in its word, and the value so far."""
        if self.pending:
            return self.pending, "", last
        if last.startswith("--") and "=" in last:
            name, _, value = last.partition("=")
            return self.kind_of(name), f"{name}=", value
        return (self.arguments[min(len(self.words), len(self.arguments) - 1)] if self.arguments else ""), "", last


def place(typed: list[str]) -> Place | None:
    """Follows the words before the cursor; None when they are no command."""
    at, option = Place([]), ""
    for word in typed:
        if at.pending:
            at.chosen[option] = word
            at.pending = ""
        elif word.startswith("-") and word != "-":
            option, equals, value = word.partition("=")
            if equals:
                at.chosen[option] = value
            else:
                at.pending = at.kind_of(option)
        elif at.commands:
            name = at.aliases.get(word, word)
            if name not in at.commands and name not in at.official:
                return None
            chosen, at = at.chosen, Place([*at.path, name])
            at.chosen = chosen
        else:
            at.words.append(word)
    return at


def words(typed: list[str]) -> str | None:
    """The candidates, or None when the server has to be asked."""
    at, last = place(typed[:-1]), typed[-1] if typed else ""
    if at is None:
        return ""
    kind, before, value = at.wanted(last)
    if not at.pending and not before:
        if last.startswith("-"):
            return _lines({name: help for name, (_, help) in at.all_options().items()}, last)
        if at.commands:
            return _lines(at.commands | (at.official if last else {}), last)
    if kind.startswith(":"):
        return None
    if kind == "files" or value.startswith("@"):
        return FILES
    choices = kind[1:].split("|") if kind.startswith("|") else []
    return _lines({before + choice: "" for choice in choices}, last)


def _lines(candidates: dict[str, str], beginning: str) -> str:
    return "".join(f"{name}\t{help}\n" for name, help in candidates.items() if name.startswith(beginning))
