"""Cloning with the machine's git, kept from all that could run a program or give the token away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LONGEST_CLONE = 600.0  # seconds
_TAIL = 4096
_LONGEST_REASON = 500
_TOKEN = "ANT_REPOSITORY_TOKEN"
# printf is the shell's own: the token is on no command line. git asks the helper for the repository's origin alone.
_HELPER = f'!f() {{ test "$1" = get && printf \'username=x-access-token\\npassword=%s\\n\' "${_TOKEN}"; }}; f'
_KEPT = (
    "PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "http_proxy", "https_proxy",
    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
)  # fmt: skip
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "submodule.recurse": "false",
}
# What git says (in English) -> the type of error. The first that is found counts.
_FAILURES = (
    ("could not read Username", "authentication"),
    ("Authentication failed", "authentication"),
    ("error: 401", "authentication"),
    ("error: 403", "forbidden"),
    ("error: 404", "not_found"),
    ("not found", "not_found"),
)


class CloneError(Exception):
    """`kind` is authentication, forbidden, not_found, checkout or clone. The message has no full stop."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


async def clone(url: str, checkout: dict[str, Any] | None, token: str | None, folder: Path) -> None:
    """Clone into `folder`, which must not exist; its parent does. Raises CloneError; what is left then is of no use."""
    if shutil.which("git") is None:
        raise CloneError("clone", "git is not installed on this machine: install git")
    environment = _environment(url, token, folder.parent)
    try:
        async with asyncio.timeout(LONGEST_CLONE):
            words = [
                "clone",
                "--quiet",
                "--template=",
                *(["--no-checkout"] if checkout else []),
                "--",
                url,
                str(folder),
            ]
            code, said = await _git(words, environment, folder.parent)
            if code:
                raise _clone_error(said, token)
            if checkout:
                await _check_out(checkout, token, environment, folder)
    except TimeoutError:
        raise CloneError("clone", f"it took longer than {LONGEST_CLONE:g} seconds") from None


async def _check_out(checkout: dict[str, Any], token: str | None, environment: dict[str, str], folder: Path) -> None:
    if checkout["type"] == "branch":
        wanted = f"branch {checkout['name']}"
        words = ["switch", "--quiet", "--discard-changes", "--guess", checkout["name"]]
    else:
        sha = checkout["sha"]
        wanted = f"commit {sha}"
        words = ["checkout", "--quiet", "--force", "--detach", sha]
        if (await _git(["cat-file", "-e", f"{sha}^{{commit}}"], environment, folder))[0]:
            await _git(["fetch", "--quiet", "origin", sha], environment, folder)  # of no branch, but still there
    code, said = await _git(words, environment, folder)
    if code:
        raise CloneError("checkout", f"{wanted} cannot be checked out ({_last_line(said, token)})")


def _clone_error(said: str, token: str | None) -> CloneError:
    kind = next((kind for words, kind in _FAILURES if words in said), "clone")
    if kind == "authentication":
        return CloneError(kind, "its authorization_token is refused" if token else "it needs an authorization_token")
    return CloneError(kind, f"git says: {_last_line(said, token)}")


def _last_line(said: str, token: str | None) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["nothing"]
    line = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), lines[-1])
    return (line.replace(token, "***") if token else line)[:_LONGEST_REASON].rstrip(".")


def _environment(url: str, token: str | None, home: Path) -> dict[str, str]:
    config = dict(_CONFIG)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if token is not None:
        parts = urlsplit(url)
        config[f"credential.{parts.scheme}://{parts.netloc}.helper"] = _HELPER
        environment[_TOKEN] = token
    # Neither the user's settings nor their .netrc: a session has the credentials that it was given, no others.
    environment |= {
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for number, (name, value) in enumerate(config.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


async def _git(words: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """The exit code and the end of what was written to stderr."""
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        "git", *words, stdin=devnull, stdout=devnull, stderr=asyncio.subprocess.PIPE, env=environment, cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = b""
    try:
        while data := await process.stderr.read(_TAIL):
            said = (said + data)[-_TAIL:]
        await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(asyncio.ensure_future(process.wait()))
    return process.returncode or 0, said.decode("utf-8", "replace")
