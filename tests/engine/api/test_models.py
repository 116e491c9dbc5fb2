from __future__ import annotations

import anthropic
import httpx
import pytest


def test_models_are_listed_newest_first_without_retired_ones(sdk: anthropic.Anthropic) -> None:
    assert [model.id for model in sdk.beta.models.list()] == ["d", "b/c", "a"]
    assert [model.id for model in sdk.beta.models.list(limit=1)] == ["d", "b/c", "a"]
    assert [model.id for model in sdk.beta.models.list(lifecycle=["retired"])] == ["old"]


def test_model_pages_go_both_ways(http: httpx.Client) -> None:
    first = http.get("/v1/models", params={"limit": 2}).json()
    assert (first["first_id"], first["last_id"], first["has_more"]) == ("d", "b/c", True)
    last = http.get("/v1/models", params={"limit": 2, "after_id": "b/c"}).json()
    assert ([model["id"] for model in last["data"]], last["has_more"]) == (["a"], False)
    back = http.get("/v1/models", params={"limit": 1, "before_id": "a"}).json()
    assert ([model["id"] for model in back["data"]], back["has_more"]) == (["b/c"], True)
    assert http.get("/v1/models", params={"after_id": "zz"}).status_code == 400


def test_a_model_id_may_hold_a_slash(sdk: anthropic.Anthropic) -> None:
    assert sdk.beta.models.retrieve("b/c").id == "b/c"
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.models.retrieve("none")
