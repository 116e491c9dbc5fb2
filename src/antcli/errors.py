"""What can go wrong on the command line: the exception tree and the exit codes (README, "Exit codes").

AntError
├── UsageError                 a bad value, file or combination of options
├── NotLoggedInError           no credential, or a refused one
├── NoModelError               the local engine has no model to ask
├── ServerError                no answer, or 429/5xx after all retries
│   └── EngineStartError       the local engine does not start
└── ApiError                   the server answered with an error envelope
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    NOT_FOUND = 4
    SERVER = 5
    REQUIRES_ACTION = 6
    ENDED_BADLY = 7
    OUTCOME_NOT_MET = 8
    BUDGET_REACHED = 9
    PLAN_HAS_CHANGES = 10
    TIMED_OUT = 124
    INTERRUPTED = 130


class AntError(Exception):
    """An error told in one line, with a hint that says what to do and an exit code."""

    code = ExitCode.FAILURE
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None, code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint
        if code is not None:
            self.code = code


class UsageError(AntError):
    code = ExitCode.USAGE


class NotLoggedInError(AntError):
    code = ExitCode.NOT_LOGGED_IN
    hint = "Run `ant auth login`, or set ANTHROPIC_API_KEY."


class NoModelError(AntError):
    code = ExitCode.NOT_LOGGED_IN
    hint = (
        "Three ways to get one: set ANTHROPIC_API_KEY; start Ollama, LM Studio or llama.cpp on this machine; "
        "or set ANT_MODEL_BASE_URL (and ANT_MODEL_API_KEY) to any Messages API endpoint. `ant demo` needs none."
    )


class ServerError(AntError):
    code = ExitCode.SERVER
    hint = "Check the connection and the base URL (`ant profile show`), then try again."


class EngineStartError(ServerError):
    hint = "See `ant engine logs`."


class ApiError(AntError):
    """An error envelope of the server (api.md 2).

    `status` is the HTTP status, `type` the envelope's category, `error_code` the machine code in
    `details` or None, `request_id` the server's id for the request or None, `body` the decoded envelope.
    """

    def __init__(
        self, message: str, *, status: int, type: str = "api_error", error_code: str | None = None,
        request_id: str | None = None, body: Any = None,
    ) -> None:  # fmt: skip
        hint = _CODE_HINTS.get(error_code or "") or _STATUS_HINTS.get(status, "")
        code = ExitCode.NOT_LOGGED_IN if error_code == "no_model" else exit_code_for_status(status)
        super().__init__(message, hint=hint, code=code)
        self.status = status
        self.type = type
        self.error_code = error_code
        self.request_id = request_id
        self.body = body


_CODE_HINTS = {
    "agent_archived": "Choose another one: `ant agents list` shows them.",
    "no_model": "`ant doctor` shows what is set. `ant demo` needs no model.",
    "model_not_budgetable": "A script gets the price of a model with `price_as: claude-sonnet-5-5` above its `turns:`. "
    "Recordings, the demo and models of others have no price: leave the budget out.",
}
_STATUS_HINTS = {
    401: "The server refused the credential. Run `ant auth login`, or check ANTHROPIC_API_KEY.",
    403: "This credential may not do that. `ant profile show` says which one is used.",
    404: "List what exists with the `list` command of the same group.",
    402: "The account behind this credential cannot pay for it. See its billing page.",
    408: "It took too long. Try again.",
    409: "It changed meanwhile, or its state forbids it. Look at it with `get`, then try again.",
    413: "Send less at once: put what is large into a file, or shorten it.",
    429: "The server limits the rate. Wait a moment, then try again.",
    500: "Try again; on a local profile `ant engine logs` says more.",
    502: "What the server asked in turn failed. Try again; `ant doctor` says what does not answer.",
    503: "Try again when the cause is gone; on a local profile `ant engine logs` says more.",
    504: "Something between here and the server gave up. Try again.",
    529: "The server is overloaded. Wait a moment, then try again.",
}


def exit_code_for_status(status: int) -> ExitCode:
    """The exit code for an HTTP error status (README, "Exit codes")."""
    if status in (401, 403):
        return ExitCode.NOT_LOGGED_IN
    if status == 404:
        return ExitCode.NOT_FOUND
    if status == 429 or status >= 500:
        return ExitCode.SERVER
    return ExitCode.FAILURE
