"""What a new user met first."""

import json
import re
from pathlib import Path

from tests.e2e.ant import Ant

README = Path(__file__).parents[2] / "README.md"


def test_the_script_in_the_readme_does_what_it_says(ant: Ant, tmp_path: Path) -> None:
    shown = re.search(r"```yaml\n# fib.yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown is not None
    (tmp_path / "fib.yaml").write_text(shown.group(1))
    run = ant("run", "--model", f"script:{tmp_path}/fib.yaml", "What is here?")
    assert (run.returncode, run.stdout) == (0, "There is one file, data.csv.\n"), run.stderr


def test_logs_in_a_format_for_programs_are_one_document(ant: Ant) -> None:
    ant("run", "--model", ant.script({"text": "x"}), "go")
    events = json.loads(ant("logs", "@last", "-o", "json").stdout)
    assert len(events) > 5 and events[-1]["type"] == "session.status_idle"
    assert ant("logs", "@last", "-o", "csv").stdout.count("processed_at,type") == 1
    assert ant("logs", "-f", "@last", "-o", "json").returncode == 2


def test_the_profile_option_counts_for_profile_commands_too(ant: Ant) -> None:
    ant("profile", "set", "work", "kind=local")
    assert json.loads(ant("profile", "show", "-p", "work", "-o", "json").stdout)["name"] == "work"
    assert ant("profile", "show", "-p", "nowhere").returncode == 2


def test_a_kind_of_sandbox_that_does_not_exist_is_refused_at_the_start(ant: Ant) -> None:
    refused = ant("serve", "--port", "0", "--sandbox", "cardboard")
    assert refused.returncode == 2 and "cardboard" in refused.stderr
