"""The Homebrew formula that is written for a release: whole, and Ruby."""

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def homebrew():
    loader = importlib.machinery.SourceFileLoader("homebrew", str(ROOT / "scripts" / "homebrew"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("homebrew", loader))
    loader.exec_module(module)
    return module


def entry(name, file, digit, version="1.0"):
    """As pip reports it."""
    info = {"url": f"https://files.example/{file}", "archive_info": {"hashes": {"sha256": digit * 64}}}
    return {"metadata": {"name": name, "version": version}, "download_info": info}


def report(*entries):
    return {"version": "1", "install": list(entries)}


SOURCE = report(entry("antcli", "antcli-1.2.3.tar.gz", "a", "1.2.3"))
PURE = entry("Typing_Extensions", "typing_extensions-1.0-py3-none-any.whl", "b")
MAC_ONLY = entry("mac-helper", "mac_helper-1.0-py3-none-any.whl", "c")


@pytest.fixture(scope="module")
def machines(homebrew):
    found = {}
    for number, machine in enumerate(homebrew.MACHINES):
        fast = entry("fast", f"fast-1.0-{machine[0]}_{machine[1]}.whl", str(number))
        found[machine] = report(fast, PURE, *([MAC_ONLY] if machine[0] == "on_macos" else []))
    return found


@pytest.fixture(scope="module")
def formula(homebrew, machines):
    return homebrew.formula(SOURCE, machines, "3.13", "https://home.example/ant")


def resources(formula):
    """(where, name, file, the checksum's digit) of each resource, read back from the text."""
    found, where = [], []
    for line in formula.splitlines():
        word = line.strip()
        level = (len(line) - len(line.lstrip())) // 2 - 1
        if match := re.fullmatch("(on_[a-z]+) do", word):
            where[level:] = [match[1]]
        elif match := re.fullmatch('resource "(.+)" do', word):
            name, inside = match[1], tuple(where[:level])
        elif match := re.fullmatch('url "https://files.example/(.+)", using: :nounzip', word):
            file = match[1]
        elif (match := re.fullmatch(r'sha256 "(.)\1{63}"', word)) and level > 0:
            found.append((inside, name, file, match[1]))
    return found


def test_the_formula_is_ruby(formula):
    if not (ruby := shutil.which("ruby")):
        pytest.skip("ruby is not installed")
    done = subprocess.run([ruby, "-wc"], input=formula, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Syntax OK\n", "")


def test_each_machine_gets_each_resource_once_with_its_own_checksum(homebrew, formula):
    found = resources(formula)
    assert ((), "typing-extensions", "typing_extensions-1.0-py3-none-any.whl", "b") in found
    for number, machine in enumerate(homebrew.MACHINES):
        own = {name: (file, digit) for where, name, file, digit in found if where in ((), machine[:1], machine)}
        assert own.pop("typing-extensions")
        assert own.pop("fast") == (f"fast-1.0-{machine[0]}_{machine[1]}.whl", str(number))
        assert [*own] == (["mac-helper"] if machine[0] == "on_macos" else [])
    assert len(found) == 1 + len(homebrew.MACHINES) + 2


def test_the_release_is_named_and_nothing_of_the_template_is_left(formula):
    assert 'url "https://files.example/antcli-1.2.3.tar.gz"\n  version "1.2.3"\n  sha256 "aaaa' in formula
    assert 'homepage "https://home.example/ant"' in formula
    assert 'depends_on "python@3.13"' in formula and 'virtualenv_create(libexec, "python3.13")' in formula
    assert not re.search("@[A-Z0-9_]+@", formula)
    assert not re.search("[ \t]$|\n\n\n", formula, re.MULTILINE)


def test_what_the_formula_installs_is_in_the_source(formula):
    for name in re.findall('"(completions/[^"]+)"', formula):
        assert (ROOT / name).is_file(), name
    assert [*ROOT.glob("man/*.1")]


def test_what_the_package_needs_is_asked_for_and_bubblewrap_is_homebrew_s(homebrew):
    names = [re.split("[<>=]", line)[0] for line in homebrew.requirements()]
    assert {"typer", "pydantic", "uvicorn"} <= set(names) and not [name for name in names if "bubblewrap" in name]


@pytest.mark.parametrize(
    "change", [{"archive_info": {}}, {"url": 'https://files.example/"+`id`'}, {"url": "file:///tmp/antcli.tar.gz"},
               {"url": "https://files.example/#{exit}"}]
)  # fmt: skip
def test_a_source_without_checksum_or_plain_address_is_refused(homebrew, machines, change):
    [source] = SOURCE["install"]
    broken = source | {"download_info": source["download_info"] | change}
    with pytest.raises(SystemExit, match="homebrew: "):
        homebrew.formula(report(broken), machines, "3.13")
