"""`ant skills`: folders keep their sub-folders, versions come back as a zip."""

import pytest

from tests.fakes.cutting_server import ID

SKILL = "skill_" + "a" * 24
VERSION = "skver_" + "b" * 24


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "pdf-forms"
    for name in ("SKILL.md", "scripts/fill.py", "scripts/deep/data.json", ".git/config", "__pycache__/x.pyc"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (made / "link").symlink_to(tmp_path / "secret")
    return made


def sent(api):
    return {(name, filename, content.decode()) for name, filename, _, content in api.last.body}


def expected(*names):
    return {("files[]", f"pdf-forms/{name}", name) for name in names}


def test_a_folder_keeps_its_sub_folders(ant, api, hosted, folder):
    api.on("POST", "/v1/skills", {"id": SKILL})
    result = ant("skills", "create", str(folder), "--name", "PDF forms", environ=hosted)
    assert result.json == {"id": SKILL}, result.err
    wanted = expected("SKILL.md", "scripts/fill.py", "scripts/deep/data.json")
    assert sent(api) == wanted | {("display_name", None, "PDF forms")}


def test_files_of_a_folder_and_the_official_flags(ant, api, hosted, folder):
    api.on("POST", "/v1/skills", {"id": SKILL})
    files = [str(folder / "SKILL.md"), str(folder / "scripts" / "fill.py")]
    assert ant("skills", "create", *files, environ=hosted).code == 0
    assert sent(api) == expected("SKILL.md", "scripts/fill.py")
    words = ["skills", "create", "--display-title", "T", "--file", files[0], "--file", files[1]]
    assert ant(*words, environ=hosted).code == 0
    assert sent(api) == expected("SKILL.md", "scripts/fill.py") | {("display_name", None, "T")}
    api.on("GET", f"/v1/skills/{SKILL}", {"id": SKILL})
    assert ant("skills", "retrieve", "--skill-id", SKILL, environ=hosted).json == {"id": SKILL}


def test_what_is_no_skill_is_refused_before_anything_is_sent(ant, api, hosted, folder, tmp_path):
    for paths in ([], [str(folder / "scripts")], [str(folder / "scripts/fill.py")], [str(tmp_path / "no.zip")],
                  [str(folder / "SKILL.md"), str(tmp_path / "secret")]):  # fmt: skip
        result = ant("skills", "create", *paths, environ=hosted)
        assert (result.code, api.requests) == (2, []), paths
    assert ant("skills", "versions", "create", "pdf", str(tmp_path / "no"), environ=hosted).code == 2
    assert api.requests == []


def test_versions(ant, api, hosted, folder, tmp_path):
    api.on("POST", f"/v1/skills/{SKILL}/versions", {"id": VERSION})
    archive = tmp_path / "forms.zip"
    archive.write_bytes(b"PK")
    assert ant("skills", "versions", "create", SKILL, str(archive), environ=hosted).json == {"id": VERSION}
    assert sent(api) == {("files[]", "forms.zip", "PK")}
    api.on("GET", f"/v1/skills/{SKILL}", {"id": SKILL, "latest_version_id": VERSION})
    api.on("GET", f"/v1/skills/{SKILL}/versions/{VERSION}", {"id": VERSION, "name": "pdf-forms"})
    api.on("GET", f"/v1/skills/{SKILL}/versions/{VERSION}/content", {"zip": ID})
    target = tmp_path / "got"
    result = ant("skills", "versions", "download", SKILL, "-O", f"{target}/", environ=hosted)
    assert result.code == 0, result.err
    assert (target / "pdf-forms.zip").read_text() == f'{{"zip": "{ID}"}}'
    words = ["skills", "versions", "download", "--skill-id", SKILL, "--version", VERSION, "-O", str(tmp_path / "z")]
    assert ant(*words, environ=hosted).code == 0
    assert ant(*words, environ=hosted).code == 2
    api.on("DELETE", f"/v1/skills/{SKILL}/versions/{VERSION}", {"id": VERSION})
    assert ant("skills", "versions", "delete", SKILL, VERSION, "--yes", environ=hosted).code == 0
