"""A file into a session and what the session made out of it, through a real engine and a real sandbox."""

import json
import subprocess
import zipfile
from pathlib import Path

from tests.e2e.ant import bash
from tests.e2e.served import ANT, KEY, environment, served


def test_a_file_goes_in_and_the_output_comes_out(tmp_path: Path) -> None:
    with served(tmp_path / "engine") as engine:
        environ = environment(tmp_path, ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY=KEY)

        def ant(*arguments: str) -> str:
            done = subprocess.run([ANT, *arguments], env=environ, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            return done.stdout

        data = tmp_path / "numbers.csv"
        data.write_text("3\n1\n2\n")
        file = json.loads(ant("files", "upload", str(data)))
        assert json.loads(ant("files", "get", "numbers.csv"))["size_bytes"] == 6
        outputs = "/mnt/session/outputs"
        command = f"mkdir -p {outputs}/sub; sort /mnt/session/uploads/numbers.csv > {outputs}/sub/sorted.txt"
        model = engine.script({"tools": [bash(command)]}, {"text": "Sorted."})
        toolset = "agent_toolset_20260401"
        ant("agents", "create", "--name", "sorter", "--model", model, "--tool", toolset)
        ant("envs", "create", "--name", "here", "--config.type", "cloud")
        mounted = json.dumps({"type": "file", "file_id": file["id"], "mount_path": "/mnt/session/uploads/numbers.csv"})
        ant("sessions", "create", "--agent", "sorter", "--env", "here", "--resource", mounted)
        ant("sessions", "send", "@last", "Sort it.")
        ant("wait", "@last")
        results = tmp_path / "results"
        (loaded,) = [
            json.loads(line) for line in ant("files", "download", "--session", "@last", str(results)).splitlines()
        ]
        assert (results / "sorted.txt").read_text() == "1\n2\n3\n"
        assert loaded["path"] == str(results / "sorted.txt") and loaded["size_bytes"] == 6
        assert ant("files", "download", "sorted.txt", "-O", "-") == "1\n2\n3\n"

        skill = tmp_path / "sorting"
        (skill / "scripts").mkdir(parents=True)
        (skill / "SKILL.md").write_text("---\nname: sorting\ndescription: Sorts.\n---\nUse scripts/sort.sh.\n")
        (skill / "scripts" / "sort.sh").write_text("sort\n")
        ant("skills", "create", str(skill))
        ant("skills", "versions", "download", "@last", "-O", str(tmp_path / "s.zip"))
        with zipfile.ZipFile(tmp_path / "s.zip") as archive:
            assert sorted(archive.namelist()) == ["sorting/SKILL.md", "sorting/scripts/sort.sh"]
