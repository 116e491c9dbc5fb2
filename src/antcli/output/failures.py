"""The one table of failures: an exception becomes what happened, what to do, and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, NamedTuple

from antcli.errors import AntError, ApiError, ExitCode

# Without a file name these come from stdout: nothing else is written without one.
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Failure(NamedTuple):
    message: str
    hint: str = ""
    code: int = ExitCode.FAILURE
    type: str = "error"
    request_id: str | None = None
    status: int | None = None
    error_code: str | None = None

    def as_object(self) -> dict[str, Any]:
        """The error object that `--format json` prints on stderr: a contract, change it only with a changelog line."""
        error: dict[str, Any] = {"type": self.type, "message": self.message, "exit_code": int(self.code)}
        optional = {
            "hint": self.hint or None,
            "status": self.status,
            "error_code": self.error_code,
            "request_id": self.request_id,
        }
        return {"error": error | {key: value for key, value in optional.items() if value is not None}}


def describe(error: BaseException) -> Failure:
    """The failure that an exception stands for."""
    if isinstance(error, ApiError):
        return Failure(
            error.message, error.hint, error.code, error.type, error.request_id, error.status, error.error_code
        )
    if isinstance(error, AntError):
        name = "not_found_error" if error.code == ExitCode.NOT_FOUND else _type_name(error)
        return Failure(error.message, error.hint, error.code, name)
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted.", code=ExitCode.INTERRUPTED, type="interrupted")
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # Typer's own usage errors
        return _usage_failure(error)
    if isinstance(error, OSError) and error.strerror:
        if not error.filename and error.errno in _OUTPUT_ERRORS:
            message = f"The output cannot be written: {error.strerror}."
            return Failure(message, "Make room, or send the output elsewhere.", type="os_error")
        place = f"{error.filename}: " if error.filename else ""
        return Failure(f"{place}{error.strerror}.", "Set ANT_DEBUG=1 to see where.", type="os_error")
    return Failure(
        f"Unexpected {type(error).__name__}: {error}".rstrip(": "),
        "This is a defect of ant. Set ANT_DEBUG=1 to see the traceback, and report it.",
        type="internal_error",
    )


def _type_name(error: AntError) -> str:
    """`UsageError` is `usage_error`."""
    letters = [f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__]
    return "".join(letters).lstrip("_")


def _usage_failure(error: Any) -> Failure:
    possibilities = getattr(error, "possibilities", None) or ()
    context = getattr(error, "ctx", None)
    message = str(error.message if possibilities else error.format_message()).strip()
    if message.startswith("Missing argument"):  # as the commands made from operations say it
        message = message.replace("'", "")
    if possibilities:
        near = _nearest(str(getattr(error, "option_name", "")), _shown(possibilities, context))
        hint = "Did you mean " + " or ".join(f"`{name}`" for name in near) + "?"
    else:
        hint = f"See `{context.command_path} --help`." if context is not None else "See `ant --help`."
    return Failure(message.rstrip(".") + ".", hint, ExitCode.USAGE, "usage_error")


def _shown(names: Sequence[str], context: Any) -> Sequence[str]:
    """Those that the help shows, if it shows any of them."""
    params = context.command.get_params(context) if context is not None else ()
    hidden = {name for param in params if getattr(param, "hidden", False) for name in param.opts}
    return [name for name in names if name not in hidden] or names


def _nearest(typed: str, names: Sequence[str]) -> list[str]:
    """Those that are about as near to what was typed as the nearest."""
    from difflib import SequenceMatcher

    nearness = {name: SequenceMatcher(None, typed, name).ratio() for name in names}
    return sorted(name for name in names if nearness[name] > max(nearness.values()) - 0.1)
