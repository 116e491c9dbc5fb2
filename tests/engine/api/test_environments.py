from __future__ import annotations

import anthropic
import httpx
import pytest

from antcli.differences import page


def test_the_sdk_reads_an_environment_with_every_default_written_out(sdk: anthropic.Anthropic) -> None:
    environment = sdk.beta.environments.create(name="plain")
    assert environment.to_dict()["config"] == {
        "type": "cloud",
        "networking": {"type": "unrestricted"},
        "packages": {"type": "packages", "apt": [], "cargo": [], "gem": [], "go": [], "npm": [], "pip": []},
    }
    assert environment.scope == "organization" and environment.description is None
    assert sdk.beta.environments.retrieve(environment.id) == environment
    limited = sdk.beta.environments.create(name="l", config={"type": "cloud", "networking": {"type": "limited"}})
    assert limited.to_dict()["config"]["networking"] == {  # type: ignore[index]
        "type": "limited", "allowed_hosts": [], "allow_mcp_servers": False, "allow_package_managers": False,
    }  # fmt: skip


def test_update_keeps_what_is_not_given(sdk: anthropic.Anthropic) -> None:
    made = sdk.beta.environments.create(
        name="e", config={"type": "cloud", "networking": {"type": "limited"}}, metadata={"a": "1", "b": "2"}
    )
    changed = sdk.beta.environments.update(made.id, config={"type": "cloud"}, metadata={"a": "", "b": None, "c": "3"})
    assert changed.config == made.config and changed.name == "e"
    assert changed.metadata == {"c": "3"}
    assert sdk.beta.environments.update(made.id, description="").description == ""
    assert sdk.beta.environments.update(made.id, description=None).description is None
    opened = sdk.beta.environments.update(made.id, config={"type": "cloud", "networking": {"type": "unrestricted"}})
    assert opened.to_dict()["config"]["networking"] == {"type": "unrestricted"}  # type: ignore[index]


def test_packages_are_kept_manager_by_manager(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    made = sdk.beta.environments.create(
        name="e", config={"type": "cloud", "packages": {"pip": ["requests>=2,<3", "rich[x]==1"], "npm": ["left-pad@1"]}}
    )
    packages = made.to_dict()["config"]["packages"]  # type: ignore[index]
    assert packages["pip"] == ["requests>=2,<3", "rich[x]==1"] and packages["npm"] == ["left-pad@1"]  # type: ignore[index]
    changed = sdk.beta.environments.update(made.id, config={"type": "cloud", "packages": {"npm": [], "gem": ["rake"]}})
    assert changed.to_dict()["config"]["packages"] == packages | {"npm": [], "gem": ["rake"]}  # type: ignore[index, operator]
    assert sdk.beta.environments.update(made.id, config={"type": "cloud"}) == changed
    refused = http.post(
        f"/v1/environments/{made.id}", json={"config": {"type": "cloud", "networking": {"type": "limited"}}}
    )
    assert refused.status_code == 400 and sdk.beta.environments.retrieve(made.id) == changed


def test_archive_hides_and_closes_delete_removes(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    made = sdk.beta.environments.create(name="e")
    archived = sdk.beta.environments.archive(made.id)
    assert archived.archived_at and sdk.beta.environments.archive(made.id) == archived
    assert made.id not in [found.id for found in sdk.beta.environments.list(limit=100)]
    assert made.id in [found.id for found in sdk.beta.environments.list(limit=1, include_archived=True)]
    refused = http.post(f"/v1/environments/{made.id}", json={"name": "f"})
    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["error_code"] == "environment_archived"
    deleted = sdk.beta.environments.delete(made.id)
    assert (deleted.id, deleted.type) == (made.id, "environment_deleted")
    for call in (sdk.beta.environments.retrieve, sdk.beta.environments.delete, sdk.beta.environments.archive):
        with pytest.raises(anthropic.NotFoundError):
            call(made.id)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"type": "self_hosted", "packages": {}}, "config.packages: unknown field"),
        ({"type": "moon"}, "config: type 'moon' is not one of cloud, self_hosted"),
        (
            {"type": "cloud", "packages": {"apt": ["x"]}},
            "config.packages.apt: not supported by the local engine: packages of the system",
        ),
        ({"type": "cloud", "packages": {"pip": ["--index-url=x"]}}, "config.packages.pip.0: must be a package's name"),
        ({"type": "cloud", "packages": {"pip": [""]}}, "config.packages.pip.0: must not be empty"),
        (
            {"type": "cloud", "packages": {"pip": ["x"]}, "networking": {"type": "limited"}},
            "config.packages: packages are installed through the network",
        ),
        ({"type": "cloud", "packages": {"conda": []}}, "config.packages.conda: unknown field"),
        (
            {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.example"]}},
            "config.networking.allowed_hosts: not supported by the local engine",
        ),
        (
            {"type": "cloud", "networking": {"type": "limited", "allow_mcp_servers": True}},
            "config.networking.allow_mcp_servers: not supported by the local engine",
        ),
        ({"type": "cloud", "networking": {"type": "unrestricted", "x": 1}}, "config.networking.x: unknown field"),
    ],
)
def test_a_config_that_cannot_be_kept_is_refused(http: httpx.Client, config: object, expected: str) -> None:
    response = http.post("/v1/environments", json={"name": "e", "config": config})
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert message.startswith(expected)
    if "not supported by the local engine" in message:  # then it is told beforehand, too
        assert f"`{message.partition(':')[0].rpartition('.')[2]}`" in page()


def test_the_type_of_a_config_stays(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    made = sdk.beta.environments.create(name="e")
    response = http.post(f"/v1/environments/{made.id}", json={"config": {"type": "self_hosted"}})
    assert response.json()["error"]["details"]["error_code"] == "invalid_config_type_change"
    hosted = sdk.beta.environments.create(name="h", config={"type": "self_hosted"})
    assert hosted.to_dict()["config"] == {"type": "self_hosted"}
    assert sdk.beta.environments.update(hosted.id, config={"type": "self_hosted"}).config == hosted.config
    assert sdk.beta.environments.update(hosted.id, name="i").config == hosted.config
    response = http.post(f"/v1/environments/{hosted.id}", json={"config": {"type": "cloud"}})
    assert response.json()["error"]["details"]["error_code"] == "invalid_config_type_change"


def test_empty_packages_and_closed_switches_pass(http: httpx.Client) -> None:
    config = {
        "type": "cloud",
        "networking": {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False},
        "packages": {"type": "packages", "pip": [], "apt": None},
    }
    assert http.post("/v1/environments", json={"name": "e", "config": config}).status_code == 200
