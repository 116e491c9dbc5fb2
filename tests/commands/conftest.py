"""The whole program in process, against a real server on loopback."""

import io
import json
import os
from dataclasses import dataclass

import pytest

from antcli import app
from antcli.context import Context
from antcli.output.terminal import Terminal
from tests.fakes.api_server import serving


class Stream(io.StringIO):
    def __init__(self, text="", *, terminal=False):
        super().__init__(text)
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def api():
    with serving() as found:
        yield found


@pytest.fixture
def environ(tmp_path):
    """An environment with a home of its own and no credentials."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ANT_CONFIG_DIR": str(tmp_path / "config"),
        "ANT_DATA_DIR": str(tmp_path / "data"),
        "TERM": "xterm",
        "COLUMNS": "100",
    }


@pytest.fixture
def hosted(environ, api):
    """An environment that chooses the loopback server."""
    return environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "sk-test"}


@pytest.fixture
def ant(environ):
    """Runs a command line in this process: `ant("agents", "list", environ=hosted)`."""

    def run(*arguments, stdin="", terminal=False, environ=environ):
        out, err = Stream(terminal=terminal), Stream(terminal=terminal)
        context = Context(Terminal(Stream(stdin, terminal=terminal), out, err, environ), environ)
        code = app.run(arguments, context)
        return Result(code, out.getvalue(), err.getvalue())

    return run
