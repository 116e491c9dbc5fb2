"""What is expected of an example, where it is more than exit code 0 and the answer of its operation."""

from __future__ import annotations

import signal
from dataclasses import dataclass

ANSWER = "I read: "  # how the fake model begins


@dataclass(frozen=True)
class Expected:
    """Of stdout (on a terminal: the screen) and stderr parts are given; `quiet` is a line that prints no result.

    `keys` are typed on a terminal: what the screen shows, then keys. `until` is for a line without an end: it gets the
    signal when it has printed that. `typed` is run instead of the line. `then` is a second line, which `shows` what the
    first has done. Another exit code than 0 has its reason in `why`.
    """

    says: str = ""
    tells: str = ""
    quiet: bool = False
    keys: tuple[tuple[str, ...], ...] = ()
    until: str = ""
    signal: signal.Signals = signal.SIGINT
    typed: str = ""
    then: str = ""
    shows: str = ""
    code: int = 0
    why: str = ""


def says(text: str) -> Expected:
    return Expected(says=text)


def quietly(tells: str = "", then: str = "", shows: str = "") -> Expected:
    return Expected(tells=tells, quiet=True, then=then, shows=shows)


def endless(until: str) -> Expected:
    return Expected(says=until, until=until, code=130, why="it goes on until Ctrl-C")


def typed(*keys: tuple[str, ...], says: str, then: str = "", shows: str = "") -> Expected:
    return Expected(says=says, keys=keys, then=then, shows=shows)


def served(line: str) -> Expected:
    """On a free port: somebody may use the usual one here."""
    run = line.replace(" --port 8484", "") + " --port 0"
    return Expected(says='"url"', until='"url"', signal=signal.SIGTERM, typed=run)


def rested(line: str) -> Expected:
    """A worker that leaves when it has done what there is."""
    return Expected(typed=f"{line} --max-idle 0.1", tells="how=left", quiet=True)


CHAT = typed(("Ctrl-D leaves", "Hello", "Enter"), (f"{ANSWER}Hello", "C-d"), says="ant chat --session sesn_")
EDIT = typed(("[y/N]", "y", "Enter"), says="+description: Edited")
INTERRUPTED = quietly(then="ant wait @last; ant sessions get @last --transform status -r", shows="idle")
SERVE = "ant serve", "ant serve --host 0.0.0.0 --port 8484 --api-key-file key.txt"
KEY = ("(not shown)", "sk-typed", "Enter")

CONFIRMED = "ant logs @last -o jsonl --type user.tool_confirmation"
DRAWN = (
    'ant run "Draw the sales by region" --file sales.csv --outputs charts/',
    'ant run "Draw sales by region" --file sales.csv --outputs charts/',
)
SAID = (
    "ant beta:sessions:events send --session-id session_01 "
    "--event '{type: user.message, content: [{type: text, text: Hello}]}'"
)
VALIDATED = "ant beta:vaults:credentials mcp-oauth-validate --vault-id vault_01 --credential-id credential_01"
WORKERS = "ant worker poll --environment-id env_01 --workdir jobs --concurrency 4"
HANDED = "ant worker poll own-machines --on-work 'ant worker run' --log-format json"
HANDLED = "ant worker run --environment-id env_01 --work-id work_01 --session-id session_01"
VARIABLES = 'set -a; eval "$(ant auth print-credentials --env)"; set +a'

