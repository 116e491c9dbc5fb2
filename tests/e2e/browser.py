"""A headless Chromium, driven through its pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.ant import until

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page. `trouble` has what the page complained about: errors, and what its policy forbade."""

    def __init__(self, home: Path) -> None:
        read_there, self._out = os.pipe()
        self._in, write_there = os.pipe()

        def descriptors() -> None:  # Chromium reads from 3 and writes to 4
            os.dup2(read_there, 103), os.dup2(write_there, 104)
            os.dup2(103, 3), os.dup2(104, 4)

        options = ("headless=new", "remote-debugging-pipe", "no-first-run", "disable-gpu", "no-sandbox",
                   "disable-background-networking", f"user-data-dir={home}")  # fmt: skip
        words = [str(PROGRAM), *(f"--{option}" for option in options), "about:blank"]
        self._process = subprocess.Popen(
            words, preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read_there)
        os.close(write_there)
        self._numbers, self._rest, self.trouble = count(1), b"", list[str]()
        targets = until(lambda: [
            found for found in self._ask("Target.getTargets")["targetInfos"] if found["type"] == "page"
        ])  # fmt: skip
        attached = self._ask("Target.attachToTarget", targetId=targets[0]["targetId"], flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    _session: str | None = None

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def js(self, expression: str) -> Any:
        """What it evaluates to; a promise is waited for."""
        found = self._ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def sees(self, text: str) -> str:
        """The text of the page, when it has that."""
        found: list[str] = []
        until(lambda: found.append(str(self.js("document.body?.innerText"))) or text in found[-1])
        return found[-1]

    def reload(self) -> None:
        self._ask("Page.reload")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            found = self._read()
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
            if found.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.trouble.append(json.dumps(found["params"]))

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            more = os.read(self._in, 65536)
            assert more, "Chromium has ended"
            self._rest += more
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)
