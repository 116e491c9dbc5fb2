"""Identifiers: a prefix that names the kind (semantics.md 1) and 24 random letters and digits (142 bits).

Random from the first character, so that a few typed characters already single one out.
"""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_id(prefix: str) -> str:
    """A fresh identifier such as `sesn_4fK…`; `prefix` comes without the underscore."""
    number = int.from_bytes(secrets.token_bytes(18))
    characters = []
    for _ in range(24):
        number, index = divmod(number, 62)
        characters.append(_ALPHABET[index])
    return f"{prefix}_{''.join(characters)}"
