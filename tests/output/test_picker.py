"""What a list to choose from shows of each kind; the keys are in tests/e2e/test_pickers.py."""

import pytest

from antcli.output.picker import columns
from antcli.references import KINDS


@pytest.mark.parametrize(
    ("kind", "titles"),
    [
        ("sessions", ["NAME", "STATUS", "AGE", "AGENT"]),
        ("agents", ["NAME", "AGE", "MODEL"]),
        ("vaults", ["NAME", "AGE"]),
        ("deployments", ["NAME", "STATUS", "AGE", "SCHEDULE"]),
        ("files", ["NAME", "AGE", "TYPE"]),
    ],
)
def test_the_name_the_status_the_age_and_a_word(kind, titles):
    assert [column.title for column in columns(kind, KINDS[kind].name)] == titles


def test_every_kind_tells_its_things_apart():
    for kind, words in KINDS.items():
        first, *others = columns(kind.rpartition(".")[2], words.name)
        assert first.derive({"id": "x_1"}) == "x_1"
        assert not words.name or first.derive({"id": "x_1", words.name: "called"}) == "called", kind
        assert others, kind
