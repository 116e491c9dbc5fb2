"""JSON as the engine writes it: compact, and always text that UTF-8 can hold."""

from __future__ import annotations

import json
from typing import Any


def dump(value: Any) -> str:
    """One line of JSON. Halves of a surrogate pair, which models and tools do produce, are joined or become U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
