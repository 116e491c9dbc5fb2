"""Every operation has a command in words; names and `@last` work for whatever has them."""

import importlib

import pytest

from antcli.app import TABLE
from antcli.commands.base import Commands
from antcli.operations import OPERATIONS

A, B = "a" * 24, "b" * 24
TIMES = {"created_at": "2026-01-01T00:00:00Z", "archived_at": None}


def reached(commands):
    """The operations behind the commands of a group."""
    for make in commands.makers.values():
        made = make()
        if hasattr(made, "operation"):
            yield made.operation.name
        elif hasattr(made, "contents"):
            yield from reached(made.contents)


def test_every_operation_has_a_command():
    # The commands of these are written by hand.
    found = {"sessions.events.send", "sessions.events.stream", "sessions.threads.events.stream", "files.upload",
             "files.download", "skills.create", "skills.versions.create", "skills.versions.download"}  # fmt: skip
    for row in TABLE["Things"]:
        module, _, attribute = row.target.partition(":")
        group = getattr(importlib.import_module(f"antcli.commands.{module}"), attribute)
        if isinstance(group, Commands):
            found |= set(reached(group))
    assert set(OPERATIONS) <= found


@pytest.mark.parametrize(
    ("words", "listed", "item", "path"),
    [
        (["vaults", "get"], "/v1/vaults", {"id": f"vlt_{A}", "display_name": "team"}, "/v1/vaults/{}"),
        (["memory", "get"], "/v1/memory_stores", {"id": f"memstore_{A}", "name": "team"}, "/v1/memory_stores/{}"),
        (["deployments", "get"], "/v1/deployments", {"id": f"depl_{A}", "name": "team"}, "/v1/deployments/{}"),
        (["user-profile", "get"], "/v1/user_profiles", {"id": f"uprof_{A}", "name": "team"}, "/v1/user_profiles/{}"),
    ],
)
def test_names_stand_for_ids(ant, api, hosted, words, listed, item, path):
    api.page(listed, item | TIMES)
    api.on("GET", path.format(item["id"]), item)
    assert ant(*words, "team", environ=hosted).json == item
    assert ant(*words, "aaaa", environ=hosted).json == item


def test_a_credential_is_looked_up_in_its_vault(ant, api, hosted):
    vault, credential = f"vlt_{A}", {"id": f"vcrd_{B}", "display_name": "github", "auth": {"type": "static_bearer"}}
    api.page("/v1/vaults", {"id": vault, "display_name": "team"} | TIMES)
    api.page(f"/v1/vaults/{vault}/credentials", credential)
    api.on("GET", f"/v1/vaults/{vault}/credentials/{credential['id']}", credential)
    assert ant("vaults", "credentials", "get", "team", "github", environ=hosted).json == credential


def test_a_memory_is_named_by_its_path(ant, api, hosted):
    store, memory = f"memstore_{A}", {"id": f"mem_{B}", "path": "/team/style.md"}
    api.page(f"/v1/memory_stores/{store}/memories", {"type": "memory_prefix", "path": "/team/"}, memory)
    api.on("GET", f"/v1/memory_stores/{store}/memories/{memory['id']}", memory)
    assert ant("memory", "memories", "get", store, "/team/style.md", environ=hosted).json == memory


def test_a_resource_is_named_by_its_path(ant, api, hosted):
    session, id = f"sesn_{A}", f"sesrsc_{A}"
    resource = {"id": id, "type": "file", "mount_path": "/mnt/session/uploads/data.csv"} | TIMES
    api.page(f"/v1/sessions/{session}/resources", resource)
    api.on("GET", f"/v1/sessions/{session}/resources/{id}", resource)
    words = ("sessions", "resources", "get", session, "/mnt/session/uploads/data.csv")
    assert ant(*words, environ=hosted).json["id"] == id


def test_names_in_lists_become_ids(ant, api, hosted):
    api.page("/v1/vaults", {"id": f"vlt_{A}", "display_name": "team"} | TIMES)
    api.on("POST", "/v1/sessions", {"id": f"sesn_{A}"})
    words = ["sessions", "create", "--agent", f"agent_{A}", "--env", f"env_{A}", "--vault-id", "team"]
    assert ant(*words, environ=hosted).code == 0
    assert api.last.body["vault_ids"] == [f"vlt_{A}"]


