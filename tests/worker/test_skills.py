"""Archives of skills, unpacked: nothing outside of the folder, no links, the bits that matter."""

import io
import os
import tarfile
import zipfile

import pytest

from antcli.worker.skills import BadArchiveError, unpack


def zipped(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, (mode, content) in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return data.getvalue()


def tarred(*members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(content), "/etc/passwd"
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_around_everything_is_left_out_and_programs_stay_programs(tmp_path):
    archive = zipped(**{"pdf/SKILL.md": (0o100644, "text"), "pdf/scripts/fill.sh": (0o104755, "#!/bin/sh")})
    unpack(archive, tmp_path / "skills" / "pdf")
    assert tree(tmp_path / "skills/pdf") == {"SKILL.md": b"text", "scripts/fill.sh": b"#!/bin/sh"}
    modes = [os.stat(tmp_path / "skills/pdf" / name).st_mode & 0o7777 for name in ("SKILL.md", "scripts/fill.sh")]
    assert modes == [0o644, 0o755]


def test_a_new_version_takes_the_place_of_the_old_one(tmp_path):
    unpack(zipped(**{"SKILL.md": (0, "old"), "gone.txt": (0, "x")}), tmp_path / "pdf")
    unpack(zipped(**{"SKILL.md": (0, "new")}), tmp_path / "pdf")
    assert tree(tmp_path / "pdf") == {"SKILL.md": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["pdf"]


def test_links_and_special_files_are_left_out(tmp_path):
    members = [
        ("a/SKILL.md", tarfile.REGTYPE, b"text"),
        ("a/link", tarfile.SYMTYPE, b""),
        ("a/pipe", tarfile.FIFOTYPE, b""),
    ]
    unpack(tarred(*members), tmp_path / "a")
    unpack(zipped(**{"a/SKILL.md": (0o100644, "text"), "a/link": (0o120777, "/etc/passwd")}), tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b") == {"SKILL.md": b"text"}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink() or path.is_fifo()]


@pytest.mark.parametrize(
    "archive",
    [
        zipped(**{"../out.txt": (0, "x")}), zipped(**{"/tmp/out.txt": (0, "x")}), zipped(),
        zipped(**{"a\\..\\..\\out": (0, "x")}),
        tarred(("a/../../out.txt", tarfile.REGTYPE, b"x")), b"no archive at all", zipped(a=(0, "x"))[:-30],
    ],
)  # fmt: skip
def test_what_is_no_skill_changes_nothing(tmp_path, archive):
    unpack(zipped(**{"SKILL.md": (0, "old")}), tmp_path / "pdf")
    with pytest.raises(BadArchiveError):
        unpack(archive, tmp_path / "pdf")
    assert tree(tmp_path) == {"pdf/SKILL.md": b"old"}
