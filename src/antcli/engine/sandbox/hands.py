"""The program that runs inside a sandbox and carries out tool calls (standard library only, Python 3.9 and later).

Frames on stdin and stdout: four bytes of length, big endian, then JSON. The first frame in is the setup, answered by
`{"ready": true}`. Then `{"id", "tool", "input"}` is answered by `{"id", "content", "is_error"}`, and `{"cancel": id}`
ends a call at once. Calls of bash run one after the other; each other call runs in a process of its own, but for write
and edit, which are done on the spot so that they are never cut in two. When stdin closes, everything is killed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections import deque

# The same program runs from the package, from a folder of the sandbox, and in a container.
sys.path.insert(0, os.path.abspath(__file__).rsplit(os.sep, 4)[0])

from antcli.engine.sandbox.file_tools import TOOLS, Paths, ToolError, text, write
from antcli.engine.sandbox.processes import in_own_namespace, kill_group, kill_marked, kill_namespace, limit_resources
from antcli.engine.sandbox.shell import Shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPILL_CHARACTERS = 100_000
PREVIEW_CHARACTERS = 10_000  # at each end
FILE_RUNS = 3
LOST = "The shell and everything it had started were killed; its state (directory, variables, functions, jobs) is lost."


class FileCall:
    """A read, glob or grep: a forked process that writes its result into a pipe."""

    def __init__(self, request: dict[str, Any], paths: Paths, deadline: float) -> None:
        self.request = request
        self.deadline = deadline
        self.data = bytearray()
        self.result, end = os.pipe()
        try:
            self.process = os.fork()
        except OSError:
            os.close(self.result)
            os.close(end)
            raise
        if self.process == 0:
            try:
                signal.set_wakeup_fd(-1)
                os.setpgid(0, 0)
                frame = json.dumps(run_file_tool(request, paths)).encode()
                while frame:
                    frame = frame[os.write(end, frame) :]
            finally:
                os._exit(0)
        os.close(end)

    def end(self) -> None:
        kill_group(self.process)
        os.close(self.result)
        os.waitpid(self.process, 0)


class Hands:
    """One loop over everything that can happen; nothing in it waits, but for the killing of a shell."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self.incoming = bytearray()
        self.bash_waiting: deque[dict[str, Any]] = deque()
        self.bash_call: dict[str, Any] | None = None
        self.bash_deadline = 0.0
        self.files_waiting: deque[dict[str, Any]] = deque()
        self.file_calls: dict[int, FileCall] = {}
        self.wake, wake_end = os.pipe()
        for descriptor in (self.wake, wake_end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.set_up(self._first_frame())

    def set_up(self, setup: dict[str, Any]) -> None:
        limit_resources(setup["limits"])
        mark = "SANDBOX=" + setup["environment"]["SANDBOX"]
        if setup["own_namespace"] and not in_own_namespace():
            raise RuntimeError("no pid namespace of its own")
        self.shell = Shell(
            setup["workdir"],
            setup["environment"],
            (lambda _: kill_namespace()) if setup["own_namespace"] else (lambda session: kill_marked(session, mark)),
        )
        self.paths = Paths(setup["workdir"], setup["moved"], setup.get("within"), setup.get("read_only", ()))
        self.spill = setup["spill"]
        self.bash_seconds, self.file_seconds = setup["bash_seconds"], setup["file_seconds"]
        self.reply({"ready": True})

    def serve(self) -> None:
        """Until stdin closes."""
        while True:
            ready = self._wait()
            if self.wake in ready:
                os.read(self.wake, 4096)
            if self.source in ready and not self._receive():
                self.shell.kill()
                return
            self._look_after_bash(ready)
            self._look_after_files(ready)
            self._start_bash_calls()
            self._start_file_calls()

    def _wait(self) -> set[int]:
        poll = select.poll()
        for descriptor in (self.source, self.wake, self.shell.output, self.shell.status, *self.file_calls):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        if self.shell.push() and self.shell.commands is not None:
            poll.register(self.shell.commands, select.POLLOUT)
        deadlines = [call.deadline for call in self.file_calls.values()]
        if self.bash_call:
            deadlines.append(self.bash_deadline)
        limit = max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None
        return {descriptor for descriptor, _ in poll.poll(limit)}

    # frames

    def _first_frame(self) -> dict[str, Any]:
        while not (frames := self._frames()):
            if not self._receive_bytes():
                raise SystemExit(0)
        return frames[0]

    def _receive_bytes(self) -> bool:
        data = os.read(self.source, 1 << 20)
        self.incoming += data
        return bool(data)

    def _frames(self) -> list[dict[str, Any]]:
        frames = []
        while len(self.incoming) >= 4:
            end = 4 + int.from_bytes(self.incoming[:4], "big")
            if len(self.incoming) < end:
                break
            frames.append(json.loads(bytes(self.incoming[4:end])))
            del self.incoming[:end]
        return frames

    def _receive(self) -> bool:
        if not self._receive_bytes():
            return False
        for frame in self._frames():
            if "cancel" in frame:
                self._cancel(frame["cancel"])
            elif frame["tool"] == "bash":
                self.bash_waiting.append(frame)
            elif frame["tool"] in ("write", "edit"):
                self.answer(frame, run_file_tool(frame, self.paths))
            else:
                self.files_waiting.append(frame)
        return True

    def answer(self, request: dict[str, Any], result: dict[str, Any]) -> None:
        for block in result["content"]:
            if block["type"] == "text" and len(block["text"]) > SPILL_CHARACTERS:
                block["text"] = self._spilled(block["text"], request["id"])
        self.reply({"id": request["id"], **result})

    def _spilled(self, words: str, id: int) -> str:
        left_out = len(words) - 2 * PREVIEW_CHARACTERS
        try:
            path = f"{self.spill}/{int(time.time())}-{id}.txt"
            write({"file_path": path, "content": words.encode("utf-8", "replace").decode()}, self.paths)
            place = f"the whole result is in {path}: read it with view_range, or grep it"
        except (OSError, ToolError) as error:
            place = f"the whole result could not be kept in a file: {error}"
        note = f"\n\n[{left_out} characters left out; {place}]\n\n"
        return words[:PREVIEW_CHARACTERS] + note + words[-PREVIEW_CHARACTERS:]

    def reply(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        data = len(data).to_bytes(4, "big") + data
        while data:
            data = data[os.write(self.target, data) :]

    def _cancel(self, id: int) -> None:
        for queue in (self.bash_waiting, self.files_waiting):
            for request in [request for request in queue if request["id"] == id]:
                queue.remove(request)
                self.answer(request, failure("cancelled"))
        for call in [call for call in self.file_calls.values() if call.request["id"] == id]:
            self._end_file_call(call, failure("cancelled"))
        if self.bash_call and self.bash_call["id"] == id:
            self._kill_bash_call("cancelled")

    # bash

    def _start_bash_calls(self) -> None:
        while self.bash_waiting and not self.bash_call:
            self.bash_call = self.bash_waiting.popleft()
            input = self.bash_call["input"]
            self.bash_deadline = time.monotonic() + self._seconds(input)
            if input.get("restart"):
                self.shell.kill()
                self.shell.take_output()
                self._end_bash_call("bash session restarted", is_error=False)
            elif not isinstance(input.get("command"), str) or "\0" in input["command"]:
                self._end_bash_call("command: must be text without NUL characters", is_error=True)
            else:
                try:
                    self.shell.send(input["command"])
                except OSError as error:
                    self._kill_bash_call(f"bash cannot be started: {error.strerror}")

    def _seconds(self, input: dict[str, Any]) -> float:
        return float(input["timeout_ms"]) / 1000 if input.get("timeout_ms") else float(self.bash_seconds)

    def _look_after_bash(self, ready: set[int]) -> None:
        if self.shell.output in ready:
            self.shell.listen()
        code = self.shell.finished()
        ended = self.shell.exited() if code is None else None
        if self.bash_call is None:
            return
        if code is not None:
            self._end_bash_call(f"[exit code {code}]" if code else "", is_error=code != 0)
        elif ended is not None:
            how = f"with code {ended}" if ended >= 0 else f"by signal {-ended}"
            self._end_bash_call(f"[the shell ended {how}; the next call gets a new one]", is_error=ended != 0)
        elif time.monotonic() >= self.bash_deadline:
            self._kill_bash_call(f"timed out after {self._seconds(self.bash_call['input']):g} s")

    def _kill_bash_call(self, reason: str) -> None:
        self.shell.kill()
        self._end_bash_call(f"[{reason}. {LOST}]", is_error=True)

    def _end_bash_call(self, note: str, *, is_error: bool) -> None:
        if self.bash_call is not None:
            parts = [self.shell.take_output().rstrip("\n"), note]
            words = "\n".join(part for part in parts if part) or "(no output)"
            self.answer(self.bash_call, {"content": text(words), "is_error": is_error})
            self.bash_call = None

    # read, glob, grep

    def _start_file_calls(self) -> None:
        while self.files_waiting:
            request = self.files_waiting.popleft()
            try:
                call = FileCall(request, self.paths, time.monotonic() + self.file_seconds)
            except OSError as error:
                words = f"no process can be started: {error.strerror}. bash with restart true kills all that runs."
                self.answer(request, failure(words))
            else:
                self.file_calls[call.result] = call

    def _look_after_files(self, ready: set[int]) -> None:
        for call in list(self.file_calls.values()):
            if call.result in ready:
                data = os.read(call.result, 1 << 20)
                call.data += data
                if not data:
                    self._finish_file_call(call)
            elif time.monotonic() >= call.deadline:
                self._end_file_call(call, failure(f"timed out after {self.file_seconds:g} s"))

    def _finish_file_call(self, call: FileCall) -> None:
        try:
            result = json.loads(bytes(call.data))
        except ValueError:  # killed on the way, as a rule together with a shell; it only reads, so it is run again
            call.request["runs"] = call.request.get("runs", 1) + 1
            if call.request["runs"] <= FILE_RUNS:
                self.files_waiting.append(call.request)
                result = None
            else:
                result = failure("the process that did this was killed, perhaps for want of memory")
        self._end_file_call(call, result)

    def _end_file_call(self, call: FileCall, result: dict[str, Any] | None) -> None:
        del self.file_calls[call.result]
        call.end()
        if result is not None:
            self.answer(call.request, result)


def run_file_tool(request: dict[str, Any], paths: Paths) -> dict[str, Any]:
    """The result of a call. Never raises: what went wrong is an error result."""
    try:
        content = TOOLS[request["tool"]](request["input"], paths)
    except ToolError as error:
        return failure(str(error))
    except OSError as error:
        return failure(f"{error.filename or request['tool']}: {error.strerror}")
    except Exception as error:
        return failure(f"{type(error).__name__}: {error}")
    return {"content": content, "is_error": False}


def failure(words: str) -> dict[str, Any]:
    return {"content": text(words), "is_error": True}


def main() -> None:
    # Nothing that is started here, and no stray print, may touch the two pipes to the engine.
    source, target = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # `kill -TERM -1` in a command must not end us
        signal.signal(number, signal.SIG_IGN)
    Hands(source, target).serve()


if __name__ == "__main__":
    main()
