"""Where in a script file something is wrong: the line, and the field as a person names it."""

from __future__ import annotations

Place = tuple[str | int, ...]  # the keys that lead to a value of the file


class MisplacedError(Exception):
    """What is wrong with the value at a place; `field` is the key in there that should not be, if it is that."""

    def __init__(self, place: Place, problem: str, field: str | None = None) -> None:
        super().__init__(problem)
        self.place = place
        self.field = field

    def located(self, name: str, text: str) -> str:
        """What is wrong where, in the file of that name which holds the text."""
        number = _line_of(text, self.place if self.field is None else (*self.place, self.field))
        where = [name, f"line {number}" if number else "", _words(self.place)]
        return f"{', '.join(filter(None, where))}: {self}{'' if str(self).endswith('?') else '.'}"


def _words(place: Place) -> str:
    """`turn 2, tools[0].input`, or nothing for the whole file."""
    if place[:1] != ("turns",) or len(place) == 1:
        return "".join(map(str, place))
    turn, *rest = place[1:]
    inner = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest).lstrip(".")
    return f"turn {int(turn) + 1}" + (f", {inner}" if inner else "")


def _line_of(text: str, place: Place) -> int | None:
    """The line on which the value at a place begins, of a key that is there the key's; also in JSON."""
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    if isinstance(node, yaml.SequenceNode):
        place = place[1:]  # a bare list of turns
    mark = node.start_mark if node is not None else None
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = (node.value[step], node.value[step])
        else:
            found = None
        if found is None:
            break
        mark, node = found[0].start_mark, found[1]
    return None if mark is None else mark.line + 1


class NotParsedError(MisplacedError):
    """It is neither YAML nor JSON, so that no place in it has a name."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__((), problem)
        self.line, self.column = line, column

    def located(self, name: str, text: str) -> str:
        return f"{name}, line {self.line}, column {self.column}: {self}."
