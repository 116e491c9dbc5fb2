"""YAML as in version 1.2, which is what JSON can say: `no`, `on` and `2026-01-01` are texts, keys are too."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from antcli.errors import UsageError


@cache
def loader() -> Any:
    """The loader class for PyYAML. Its objects have texts as keys; one that is none raises UsageError."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            return {as_text(key, "YAML"): value for key, value in super().construct_mapping(node, deep).items()}

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
        ("float", r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", list("-+.0123456789")),
        ("merge", r"<<", ["<"]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})\\Z"), first)
    return Loader


def as_text(value: Any, name: str) -> str:
    """A scalar as text. Raises UsageError for an object or a list."""
    if isinstance(value, dict | list):
        raise UsageError(f"{name}: the values of this map are texts.")
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
