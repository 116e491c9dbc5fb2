"""Making room near the context limit: what was said becomes a summary; the log stays whole (semantics.md 7.2).

It also bounds what a wake costs: a harness that knows nothing reads the log from the last compaction on.
"""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]

_INSTRUCTION = (
    "This conversation is about to exceed your context window. Write a summary from which you can go on as if you had"
    " read all of it: the task and every wish and constraint of the user, word for word where the wording matters; what"
    " was done and found out; decisions and their reasons; files, names, commands and values that are still needed;"
    " what is open and what comes next. Call no tool and write nothing but the summary."
)
_HEADING = "Summary of the conversation so far, which is no longer shown:\n\n"


def asking_for_summary(messages: list[Message]) -> list[Message]:
    """The conversation with the wish for a summary at its end."""
    block = {"type": "text", "text": _INSTRUCTION}
    if messages and messages[-1]["role"] == "user":
        return [*messages[:-1], {"role": "user", "content": [*messages[-1]["content"], block]}]
    return [*messages, {"role": "user", "content": [block]}]


def compacted(messages: list[Message], summary: str) -> list[Message]:
    """What stays: the summary, and the input that the model has not answered yet, with the calls that it answers."""
    first = {"type": "text", "text": _HEADING + summary}
    answered = max((at for at, message in enumerate(messages) if message["role"] == "assistant"), default=-1)
    said, open = messages[: answered + 1], messages[answered + 1 :]
    # What the system said stays word for word.
    system = [block for message in said if message["role"] == "system" for block in message["content"]]
    standing = [{"role": "system", "content": system}] if system else []
    if not open:
        return [{"role": "user", "content": [first]}, *standing]
    if any(block["type"] == "tool_result" for block in open[0]["content"]):
        return [{"role": "user", "content": [first]}, *standing, said[-1], *open]
    return [{"role": "user", "content": [first, *open[0]["content"]]}, *standing, *open[1:]]
