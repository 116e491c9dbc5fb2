"""Asking the model: the request with all that belongs into it, and the records that its answer becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antcli.engine.clock import now
from antcli.engine.harness.answer import NO_USAGE, Answer, ask
from antcli.engine.harness.compaction import asking_for_summary, compacted
from antcli.engine.harness.control import Control, Interrupted, is_interrupted
from antcli.engine.harness.conversation import Conversations
from antcli.engine.harness.evaluation import Evaluations, begin_outcome
from antcli.engine.harness.judging import Judge
from antcli.engine.harness.request import build
from antcli.engine.harness.steps import Step, next_step
from antcli.engine.harness.turn_ends import TurnEnds, close_span
from antcli.engine.providers.base import ModelError
from antcli.engine.session import turns
from antcli.engine.session.events import event, internal, stamped
from antcli.engine.session.log import Draft, SessionLog
from antcli.engine.store.base import Record, Store
from antcli.engine.tools.mcp_names import McpTool

if TYPE_CHECKING:
    from antcli.engine.providers.registry import Providers
    from antcli.engine.resources.resources import Resources
    from antcli.engine.tools.mcp import McpFailure, McpServers

MESSAGES = ("user.message", "system.message")
_MOST_ROUNDS = 500


class ModelRequests:
    """`ask` makes one request and records what came of it. A conversation of more than `context_tokens` is summarised
    before it goes on."""

    def __init__(
        self, store: Store, providers: Providers, resources: Resources, mcp: McpServers, evaluations: Evaluations,
        ends: TurnEnds, *, context_tokens: int,
    ) -> None:  # fmt: skip
        self._conversations = Conversations(store)
        self._judge = Judge(store, providers)
        self._evaluations = evaluations
        self._providers = providers
        self._resources = resources
        self._mcp = mcp
        self._ends = ends
        self._context_tokens = context_tokens

    async def ask(self, log: SessionLog, epoch: int, control: Control) -> None:
        if log.state.owes and log.state.rounds >= _MOST_ROUNDS:  # else a new turn begins, which counts anew
            await self._ends.fail(log, epoch, "tool_use_limit_reached_error", f"More than {_MOST_ROUNDS} tool rounds.")
            return
        if turns.is_used_up(log.row.body.get("budget"), log.state, now()):
            await self._ends.pause_at_budget(log, epoch)
            return
        if log.state.context_tokens > self._context_tokens:
            await self._compact(log, epoch, control)
            return
        span = await self._begin_turn(log, epoch) if not log.state.owes else await self._begin_request(log, epoch, [])
        messages = await self.messages(log)
        answer = Answer(log.preview)
        answer.offered = await control.race(log, self._find_tools(log, epoch))
        if not await self._get_answer(log, epoch, control, messages, answer):
            return
        judge = await self._judge_calls(log, epoch, control, answer)
        if not answer.needs_hands(log.row.body["agent"]):
            await self._ends.collect(log)

        def decide(draft: Draft) -> None:
            if draft.state.span != span:  # a write that seemed to fail was none the less made
                return
            answer.record(draft, log.row.body["agent"], span)
            if judge is not None:
                draft.add(internal("_judged", draft.state.thread_id, {"usage": judge.usage} | judge.spent()))
            if answer.stop_reason == "refusal":
                turns.refuse_open_calls(draft, "The model refused.")
                turns.end_evaluation(draft, "failed", "The model refused.")
                turns.stop(draft, {"type": "refusal"}, _refusal_details(answer))
                turns.start_queued(draft)
            elif next_step(draft.state) is Step.IDLE:
                turns.stop(draft, turns.END_TURN)
            elif next_step(draft.state) is Step.WAIT:
                turns.wait_for_client(draft)

        await log.keep(decide, epoch)

    async def _find_tools(self, log: SessionLog, epoch: int) -> dict[str, McpTool]:
        """What the agent's MCP servers offer; a server that fails is told of, and the turn goes on without it."""
        tools, failures = await self._mcp.tools(log.id, log.row.body)
        if failures:
            errors = [_mcp_error(failure) for failure in failures]
            thread = log.state.thread_id
            await log.commit(
                lambda draft: draft.add(*(event("session.error", thread, {"error": error}) for error in errors)),
                epoch=epoch,
            )
        return tools

    async def _judge_calls(self, log: SessionLog, epoch: int, control: Control, answer: Answer) -> Answer | None:
        """Have the calls judged whose policy is `auto`; the judge's answer, if it was asked. Raises Interrupted."""
        open_calls = answer.open_calls(log.row.body["agent"])
        if not open_calls:
            return None
        judge = Answer(lambda type, data: None)
        try:
            answer.judged = await control.race(log, self._judge.decide(log, open_calls, judge))
        except Interrupted:
            await log.commit(lambda draft: close_span(draft, is_error=None, answer=answer), epoch=epoch)
            raise
        return judge

    async def messages(self, log: SessionLog) -> list[dict[str, Any]]:
        """The conversation as the model is shown it: with the contents of the files that it refers to."""
        conversation = await self._conversations.of(log)
        if not conversation.has_files or self._resources.contents is None:
            return conversation.messages
        return await self._resources.contents.fill(conversation.messages)

    async def _compact(self, log: SessionLog, epoch: int, control: Control) -> None:
        """Have the conversation summarised; the summary and the unanswered input are what the model is shown next."""
        span = await self._begin_request(log, epoch, [])
        messages = list((await self._conversations.of(log)).messages)
        answer = Answer(lambda type, data: None)
        if not await self._get_answer(log, epoch, control, asking_for_summary(await self.messages(log)), answer):
            return
        if not answer.text():
            problem = "The model did not summarise the conversation, which is too long to go on."
            await self._ends.fail(log, epoch, "compaction_limit_reached_error", problem, answer)
            return

        def decide(draft: Draft) -> None:
            if draft.state.span == span:
                ending = {"model_request_start_id": span, "is_error": False, "model_usage": answer.shown_usage()}
                thread, shown = draft.state.thread_id, compacted(messages, answer.text())
                data = {"summary": True} | answer.spent()
                draft.add(event("span.model_request_end", thread, ending, data=data))
                draft.add(event("agent.thread_context_compacted", thread, data={"messages": shown}))

        await log.keep(decide, epoch)

    async def _get_answer(
        self, log: SessionLog, epoch: int, control: Control, messages: list[dict[str, Any]], answer: Answer
    ) -> bool:
        """Let the model fill `answer`; False when it failed, which is dealt with. Raises Interrupted."""
        if is_interrupted(log):
            raise Interrupted
        try:
            await control.race(log, self._stream(log, messages, answer))
        except ModelError as error:
            await self._ends.retry_or_fail(log, epoch, control, error, answer)
            return False
        except Interrupted:
            if answer.usage != NO_USAGE:
                await log.commit(lambda draft: close_span(draft, is_error=None, answer=answer), epoch=epoch)
            raise
        return True

    async def _begin_turn(self, log: SessionLog, epoch: int) -> str:
        """Begin with what is queued, and with the outcome that the client has defined."""
        first = [stamped(record) for record in await self._ends.queued(log, *MESSAGES)]
        if log.state.has_new_outcome:
            first.append(begin_outcome(log.state, await self._evaluations.rubric(log)))
        return await self._begin_request(log, epoch, first)

    async def _begin_request(self, log: SessionLog, epoch: int, first: list[Record]) -> str:
        """Add the records `first` and open the span of a model request; its event id."""
        start = event("span.model_request_start", log.state.thread_id)

        def decide(draft: Draft) -> None:
            if draft.state.status == "rescheduling":
                turns.start(draft)
            draft.add(*first, start)

        await log.commit(decide, epoch=epoch)
        return start.event_id

    async def _stream(self, log: SessionLog, messages: list[dict[str, Any]], answer: Answer) -> None:
        agent = log.row.body["agent"]
        notes, offered = self._resources.notes(log.row.body), answer.offered.values()
        request = build(
            log.id, log.state, agent, messages, notes, offered=offered,
            self_hosted=bool(log.row.body.get("self_hosted")),
        )  # fmt: skip
        await ask(self._providers, request, answer)


def _mcp_error(failure: McpFailure) -> dict[str, Any]:
    """`retrying`: the server is tried again when the session runs the next time."""
    return {
        "type": f"mcp_{failure.kind}_failed_error",
        "message": failure.message,
        "mcp_server_name": failure.server,
        "retry_status": {"type": "retrying"},
    }


def _refusal_details(answer: Answer) -> dict[str, Any]:
    details = answer.stop_details or {}
    return {"type": "refusal", "category": details.get("category"), "explanation": details.get("explanation")}
