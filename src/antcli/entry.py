"""The entry point. Version, help and completion of words are answered from generated text, before Typer is imported.

Imports sys and os only. What it does not know goes on to the application; its only error is a full stdout.
"""

import gc
import os
import sys

from antcli import __version__

_STATIC = os.path.join(os.path.dirname(__file__), "static")
_HELP_COLUMNS = 80  # the generated help is made for this width; narrower terminals get it made to measure


def main() -> None:
    gc.disable()  # most commands are over before a collection would free anything
    arguments = sys.argv[1:]
    text = quick_answer(arguments)
    if text is not None and sys.stdout is not None:
        _leave(_print(text))
    try:
        if arguments[:1] in (["__complete"], ["__complete_next"]):
            from antcli.commands.candidates import answer

            _leave(_print(answer(_typed(arguments))))
        from antcli.app import run

        code = run(arguments)
    except KeyboardInterrupt:  # while the program was still being loaded
        code = 130
    _leave(code)


def quick_answer(arguments: list[str]) -> str | None:
    """The answer to a command line that needs no program, or None."""
    if arguments in (["--version"], ["-V"], ["version"]):
        return f"ant {__version__}\n"
    if arguments[:1] in (["__complete"], ["__complete_next"]):
        from antcli.completion import words

        return words(_typed(arguments))
    asked = bool(arguments) and arguments[-1] in ("--help", "-h")
    path = arguments[:-1] if asked else arguments
    if not all(word.replace("-", "x").isalnum() and word[0] != "-" for word in path):
        return None
    names = [".".join([*path, "group"])]  # a group says its help unasked, a command only when asked
    if asked:
        names.append(".".join(path))
    return None if _narrow() else _help_text(names)


def _typed(arguments: list[str]) -> list[str]:
    """The words to complete. `__complete_next` is for shells that cannot hand over the empty word at the end."""
    return arguments[1:] if arguments[0] == "__complete" else [*arguments[1:], ""]


def _narrow() -> bool:
    try:
        return os.get_terminal_size(1).columns < _HELP_COLUMNS
    except OSError:
        return False


def _help_text(names: list[str]) -> str | None:
    for name in names:
        try:
            with open(f"{_STATIC}/help/{name}.txt", encoding="ascii") as file:
                return file.read()
        except OSError:
            continue
    return None


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        return 0
    except OSError as error:
        os.write(2, f"Error: The output cannot be written: {error.strerror}.\n".encode())
        return 1
    return 0


def _leave(code: int) -> None:
    """Ends the process without the interpreter's tidying, unless something of ours still runs in it."""
    threading = sys.modules.get("threading")
    if threading is not None and any(
        thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()
    ):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            pass
        except (OSError, ValueError):
            code = code or int(stream is sys.stdout)  # what was said besides is no part of the result
    os._exit(code)
