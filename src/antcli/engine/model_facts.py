"""What the engine has to know of models by their names; a model that it does not know gets what most have."""

from __future__ import annotations

import re

_DEFAULT_EFFORT = "high"
_OTHER_EFFORTS = {"claude-opus-5-5": "medium", "claude-haiku-5-5": "medium"}
_TAKES_SYSTEM_MESSAGES = re.compile(
    r"(.*/)?claude-(fable-5(-[12])?|mythos-5(-1)?|opus-(4-8|5(-5)?)|(sonnet|haiku)-5-5)(-\d{8})?"
)
_FROM_FILES = ("script:", "recording:")


def default_effort(model: str) -> str:
    """How hard a model works when nothing is said."""
    name = model.rpartition("/")[2]
    return next((effort for known, effort in _OTHER_EFFORTS.items() if name.startswith(known)), _DEFAULT_EFFORT)


def is_from_file(model: str) -> bool:
    """A script or a recording answers, not a model."""
    return model == "demo" or model.startswith(_FROM_FILES)


def takes_system_messages(model: str) -> bool:
    """Whether system messages may stand in the middle of the conversation."""
    return is_from_file(model) or _TAKES_SYSTEM_MESSAGES.fullmatch(model) is not None
