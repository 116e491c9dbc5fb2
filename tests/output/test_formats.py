"""The forms of data for programs."""

import csv
import io
import json

import pytest
import yaml

from antcli.errors import UsageError
from antcli.output import formats

ITEMS = [
    {"id": "agent_1", "name": 'naïve, "quoted"', "n": 1, "nested": {"a": [1, None, True]}},
    {"id": "agent_2", "name": "two\nlines", "n": 2.5, "nested": {}},
]


def test_a_list_is_one_json_array():
    assert json.loads("".join(formats.json_array(ITEMS))) == ITEMS


def test_an_empty_list_is_an_empty_array():
    assert "".join(formats.json_array([])) == "[]\n"


def test_an_array_comes_out_item_by_item():
    taken = []

    def source():
        for item in ITEMS:
            taken.append(item["id"])
            yield item

    chunks = formats.json_array(source())
    next(chunks)
    assert taken == ["agent_1"]


def test_json_lines_hold_one_item_each():
    lines = "".join(formats.json_lines(ITEMS)).splitlines()
    assert [json.loads(line) for line in lines] == ITEMS


def test_yaml_documents_are_separated_and_read_back():
    text = "".join(formats.yaml_documents(ITEMS))
    assert list(yaml.safe_load_all(text)) == ITEMS
    assert "---\n" in text
    assert "name: |-\n" in text  # lines stay lines


def test_yaml_of_a_string_that_looks_like_something_else_stays_a_string():
    tricky = {"a": "yes", "b": "1.0", "c": "null", "d": "2026-01-01", "e": ""}
    assert yaml.safe_load(formats.yaml(tricky)) == tricky


def test_csv_is_read_back_by_a_csv_reader():
    text = "".join(
        formats.csv(["id", "name", "nested"], ([item["id"], item["name"], item["nested"]] for item in ITEMS))
    )
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["id", "name", "nested"]
    assert rows[1] == ["agent_1", 'naïve, "quoted"', '{"a":[1,null,true]}']
    assert rows[2][1] == "two\nlines"


def test_ids_fall_back_to_names():
    assert "".join(formats.identifiers([{"id": "x"}, {"name": "local"}])) == "x\nlocal\n"


def test_something_without_an_id_is_refused():
    with pytest.raises(UsageError):
        formats.identifier({"version": "1"})


def test_raw_shows_strings_as_they_are():
    assert "".join(formats.raw_lines(["a b", {"c": 1}])) == 'a b\n{"c":1}\n'


@pytest.mark.parametrize("control", ["\x9b31m", "\x7f", "\x1b[2J", "\x85"])
def test_json_never_holds_a_raw_control_character(control):
    text = formats.line({"name": control})
    assert text.isprintable()
    assert json.loads(text) == {"name": control}
