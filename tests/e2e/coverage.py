"""Calls operations through an official SDK, and checks each answer's JSON against its schema."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from typing import Any

import anthropic
import jsonschema
import pytest

from antcli.operations import OPERATIONS

SHAPES = json.loads(resources.files("antcli.engine.api").joinpath("responses.json").read_text(encoding="utf-8"))
_DOCUMENT = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": {"schemas": SHAPES["schemas"]}}


class Caller:
    """`call` makes one operation; `seen` has the names of those that were answered."""

    refusal: type[Exception] = anthropic.BadRequestError

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.refusals: set[str] = set()
        self.absent: dict[str, set[str]] = {}  # type of answer -> optional fields that an answer lacked

    def call(self, name: str, /, *path: str, **given: Any) -> Any:
        """The parsed answer; a list's first page, a download's bytes."""
        parsed, shown = self._answer(name, path, given)
        if not OPERATIONS[name].binary:
            for item in shown["data"] if OPERATIONS[name].pages else [shown]:
                self.check(name, item)
        self.seen.add(name)
        return parsed

    @contextlib.contextmanager
    def stream(self, name: str, /, *path: str, **given: Any) -> Iterator[Iterator[Any]]:
        """The events of a stream that is open for as long as the context lasts."""
        with self._events(name, path, given) as events:
            yield self._checked(name, events)
        self.seen.add(name)

    def refused(self, name: str, /, *path: str, **given: Any) -> None:
        """One operation that is served, and answers that this cannot be done."""
        with pytest.raises(self.refusal):
            self.call(name, *path, **given)
        self.refusals.add(name)

    def _answer(self, name: str, path: Sequence[str], given: dict[str, Any]) -> tuple[Any, Any]:
        """As the SDK shows it, and its JSON."""
        raise NotImplementedError

    def _events(self, name: str, path: Sequence[str], given: dict[str, Any]) -> AbstractContextManager[Any]:
        """Pairs of the same."""
        raise NotImplementedError

    def _checked(self, name: str, events: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
        for parsed, shown in events:
            self.check(name, shown)
            yield parsed

    def check(self, name: str, item: Any) -> None:
        """An answer, or an event of a stream, has the shape that the SDK documents."""
        schema = _DOCUMENT | SHAPES["operations"][name]
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(item))
        assert not errors, f"{name}: {errors[0].message[:500]} in {json.dumps(item)[:1000]}"
        self._note_absent(SHAPES["operations"][name], item)

    def _note_absent(self, schema: Any, item: Any) -> None:
        """Which optional fields of the documented shape are not there."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            shape = SHAPES["schemas"][name]
            if isinstance(item, dict) and "properties" in shape:
                missing = set(shape["properties"]) - set(item)
                if missing:
                    self.absent.setdefault(name, set()).update(missing)
            schema = shape
        if isinstance(item, dict):
            for field, inner in schema.get("properties", {}).items():
                if field in item:
                    self._note_absent(inner, item[field])
        elif isinstance(item, list) and "items" in schema:
            for entry in item:
                self._note_absent(schema["items"], entry)
        for inner in schema.get("anyOf", ()):
            if self._is(inner, item):
                self._note_absent(inner, item)
                return

    def _is(self, schema: Any, item: Any) -> bool:
        return jsonschema.Draft202012Validator(_DOCUMENT | schema).is_valid(item)


class PythonCaller(Caller):
    """The client is an `Anthropic`, or an `AsyncAnthropic` that blocks."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._client = client

    def _answer(self, name: str, path: Sequence[str], given: dict[str, Any]) -> tuple[Any, Any]:
        resource, verb = self._method(name)
        if OPERATIONS[name].binary:
            return getattr(resource, verb)(*path, **given).read(), None
        answer = getattr(resource.with_raw_response, verb)(*path, **given)
        return answer.parse(), answer.http_response.json()

    @contextlib.contextmanager
    def _events(self, name: str, path: Sequence[str], given: dict[str, Any]) -> Iterator[Any]:
        resource, verb = self._method(name)
        with getattr(resource, verb)(*path, **given) as events:
            yield ((event, json.loads(event.to_json())) for event in events)

    def _method(self, name: str) -> tuple[Any, str]:
        *words, verb = name.split(".")
        return functools.reduce(getattr, words, self._client.beta), verb
