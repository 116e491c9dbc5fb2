"""What is written down as different is: each topic names one of the tests that show it."""

from pathlib import Path

from antcli.commands.differences import DIFFERENCES
from antcli.commands.root_options import REFUSED

# Where a difference is shown; the rest are about what is not there.
SHOWN = {
    "transform": "test_input.py", "errors": "test_input.py", "stdin": "test_input.py", "round trip": "test_input.py",
    "keys": "test_input.py", "debug": "test_input.py", "yaml": "test_input.py", "streams": "test_input.py",
    "lists": "test_agents.py", "identity": "test_differences.py",
    "downloads": "test_differences.py", "delete": "test_differences.py", "prose": "test_differences.py",
    "explorer": "test_differences.py", "credentials": "test_differences.py",
    "connect": "test_connect.py", "apply": "../e2e/test_apply.py", "worker": "../e2e/test_ant_worker.py",
}  # fmt: skip


def test_every_difference_is_shown_by_a_test():
    assert {difference.topic for difference in DIFFERENCES} == set(SHOWN)
    assert all((Path(__file__).parent / name).exists() for name in SHOWN.values())
    for difference in DIFFERENCES:
        assert all(text.endswith(".") for text in difference[1:]), difference.topic


def test_flags_that_are_refused_say_what_to_do(ant, hosted):
    for name in REFUSED:
        result = ant("beta:agents", "list", name, "private", environ=hosted)
        assert (result.code, result.out) == (2, "") and "private" not in result.err
        assert f"{name} is not taken." in result.err and result.err.count("\n") == 2


def test_downloads_do_not_replace_files(ant, api, hosted, tmp_path):
    api.on("GET", "/v1/files/f/content", {"some": "bytes"})
    target = tmp_path / "there"
    command = ("beta:files", "download", "f", "-o", str(target))
    assert ant(*command, environ=hosted).code == 0
    assert target.read_text() == '{"some": "bytes"}'
    assert ant(*command, environ=hosted).code == 2
    target.write_text("old")
    assert ant(*command, "--force", environ=hosted).code == 0
    assert target.read_text() == '{"some": "bytes"}' and [*tmp_path.glob(".there*")] == []


def test_a_delete_asks_on_a_terminal(ant, api, hosted):
    api.on("DELETE", "/v1/sessions/s", {"id": "s"})
    result = ant("beta:sessions", "delete", "s", terminal=True, stdin="n\n", environ=hosted)
    assert (result.code, api.requests) == (1, [])
    assert ant("beta:sessions", "delete", "s", environ=hosted).code == 0


def test_a_prompt_with_a_colon_is_a_text(ant, api, hosted):
    api.on("POST", "/v1/messages", {"id": "msg_1"})
    ant("beta:messages", "create", "--model", "m", "--max-tokens", "1", "--message", "{role: user, content: x}",
        "--system", "Note: be brief", environ=hosted)  # fmt: skip
    assert api.last.body["system"] == "Note: be brief"


def test_explore_is_auto_and_a_request_says_who_asks(ant, api, hosted):
    api.on("GET", "/v1/agents/a", {"id": "a"})
    result = ant("--format", "explore", "beta:agents", "retrieve", "a", environ=hosted)
    assert result.json == {"id": "a"} and result.err.startswith("Warning: ")
    assert api.last.headers["user-agent"].startswith("ant/")


def test_credentials_are_printed_when_asked_for_and_on_no_terminal(ant, hosted):
    bare = ant("auth", "print-credentials", environ=hosted)
    assert bare.code == 2 and "--access-token" in bare.err and "--env" in bare.err
    shown = ant("auth", "print-credentials", "--env", terminal=True, environ=hosted)
    assert shown.code == 2 and "sk-test" not in shown.out + shown.err
