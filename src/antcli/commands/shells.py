"""Where the shells look for completion scripts, and how one is put there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import antcli.static

FILES = {"bash": "ant.bash", "zsh": "_ant", "fish": "ant.fish", "powershell": "ant.ps1"}
_MARK = "# completion of ant"
_BASH_COMPLETION = (
    "/usr/share/bash-completion/bash_completion",
    "/opt/homebrew/etc/profile.d/bash_completion.sh",
    "/usr/local/etc/profile.d/bash_completion.sh",
    "/home/linuxbrew/.linuxbrew/etc/profile.d/bash_completion.sh",
)
_SYSTEM = {
    "bash": ("share/bash-completion/completions/ant", "etc/bash_completion.d/ant"),
    "zsh": ("share/zsh/site-functions/_ant", "share/zsh/vendor-completions/_ant"),
    "fish": ("share/fish/vendor_completions.d/ant.fish",),
    "powershell": (),
}
_PREFIXES = ("/usr", "/usr/local", "/opt/homebrew", "/home/linuxbrew/.linuxbrew")


class Installed(NamedTuple):
    """`startup_file` is the file that was made to load the script, None where the shell finds it by itself."""

    script: Path
    startup_file: Path | None


def named(shell: str) -> str:
    """The name that this module uses for a shell: `pwsh` is PowerShell's program."""
    return "powershell" if shell == "pwsh" else str(shell)


def script(shell: str) -> str:
    return (Path(antcli.static.__file__).parent / "completion" / FILES[shell]).read_text(encoding="utf-8")


def install(shell: str, environ: Mapping[str, str]) -> Installed:
    """Writes the script into the user's folder for it, and has the start-up file load it where that is needed.

    Raises OSError.
    """
    path = _own_path(shell, environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, script(shell))
    startup = _startup_file(shell, environ)
    if startup is not None:
        _load_at_start(startup, _loading(shell, path))
    return Installed(path, startup)


def is_installed(shell: str, environ: Mapping[str, str]) -> bool:
    """Whether the shell finds a script, as far as can be seen without asking the shell."""
    if _own_path(shell, environ).exists():
        startup = _startup_file(shell, environ)
        return startup is None or _MARK in _text(startup)
    prefixes = (*_PREFIXES, sys.prefix)
    return any(os.path.exists(f"{prefix}/{place}") for prefix in prefixes for place in _SYSTEM[shell])


def _own_path(shell: str, environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or "~").expanduser()
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion/completions/ant",
        "zsh": data / "zsh/site-functions/_ant",
        "fish": config / "fish/completions/ant.fish",
        "powershell": config / "powershell/ant-completion.ps1",
    }[shell]


def _startup_file(shell: str, environ: Mapping[str, str]) -> Path | None:
    home = Path(environ.get("HOME") or "~").expanduser()
    if shell == "zsh":
        return Path(environ.get("ZDOTDIR") or home) / ".zshrc"
    if shell == "powershell":
        return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "powershell/profile.ps1"
    if shell == "bash" and not any(map(os.path.exists, _BASH_COMPLETION)):
        # A terminal on macOS starts bash as a login shell, which reads the profile only.
        return home / (".bash_profile" if sys.platform == "darwin" else ".bashrc")
    return None


def _loading(shell: str, path: Path) -> str:
    quoted = "'" + str(path).replace("'", "''" if shell == "powershell" else "'\\''") + "'"
    if shell == "zsh":
        return f"(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}; source {quoted}"
    return f". {quoted}"


def _load_at_start(startup: Path, line: str) -> None:
    """Writes the line under our mark, in the place of an earlier one. What else is in the file stays as it is."""
    text = _text(startup)
    block = f"{_MARK}\n{line}\n"
    before, found, after = text.partition(f"{_MARK}\n")
    if found:
        text = before + block + after.partition("\n")[2]
    else:
        text = text + ("\n" if text and not text.endswith("\n") else "") + block
    startup.parent.mkdir(parents=True, exist_ok=True)
    _replace(startup.resolve(), text)  # a link into a folder of dotfiles stays a link


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8", errors="surrogateescape")
        if path.exists():
            scratch.chmod(path.stat().st_mode & 0o7777)
        os.replace(scratch, path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
