"""One rule for all that cannot be undone: a terminal is asked, elsewhere the command is the answer."""

import re
import shlex

import pytest

from antcli.commands.flags import RequestCommand
from antcli.references import KINDS
from tests.commands.test_dry_run import ALL

ASKING = {words: command for words, command in ALL.items() if any("--yes" in param.opts for param in command.params)}
REQUESTS = {words: command for words, command in ASKING.items() if isinstance(command, RequestCommand)}


def test_all_that_cannot_be_undone_asks():
    others = {"profile delete", "edit", "apply", "destroy", "auth print-credentials"}  # the last shows a secret
    assert set(ASKING) - set(REQUESTS) <= others
    for words, command in ALL.items():
        if isinstance(command, RequestCommand):
            operation = command.operation
            last = operation.name.rpartition(".")[2]
            final = operation.method == "DELETE" or last in ("archive", "redact", "rotate_token")
            assert final == (words in REQUESTS), words


@pytest.mark.parametrize("words", REQUESTS)
def test_only_a_terminal_is_asked(ant, api, hosted, words):
    """With ids that need no look-up, so that only the change is a request."""
    operation = REQUESTS[words].operation
    ids = {name: id_for(name) for name in operation.path_params}
    if ":" in words:
        typed = [part for name, id in ids.items() for part in (f"--{name.replace('_', '-')}", id)]
    else:
        typed = list(ids.values())
    for stdin in ("n\n", "\n", ""):
        asked = ant(*words.split(), *typed, terminal=True, stdin=stdin, environ=hosted)
        assert asked.code == 1 and "cannot be undone. [y/N]" in asked.err, asked.err
        assert "Nothing was done." in asked.err and api.requests == []
    asked = ant(*words.split(), *typed, terminal=True, stdin="y\n", environ=hosted)
    assert "[y/N]" in asked.err
    for told in (["--yes"], []):
        done = ant(*words.split(), *typed, *told, terminal=bool(told), environ=hosted)
        assert "[y/N]" not in done.err
    for mark in ("CI", "CLAUDECODE"):
        done = ant(*words.split(), *typed, terminal=True, environ=hosted | {mark: "1"})
        assert "[y/N]" not in done.err
    path = re.sub(r"{(\w+)}", lambda found: ids[found[1]], operation.path)
    assert [(request.method, request.path) for request in api.requests] == [(operation.method, path)] * 5


def id_for(name):
    from antcli.commands.field_help import REFERENCES

    prefix = KINDS[REFERENCES[name]].prefix if name in REFERENCES else f"{name.removesuffix('_id')}_"
    return prefix + "1" * 24


def test_the_topic_is_there(ant):
    told = ant("explain", "confirmations")
    assert told.code == 0 and all(word in told.out for word in shlex.split("--yes --dry-run archive redact CI 130"))
