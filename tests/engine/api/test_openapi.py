"""The page that describes the API is made from what serves it, and every operation is served or says why not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import anthropic
import httpx
import jsonschema

from antcli.differences import NOT_SERVED, NOTHING_BELOW
from antcli.engine.api.openapi import served
from antcli.engine.api.request_bodies import BODIES
from antcli.engine.api.routes import ROUTES
from antcli.operations import OPERATIONS

ROOT = Path(__file__).parents[3]


def test_every_operation_is_served_or_its_absence_is_explained() -> None:
    names = {operation.name for operation in served()}
    assert set(OPERATIONS) - names == set(NOT_SERVED)


def test_what_the_official_sdk_calls_is_there_or_its_absence_is_explained() -> None:
    code = Path(anthropic.__file__).with_name("resources").rglob("*.py")
    called = {path for module in code for path in re.findall(r'"(/v1/[^"?]+)', module.read_text())}
    ours = {_plain(route.path) for route in ROUTES}
    missing = {path for path in map(_plain, called) if path not in ours}
    explained = {path: [prefix for prefix in NOTHING_BELOW if path.startswith(_plain(prefix))] for path in missing}
    assert len(called) > 100 and [path for path, found in explained.items() if not found] == []
    assert {prefix for found in explained.values() for prefix in found} == set(NOTHING_BELOW)


def _plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_body_has_the_model_that_checks_it() -> None:
    with_body = {entry.name for entry in served() if entry.body and not entry.multipart}
    assert with_body == set(BODIES)


def test_a_model_takes_exactly_the_fields_of_the_table() -> None:
    for name, model in BODIES.items():
        fields = {field.alias or field_name for field_name, field in model.model_fields.items()}
        assert fields == {field.name for field in OPERATIONS[name].body}, name


def test_the_description_is_openapi_whose_references_all_lead_somewhere(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/v1/agents/{agent_id}"]["post"]["operationId"] == "agents.update"
    missing = {name for name in references(document) if name not in document["components"]["schemas"]}
    assert not missing
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def references(node: object) -> set[str]:
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    here = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
    return here | {name for item in node.values() for name in references(item)}


def test_the_shapes_of_answers_are_those_of_the_installed_sdk() -> None:
    run = subprocess.run([sys.executable, ROOT / "scripts" / "responses", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, "scripts/responses writes them anew" + run.stderr
