from __future__ import annotations

from pathlib import Path

import pytest

from antcli.config_as_code.skill_folders import digest_of_zip, unpack
from antcli.errors import AntError


def test_what_is_no_zip_is_said(tmp_path: Path) -> None:
    with pytest.raises(AntError, match="not a zip"):
        digest_of_zip(b"<html>")
    with pytest.raises(AntError, match="not a zip"):
        unpack(b"PK\x03\x04", tmp_path, force=False)
    assert list(tmp_path.iterdir()) == []
