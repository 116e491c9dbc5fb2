"""What stands in a work item's secret, and the program of --on-work."""

import base64
import json

import pytest

from antcli.errors import UsageError
from antcli.worker.program import argv_of
from antcli.worker.queue import token_in


def secret(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_the_token_is_found_with_and_without_padding():
    for token in ("t", "to", "tok", "toke", "ÿÿ?>"):
        whole = secret({"sessions_token": token, "more": 1})
        assert token_in(whole) == token_in(whole.rstrip("=")) == token


@pytest.mark.parametrize(
    "text", [None, "", "not base64 at all", "é", secret([1]), secret({}), secret({"sessions_token": 5})]
)
def test_no_token_is_none(text):
    assert token_in(text) is None


def test_a_program_is_a_path_or_a_command_line(tmp_path):
    program = tmp_path / "with space.sh"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(UsageError, match="no program that can be run"):
        argv_of(str(program))  # it may not be executed
    program.chmod(0o755)
    assert argv_of(str(program)) == [str(program)]
    assert argv_of("env A=1 'two words'") == ["env", "A=1", "two words"]
    for wrong in ("no-such-program --flag", "", "'"):
        with pytest.raises(UsageError):
            argv_of(wrong)
