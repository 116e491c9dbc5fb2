"""A real terminal (tmux) with the installed `ant` in it, driven by keys and read from the screen."""

from __future__ import annotations

import itertools
import shlex
import subprocess
from pathlib import Path

from tests.e2e.ant import COMMAND, Ant, until

_NUMBERS = itertools.count()  # a server that is about to go must not get the next one's session


class Tmux:
    """A terminal with a shell in it."""

    def __init__(self, ant: Ant, columns: int = 90, rows: int = 40, *, folder: Path | None = None) -> None:
        self._server = ["tmux", "-S", str(ant.home / f"tmux-{next(_NUMBERS)}"), "-f", "/dev/null"]
        environ = {
            **ant.environ,
            "PS1": "$ ",
            "PATH": f"{Path(COMMAND).parent}:{ant.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
        }
        settings = ["start-server", ";", "set-option", "-g", "history-limit", "50000", ";"]
        size = ["-x", str(columns), "-y", str(rows)]
        shell = ["env", "-i", *(f"{key}={value}" for key, value in environ.items()), "TERM=screen-256color"]
        where = ["-c", str(folder or ant.home)]
        self._tmux(*settings, "new-session", "-d", *where, *size, *shell, "bash", "--norc", "--noprofile")
        self.sees("$")

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run([*self._server, *arguments], capture_output=True, text=True, check=True).stdout

    def screen(self, *, history: bool = False, colours: bool = False) -> str:
        options = [*(["-S", "-"] if history else []), *(["-e"] if colours else [])]
        return self._tmux("capture-pane", "-p", *options).rstrip()

    def sees(self, text: str, seconds: float = 20) -> str:
        """The screen, once it shows the text."""
        try:
            found = until(lambda: screen if text in (screen := self.screen()) else "", seconds)
            return str(found)
        except AssertionError:
            raise AssertionError(f"never saw {text!r} in:\n{self.screen()}") from None

    def type(self, *keys: str) -> None:
        """Text, or tmux's names of keys (Enter, C-c)."""
        self._tmux("send-keys", *keys)

    def run(self, *arguments: str) -> None:
        self.type(shlex.join(["ant", *arguments]) + "; echo exit=$?", "Enter")

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self) -> None:
        subprocess.run([*self._server, "kill-server"], capture_output=True)
