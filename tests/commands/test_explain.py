"""`ant explain`: paths into the schema, topics, what is near a wrong path."""

import pytest

from antcli.commands.differences import DIFFERENCES
from antcli.commands.topics import TOPICS
from antcli.errors import ExitCode, UsageError
from antcli.operations import OPERATIONS
from antcli.schema import Schema


@pytest.fixture(scope="module")
def schema():
    return Schema()


def names(found):
    return [field.name for field in found.fields]


def test_what_the_server_answers_and_what_an_operation_takes(schema):
    assert {"id", "version", "archived_at"} <= set(names(schema.find("agents")))
    taken = {field.name: field for field in schema.find("agents.create").fields}
    assert taken["name"].required and not taken["system"].required and taken["system"].nullable
    assert "id" not in taken
    assert schema.find("agents.list").fields[0].place == "query"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("agents.tools.agent_toolset_20260401", {"configs", "default_config", "type"}),
        ("agent.tools.configs.bash", {"name", "enabled", "permission_policy"}),
        ("sessions.create.resources.file", {"file_id", "mount_path", "type"}),
        ("events.agent.message", {"content", "id", "type"}),
        ("events.session.status_idle", {"stop_reason"}),
        ("envs.create.config.cloud.networking.limited", {"allowed_hosts"}),
    ],
)
def test_paths_go_down_through_variants_and_fields(schema, path, fields):
    assert fields <= set(names(schema.find(path)))


@pytest.mark.parametrize(
    ("path", "meant"),
    [("agnets", "`agents`"), ("agents.toolz", "`tools`"), ("events.agent.mesage", "`agent.message`"),
     ("agents.tools.agent_toolset", "`agent_toolset_20260401`")],
)  # fmt: skip
def test_a_path_that_leads_nowhere_says_what_is_near(schema, path, meant):
    with pytest.raises(UsageError) as failed:
        schema.find(path)
    assert meant in failed.value.hint


def test_every_operation_of_the_engine_s_families_is_explained(schema):
    for name in OPERATIONS:
        if not name.startswith("messages"):
            assert schema.find(name).path == name


def test_every_field_of_every_body_is_there(schema):
    """The two sources of the API's facts say the same."""
    for operation in OPERATIONS.values():
        if operation.body and not operation.name.startswith("messages"):
            found = {field.name: field for field in schema.find(operation.name).fields}
            for field in operation.body:
                assert found[field.name].required == field.required, (operation.name, field.name)


def test_the_page_on_a_terminal_and_for_programs(ant):
    page = ant("explain", "agents.create.tools.custom", terminal=True)
    assert page.code == 0 and "input_schema" in page.out and "required" in page.out
    result = ant("explain", "agents.create", "-o", "json").json
    [name] = [field for field in result["fields"] if field["name"] == "name"]
    assert name == {"name": "name", "type": "string", "required": True, "nullable": False, "in": "body"}


def test_recursive_shows_what_is_below(ant):
    assert "allowed_hosts" not in ant("explain", "environments.create").out
    assert "allowed_hosts" in ant("explain", "environments.create", "--recursive").out
    assert "allowed_hosts" in ant("explain", "environments.create", "-r", "-o", "json").out


@pytest.mark.parametrize("topic", TOPICS)
def test_topics_are_pages(ant, topic):
    result = ant("explain", topic)
    assert result.code == 0 and len(result.out.splitlines()) > 5
    assert topic in ant("explain").out


def test_the_official_spelling_s_differences_are_all_told_in_lines_that_fit(ant):
    page = ant("explain", "official").out
    told = " ".join(page.split())
    for difference in DIFFERENCES:
        assert f"there {difference.official} here {difference.ours} because {difference.why}" in told
    assert all(len(line) <= 110 for line in page.splitlines())


def test_exit_codes_are_those_that_a_command_of_today_gives(ant):
    page = ant("explain", "exit-codes").out
    assert [int(line.split()[0]) for line in page.splitlines()[2:]] == [int(code) for code in ExitCode]
