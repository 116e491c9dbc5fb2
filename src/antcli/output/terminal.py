"""The three streams of this process and what is known about them: terminal or not, width, colour, who reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import TextIO

# Set by coding agents in the shells that they open.
AGENT_MARKS = (
    "AI_AGENT",
    "CLAUDECODE",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "OPENCODE",
)


class Terminal:
    """Streams and their facts. `no_color` is the option of that name; the environment is asked as well."""

    def __init__(
        self,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        *,
        no_color: bool = False,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.no_color = no_color
        self.stdin_taken = ""  # what stdin was read for: it can be read once

    @classmethod
    def of_process(cls) -> Terminal:
        """The streams of this process. A character that cannot be encoded is shown escaped, never an error."""
        _reopen_closed()
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    @cached_property
    def stdin_is_terminal(self) -> bool:
        return _is_terminal(self.stdin)

    @cached_property
    def stdout_is_terminal(self) -> bool:
        return _is_terminal(self.stdout)

    @cached_property
    def stderr_is_terminal(self) -> bool:
        return _is_terminal(self.stderr)

    @cached_property
    def coding_agent(self) -> bool:
        """A coding agent runs us: it gets plain text and is never asked."""
        return any(self.environ.get(mark) for mark in AGENT_MARKS)

    @property
    def interactive(self) -> bool:
        """Somebody sits there who can be asked."""
        return self.stdin_is_terminal and self.stdout_is_terminal and not self.coding_agent

    @property
    def can_ask(self) -> bool:
        """A short question can be put: it is drawn on stderr, so stdout may go elsewhere."""
        asked = self.stdin_is_terminal and self.stderr_is_terminal
        return asked and not self.coding_agent and self.environ.get("CI", "") in ("", "0", "false")

    @property
    def colour(self) -> bool:
        """Colour on stdout."""
        return self.stdout_is_terminal and self._colour_is_welcome

    @property
    def stderr_colour(self) -> bool:
        return self.stderr_is_terminal and self._colour_is_welcome

    @property
    def live(self) -> bool:
        """Stdout can be drawn on: cursor movement, spinners, rewriting of lines."""
        return self.stdout_is_terminal and not self.coding_agent and self.environ.get("TERM") != "dumb"

    @property
    def _colour_is_welcome(self) -> bool:
        if self.no_color or self.coding_agent or self.environ.get("NO_COLOR"):
            return False
        return self.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal now (it may be resized); COLUMNS wins, 80 when nothing is known."""
        return self._columns(self.stdout)

    @property
    def stderr_width(self) -> int:
        return self._columns(self.stderr)

    def _columns(self, stream: TextIO) -> int:
        columns = self.environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns) > 0:
            return int(columns)
        try:
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _reopen_closed() -> None:
    """Gives a stream that was closed for us (`>&-`) to the null device, so that no file or socket gets its number."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))
