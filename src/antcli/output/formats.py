"""Data as text for programs: JSON, JSON lines, YAML, CSV, ids; generators, so that a list is printed as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from antcli.errors import UsageError

FORMATS = ("auto", "table", "json", "jsonl", "yaml", "csv", "id", "raw")
OFFICIAL_FORMATS = ("pretty", "explore")  # what the official command line has besides

# JSON leaves these as they are; a terminal may take them for commands.
_CONTROL = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def line(item: Any) -> str:
    """Compact JSON on one line, without the newline."""
    return _shown(json.dumps(item, ensure_ascii=False, separators=(",", ":")))


def pretty(item: Any) -> str:
    """Indented JSON, without a newline at the end."""
    return _shown(json.dumps(item, ensure_ascii=False, indent=2))


def _shown(text: str) -> str:
    return text if text.isascii() and "\x7f" not in text else text.translate(_CONTROL)


def json_array(items: Iterable[Any]) -> Iterator[str]:
    opened = False
    for item in items:
        body = pretty(item).replace("\n", "\n  ")
        yield f"{',' if opened else '['}\n  {body}"
        opened = True
    yield "\n]\n" if opened else "[]\n"


def json_lines(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        yield line(item) + "\n"


def yaml_documents(items: Iterable[Any]) -> Iterator[str]:
    separator = ""
    for item in items:
        yield separator + yaml(item)
        separator = "---\n"


def raw_lines(items: Iterable[Any]) -> Iterator[str]:
    """Strings as they are, everything else as compact JSON."""
    for item in items:
        yield (item if isinstance(item, str) else line(item)) + "\n"


def details(items: Iterable[Any]) -> Iterator[str]:
    """Things as a person reads them, an empty line between."""
    from antcli.output.detail import detail

    separator = ""
    for item in items:
        yield separator
        yield from detail(item, colour=False) if isinstance(item, dict) else (pretty(item) + "\n",)
        separator = "\n"


def identifiers(items: Iterable[Any]) -> Iterator[str]:
    for item in items:
        yield identifier(item) + "\n"


def identifier(item: Any) -> str:
    """What `-o id` prints of an object. Raises UsageError when it has neither id nor name."""
    for key in ("id", "name"):
        if isinstance(item, dict) and isinstance(item.get(key), str):
            return str(item[key])
    raise UsageError("This result has no id.", hint="Choose another --format.")


def csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Comma-separated values as spreadsheets read them (RFC 4180, but with the newline of this system)."""
    yield _csv_line(header)
    for row in rows:
        yield _csv_line(row)


def _csv_line(cells: Iterable[Any]) -> str:
    return ",".join(_csv_cell(cell) for cell in cells) + "\n"


def _csv_cell(cell: Any) -> str:
    text = plain(cell)
    if any(mark in text for mark in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def plain(value: Any) -> str:
    """One value as text: nothing for null, JSON for what is not a scalar."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return line(value)


def yaml(item: Any) -> str:
    """One YAML document; text of several lines as a block."""
    import yaml as library

    class Dumper(library.SafeDumper):
        pass

    def text(dumper: library.SafeDumper, value: str) -> library.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    document = library.dump(item, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return str(document.removesuffix("...\n"))
