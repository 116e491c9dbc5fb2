"""Tokens of work items: what a worker shows for the one that it holds (api.md 6.4). An item keeps their hashes."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from antcli.engine.orchestration.environment_keys import hashed

PREFIX = "ant-work-"
_KEPT = 16  # of as many claims; an item changes hands when its worker is lost


def new_token(work_id: str) -> str:
    return f"{PREFIX}{work_id.removeprefix('work_')}-{secrets.token_urlsafe(32)}"


def work_id_in(token: str) -> str:
    return "work_" + token.removeprefix(PREFIX).partition("-")[0]


def secret_with(token: str) -> str:
    """The `secret` of a work item, as workers read it."""
    return base64.urlsafe_b64encode(json.dumps({"sessions_token": token}).encode()).decode()


def with_token(item: dict[str, Any], token: str, key_id: str | None) -> dict[str, Any]:
    """The item, whose token it is from now on too; `key_id` is the environment key that it was got with."""
    return item | {"_tokens": [*item.get("_tokens", []), [hashed(token), key_id]][-_KEPT:]}


def key_of(item: dict[str, Any], token: str) -> str | None:
    """The id of the key that the token was got with. Raises KeyError when it is no token of the item."""
    keys: dict[str, str | None] = dict(item.get("_tokens", []))
    return keys[hashed(token)]
