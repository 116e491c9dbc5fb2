"""What goes in: documents on stdin, files in values, inner flags; and --dry-run, --transform and slips."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).with_name("ant"))
AGENT = {"id": "agent_1", "type": "agent", "name": "n", "model": {"id": "m"}, "version": 3, "system": "@./secret",
         "tools": [], "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip


@pytest.fixture
def shell(api, hosted, tmp_path):
    """Runs a line of bash with the installed command."""
    environ = hosted | {"PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    api.on("POST", "/v1/agents", AGENT)
    api.on("GET", "/v1/agents/agent_1", AGENT)
    api.on("POST", "/v1/agents/agent_1", AGENT)
    api.on("GET", "/v1/agents", {"data": [AGENT, {"id": "agent_2"}], "next_page": None})

    def run(line, **settings):
        return subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=30, **settings
        )

    return run


CREATE = "ant beta:agents create"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (f"printf 'name: y\\nmodel: m\\n' | {CREATE}", {"name": "y", "model": "m"}),
        (f"printf 'name: y\\nmodel: m\\ntools: [{{type: a}}]' | {CREATE} --name z --tool '{{type: b}}'",
         {"name": "z", "model": "m", "tools": [{"type": "b"}]}),
        (f"{CREATE} --name z <<'YAML'\nmodel: m\nsystem: |\n  Two\n  lines\nYAML",
         {"name": "z", "model": "m", "system": "Two\nlines\n"}),
        (f"(sleep 0.3; echo 'name: slow') | {CREATE} --model m", {"name": "slow", "model": "m"}),
        (f"(sleep 0.1; echo 'name: s') | {CREATE} --model m --name n", {"name": "n", "model": "m"}),
        (f"echo 'name: f' > f; {CREATE} --model m < f", {"name": "f", "model": "m"}),
        (f"{CREATE} --name n --model m </dev/null", {"name": "n", "model": "m"}),
        ("echo '{name: y, model: m}' | ant agents create", {"name": "y", "model": "m"}),
        ("echo '{name: y, model: m}' | ant agents create -f -", {"name": "y", "model": "m"}),
        ("ant agents create --name n --model m --mcp-server.name a --mcp-server '{name: b}' --mcp-server.url http://x "
         "--multiagent.type coordinator --multiagent.agents one --tool.input_schema.type object",
         {"name": "n", "model": "m", "mcp_servers": [{"name": "a"}, {"name": "b", "url": "http://x"}],
          "multiagent": {"type": "coordinator", "agents": ["one"]}, "tools": [{"input_schema": {"type": "object"}}]}),
        ("printf 'in it' > p; printf '\\377' > b; ant agents create --name '\\@n' --model @nobody --system @./p "
         "--tool '{type: x, deep: [{t: \"@file://p\", b: \"@data://p\", c: \"@./b\"}]}'",
         {"name": "@n", "model": "@nobody", "system": "in it",
          "tools": [{"type": "x", "deep": [{"t": "in it", "b": "aW4gaXQ=", "c": "/w=="}]}]}),
        ("echo typed | ant agents create --name n --model m --system @-",
         {"name": "n", "model": "m", "system": "typed\n"}),
    ],
)  # fmt: skip
def test_what_is_typed_and_what_is_piped_make_one_body(shell, api, line, body):
    done = shell(line)
    assert done.returncode == 0, done.stderr
    assert api.last.body == body


def test_a_retrieved_object_goes_back_and_its_texts_name_no_files(shell, api, tmp_path):
    (tmp_path / "secret").write_text("mine")
    done = shell('ant beta:agents retrieve agent_1 | sed \'s/"n"/"renamed"/\' | ant beta:agents update')
    assert done.returncode == 0, done.stderr
    assert (api.last.path, api.last.query) == ("/v1/agents/agent_1", {"beta": ["true"]})
    assert api.last.body == {
        "name": "renamed", "model": {"id": "m"}, "version": 3, "system": "@./secret", "tools": [],
    }  # fmt: skip


def test_a_loop_keeps_its_input(shell, api, tmp_path):
    (tmp_path / "ids").write_text("agent_1\nagent_1\nagent_1\n")
    assert shell("while read id; do ant beta:agents update --agent-id $id --name x; done < ids").returncode == 0
    assert len(api.requests) == 3
    assert shell("cat ids | while read id; do ant beta:agents retrieve --agent-id $id; done").returncode == 0
    assert len(api.requests) == 6


def test_an_idle_pipe_does_not_hang_a_complete_request(api, hosted, shell):
    reader, writer = os.pipe()
    try:
        done = shell(f"{CREATE} --name n --model m", stdin=reader)
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == 0 and "it was not read" in done.stderr
    assert api.last.body == {"name": "n", "model": "m"}


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        (f"printf 'name: [' | {CREATE}", 2, "stdin: expected the node content, but found"),
        (f"printf 'name: a: b' | {CREATE}", 2, "at line 1, column 8"),
        (f"echo just words | {CREATE}", 2, "stdin: expected an object"),
        (f"{CREATE} --nmae x </dev/null", 2, "`--name`"),
        (f"{CREATE} --mcp-server.nmae x </dev/null", 2, "`--mcp-server.name`"),
        (f"{CREATE} --name x --model m --system @./gone", 2, "--system: cannot read ./gone: No such file"),
        (f"{CREATE} --name x --model m --tool '{{a: [\"@./gone\"]}}'", 2, "--tool[0].a[0]: cannot read ./gone"),
        (f"{CREATE} --name @- --system @- --model m </dev/null", 2, "stdin is already read, for --name"),
        ("ant beta:agents retrieve --agent-id a b", 2, "Both --agent-id and 'b'"),
        ("ant beta:agents list --limit ten", 2, "--limit: expected a whole number, got 'ten'"),
        ("ant beta:agents list --transform 'a..b'", 2, "--transform: a key is missing before '.', at character 3"),
        ("ant beta:agents list --transform gone", 1, "none of the 2 results has anything at 'gone'"),
        ("ant beta:agents retrieve agent_1 --transform gone", 1, "the result has nothing at 'gone'. It has id, type"),
        ("ant beta:agents list --api-key sk-very-secret", 2, "--api-key is not taken"),
        ("ant --base-url http://127.0.0.1:1 -p work beta:agents list", 2, "work"),
        ("echo k | ant --api-key-stdin --auth-token-stdin beta:agents list", 2, "exclude each other"),
        ("ant beta:agnets list", 2, "Did you mean"),
    ],
)
def test_slips_are_named_with_their_place(shell, api, line, code, told):
    done = shell(line)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr and "sk-very-secret" not in done.stderr
    assert done.stderr.count("\n") <= 3


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("--transform id", '"agent_1"\n"agent_2"\n'),
        ("--transform id -r", "agent_1\nagent_2\n"),
        ("--transform id -r --format json", "agent_1\nagent_2\n"),
        ("--transform '{id,\"v\":version}'", '{"id":"agent_1","v":3}\n{"id":"agent_2"}\n'),
        ("--transform '{id,v:version}'", '{"id":"agent_1","v":3}\n{"id":"agent_2"}\n'),
        ("--transform id --format yaml", "agent_1\n---\nagent_2\n"),
        ("--transform '{id,v:version}' --format csv", "id,v\nagent_1,3\nagent_2,\n"),
        ("--transform id --format csv", "value\nagent_1\nagent_2\n"),
        ("--transform name -r", "n\n"),
        ("--format raw --transform data.# -r", "2\n"),
    ],
)
def test_transform_works_on_each_thing_in_every_format(shell, options, printed):
    done = shell(f"ant {options} beta:agents list")
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
    if options == "--transform name -r":
        assert "1 of the 2 results have nothing at 'name'" in done.stderr


def test_errors_have_formats_of_their_own(shell, api):
    body = {"type": "error", "error": {"type": "not_found_error", "message": "Gone."}}
    api.on("GET", "/v1/agents/x", (404, body))
    done = shell("ant --format-error jsonl beta:agents retrieve x")
    assert (done.returncode, done.stdout, json.loads(done.stderr)) == (4, "", body)
    assert shell("ant --transform-error error.message -r beta:agents retrieve x").stderr == "Gone.\n"


def test_the_key_may_come_from_stdin(shell, api):
    done = shell("echo sk-piped | ant --api-key-stdin beta:agents list --workspace-id w1 --debug")
    assert done.returncode == 0, done.stderr
    assert (api.last.headers["x-api-key"], api.last.headers["anthropic-workspace-id"]) == ("sk-piped", "w1")
    assert "sk-piped" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "ant beta:agents create --name \"it's\" --model '{id: m}' --system 'a \"b\" $HOME\n`x`'",
        "ant beta:agents list --created-at-gte 2026-01-01T00:00:00+01:00 --limit 3",
        "ant agents update agent_1 --description 'ü *' --metadata a=b",
        "printf 'a,b' > 'f;1.csv'; ant beta:files upload --file 'f;1.csv'",
    ],
)
def test_a_dry_run_sends_nothing_and_its_curl_sends_the_same(shell, api, line):
    api.on("POST", "/v1/files", {"id": "file_1"})
    dry = shell(f"{line} --dry-run </dev/null")
    assert dry.returncode == 0, dry.stderr
    assert api.requests == [] and "sk-test" not in dry.stdout
    assert shell(f"{line} </dev/null").returncode == 0
    curl = dry.stdout[dry.stdout.index("\ncurl ") :]
    assert shell(curl).returncode == 0
    ours = next(request for request in api.requests if request.method != "GET" or "list" in line)
    theirs = api.last
    assert ours is not theirs
    assert (ours.method, ours.path, ours.query, ours.body) == (theirs.method, theirs.path, theirs.query, theirs.body)
    for name in ("anthropic-beta", "anthropic-version", "x-api-key"):
        assert ours.headers.get(name) == theirs.headers.get(name)


def test_a_dry_run_hides_secrets_and_starts_no_engine(ant, environ):
    auth = "{type: static_bearer, token: tok-secret, mcp_server_url: https://x, more: tok-secret}"
    result = ant("beta:vaults:credentials", "create", "--vault-id", "v", "--auth", auth, "--dry-run", "-o", "json",
                 environ=environ)  # fmt: skip
    assert result.code == 0 and "tok-secret" not in result.out + result.err
    assert result.json["body"]["auth"] == {
        "type": "static_bearer", "token": "[hidden]", "mcp_server_url": "https://x", "more": "[hidden]",
    }  # fmt: skip
    assert not Path(environ["ANT_DATA_DIR"]).exists()
    assert result.json["curl"].startswith("curl -sS --unix-socket ")


def test_debug_leaves_a_stream_live(api, hosted, tmp_path):
    import threading

    gate = threading.Event()
    api.on("GET", "/v1/sessions/s/events/stream", [{"type": "first"}, gate, {"type": "second"}])
    process = subprocess.Popen(
        [COMMAND, "beta:sessions:events", "stream", "s", "--debug"], env=hosted, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert json.loads(process.stdout.readline()) == {"type": "first"}  # while the second is held back
    gate.set()
    rest, _ = process.communicate(timeout=20)
    assert json.loads(rest) == {"type": "second"}


def test_an_option_without_its_value_leads_to_the_help_of_its_command(ant):
    result = ant("agents", "create", "--name")
    assert result.code == 2
    assert result.err == "Error: Option '--name' requires an argument.\nSee `ant agents create --help`.\n"
