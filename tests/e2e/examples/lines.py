"""Every example that help and README show: the shell line, and the command whose help shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from antcli.operations import Operation
from tests.tree import generate

README = Path(__file__).parents[3] / "README.md"
SECTIONS = ("With a real model", "Daily use", "Tests without a model", "Configuration as files")


class Example(NamedTuple):
    """`command` is "" for a line of the README; `operation` is there where the command is one of the table."""

    line: str
    command: str = ""
    operation: Operation | None = None


@cache
def commands() -> dict[str, tuple[Example, ...]]:
    """The examples of every command, in both spellings, by its words."""
    script = generate()
    found = {}
    for words, context in [*script.walk(), *script.official_tree()]:
        if not isinstance(context.command, script.Group):
            name = " ".join(words)
            operation = getattr(context.command, "operation", None)
            lines = getattr(context.command.callback, "examples", ())
            found[name] = tuple(Example(line, name, operation) for line in lines)
    return found


def readme() -> Iterator[Example]:
    """The `ant` lines of the sections that show what people type every day."""
    for section in SECTIONS:
        text = README.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if re.search(r"(^|\| )ant ", line):
                    yield Example(re.sub(r"\s+# .*", "", line))
