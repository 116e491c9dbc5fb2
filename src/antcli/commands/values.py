"""Values as people type them: JSON or relaxed YAML, `@file` for what is in a file, `key=value` for maps."""

from __future__ import annotations

import json
from typing import Any

from antcli.commands.embedding import embedded, read
from antcli.context import current
from antcli.errors import UsageError
from antcli.yaml_values import as_text, loader


def text_value(text: str) -> str:
    r"""The text itself; of a file for `@file` (`@-` is stdin); a leading `\@` is a plain `@`. Raises UsageError."""
    if text.startswith("\\@"):
        return text[1:]
    if text.startswith("@") and len(text) > 1:
        return read_text(text[1:].removeprefix("file://"), hint=r"For a text that begins with @, write \@.")
    return text


def read_text(path: str, *, hint: str = "Check the name and the mode of the file.") -> str:
    """The UTF-8 text of a file, of stdin for `-`. Raises UsageError that names the file."""
    try:
        if path == "-":
            return current().terminal.stdin.read()
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", hint=hint) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}).") from None


def structure(text: str, *, name: str) -> Any:
    """A value in JSON or YAML; `@file` reads a document. Raises UsageError with the place of the mistake."""
    source = name
    if text.startswith("@"):
        source = text[1:]
        text = text_value(text)
    return parse(text, source=source)


def parse(text: str, *, source: str) -> Any:
    """JSON or YAML text. Raises UsageError that names the source, line and column of a mistake."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    except RecursionError:
        raise _not_json(source) from None
    import yaml

    try:
        value = yaml.load(text, loader())
        json.dumps(value)
        return value
    except (RecursionError, ValueError, TypeError):  # an alias may stand for what it is part of
        raise _not_json(source) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{source}: {problem}{place}.", hint="Give JSON or YAML, quoted for the shell.") from None


def _not_json(source: str) -> UsageError:
    message = f"{source}: JSON cannot say this: it is nested too deep, or within itself, or of a type of YAML's own."
    return UsageError(message, hint="Give objects, lists, texts and numbers.")


def mapping(text: str, *, name: str) -> dict[str, Any]:
    """An object: `{a: b}`, `@file`. Raises UsageError for anything else."""
    value = structure(text, name=name)
    if not isinstance(value, dict):
        raise UsageError(f"{name}: expected an object such as '{{key: value}}', got {text!r}.")
    return value


def pairs(text: str, *, name: str) -> dict[str, Any]:
    """A map of strings: `key=value`, or an object whose scalars become text; null deletes a key."""
    key, equals, value = text.partition("=")
    if equals and not text.startswith(("{", "@")):
        return {key: value}
    entries = mapping(text, name=name)
    return {str(key): value if value is None else as_text(value, name) for key, value in entries.items()}


def objects(text: str, *, name: str) -> list[dict[str, Any]]:
    """One object or a list of them; a plain word is an object of that type: `custom` is `{type: custom}`."""
    value = structure(text, name=name)
    found = value if isinstance(value, list) else [value]
    found = [{"type": entry} if isinstance(entry, str) else entry for entry in found]
    if not all(isinstance(entry, dict) for entry in found):
        raise UsageError(f"{name}: expected an object such as '{{type: ...}}', got {text!r}.")
    return found


def text_or_structure(text: str, *, name: str, prose: bool = False) -> Any:
    """An object or a list, if that is what stands there, else the text as it is. `prose` is never block YAML.

    `@file` is the text of the file, or the structure in it when its name ends in .json, .yaml or .yml.
    """
    if text.startswith("@"):
        if text.endswith((".json", ".yaml", ".yml")):
            return embedded(structure(text, name=name), name=name)
        return embedded(text, name=name)
    if text == "null":
        return None
    if text.startswith(("{", "[")) and not prose:
        return embedded(parse(text, source=name), name=name)
    if prose and text.startswith(("{", "[")):
        return _structure_or_prose(text, name)
    if not prose and (": " in text or ":\n" in text or text.startswith("- ")):
        return _structure_or_prose(text, name)
    return embedded(text, name=name)


def _structure_or_prose(text: str, name: str) -> Any:
    try:
        found = parse(text, source=name)
    except UsageError:
        return text
    return embedded(found, name=name) if isinstance(found, dict | list) else text


def relaxed(text: str, *, name: str) -> Any:
    """A value whose type nobody knows: a number, true, false, null, an object or a list in YAML; else the text."""
    if text.startswith("@"):
        return text
    if text.startswith(("{", "[", '"', "'")):
        return parse(text, source=name)
    try:
        return parse(text, source=name)
    except UsageError:
        return text


def document(path: str) -> dict[str, Any]:
    """The fields of a request in a YAML or JSON file, `-` for stdin. Raises UsageError for anything else."""
    text = read(path, name="--file").decode()
    found = parse(text, source="stdin" if path == "-" else path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected an object with the fields of the request.")
    return found


def integer(text: str, *, name: str) -> int:
    """A whole number, also as 0x1f, 0o17 or 0b11. Raises UsageError."""
    digits = text.lstrip("+-")
    try:
        if digits[:1] == "0" and digits[1:2].isdigit():
            return int(text, 8)  # as the official command line reads it
        return int(text, 0)
    except ValueError:
        raise UsageError(f"{name}: expected a whole number, got {text!r}.") from None


def number(text: str, *, name: str) -> float:
    """A number. Raises UsageError."""
    import math

    try:
        found = float(text)
        if math.isfinite(found):
            return found
    except ValueError:
        pass
    raise UsageError(f"{name}: expected a number, got {text!r}.")
