"""A conversation: what is typed becomes turns of one session, one after the other, while the input line stays."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from antcli.errors import AntError, ExitCode, ServerError
from antcli.output.text import BOLD, DIM, RED, YELLOW

if TYPE_CHECKING:
    from antcli.client.drive import Approval, Drive, Ending, Questions, View
    from antcli.client.turn import Turn
    from antcli.context import Context

KEYS = "Enter sends · Alt+Enter new line · Esc interrupts · Ctrl-D leaves · / commands"

COMMANDS = {
    "/help": "What can be typed here.",
    "/status": "The session, its agent and model, and what it has used.",
    "/cost": "What the session has used.",
    "/model": "The model of this session.",
    "/session": "The id of this session.",
    "/approve": "Be asked again about the calls that wait for an answer.",
    "/exit": "Leave; the session stays.",
}
_ALIASES = {"/quit": "/exit", "/?": "/help"}


class Conversation:
    """`run` holds the terminal until the person leaves or the session is gone."""

    def __init__(self, context: Context, session_id: str, approval: Approval, *, whole: bool = False) -> None:
        from antcli.commands.turns import keep_engine
        from antcli.output.prompt import Prompt
        from antcli.output.surface import surface

        self.context = context
        self.session_id = session_id
        self.approval = approval
        self.whole = whole
        self._ensure_engine = keep_engine(context)
        self._work: SimpleQueue[None] = SimpleQueue()  # an entry for each turn to perform
        self._waiting: deque[str | None] = deque()  # messages; None goes on with what is under way
        self._lock = threading.Lock()
        self._drive: Drive | None = None
        self._busy = False
        self._left = False
        self._fault: Exception | None = None
        self._prompt = Prompt(
            surface(context.terminal), _history(context), COMMANDS,
            entered=self._entered, interrupted=self._interrupted,
        )  # fmt: skip

    def run(self, *, resume: bool) -> None:
        """`resume`: begin with the turn that is under way or waits for an answer."""

        def ready() -> None:
            self._prompt.say(KEYS, DIM)
            if resume:
                self._add(None)
            threading.Thread(target=self._turns, name="turns", daemon=True).start()

        self._prompt.run(ready)
        self._left = True
        if self._fault is not None:
            raise self._fault

    @property
    def at_work(self) -> bool:
        return self._busy

    # What is typed.

    def _entered(self, text: str) -> None:
        word = text.strip()
        if word.startswith("/") and not word.startswith("//") and "\n" not in word:
            self._command(word)
        else:
            self._add(text[1:] if text.startswith("//") else text)

    def _add(self, text: str | None) -> None:
        with self._lock:
            self._waiting.append(text)
            queued = [text for text in self._waiting if text is not None] if self._busy else []
        self._prompt.queue(queued)
        self._work.put(None)

    def _interrupted(self) -> bool:
        """Stop the turn; what was queued behind it goes back into the draft."""
        with self._lock:
            if not self._busy:
                return False
            drive, waiting = self._drive, [text for text in self._waiting if text is not None]
            self._waiting.clear()
        self._prompt.queue(())
        if waiting:
            self._prompt.put_draft("\n".join(waiting))
        if drive is not None:
            drive.interrupt()
        return True

    # Turns, in a thread of their own.

    def _turns(self) -> None:
        while True:
            self._work.get()
            with self._lock:
                if not self._waiting:
                    continue  # it went back into the draft
                text = self._waiting.popleft()
                queued = [text for text in self._waiting if text is not None]
                self._busy = True
            self._prompt.queue(queued)
            try:
                self._turn(text)
            except Exception as error:  # a mistake of ours: leave, and let the edge tell it as any other
                self._fault = error
                self._prompt.exit()
            finally:
                with self._lock:
                    self._busy, self._drive = False, None

    def _turn(self, text: str | None) -> None:
        from antcli.commands.turns import failure_of

        if text is not None:
            self._prompt.say(_echo(text), BOLD)
        try:
            turn, ending = self._performed(text)
        except AntError as error:
            self._prompt.show((), ())
            self._prompt.say(f"Error: {error.message}", RED)
            if error.hint:
                self._prompt.say(error.hint, DIM)
            if text is not None and not (self._drive and self._drive.turn.own):
                self._prompt.put_draft(text)  # it was not taken
            return
        if self._left:
            return
        failure = failure_of(self.session_id, turn, ending)
        if failure is not None and ending.exit_code != ExitCode.INTERRUPTED:
            self._prompt.say(failure.message, RED)
            if ending.exit_code == ExitCode.REQUIRES_ACTION:
                self._prompt.say(f"/approve asks again. Elsewhere: {failure.hint}", DIM)
        if turn.status in ("terminated", "deleted"):
            self._prompt.exit()

    def _performed(self, text: str | None) -> tuple[Turn, Ending]:
        """The turn of a message. An engine that is lost before it got the message is started again, once."""
        from antcli.client.launch import user_message
        from antcli.commands.turns import perform

        events = [user_message(text)] if text is not None else []
        for attempt in range(2):
            self._wake_engine()  # the last turn may be long ago
            try:
                return perform(
                    self.context, self.session_id, events, approve=self.approval, stage=self._stage, begun=self._begun
                )
            except ServerError:
                if attempt or self._ensure_engine is None or (self._drive and self._drive.opened):
                    raise
        raise AssertionError("unreachable")

    def _wake_engine(self) -> None:
        if self._ensure_engine is not None:
            if self.context.running_engine() is None:
                self._prompt.say("The engine had stopped; it is started again.", YELLOW)
            self._ensure_engine()

    def _begun(self, drive: Drive) -> None:
        drive.leaving_notice = "Interrupting."
        self._drive = drive

    @contextmanager
    def _stage(self, turn: Turn) -> Iterator[tuple[View, Questions | None]]:
        from antcli.output.live import Live
        from antcli.output.questions import TerminalQuestions

        live = Live(self._prompt.surface, turn, tail=self._prompt, whole=self.whole)
        live.hint = "Esc interrupts"
        try:
            yield live, TerminalQuestions(live, self._prompt)
        finally:
            live.close()

    # Words with a slash.

    def _command(self, word: str) -> None:
        meant = [name for name in COMMANDS if name.startswith(word)]
        name = meant[0] if len(meant) == 1 else _ALIASES.get(word, word)
        if name == "/exit":
            self._prompt.exit()
        elif name == "/help":
            rows = [f"{command:<10} {help}" for command, help in COMMANDS.items()]
            self._prompt.say("\n".join([*rows, "//text     Send a text that begins with a slash.", KEYS]), DIM)
        elif name == "/session":
            self._prompt.say(self.session_id)
        elif name == "/approve":
            self._add(None)
        elif name in COMMANDS:
            threading.Thread(target=self._tell_facts, args=(name,), daemon=True).start()
        else:
            self._prompt.say(f"There is no {word.split()[0]}. /help lists what there is; //text sends a slash.", YELLOW)

    def _tell_facts(self, name: str) -> None:
        try:
            self._wake_engine()
            session = self.context.client.call("sessions.retrieve", self.session_id)
        except AntError as error:
            self._prompt.say(f"Error: {error.message}", RED)
            return
        facts = _facts(session)
        wanted = {"/model": ("model",), "/cost": ("tokens", "cost")}.get(name, tuple(facts))
        self._prompt.say("\n".join(f"{key:<8} {facts[key]}" for key in wanted if key in facts))


def _facts(session: dict[str, Any]) -> dict[str, str]:
    from antcli.output.money import list_cost
    from antcli.output.text import clean

    agent, usage = session.get("agent") or {}, session.get("usage") or {}
    read = usage.get("cache_read_input_tokens") or 0
    facts = {
        "session": str(session.get("id")),
        "title": clean(str(session.get("title") or "")),
        "status": str(session.get("status")),
        "agent": clean(str(agent.get("name") or "")),
        "model": clean(str((agent.get("model") or {}).get("id") or "")),
        "tokens": f"{(usage.get('input_tokens') or 0) + read:,} in, {usage.get('output_tokens') or 0:,} out",
    }
    if cost := list_cost(usage.get("list_cost")):
        facts["cost"] = f"{cost} (list price)"
    return facts


def _echo(text: str) -> str:
    """A message as it stands in the scroll-back, apart from what is above it."""
    from antcli.output.foreign import harmless

    return "\n> " + harmless(text).replace("\n", "\n  ")


def _history(context: Context) -> Path:
    """What was typed, in the data directory, for this user only."""
    from antcli.profiles.paths import data_dir

    folder = data_dir(context.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "chat_history"
    os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    return path
