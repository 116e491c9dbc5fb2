"""What is generated is committed as it would be generated now."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import tree

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def generate():
    return tree.generate()


def test_nothing_generated_is_stale(generate):
    assert generate.stale() == [], "run scripts/generate"


def test_help_is_ascii_and_fits_80_columns(generate):
    for path, text in generate.generated().items():
        if path.parent.name == "help":
            assert text.isascii(), path.name
            assert all(len(line) <= 79 for line in text.splitlines() if not line.startswith("  ant ")), path.name


def test_every_command_has_help_and_an_example(generate):
    for path, context in generate.walk():
        command = context.command
        assert command.help, path
        if not hasattr(command, "contents"):
            assert command.callback.examples, path
            for example in command.callback.examples:
                assert " ".join(("ant", *path)) in example or path[-1] in example, (path, example)


def test_every_option_says_what_it_is_for(generate):
    for path, context in generate.walk():
        for param in context.command.params:
            assert getattr(param, "hidden", False) or param.help, (path, param.name)


def test_no_command_takes_an_option_of_every_command_for_itself(generate):
    shared = {
        "-h",
        "--help",
        "-p",
        "--profile",
        "-o",
        "--format",
        "--columns",
        "--no-color",
        "-q",
        "--quiet",
        "--debug",
    }
    for path, context in generate.walk():
        for param in context.command.params:
            assert not shared.intersection([*param.opts, *param.secondary_opts]), path


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_has_nothing_to_say_against_the_pages():
    for page in sorted((ROOT / "man").glob("*.1")):
        command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), page.name
