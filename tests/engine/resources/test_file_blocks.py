"""Messages that refer to files: the model is shown the content, the log keeps the reference."""

import asyncio

import pytest

from antcli.engine.errors import RequestError
from tests.engine.core import agent, running
from tests.engine.doubles import Turns, answer, text


def test_the_model_is_shown_the_content_and_the_log_keeps_the_reference(tmp_path):
    async def scenario():
        brain = Turns(answer(text("Seen.")))
        async with running(tmp_path, brain=brain) as core:
            file = await core.upload("a.txt", b"the words")
            block = {"type": "document", "source": {"type": "file", "file_id": file}}
            await core.resources.contents.check(block, "x")
            with pytest.raises(RequestError, match=r"x: file .* is of type text/plain, which is not one of image/gif"):
                await core.resources.contents.check(block | {"type": "image"}, "x")
            id = await core.create(agent("any"))
            await core.send(id, {"type": "user.message", "content": [block]})
            events = await core.idle(id)
            shown = brain.requests[0].messages[0]["content"][0]
            assert shown["source"] == {"type": "text", "media_type": "text/plain", "data": "the words"}
            [said] = [event for event in events if event["type"] == "user.message"]
            assert said["content"][0]["source"] == {"type": "file", "file_id": file}
            await core.files.delete(file)
            core.resources.contents._kept.clear()
            await core.send(id, {"type": "user.message", "content": [{"type": "text", "text": "again"}]})
            await core.idle(id)
            assert "is gone" in brain.requests[1].messages[0]["content"][0]["text"]

    asyncio.run(scenario())
