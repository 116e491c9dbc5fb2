"""Settings on their way to another process: packed for its stdin, and as a fingerprint to compare."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from antcli.engine.settings import EngineSettings, ModelSettings


def fingerprint(settings: EngineSettings, salt: str = "") -> str:
    """What tells two settings apart without giving them away: a salt and a hash."""
    import hashlib

    salt = salt or os.urandom(8).hex()
    model = settings.model
    endpoint = model and [model.base_url, model.api_key, sorted(model.headers.items()), model.default_model]
    numbers = [settings.idle_minutes, settings.model_retries, settings.context_tokens]
    text = json.dumps([settings.sandbox, numbers, endpoint])
    return f"{salt}-{hashlib.blake2b(text.encode(), key=salt.encode(), digest_size=16).hexdigest()}"


def pack(settings: EngineSettings) -> bytes:
    return json.dumps(asdict(settings), default=os.fspath).encode()


def unpack(data: bytes) -> EngineSettings:
    fields: dict[str, Any] = json.loads(data)
    fields["data_dir"] = Path(fields["data_dir"])
    fields["socket"] = Path(fields["socket"]) if fields["socket"] else None
    fields["model"] = ModelSettings(**fields["model"]) if fields["model"] else None
    return EngineSettings(**fields)


def same_settings(found: str, settings: EngineSettings) -> bool:
    """Whether a fingerprint is one of these settings."""
    return found == fingerprint(settings, found.partition("-")[0])
