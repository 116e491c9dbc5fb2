"""Calls operations through the official SDK in strict mode, and checks each answer's JSON against its schema."""

from __future__ import annotations

import json
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

    def __init__(self, client: anthropic.Anthropic) -> None:
        self.client = client
        self.seen: set[str] = set()
        self.refusals: set[str] = set()
        self.absent: dict[str, set[str]] = {}  # type of answer -> optional fields that an answer lacked

    def call(self, name: str, /, *path: str, client: anthropic.Anthropic | None = None, **given: Any) -> Any:
        """The parsed answer; a list's first page, a stream's raw response, a download's bytes."""
        *resources_, verb = name.split(".")
        resource = (client or self.client).beta
        for word in resources_:
            resource = getattr(resource, word)
        operation = OPERATIONS[name]
        if operation.binary:
            content = getattr(resource, verb)(*path, **given).read()
            self.seen.add(name)
            return content
        answer = getattr(resource.with_raw_response, verb)(*path, **given)
        parsed = answer.parse()
        shown = answer.http_response.json()
        for item in shown["data"] if operation.pages else [shown]:
            self.check(name, item)
        self.seen.add(name)
        return parsed

    def refused(self, name: str, /, *path: str, **given: Any) -> None:
        """One operation that is served, and answers that this cannot be done."""
        with pytest.raises(anthropic.BadRequestError):
            self.call(name, *path, **given)
        self.refusals.add(name)

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
