from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest

BETA = "user-profiles-2026-08-18"


def test_a_profile_is_made_changed_and_deleted(sdk: anthropic.Anthropic) -> None:
    made = sdk.beta.user_profiles.create(name="Ada", external_id="u-1", metadata={"plan": "pro", "a": "1"})
    assert (made.access_type, made.external_id, made.trust_grants) == ("application", "u-1", {})
    assert sdk.beta.user_profiles.retrieve(made.id) == made
    changed = sdk.beta.user_profiles.update(made.id, metadata={"plan": "", "b": "2"}, access_type="passthrough")
    assert changed.metadata == {"a": "1", "b": "2"} and changed.name == "Ada"
    assert changed.access_type == "passthrough" and changed.updated_at > made.updated_at
    assert sdk.beta.user_profiles.update(made.id, metadata={"b": "2"}) == changed
    deleted = sdk.beta.user_profiles.delete(made.id)
    assert (deleted.id, deleted.type) == (made.id, "user_profile_deleted")
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.user_profiles.retrieve(made.id)


def test_both_forms_show_the_same_person(sdk: anthropic.Anthropic) -> None:
    made = sdk.user_profiles.create(external_user_details={"reference_id": "u-2", "country": "CH"})
    assert made.external_user_details is not None
    assert made.external_user_details.country == "CH" and made.external_user_details.name_hash is None
    assert sdk.beta.user_profiles.retrieve(made.id).external_id == "u-2"
    later = sdk.user_profiles.update(made.id, external_user_details={"onboarded_at": "2026-01-02T03:04:05+01:00"})
    assert later.external_user_details is not None and later.external_user_details.country == "CH"
    old = sdk.beta.user_profiles.retrieve(made.id)
    assert old.external_user_onboarded_at is not None
    assert old.external_user_onboarded_at.isoformat() == "2026-01-02T02:04:05+00:00"


def test_lists_go_by_time_and_by_name_and_see_each_once(sdk: anthropic.Anthropic) -> None:
    for profile in sdk.user_profiles.list(limit=100):
        sdk.user_profiles.delete(profile.id)
    names = ["bob", None, "Alice", "alice", "Zoë", None, "carl"]
    made = [sdk.user_profiles.create(name=name) if name else sdk.user_profiles.create() for name in names]
    by_time = [profile.id for profile in sdk.user_profiles.list(limit=2)]
    assert by_time == [profile.id for profile in reversed(made)]
    up = [profile.name for profile in sdk.user_profiles.list(limit=2, order_by="name", order="asc")]
    assert up == ["Alice", "alice", "bob", "carl", "Zoë", None, None]
    down = [profile.name for profile in sdk.user_profiles.list(limit=3, order_by="name")]
    assert down == ["Zoë", "carl", "bob", "alice", "Alice", None, None]
    page = sdk.user_profiles.list(limit=3, order_by="name", order="asc")
    sdk.user_profiles.delete(page.data[-1].id)  # the row that the cursor stands on
    assert [profile.name for profile in page.get_next_page().data] == ["carl", "Zoë", None]


@pytest.mark.parametrize(
    ("beta", "body", "expected"),
    [
        ("", {"nickname": "x"}, "nickname: unknown field"),
        ("", {"external_id": "x"}, "external_id: needs the beta"),
        (BETA, {"external_user_details": {}}, "external_user_details: not part of the beta"),
        ("", {"external_user_details": {"country": "ch"}}, "external_user_details.country: must be two upper-case"),
        ("", {"external_user_details": {"reference_id": ""}}, "external_user_details.reference_id: must not be empty"),
        (BETA, {"external_user_onboarded_at": "2999-01-01T00:00:00Z"}, "external_user_onboarded_at: must not lie in"),
        (BETA, {"external_user_onboarded_at": "2020-01-01"}, "external_user_onboarded_at: must be a complete"),
        ("", {"metadata": {"k": ""}}, "metadata: the value of 'k' must not be empty"),
        ("", {"name": "x" * 256}, "name: at most 255 characters, got 256"),
        ("", {"access_type": "vip"}, "access_type: must be 'application' or 'passthrough'"),
    ],
)
def test_what_is_wrong_is_named(http: httpx.Client, beta: str, body: dict[str, Any], expected: str) -> None:
    answer = http.post("/v1/user_profiles", json=body, headers={"anthropic-beta": beta} if beta else {})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(expected)


def test_nobody_is_enrolled_here(sdk: anthropic.Anthropic) -> None:
    made = sdk.beta.user_profiles.create()
    with pytest.raises(anthropic.BadRequestError, match="no enrollment page outside the hosted service"):
        sdk.beta.user_profiles.create_enrollment_url(made.id)
    with pytest.raises(anthropic.BadRequestError, match="no enrollment page outside the hosted service"):
        sdk.beta.user_profiles.action_urls.create(made.id, action={"type": "enroll_end_user"})
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.user_profiles.create_enrollment_url("uprof_none")
