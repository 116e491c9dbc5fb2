from __future__ import annotations

import asyncio
from typing import Any

from antcli.engine.harness.turn_ends import LONGEST_WAIT
from antcli.engine.orchestration.dream_work import DreamWork
from antcli.engine.providers.base import ModelError
from tests.engine.doubles import Brain, answer, text


def test_an_endpoint_cannot_put_a_dream_to_sleep_for_years() -> None:
    slept: list[float] = []

    def think(request: Any) -> Any:
        if request.attempt == 0:
            raise ModelError("later", retryable=True, retry_after=1e8)
        return answer(text("ok"))

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    nothing: Any = None
    brain: Any = Brain(think)
    work = DreamWork(nothing, brain, nothing, {}, sleep=sleep)
    dream = {"id": "drm_1", "model": {"id": "any"}, "opening": "Dream."}
    assert asyncio.run(work._ask(dream, [])).text() == "ok"
    assert slept == [LONGEST_WAIT]
