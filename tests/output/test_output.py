"""The one place that decides how results look: terminal and pipe, every format."""

import io
import json

import pytest

from antcli.errors import ApiError, NotLoggedInError, UsageError
from antcli.output.failures import describe
from antcli.output.output import Output
from antcli.output.terminal import AGENT_MARKS, Terminal

AGENT = {"id": "agent_1", "name": "a", "model": {"id": "m"}, "version": 1, "created_at": "2020-01-01T00:00:00Z"}


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def terminal(*, screen=False, environ=None, **settings):
    stream = Screen if screen else io.StringIO
    environ = {"COLUMNS": "100", "TERM": "xterm"} if environ is None else environ
    return Terminal(stream(), stream(), stream(), environ, **settings)


def shown(action, *, screen=False, environ=None, **settings):
    place = terminal(screen=screen, environ=environ)
    action(Output(place, **settings))
    return place.stdout.getvalue(), place.stderr.getvalue()


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("auto", '{"id":"agent_1","name":"a","model":{"id":"m"},"version":1,"created_at":"2020-01-01T00:00:00Z"}\n'),
        ("jsonl", '{"id":"agent_1","name":"a","model":{"id":"m"},"version":1,"created_at":"2020-01-01T00:00:00Z"}\n'),
        ("id", "agent_1\n"),
        ("csv", "id,name,model.id,version,created_at,archived_at\nagent_1,a,m,1,2020-01-01T00:00:00Z,\n"),
    ],
)
def test_piped_lists(format, expected):
    assert shown(lambda output: output.list("agents", [AGENT]), format=format) == (expected, "")


def test_json_is_an_array_for_a_list_and_an_object_for_one():
    text, _ = shown(lambda output: output.list("agents", [AGENT, AGENT]), format="json")
    assert json.loads(text) == [AGENT, AGENT]
    text, _ = shown(lambda output: output.object("agents", AGENT), format="json")
    assert json.loads(text) == AGENT


def test_on_a_terminal_lists_are_tables_and_objects_are_details():
    text, _ = shown(lambda output: output.list("agents", [AGENT]), screen=True)
    assert text.startswith("\x1b[1mID")
    text, _ = shown(lambda output: output.object("agents", AGENT), screen=True)
    assert "name:" in text


def test_an_empty_list_says_so_beside_the_result():
    assert shown(lambda output: output.list("agents", []), screen=True) == ("", "\x1b[2mNo agents.\x1b[0m\n")
    assert shown(lambda output: output.list("agents", [])) == ("", "")


def test_columns_make_a_table_when_piped():
    text, _ = shown(lambda output: output.list("agents", [AGENT]), columns=["name", "id"])
    assert text == "NAME  ID\na     agent_1\n"


def test_columns_do_not_go_with_json():
    with pytest.raises(UsageError):
        Output(terminal(), format="json", columns=["id"])


def test_an_unknown_format_is_refused_and_the_known_are_named():
    with pytest.raises(UsageError) as caught:
        Output(terminal(), format="xml")
    assert "yaml" in caught.value.hint


def test_live_items_leave_one_by_one():
    flushed = []

    class Pipe(io.StringIO):
        def flush(self):
            flushed.append(self.getvalue())

    place = Terminal(io.StringIO(), Pipe(), io.StringIO(), {})

    def source():
        yield {"id": "1"}
        assert flushed[-1] == '{"id":"1"}\n'
        yield {"id": "2"}

    Output(place).list("events", source(), live=True)
    assert place.stdout.getvalue() == '{"id":"1"}\n{"id":"2"}\n'


def test_live_lists_are_json_lines_on_a_terminal_too():
    text, _ = shown(lambda output: output.list("events", [{"id": "1"}], live=True), screen=True)
    assert text == '{"id":"1"}\n'


def test_notices_go_to_stderr_and_quiet_mutes_them():
    assert shown(lambda output: output.notice("n")) == ("", "n\n")
    assert shown(lambda output: output.notice("n"), quiet=True) == ("", "")
    assert shown(lambda output: output.warning("w"), quiet=True) == ("", "Warning: w\n")


def test_errors_are_told_in_three_lines():
    error = ApiError("No such agent.", status=404, type="not_found_error", request_id="req_1")
    _, text = shown(lambda output: output.error(describe(error)))
    assert (
        text
        == "Error: No such agent.\nList what exists with the `list` command of the same group.\nRequest id: req_1\n"
    )


def test_with_json_errors_are_an_object_on_stderr():
    error = ApiError("No such agent.", status=404, type="not_found_error", error_code="gone", request_id="req_1")
    out, text = shown(lambda output: output.error(describe(error)), format="json")
    assert out == ""
    assert json.loads(text) == {
        "error": {
            "type": "not_found_error", "message": "No such agent.", "exit_code": 4, "status": 404, "error_code": "gone",
            "request_id": "req_1", "hint": "List what exists with the `list` command of the same group.",
        }
    }  # fmt: skip


def test_error_types_are_named_after_the_exception():
    assert describe(NotLoggedInError("No key.")).type == "not_logged_in_error"
    assert describe(ValueError("x")).code == 1
    assert describe(KeyboardInterrupt()).code == 130
    assert "No space left" in describe(OSError(28, "No space left on device")).message


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, *({mark: "1"} for mark in AGENT_MARKS)])
def test_colour_is_declined_by_the_environment(environ):
    assert not terminal(screen=True, environ=environ).colour


def test_colour_is_declined_by_the_option_and_absent_in_pipes():
    assert terminal(screen=True).colour
    assert not terminal(screen=True, no_color=True).colour
    assert not terminal().colour


def test_an_empty_no_color_does_not_count():
    assert terminal(screen=True, environ={"NO_COLOR": "", "TERM": "xterm"}).colour


def test_coding_agents_are_never_asked():
    assert terminal(screen=True).interactive
    assert not terminal(screen=True, environ={"CLAUDECODE": "1"}).interactive
    assert not terminal().interactive
