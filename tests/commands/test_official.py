"""The official spelling against a table written without it: every command with every flag it has."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from antcli.app import TABLE as TABLE_OF_OURS
from antcli.commands import official

TABLE = Path(__file__).with_name("official_commands.txt")
LISTS = ("mcp_servers", "skills", "tools", "resources", "vault_ids", "fallbacks")


class Flag(NamedTuple):
    name: str
    required: bool
    type: str
    place: str
    wire: str


class Official(NamedTuple):
    words: tuple[str, ...]
    method: str
    path: str
    beta: str
    flags: tuple[Flag, ...]
    max_items: bool

    @property
    def parameters(self):
        return re.findall(r"{(\w+)}", self.path)


def commands():
    for line in TABLE.read_text().splitlines():
        if line.startswith("#"):
            continue
        words, request, beta, said = (part.strip() for part in line.split("|"))
        method, path = request.split()
        tokens = said.split()
        flags = tuple(
            Flag(name.rstrip("*"), name.endswith("*"), *rest)
            for name, *rest in (token.split(":", 3) for token in tokens if token.startswith("--"))
        )
        yield Official(tuple(words.split()), method, path, beta, flags, "+max-items" in tokens)


COMMANDS = list(commands())
IDS = [" ".join(command.words) for command in COMMANDS]


def cases(wanted):
    found = [command for command in COMMANDS if wanted(command)]
    return pytest.mark.parametrize("command", found, ids=[" ".join(command.words) for command in found])


def required(command):
    flags = [flag.name for flag in command.flags if flag.required]
    return [f"--{name.replace('_', '-')}" for name in command.parameters] + flags


def nullable(command):
    return [flag for flag in command.flags if flag.type == "str?" and flag.place == "body" and "." not in flag.wire]


def shared(command):
    """A word of ours too: `ant models list` is both spellings, and speaks our version of the API."""
    return any(command.words[0] in (row.name, *row.aliases) for rows in TABLE_OF_OURS.values() for row in rows)


def sample(flag, tmp_path):
    """What is typed for a flag, once or twice, and what that must be on the wire."""
    type = flag.type.rstrip("?")
    if flag.place == "file":
        paths = []
        for name in ("a.txt", "b.bin")[: 2 if type == "str[]" else 1]:
            (tmp_path / name).write_bytes(b"\xff" + name.encode())
            paths.append(str(tmp_path / name))
        return paths, None
    if type == "any" and flag.wire in LISTS:
        return ['[{"n": "1"}]'], [{"n": "1"}]
    if type == "any[]":
        return ["one", "{two: 2}"], ["one", {"two": 2}]
    return {
        "int": (["0x1f"], 31),
        "num": (["0.25"], 0.25),
        "str": ([f"text of {flag.name}, 17"], f"text of {flag.name}, 17"),
        "bool": ([], True),
        "obj": (["{k: 'v'}"], {"k": "v"}),
        "obj[]": (["{n: 1}", '{"n": 2, "m": [x]}'], [{"n": 1}, {"n": 2, "m": ["x"]}]),
        "str[]": (["one", "{two}"], ["one", "{two}"]),
        "any": (["{k: [1]}"], {"k": [1]})
        if flag.place == "body"
        else (["2026-01-02T03:04:05Z"], "2026-01-02T03:04:05Z"),
    }[type]


def typed(command, tmp_path):
    """A command line with every flag, and the query, headers and body that must come of it."""
    words, query, headers, body = [*command.words], {}, {}, {}
    for name in command.parameters:
        words += [f"--{name.replace('_', '-')}", f"{name}-1"]
    for flag in command.flags:
        values, wire = sample(flag, tmp_path)
        for value in values or [None]:
            words += [flag.name] if value is None else [flag.name, value]
        if flag.place == "q":
            query[flag.wire] = [
                str(item).lower() if item is True else str(item)
                for item in ([wire] if not isinstance(wire, list) else wire)
            ]
        elif flag.place == "h":
            headers[flag.wire] = wire
        elif flag.place == "body":
            outer, _, inner = flag.wire.partition(".")
            if not inner:
                body[outer] = wire
            else:
                into = body[outer]
                into = into[-1] if isinstance(into, list) else into
                into[inner] = wire
    return words, query, headers, body


def answer_of(request):
    return {"id": "x", "data": [], "next_page": None, "has_more": False}


def expected_path(command):
    path = command.path
    for name in command.parameters:
        path = path.replace("{" + name + "}", f"{name}-1")
    return path


def test_the_table_has_the_131_commands():
    assert len(COMMANDS) == 131
    ours = {(resource, verb) for resource, verbs in official.RESOURCES.items() for verb in verbs.split()}
    assert {command.words for command in COMMANDS} <= ours
    assert {resource for resource, _ in ours - {command.words for command in COMMANDS}} == {"skills:versions"}


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_every_flag_of_every_command_is_sent_as_the_official_one_sends_it(ant, api, hosted, command, tmp_path):
    words, query, headers, body = typed(command, tmp_path)
    if "stream" in body:  # an answer in one piece
        words = [word for word in words if word != "--stream"] + ["--stream=false"]
        body["stream"] = False
    if command.max_items:
        words += ["--max-items", "5"]
    streamed = command.path.endswith("/stream")
    binary = command.words[-1] == "download"
    api.on(command.method, expected_path(command), [{"type": "x"}] if streamed else answer_of)
    if binary:
        words += ["--output", str(tmp_path / "out")]
    result = ant(*words, environ=hosted)
    assert result.code == 0, result.err
    sent = api.last
    assert (sent.method, sent.path) == (command.method, expected_path(command))
    beta = command.words[0].startswith("beta:")
    assert sent.query == query | ({"beta": ["true"]} if beta else {})
    assert sent.headers.get("anthropic-version") == ("2026-10-21" if shared(command) else "2023-06-01")
    assert sent.headers.get("anthropic-beta", "-") == command.beta
    assert sent.headers["x-api-key"] == "sk-test"
    for name, value in headers.items():
        assert sent.headers[name] == value
    files = [flag for flag in command.flags if flag.place == "file"]
    if files:
        form = {(name, filename, content) for name, filename, _, content in sent.body}
        names = ("a.txt", "b.bin")[: 2 if files[0].type == "str[]" else 1]
        expected = {(files[0].wire, name, b"\xff" + name.encode()) for name in names}
        assert form == expected | {(name, None, value.encode()) for name, value in body.items()}
    elif body or (command.method == "POST" and any(flag.place == "body" for flag in command.flags)):
        assert sent.body == body
    else:
        assert sent.body is None


@cases(lambda command: required(command) and not shared(command))
def test_what_is_required_is_missed_by_name_and_nothing_is_sent(ant, api, hosted, command):
    result = ant(*command.words, environ=hosted)
    assert (result.code, result.out, api.requests) == (2, "", [])
    for name in required(command):
        assert re.search(rf"{name}\b", result.err), (name, result.err)


@cases(
    lambda command: (
        command.words[0].startswith("beta:")
        and command.parameters
        and not command.path.endswith("/stream")
        and not any(flag.required for flag in command.flags)
        and command.words[-1] != "download"
    )
)
def test_beta_replaces_the_default_and_the_word_alone_is_the_last_parameter(ant, api, hosted, command, tmp_path):
    api.on(command.method, expected_path(command), answer_of)
    words = [*command.words, f"{command.parameters[-1]}-1"]
    for name in command.parameters[:-1]:
        words += [f"--{name.replace('_', '-')}", f"{name}-1"]
    assert ant(*words, "--beta", "one", "--beta", "two", environ=hosted).code == 0
    assert (api.last.path, api.last.headers["anthropic-beta"]) == (expected_path(command), "one,two")


@cases(lambda command: nullable(command) and not any(flag.place == "file" for flag in command.flags))
def test_null_clears_what_may_be_null(ant, api, hosted, command, tmp_path):
    api.on(command.method, expected_path(command), answer_of)
    words = [*command.words]
    for name in command.parameters:
        words += [f"--{name.replace('_', '-')}", f"{name}-1"]
    for flag in command.flags:
        if flag.required and flag not in nullable(command):
            words += [flag.name, sample(flag, tmp_path)[0][0]]
    for flag in nullable(command):
        words += [flag.name, "null"]
    assert ant(*words, environ=hosted).code == 0
    assert {flag.wire: api.last.body[flag.wire] for flag in nullable(command)} == dict.fromkeys(
        flag.wire for flag in nullable(command)
    )
