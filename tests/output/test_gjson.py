"""Paths of --transform. Most expectations are those of the published description of the language."""

import pytest

from antcli.output import gjson
from antcli.output.gjson_queries import MISSING

PERSON = {
    "name": {"first": "Tom", "last": "Anderson"},
    "age": 37,
    "children": ["Sara", "Alex", "Jack"],
    "fav.movie": "Deer Hunter",
    "none": None,
    "@type": "x",
    "friends": [
        {"first": "Dale", "last": "Murphy", "age": 44, "nets": ["ig", "fb", "tw"]},
        {"first": "Roger", "last": "Craig", "age": 68, "nets": ["fb", "tw"]},
        {"first": "Jane", "last": "Murphy", "age": 47, "nets": ["ig", "tw"], "ok": True},
    ],
    "vals": [{"a": 1, "b": "data"}, {"a": 2, "b": True}, {"a": 3, "b": False}, {"a": 4, "b": "0"}, {"a": 5, "b": 0},
             {"a": 6, "b": "1"}, {"a": 7, "b": 1}, {"a": 8, "b": None}, {"a": 9}],
    "rows": {"id": [1, 2], "n": ["x", "y"]},
    "deep": [1, [2, [3]]],
    "text": '{"k": [1]}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("name.last", "Anderson"),
        ("age", 37),
        ("children", ["Sara", "Alex", "Jack"]),
        ("children.#", 3),
        ("children.1", "Alex"),
        ("child*.2", "Jack"),
        ("c?ildren.0", "Sara"),
        (r"fav\.movie", "Deer Hunter"),
        ("none", None),
        ("@type", "x"),
        ("friends.#.first", ["Dale", "Roger", "Jane"]),
        ("friends.#.ok", [True]),
        ("friends.1.last", "Craig"),
        ("friends.#.nets.#", [3, 2, 2]),
        ("friends.#.nets.0", ["ig", "fb", "ig"]),
        ("friends.#.first|0", "Dale"),
        ("friends.#.first|#", 3),
        ('friends.#(last=="Murphy").first', "Dale"),
        ("friends.#(last==Murphy).first", "Dale"),
        ('friends.#(last=="Murphy")#.first', ["Dale", "Jane"]),
        ('friends.#(last=="Murphy")#|first', MISSING),
        ('friends.#(last=="Murphy")#|0.first', "Dale"),
        ('friends.#(last=="Murphy")#|#', 2),
        ("friends.#(age>45)#.last", ["Craig", "Murphy"]),
        ("friends.#( age >= 47 )#.age", [68, 47]),
        ('friends.#(first%"D*").last', "Murphy"),
        ('friends.#(first!%"D*").last', "Craig"),
        ("friends.#(age<0)", MISSING),
        ("friends.#(age<0)#", []),
        ("friends.#(ok)#.first", ["Jane"]),
        ('friends.#(nets.#(=="fb"))#.first', ["Dale", "Roger"]),
        ('children.#(!="Sara")', "Alex"),
        ('children.#(>"Alex")#', ["Sara", "Jack"]),
        ("vals.#(b==~true)#.a", [2, 6, 7]),
        ("vals.#(b==~null)#.a", [8, 9]),
        ("vals.#(b==~*)#.a", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("vals.#(b==true)#.a", [2]),
        ("vals.#(b==null)#.a", [8]),
        ("children|@reverse", ["Jack", "Alex", "Sara"]),
        ("children.@reverse.0", "Jack"),
        ("name.@keys", ["first", "last"]),
        ("name.@values", ["Tom", "Anderson"]),
        ("deep.@flatten", [1, 2, [3]]),
        ('deep.@flatten:{"deep":true}', [1, 2, 3]),
        ("rows.@group", [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}]),
        ("[name,{age}].@join", {"first": "Tom", "last": "Anderson", "age": 37}),
        ("text.@fromstr.k.0", 1),
        ("name.@tostr", '{"first":"Tom","last":"Anderson"}'),
        ("friends.@dig:first", ["Dale", "Roger", "Jane"]),
        ("{name:name.first,how old:age,'':age}", {"name": "Tom", "how old": 37, "''": 37}),
        ("{name.first,age,friends.#.last}", {"first": "Tom", "age": 37, "last": ["Murphy", "Craig", "Murphy"]}),
        ('{"the_name":name.first,"n":children.#,"lit":!"x"}', {"the_name": "Tom", "n": 3, "lit": "x"}),
        ("[name.first,gone,age]", ["Tom", 37]),
        ("friends.#.{first,age}|1", {"first": "Roger", "age": 68}),
        ("gone", MISSING),
        ("name.first.deeper", MISSING),
        ("children.9", MISSING),
        ("name.#", MISSING),
        ("children.first", MISSING),
    ],
)
def test_paths(path, expected):
    assert gjson.compile(path)(PERSON) == expected


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "an empty path at character 1"),
        ("a.", "a key is missing at the end, at character 3"),
        ("a..b", "a key is missing before '.', at character 3"),
        ("friends.#(age>4", "a query is not closed at character 10"),
        ('friends.#(last=="Mur)', "a text in quotes is not closed at character 17"),
        ("friends.#(age", "'(' is not closed at character 10"),
        ("{name,age", "'{' is not closed at character 1"),
        ("a.@flatten:{x", "the argument of a modifier is not JSON at character 12"),
        ("!what", "what follows ! is not JSON at character 2"),
    ],
)
def test_slips_are_told_with_their_place(path, told):
    with pytest.raises(gjson.PathError) as raised:
        gjson.compile(path)
    assert str(raised.value) == told
