"""Query parameters, read strictly: what is unknown, doubled or malformed is a 400 that names it (api.md 1.3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal, cast

from starlette.requests import Request

from antcli.engine import clock
from antcli.engine.errors import invalid

# Other generations of the SDKs send ?beta=true with everything.
_IGNORED = frozenset({"beta"})
_RANGE = re.compile(r"(\w+)\[(gt|gte|lt|lte)\]")


class Query:
    """The parameters of one request. `allowed` names those the operation knows, ranges as `created_at[gte]`."""

    def __init__(self, request: Request, allowed: Collection[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for given, value in request.query_params.multi_items():
            name = given.removesuffix("[]")
            if name in _IGNORED:
                continue
            if name not in allowed:
                raise invalid(f"{given[:100]}: unknown query parameter.")
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str | None:
        values = self._values.get(name, [])
        if len(values) > 1:
            raise invalid(f"{name}: given {len(values)} times.")
        return values[0] if values and values[0] != "" else None

    def integer(self, name: str, minimum: int, maximum: int) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"-?\d{1,18}", text):
            raise invalid(f"{name}: must be an integer, got {text[:60]!r}.")
        number = int(text)
        if not minimum <= number <= maximum:
            raise invalid(f"{name}: must be {minimum} to {maximum}, got {number}.")
        return number

    def limit(self, maximum: int = 100, default: int = 20) -> int:
        return self.integer("limit", 1, maximum) or default

    def flag(self, name: str) -> bool:
        text = self.text(name)
        if text not in (None, "true", "false"):
            raise invalid(f"{name}: must be true or false, got {text[:60]!r}.")
        return text == "true"

    def order(self, default: Literal["asc", "desc"]) -> Literal["asc", "desc"]:
        text = self.text("order") or default
        if text not in ("asc", "desc"):
            raise invalid(f"order: must be asc or desc, got {text[:60]!r}.")
        return cast(Literal["asc", "desc"], text)

    def choices(self, name: str, allowed: Collection[str], maximum: int = 100) -> Sequence[str]:
        values = self._values.get(name, [])
        if len(values) > maximum:
            raise invalid(f"{name}: at most {maximum} values, got {len(values)}.")
        for value in values:
            if value not in allowed:
                raise invalid(f"{name}: {value[:60]!r} is not one of {', '.join(sorted(allowed))}.")
        return tuple(dict.fromkeys(values))

    def several(self, name: str, maximum: int) -> Sequence[str]:
        """All values of a parameter that may be repeated, each once."""
        values = tuple(dict.fromkeys(self._values.get(name, [])))
        if len(values) > maximum:
            raise invalid(f"{name}: at most {maximum} values, got {len(values)}.")
        return values

    def times(self, name: str) -> list[tuple[str, str]]:
        """The bounds of a range as (operator, timestamp), timestamps in the width the store compares."""
        bounds = []
        for given in self._values:
            match = _RANGE.fullmatch(given)
            text = self.text(given) if match and match[1] == name else None
            if match and text is not None:
                bounds.append((match[2], _timestamp(given, text)))
        return bounds


def _timestamp(name: str, text: str) -> str:
    try:
        # A `+` that was not escaped in the URL arrives as a space.
        return clock.timestamp(clock.parse(text.replace(" ", "+") if "T" in text else text))
    except (ValueError, OverflowError):
        raise invalid(f"{name}: must be an RFC 3339 time, got {text[:60]!r}.") from None