def test_what_was_made_in_a_thing_is_at_last(ant, api, hosted):
    path = f"/v1/vaults/vlt_{A}/credentials"
    api.on("POST", path, {"id": f"vcrd_{B}"})
    api.on("GET", f"{path}/vcrd_{B}", {"id": f"vcrd_{B}"})
    assert ant("vaults", "credentials", "create", f"vlt_{A}", "--auth", "{type: x}", environ=hosted).code == 0
    assert ant("vaults", "credentials", "get", f"vlt_{A}", "@last", environ=hosted).code == 0


def test_an_id_of_an_unknown_form_is_left_to_the_server(ant, api, hosted):
    api.page("/v1/deployments")
    api.on("GET", f"/v1/deployments/dep_{A}", {"id": f"dep_{A}"})
    assert ant("deployments", "get", f"dep_{A}", environ=hosted).code == 0


def test_limit_counts_over_all_pages(ant, api, hosted):
    def pages(request):
        first = int(request.query.get("page", ["0"])[0])
        return {"data": [{"id": f"agent_{first + n}"} for n in range(100)], "next_page": str(first + 100)}

    api.on("GET", "/v1/agents", pages)
    assert len(ant("agents", "list", "--limit", "150", environ=hosted).lines) == 150
    assert api.last.query["limit"] == ["100"]


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("DELETE", f"/v1/vaults/vlt_{A}", ["vaults", "delete", f"vlt_{A}"]),
        ("POST", f"/v1/agents/agent_{A}/archive", ["agents", "archive", f"agent_{A}"]),
        ("POST", f"/v1/memory_stores/memstore_{A}/memory_versions/memver_{B}/redact",
         ["memory", "versions", "redact", f"memstore_{A}", f"memver_{B}"]),
    ],
)  # fmt: skip
def test_what_cannot_be_undone_is_asked_on_a_terminal(ant, api, hosted, method, path, words):
    api.on(method, path, {"id": "x"})
    refused = ant(*words, terminal=True, stdin="n\n", environ=hosted)
    assert refused.code == 1 and "cannot be undone" in refused.err and api.requests == []
    assert ant(*words, terminal=True, stdin="y\n", environ=hosted).code == 0
    assert ant(*words, "--yes", terminal=True, environ=hosted).code == 0
    assert ant(*words, environ=hosted).code == 0
    assert len(api.requests) == 3


def test_a_value_that_the_server_refuses_is_wrong_usage(ant, api, hosted):
    told = {"type": "error", "error": {"type": "invalid_request_error", "message": "name: too long"}}
    api.on("POST", "/v1/agents", (400, told))
    assert ant("agents", "create", "--name", "n", "--model", "m", environ=hosted).code == 2
    api.on("POST", f"/v1/agents/agent_{A}/archive", (400, told))
    assert ant("agents", "archive", f"agent_{A}", environ=hosted).code == 1


def test_the_copy_that_a_session_has_of_a_file_does_not_stand_in_for_it(ant, api, hosted):
    copy = {"id": f"file_{A}", "filename": "data.csv", "scope": {"type": "session", "id": f"sesn_{A}"}}
    api.page("/v1/files", copy, {"id": f"file_{B}", "filename": "data.csv", "scope": None})
    api.on("GET", f"/v1/files/file_{B}", {"id": f"file_{B}", "filename": "data.csv"})
    assert ant("files", "get", "data.csv", environ=hosted).json["id"] == f"file_{B}"
    api.page("/v1/files", copy)
    api.on("GET", f"/v1/files/file_{A}", {"id": f"file_{A}", "filename": "data.csv"})
    assert ant("files", "get", "data.csv", environ=hosted).json["id"] == f"file_{A}"


def test_a_field_that_can_have_one_value_only_need_not_be_said(ant, api, hosted):
    api.on("POST", f"/v1/sessions/sesn_{A}/resources", {"id": f"sesrsc_{A}", "type": "file"})
    words = ["sessions", "resources", "add", f"sesn_{A}", "--file-id", f"file_{A}"]
    assert ant(*words, environ=hosted).code == 0
    assert api.last.body == {"file_id": f"file_{A}", "type": "file"}


def test_an_update_that_changes_nothing_says_so_before_anything_is_asked(ant, api, hosted):
    for words in (["agents", "update"], ["agents", "update", "reviewer"], ["sessions", "update", "@last"]):
        done = ant(*words, terminal=True, environ=hosted)
        assert done.code == 2 and "Nothing to change." in done.err and "--metadata" in done.err
    assert api.requests == []
    api.on("POST", "/v1/agents/x", {"id": "x"})
    assert ant("beta:agents", "update", "x", environ=hosted).code == 0  # as the official command line has it
