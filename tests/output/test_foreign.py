import pytest

from antcli.output.foreign import harmless, revealed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext", "plain\ntext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[H", ""),
        ("\x9b31mred", "red"),
        ("50%\r100%\r\n", "50%\n100%\n"),
        ("a\tb", "a    b"),
        ("bell\x07 back\x08", "bell� back�"),
        ("\u202eabc", "�abc"),
        ("日本 é 👩\u200d👩", "日本 é 👩\u200d👩"),
        ("\x1b", ""),
    ],
)
def test_foreign_text_cannot_act_on_a_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_where_somebody_decides_everything_is_shown() -> None:
    assert revealed("rm x\x1b[8m -rf /\x1b[0m\n\u202ey\tz") == "rm x\\x1b[8m -rf /\\x1b[0m\n\\u202ey\\tz"
