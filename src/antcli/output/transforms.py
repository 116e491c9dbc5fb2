"""`--transform`: a GJSON path over what is printed. A path that leads nowhere is an error, never the whole thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from antcli.errors import AntError, UsageError
from antcli.output import gjson
from antcli.output.gjson_queries import MISSING


class Transform:
    """`name` is the option that the path came from. Raises UsageError with the place of a slip in the path."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        try:
            self._get = gjson.compile(path)
        except gjson.PathError as error:
            raise UsageError(f"{name}: {error}.", hint="Paths look like name, tools.#.name or {id,name}.") from None

    def one(self, item: Any) -> Any:
        """What the path leads to. Raises AntError when that is nothing."""
        found = self._get(item)
        if found is MISSING:
            keys = f" It has {', '.join(list(item)[:20])}." if isinstance(item, dict) and item else ""
            raise AntError(f"{self.name}: the result has nothing at {self.path!r}.{keys}", hint="")
        return found

    def each(self, items: Iterable[Any], notice: Callable[[str], None]) -> Iterator[Any]:
        """As `one`, of a list: things without are left out and counted. Raises AntError when all are without."""
        tally = self.tally()
        for item in items:
            yield from tally.found(item)
        tally.close(notice)

    def tally(self) -> Tally:
        return Tally(self.name, self.path, self._get)


class Tally:
    """A transform of things that come one by one, which counts those that it finds nothing in."""

    def __init__(self, name: str, path: str, get: gjson.Get) -> None:
        self._name = name
        self._path = path
        self._get = get
        self._seen = self._found = 0

    def found(self, item: Any) -> list[Any]:
        """What the path leads to; nothing, or one thing."""
        self._seen += 1
        value = self._get(item)
        if value is MISSING:
            return []
        self._found += 1
        return [value]

    def close(self, notice: Callable[[str], None]) -> None:
        """Tell how many were without. Raises AntError when all were."""
        seen, without = self._seen, self._seen - self._found
        if seen and not self._found:
            raise AntError(f"{self._name}: none of the {seen} results has anything at {self._path!r}.", hint="")
        if without:
            notice(f"{self._name}: {without} of the {seen} results have nothing at {self._path!r}.")
