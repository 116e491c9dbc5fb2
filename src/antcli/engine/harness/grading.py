"""What a grader is told and what it answers: prompts, its tools, and the verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from antcli.engine.tools.builtin import BUILTIN_TOOLS
from antcli.engine.tools.policy import enabled_builtins, judge

VERDICTS = ("satisfied", "needs_revision", "failed")
VERDICT_TOOL = "give_verdict"
_LOOKING = ("bash", "read", "glob", "grep")  # what a grader needs to see for itself, and no more
_LONGEST_EXPLANATION = 20_000
_LONGEST_STEP, _LONGEST_WORK = 2_000, 60_000

_IN_SANDBOX = (
    "the agent's last answer; what it has made is in the sandbox that your tools work in, in /workspace and"
    " /mnt/session/outputs. Look at the work itself: do not believe that something is done because the answer says so."
    " Change nothing."
)
_ELSEWHERE = (
    "the agent's last answer, and under <work> the calls of its tools with their results. It worked on a machine that"
    " you cannot reach. Go by those results: do not believe that something is done because the answer says so; what"
    " they do not show is not done."
)


def system(*, self_hosted: bool) -> str:
    """What the grader is told; of a `self_hosted` session the work is out of its reach."""
    return (
        "You check the work of another agent against a rubric. You see the task, the rubric and"
        f" {_ELSEWHERE if self_hosted else _IN_SANDBOX} Judge every criterion of the rubric, then call {VERDICT_TOOL}"
        " once: `satisfied` when all criteria are met; `needs_revision` when some are not, with an explanation that"
        " says which and what is missing, so that the agent can mend it; `failed` only when the rubric does not fit"
        " the task or what was to be made, so that no revision could meet it."
    )


NUDGE = f"End with a call of {VERDICT_TOOL}."
_TOOL = {
    "name": VERDICT_TOOL,
    "description": "Give your verdict on the work. It ends your check.",
    "input_schema": {
        "type": "object",
        "properties": {
            "result": {"type": "string", "enum": list(VERDICTS)},
            "explanation": {"type": "string", "description": "Why, criterion by criterion."},
        },
        "required": ["result", "explanation"],
    },
}


@dataclass(frozen=True, slots=True)
class Verdict:
    result: str
    explanation: str


def task(outcome: dict[str, Any], rubric: str) -> list[dict[str, Any]]:
    """What the agent is told when it begins to work towards an outcome."""
    text = (
        f"Work towards this outcome:\n\n{outcome['description']}\n\nYour work will be checked against this rubric:\n\n"
        f"{rubric}\n\nEnd your turn when all of it is met. Somebody else checks it then, in up to"
        f" {outcome['max_iterations']} rounds."
    )
    return [{"type": "text", "text": text}]


def feedback(result: str, explanation: str) -> list[dict[str, Any]]:
    """What the agent is told after a verdict that it is not done."""
    if result == "needs_revision":
        text = f"The check found that the outcome is not met yet:\n\n{explanation}\n\nRevise your work accordingly."
    else:
        text = (
            f"The last check found that the outcome is not met:\n\n{explanation}\n\nThere are no more checks. Say in a"
            " few words where the work stands and what is missing; do no more work."
        )
    return [{"type": "text", "text": text}]


def question(outcome: dict[str, Any], rubric: str, answer: str, work: str = "") -> list[dict[str, Any]]:
    """What the grader is shown first."""
    said = answer.strip() or "(it said nothing)"
    text = f"<task>\n{outcome['description']}\n</task>\n\n<rubric>\n{rubric}\n</rubric>\n\n<answer>\n{said}\n</answer>"
    if work:
        text += f"\n\n<work>\n{work}\n</work>"
    if outcome["explanation"]:
        text += f"\n\nAn earlier version was sent back with these words:\n\n{outcome['explanation']}"
    return [{"type": "text", "text": text}]


def tools_of_grader(agent: dict[str, Any], *, self_hosted: bool) -> list[dict[str, Any]]:
    """The agent's own tools for looking, as far as they run unasked and here, and the one for the verdict."""
    names = [name for name in enabled_builtins(agent) if name in _LOOKING and not self_hosted]
    shown = [
        {"name": name, "description": BUILTIN_TOOLS[name].description, "input_schema": BUILTIN_TOOLS[name].input_schema}
        for name in names
        if judge(agent, name).permission == "allow"
    ]
    return [*shown, _TOOL]


def verdict_in(calls: list[dict[str, Any]], text: str) -> Verdict | None:
    """The verdict that an answer holds: in a call, or in a JSON object as models without tools write it."""
    for call in calls:
        if call["name"] == VERDICT_TOOL and (verdict := _verdict(call["input"])):
            return verdict
    if not calls:
        start, end = text.find("{"), text.rfind("}")
        try:
            return _verdict(json.loads(text[start : end + 1])) if 0 <= start < end else None
        except (ValueError, RecursionError):
            return None
    return None


def _verdict(given: Any) -> Verdict | None:
    if not isinstance(given, dict) or given.get("result") not in VERDICTS:
        return None
    explanation = given.get("explanation")
    return Verdict(given["result"], explanation[:_LONGEST_EXPLANATION] if isinstance(explanation, str) else "")


def work_done(messages: list[dict[str, Any]]) -> str:
    """The calls of the agent's tools with their results, the last ones where they are too many to show."""
    steps = [_step(block) for message in messages for block in message["content"]]
    return "\n".join(step for step in steps if step)[-_LONGEST_WORK:]


def _step(block: dict[str, Any]) -> str:
    if block["type"] == "tool_use":
        return f"call {block['name']}: {json.dumps(block['input'], ensure_ascii=False)}"[:_LONGEST_STEP]
    if block["type"] != "tool_result":
        return ""
    content = block.get("content") or []
    text = content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
    return f"{'error' if block.get('is_error') else 'result'}: {text}"[:_LONGEST_STEP]


def last_words(messages: list[dict[str, Any]]) -> str:
    """The text of the agent's last answer."""
    for message in reversed(messages):
        if message["role"] == "assistant":
            return "\n\n".join(block["text"] for block in message["content"] if block["type"] == "text")
    return ""
