"""What is said to a word that is no command."""

import pytest


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("session lsit", "`ant sessions list`"),
        ("agents ls", "`ant agents list`"),
        ("envs rm x", "`ant envs delete`"),
        ("agents rm x", "`ant agents archive`"),
        ("agents delete x", "`ant agents archive`"),
        ("agents show x", "`ant agents get`"),
        ("agents describe x", "`ant agents get`"),
        ("list agents", "`ant agents list`"),
        ("rm session x", "`ant sessions delete`"),
        ("ps", "`ant sessions list`"),
        ("login", "`ant auth login`"),
        ("help", "`ant --help`"),
        ("sessions evnts list", "`ant sessions events`"),
        ("sessions events tail", "`ant sessions events stream`"),
        ("agnet list", "`ant agent`"),
        ("qqqq", "`ant --help`"),
    ],
)
def test_the_hint_names_what_was_meant(ant, typed, meant):
    result = ant(*typed.split())
    assert result.code == 2
    assert meant in result.err.splitlines()[1], result.err