EXPECTED = {
    # daily commands
    'ant run "Write a haiku about sandboxes into haiku.txt"': says(f"{ANSWER}Write a haiku"),
    'git diff | ant run "Review this change" --agent reviewer': says("+# A better project"),
    "ant run @task.md --timeout 10m --output-last answer.md": Expected(
        says=f"{ANSWER}Read the README", then="cat answer.md", shows=f"{ANSWER}Read the README"
    ),
    'ant run --continue "And now the tests"': says(f"{ANSWER}And now the tests"),
    'ant run "Tidy up" --detach': says("sesn_"),
    'ant run "Write the report" --outcome @rubric.md --budget 2.50': says(ANSWER),
    **dict.fromkeys(DRAWN, Expected(says=ANSWER, then="cat charts/sales.svg", shows="drawn")),
    "ant chat": CHAT,
    "ant chat --agent reviewer": CHAT,
    "ant chat --continue": CHAT,
    "ant demo": says("232"),
    "ant wait @last": quietly(),
    "ant wait @last --timeout 10m && ant logs @last --tail 1": says("end_turn"),
    "ant wait @last --for requires_action": quietly(),
    "ant wait @last 'Nightly review' --any": quietly("end_turn"),
    "ant logs @last": says(f"{ANSWER}Look at it."),
    "ant logs -f @last": endless(f"{ANSWER}Look at it."),
    "ant logs @last --type agent.message --tail 1": says(f"{ANSWER}Look at it."),
    "ant logs -f @last -o jsonl --until idle": says('"session.status_idle"'),
    "ant logs @last --since 10m": says(f"{ANSWER}Look at it."),
    "ant top": typed(("A review",), ("sorted by elapsed", "q"), says="exit=0"),
    "ant top --sort tokens": typed(("A review",), ("sorted by tokens", "q"), says="exit=0"),
    "ant top --all -o json": says('"A review"'),
    "ant approve @last": quietly("Allowed: bash echo checked", then=f"ant wait @last; {CONFIRMED}", shows='"allow"'),
    "ant approve @last && ant wait @last": quietly("Allowed: bash", then="ant logs @last", shows="Thanks."),
    "ant deny @last": quietly("Denied: bash echo checked", then=f"ant wait @last; {CONFIRMED}", shows='"deny"'),
    'ant deny @last --message "Use the test database"': quietly(
        "Denied", then="ant wait @last; ant logs @last -o jsonl", shows="Use the test database"
    ),
    "ant interrupt @last": INTERRUPTED,
    "ant interrupt @last --wait --timeout 30s": INTERRUPTED,
    "ant cost @last": says('"total"'),
    "ant cost --since 7d --by agent": says('"reviewer"'),
    "ant cost --by day -o csv": says("day,"),
    "ant edit agent reviewer": EDIT,
    "EDITOR=nano ant edit env tests": EDIT,
    "ant open @last": says("file://"),
    "ant open reviewer --print": says("https://console.example.com/workspaces/default/agents/agent_4fK9"),
    "ant plan": says("reviewer"),
    "ant plan agents/reviewer.md -v": says("You review changes."),
    "ant plan --detailed-exitcode -o json": Expected(says='"create"', code=10, why="there are changes"),
    "ant apply": typed(("[y/N]", "y", "Enter"), says="created", then="ant agents list", shows='"You review changes."'),
    "ant apply agents/ environments/ --yes": Expected(says="created", then="ant envs get tests", shows='"env_'),
    "ant apply --yes": says("created"),
    "ant apply --upgrade --yes": says("created"),
    "ant apply --prune --yes -o json": Expected(says="created", then="ant agents get reviewer", shows='"agent_'),
    "ant export agent reviewer": says("./agents/reviewer.yaml"),
    "ant export --all -O managed": Expected(
        says="reviewer.yaml", then="cat managed/agents/reviewer.yaml", shows="name: reviewer"
    ),
    "ant export envs --force": says("tests.yaml"),
    "ant import agent reviewer": says("reviewer.md"),
    "ant import env tests environments/tests.yaml": says("environments/tests.yaml"),
    "ant destroy": typed(
        ("[y/N]", "y", "Enter"), says="archived", then="ant plan agents/ environments/", shows="2 to create"
    ),
    "ant destroy --lock-file staging-lock.json --yes": Expected(
        says="agents/reviewer.md", then="ant plan --lock-file staging-lock.json agents/", shows="1 to create"
    ),
    # things
    "ant sessions events list @last": says(f'"{ANSWER}Look at it."'),
    "ant beta:sessions:events list --session-id session_01": says(f'"{ANSWER}Look at it."'),
    SAID: says('"Hello"'),
    "ant sessions resources list @last": says('"https://github.com/nobody/website"'),
    "ant beta:sessions:resources list --session-id session_01": says('"https://github.com/nobody/website"'),
    "ant sessions resources add @last --file-id data.csv --mount-path /data.csv": says('/data.csv"'),
    "ant work heartbeat own-machines work_4fK9 --expected-last-heartbeat NO_HEARTBEAT": says('"active"'),
    "ant beta:environments:work heartbeat --environment-id env_01 --work-id work_01": says('"active"'),
    "ant sessions connect @last": CHAT,
    "ant sessions connect @last --web": endless("http://127.0.0.1:"),
    "ant sessions connect @last -o jsonl": endless(f"{ANSWER}Look at it."),
    "ant worker poll own-machines": rested("ant worker poll own-machines --drain"),
    WORKERS: rested(f"{WORKERS} --drain"),
    HANDED: Expected(typed=HANDED.replace("run'", "run --max-idle 0.1' --drain"), tells="how=left", quiet=True),
    HANDLED: rested(HANDLED),
    "ant sessions events stream @last": endless("Word "),
    "ant sessions events stream @last --event-delta agent.message": endless("event_delta"),
    "ant sessions events stream @last --tail 5 --until idle": says('"session.status_idle"'),
    "ant sessions threads events stream @last sthr_4fK9": endless("Word "),
    "ant beta:sessions:events stream --session-id session_01": endless("Word "),
    "ant beta:sessions:threads:events stream --session-id session_01 --thread-id thread_01": endless("Word "),
    "ant beta:files upload --file report.csv": says('"report.csv"'),
    "ant files upload data.csv": says('"data.csv"'),
    "ant files upload *.csv --expires-in 7d": says('"report.csv"'),
    "tar c . | ant files upload - -n a.tar": says('"a.tar"'),
    "ant files download report.pdf": Expected(says='"report.pdf"', then="cat report.pdf", shows="line 30"),
    "ant files download results.csv -O - | head": says("line 10"),
    "ant files download --session @last results/": Expected(
        says='"results/report.pdf"', then="cat results/report.pdf", shows="line 30"
    ),
    "ant beta:files download --file-id file_01 --output report.pdf": quietly(
        "report.pdf", then="cat report.pdf", shows="line 30"
    ),
    "ant beta:skills:versions download --skill-id skill_01 --version skver_01 --output skill.zip": quietly(
        then="python -m zipfile -l skill.zip", shows="SKILL.md"
    ),
    "ant envs keys create own-machines --transform key -r > worker.key": quietly(
        then="cat worker.key", shows="ant-env-"
    ),
    "ant vaults credentials validate team linear": says('"valid"'),
    VALIDATED: says('"valid"'),
    "ant messages create -f request.yaml --stream": says('"message_stop"'),
    # profiles, keys, the engine
    "ant profile list": says('"local"'),
    "ant profile show": says('"local"'),
    "ant profile show work": says('"hosted"'),
    "ant profile use hosted": quietly("'hosted'", then="ant profile show", shows='"hosted"'),
    "ant profile set work kind=hosted base_url=https://agents.example.com": quietly(
        then="ant profile show work", shows="https://agents.example.com"
    ),
    "ant profile set local defaults.agent=reviewer engine.idle_minutes=60": quietly(
        then="ant profile show local", shows='"reviewer"'
    ),
    "ant profile unset local defaults.agent": quietly(then="ant profile show local", shows='"defaults": {}'),
    "ant profile delete work --yes": quietly(then="ant profile list -o id", shows="local"),
    "ant auth login": typed(KEY, says="Stored for profile 'hosted'", then="ant auth status", shows='"hosted"'),
    "ant auth login --with-token < key.txt": quietly("Stored for", then="ant auth status", shows='"hosted"'),
    "ant auth login -p team --base-url https://agents.example.com": typed(
        KEY, says="Stored for profile 'team'", then="ant auth status", shows="https://agents.example.com"
    ),
    "ant auth logout": quietly("'hosted' are forgotten"),
    "ant auth logout -p team": quietly("'team' are forgotten"),
    "ant auth print-credentials --access-token": says("sk-example-1"),
    VARIABLES: Expected(says="sk-example-1", typed=f"{VARIABLES}; printenv ANTHROPIC_AUTH_TOKEN"),
    "ant auth status": says('"local"'),
    "ant engine status": says('"pid"'),
    "ant engine stop": quietly("has stopped"),
    "ant engine restart": quietly("runs as process", then="ant engine status", shows='"pid"'),
    "ant engine logs": says("is ready"),
    "ant engine logs -f": endless("is ready"),
    **{line: served(line) for line in SERVE},
    "ant doctor": says("claude-sonnet-5-5 at "),
    "ant doctor -p work -o json": says("claude-opus-5-5"),
    # what `ant` says of itself
    "ant explain": says("agents"),
    "ant explain differences": says("hosted"),
    "ant completion bash": says("complete "),
    "ant completion zsh --install": quietly("Wrote ", then="cat ~/.zshrc", shows="ant"),
    "ant completion fish > ~/.config/fish/completions/ant.fish": quietly(
        then="cat ~/.config/fish/completions/ant.fish", shows="complete "
    ),
    "ant version": says("ant "),
    # README
    'ant run --model script:fib.yaml "What is here?"': says("There is one file, data.csv."),
    "ant agents list -o json | jq -r '.[].name'": says("reviewer\n"),
    "ant agents get reviewer --transform model.id -r": says("claude-opus-5-5\n"),
    "ant sessions create --agent reviewer --dry-run": says("curl"),
}
