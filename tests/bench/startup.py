"""Commands as ratios to `python -c pass`: the least of many runs, each command in turn so that drift hits all alike."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import Row, Scale
from tests.bench.processes import INTERRUPT, environment, events
from tests.bench.wire import Connection

_ANT = str(Path(sys.executable).with_name("ant"))
# A Typer application of the same size, written the obvious way: everything imported at the top.
_TYPER = '''
import typer, httpx, rich.table, pydantic
app = typer.Typer()
for group in range(15):
    class Model(pydantic.BaseModel):
        id: str
        name: str | None = None
        labels: dict[str, str] = {}
    sub = typer.Typer(help=f"Group {group}.")
    for command in range(6):
        def run(name: str = typer.Option("x"), limit: int = typer.Option(20), full: bool = typer.Option(False)):
            """Does something."""
        sub.command(f"command{command}")(run)
    app.add_typer(sub, name=f"group{group}")
app()
'''

# The same list by the official SDK, over the same socket.
_SDK = """
import sys, anthropic, httpx2
transport = httpx2.HTTPTransport(uds=sys.argv[1])
client = anthropic.Anthropic(
    base_url="http://engine", api_key="none", http_client=anthropic.DefaultHttpxClient(transport=transport)
)
assert sum(1 for agent in client.beta.agents.list()) >= 20
"""

Commands = dict[str, tuple[list[str], float]]  # name -> (argv, budget as a ratio, 0 for none)


def commands(scale: Scale, home: Path) -> list[Row]:
    """The list and the stream are of the local engine, which is started first and stopped at the end."""
    (home / "typer_app.py").write_text(_TYPER)
    environ = environment(home)
    plain = [sys.executable, str(home / "typer_app.py")]
    every: Commands = {
        "python -c pass": ([sys.executable, "-c", "pass"], 0),
        "ant --version": ([_ANT, "--version"], 1.3),
        "ant --help": ([_ANT, "--help"], 1.3),
        "group help": ([_ANT, "agents", "--help"], 1.3),
        "completion of a word": ([_ANT, "__complete", "sess"], 1.3),
        "help of one command": ([_ANT, "agents", "create", "--help"], 7),
        "agents list -o json": ([_ANT, "agents", "list", "-o", "json"], 9),
        "plain Typer --help": ([*plain, "--help"], 0),
        "plain Typer, a command": ([*plain, "group3", "command2"], 0),
    }
    if gh := shutil.which("gh"):
        every["gh --version"] = ([gh, "--version"], 0)
        every["gh pr list --help"] = ([gh, "pr", "list", "--help"], 0)
    try:
        session = _prepare(home, environ)
        stream = [_ANT, "sessions", "events", "stream", session]
        sdk = {
            "official SDK, import": [sys.executable, "-c", "import anthropic"],
            "official SDK, list of agents": [sys.executable, "-c", _SDK, _socket(home)],
        }
        times: dict[str, list[float]] = {name: [] for name in [*every, *sdk, "stream"]}
        for number in range(scale(20, 1)):
            for name, (argv, _) in every.items():
                times[name].append(_run(argv, environ))
            times["stream"].append(_first_byte(stream, environ, home, session))
            if number < scale(5, 1):  # it takes long
                for name, argv in sdk.items():
                    times[name].append(_run(argv, environ))
    finally:
        subprocess.run([_ANT, "engine", "stop"], env=environ, timeout=30, capture_output=True, check=False)
    every["stream"] = (stream, 13)
    every |= {name: (argv, 0) for name, argv in sdk.items()}
    return _rows(every, times)


def _rows(every: Commands, times: dict[str, list[float]]) -> list[Row]:
    """Those without a budget are what ours are compared with, below them."""
    least = {name: min(values) for name, values in times.items()}
    bare = least["python -c pass"]
    rows = [Row("python -c pass", f"{bare * 1000:.1f} ms", figures={"seconds": bare})]
    compared = []
    for name, (_, budget) in every.items():
        ratio = least[name] / bare
        measured, figures = f"{ratio:.2f} x ({least[name] * 1000:.0f} ms)", {"ratio": ratio, "seconds": least[name]}
        if budget:
            what = "first byte of a stream" if name == "stream" else name
            rows.append(Row(what, measured, f"{budget:g} x", "", ratio <= budget, figures))
        elif name != "python -c pass":
            compared.append(Row(f"compare: {name}", measured, figures=figures))
    return rows + compared


def _prepare(home: Path, environ: dict[str, str]) -> str:
    """The engine, twenty agents, and a session of one turn; its id."""
    script = home / "script.json"
    script.write_text(json.dumps([{"text": "ok"}]))
    agent = ""
    for number in range(20):
        agent = _json(["agents", "create", "--name", f"a{number}", "--model", f"script:{script}"], environ)["id"]
    cloud = ["envs", "create", "--name", "bench", "--config", "{type: cloud}"]
    made = _json(cloud, environ)["id"]
    return str(_json(["sessions", "create", "--agent", agent, "--env", made], environ)["id"])


def _socket(home: Path) -> str:
    return str(json.loads((home / "data/engine.json").read_text())["socket"])


def _json(arguments: list[str], environ: dict[str, str]) -> dict[str, str]:
    done = subprocess.run([_ANT, *arguments, "-o", "json"], env=environ, timeout=60, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def _run(argv: list[str], environ: dict[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(
        argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60
    )
    took = time.perf_counter() - begin
    assert done.returncode == 0, argv
    return took


def _first_byte(argv: list[str], environ: dict[str, str], home: Path, session: str) -> float:
    """The stream does not replay, so something happens in the session all the time, a few milliseconds apart."""
    address = _socket(home)
    begin = time.perf_counter()
    process = subprocess.Popen(
        argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        with Connection(f"unix://{address}") as ask:
            while not select.select([process.stdout], [], [], 0.003)[0]:
                ask.ask("POST", events(session), INTERRUPT)
                assert time.perf_counter() - begin < 20, "the stream shows nothing"
        return time.perf_counter() - begin
    finally:
        process.kill()
        process.communicate()
