"""Every form refuses unknown parts, parts of the wrong sort and parts given twice: a 400 that names the part.
Nothing is half-applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.engine.api.server import Server

SKILL = b"---\nname: greeting\ndescription: How to greet.\n---\nSay ahoy.\n"
FILES = [("files[]", ("greeting/SKILL.md", SKILL)), ("files[]", ("greeting/more.txt", b"x"))]
Form = list[tuple[str, tuple[str | None, bytes]]]
FORMS: dict[str, Form] = {
    "/v1/files": [("file", ("a.txt", b"x")), ("expires_in_seconds", (None, b"3600"))],
    "/v1/skills": [*FILES, ("display_name", (None, b"Greeting"))],
    "/v1/skills/SKILL/versions": list(FILES),
}
WRONG = {"expires_in_seconds": [b"", b"x", b"7.5", b"-1", b"0x10", b"\xff"], "display_name": [b"a\nb", b"\xff"]}


def bad_forms(form: Form) -> Iterator[tuple[str, Form]]:
    """(the part that is wrong, the form)"""
    for part in ((None, b"1"), ("a.txt", b"1")):
        yield "zz", [*form, ("zz", part)]
        yield "zz", [("zz", part), *form]
    for index, (name, (filename, content)) in enumerate(form):
        others = [*form[:index], *form[index + 1 :]]
        yield name, [*form, form[index]]
        if name != "file":  # a file may have no name
            yield name, [*others, (name, (None if filename else "a.txt", content))]
        for wrong in WRONG.get(name, []):
            yield name, [*others, (name, (None, wrong))]
    yield form[0][0], [part for part in form if part[0] != form[0][0]]


@pytest.fixture(scope="module")
def skill(http: httpx.Client) -> str:
    return str(http.post("/v1/skills", files=FORMS["/v1/skills"]).json()["id"])


def everything(http: httpx.Client, server: Server, skill: str) -> list[Any]:
    """All that a request might have left."""
    lists = [http.get(path).json() for path in ("/v1/files", "/v1/skills", f"/v1/skills/{skill}/versions")]
    kept = [path for folder in ("files", "skills") for path in (server.data_dir / folder).rglob("*")]
    return [*lists, sorted(kept)]


@pytest.mark.parametrize("path", FORMS)
def test_what_is_unknown_or_of_the_wrong_sort_is_named_and_nothing_is_done(
    http: httpx.Client, server: Server, skill: str, path: str
) -> None:
    before, tried = everything(http, server, skill), 0
    for name, form in bad_forms(FORMS[path]):
        # Without any part httpx would send no form at all.
        response = http.post(path.replace("SKILL", skill), files=form or [("zz", (None, b""))])
        assert response.status_code == 400, (name, form, response.text)
        error = response.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"].startswith(f"{name.removesuffix('[]')}: " if form else "zz: "), (name, form, error)
        tried += 1
    assert tried >= 9 and everything(http, server, skill) == before


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("body", [{"json": {"file": "x"}}, {"content": b"x"}, {"data": {"file": "x"}}, {}])
def test_what_is_no_form_is_refused(
    http: httpx.Client, server: Server, skill: str, path: str, body: dict[str, Any]
) -> None:
    before = everything(http, server, skill)
    response = http.post(path.replace("SKILL", skill), **body)
    assert response.status_code == 400 and "multipart/form-data" in response.json()["error"]["message"]
    assert everything(http, server, skill) == before


@pytest.mark.parametrize("path", FORMS)
def test_the_forms_are_good_but_for_what_is_made_bad(http: httpx.Client, skill: str, path: str) -> None:
    response = http.post(path.replace("SKILL", skill), files=FORMS[path])
    assert response.status_code == 200, response.text
