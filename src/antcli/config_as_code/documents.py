"""One file as documents: YAML (several, apart by `---`), JSON, or Markdown with its fields at the top."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from antcli.errors import UsageError
from antcli.yaml_values import loader

Lines = dict[tuple[str | int, ...], int]

_DEEPEST = 40


class Document(NamedTuple):
    """The value, the line of each of its fields, and in Markdown the text below the fields (else "")."""

    value: Any
    lines: Lines
    prose: str = ""


def documents(text: str, shown: str) -> list[Document]:
    """What stands in a file; `shown` is its name. Raises UsageError with the line of a mistake."""
    text = text.removeprefix("\ufeff")
    if shown.endswith(".md"):
        return [_markdown(text, shown)]
    if shown.endswith(".json"):
        return [_json(text, shown)]
    return _yaml(text, shown, 0)


def has_fields(text: str) -> bool:
    """The Markdown begins with fields."""
    return text.removeprefix("\ufeff").splitlines()[:1] == ["---"]


def _markdown(text: str, shown: str) -> Document:
    if not has_fields(text):
        raise UsageError(f"{shown}, line 1: no fields.", hint="Begin the file with fields between two lines of `---`.")
    lines = text.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise UsageError(f"{shown}: the fields have no end.", hint="Close them with a line of `---`.")
    found = _yaml("".join(lines[1:end]), shown, 1)
    value, marks, _ = found[0] if found else Document({}, {})
    return Document(value, marks, "".join(lines[end + 1 :]).strip("\r\n"))


def _json(text: str, shown: str) -> Document:
    try:
        value = json.loads(text)
    except RecursionError:
        raise UsageError(f"{shown}: it is nested too deep.") from None
    except ValueError as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UsageError(f"{shown}{place}: {getattr(error, 'msg', error)}.", hint="It must be JSON.") from None
    try:
        return Document(value, _yaml(text, shown, 0)[0].lines)
    except (UsageError, IndexError):  # JSON that is no YAML, such as one with tabs
        return Document(value, {})


def _yaml(text: str, shown: str, above: int) -> list[Document]:
    """`above`: how many lines of the file stand before the text."""
    import yaml

    found = []
    try:
        for node in yaml.compose_all(text, Loader=loader()):
            lines: Lines = {}
            _mark(node, (), lines, above + 1)
            value = loader()("").construct_document(node)  # puts merged fields into the node
            json.dumps(value, allow_nan=False)
            if value is not None:
                found.append(Document(value, lines))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1 + above}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{shown}{place}: {problem}.", hint="It must be YAML.") from None
    except (RecursionError, ValueError, TypeError):
        raise UsageError(f"{shown}: JSON cannot say this, so the API cannot.", hint="Look for aliases.") from None
    except UsageError as error:
        raise UsageError(f"{shown}: {error.message}", hint="Quote texts.") from None
    return found


def _mark(node: Any, path: tuple[str | int, ...], lines: Lines, first: int) -> None:
    """Notes where each field stands. Raises YAMLError for one that stands there twice."""
    import yaml

    lines.setdefault(path, node.start_mark.line + first)
    if len(path) > _DEEPEST:
        return
    if node.id == "mapping":
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in lines:
                mark = key.start_mark
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` is said twice", problem_mark=mark)
            lines[inner] = key.start_mark.line + first
            _mark(value, inner, lines, first)
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            _mark(value, (*path, index), lines, first)
