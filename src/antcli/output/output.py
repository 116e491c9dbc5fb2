"""Where commands put what they have: they state the data once, the chosen format decides the form.

Results go to stdout and nothing else does; notices, warnings and errors go to stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from antcli.errors import ExitCode, UsageError
from antcli.output import formats

if TYPE_CHECKING:
    from antcli.output.failures import Failure
    from antcli.output.terminal import Terminal
    from antcli.output.transforms import Transform

_RED, _YELLOW, _DIM = "31", "33", "2"


class Output:
    """One a process. `format`: one of `formats.FORMATS`; `columns`: titles or dotted paths; `quiet` mutes notices.

    `transform` is applied to each thing before it is printed; `bare` prints texts without quotes. `error_format` and
    `error_transform` are for the body of an error answer.
    """

    def __init__(
        self, terminal: Terminal, *, format: str = "auto", columns: Sequence[str] = (), quiet: bool = False,
        transform: Transform | None = None, bare: bool = False, error_format: str | None = None,
        error_transform: Transform | None = None,
    ) -> None:  # fmt: skip
        for name in (format, error_format or "auto"):
            if name not in (*formats.FORMATS, *formats.OFFICIAL_FORMATS):
                raise UsageError(f"No format {name!r}.", hint="There are: " + ", ".join(formats.FORMATS) + ".")
        if columns and format not in ("auto", "table", "csv"):
            raise UsageError("--columns goes with the formats table and csv.")
        self.terminal = terminal
        self.format = "auto" if format == "explore" else format
        self.columns = tuple(columns)
        self.quiet = quiet
        self.transform = transform
        self.bare = bare
        self.error_format = error_format
        self.error_transform = error_transform

    # What a command found out.

    def list(self, kind: str, items: Iterable[dict[str, Any]], *, live: bool = False) -> None:
        """Prints things of one kind (a key of `columns.COLUMNS`) as they come. `live`: each leaves at once.

        `auto` is a table on a terminal, JSON lines elsewhere and for live lists.
        """
        format = self._resolved("jsonl" if live or self.transform or not self.terminal.stdout_is_terminal else "table")
        if self.transform is not None:
            items = self.transform.each(items, self.notice)
        if format == "table" and not live and self.terminal.stdout_is_terminal:
            items = iter(items)
            first = next(items, None)
            if first is None:
                self.notice(f"No {kind.replace('.', ' ').replace('_', ' ')}.")
                return
            items = chain((first,), items)
        for chunk in self._chunks(format, kind, items, live):
            self.terminal.stdout.write(chunk)
            if live:
                self.terminal.stdout.flush()
        self.terminal.stdout.flush()

    @contextmanager
    def one_by_one(self, kind: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """For a list whose things are known one after the other: prints each at once. `auto` is JSON lines."""
        format = self._resolved("jsonl")
        tally = None if self.transform is None else self.transform.tally()
        separator = ""

        def show(item: dict[str, Any]) -> None:
            nonlocal separator
            for found in (item,) if tally is None else tally.found(item):
                self._write((separator, *self._chunks(format, kind, (found,), True)))
                separator = "---\n" if format == "yaml" and not self.bare else ""

        yield show
        if tally is not None:
            tally.close(self.notice)

    def object(self, kind: str, item: dict[str, Any]) -> None:
        """Prints one thing. `auto` is a detail view on a terminal, indented JSON elsewhere."""
        format = self._resolved("detail" if self.terminal.stdout_is_terminal and not self.transform else "json")
        if self.transform is not None:
            item = self.transform.one(item)
        if self.bare and isinstance(item, str):
            self.text(item)
        elif format == "json":
            self.text(formats.pretty(item))
        elif format == "detail":
            from antcli.output.detail import detail

            self._write(detail(item, colour=self.terminal.colour, width=max(self.terminal.width, 20)))
        else:
            self._write(self._chunks(format, kind, (item,), False))

    def envelope(self, kind: str, body: bytes) -> None:
        """Prints an answer as it was received; with a transform, what it leads to in there."""
        if self.transform is None:
            self.text(body.decode("utf-8", "replace").rstrip("\n"))
        else:
            from json import loads

            self.object(kind, loads(body))

    def text(self, text: str, *, end: str = "\n") -> None:
        """Prints text as it is, at once."""
        self.terminal.stdout.write(text + end)
        self.terminal.stdout.flush()

    def binary(self) -> IO[bytes]:
        """Stdout for bytes that are the result. Raises UsageError where there is none."""
        found: IO[bytes] | None = getattr(self.terminal.stdout, "buffer", None)
        if found is None:
            raise UsageError("Stdout takes no bytes here.", hint="Name a file with -O.")
        self.terminal.stdout.flush()
        return found

    def end_with_reader(self) -> None:
        """From now on the process ends, quietly, when the reader of a piped stdout goes away, also while nothing is
        printed: `ant logs -f S | head -1`. Only for commands that leave nothing behind.
        """
        from antcli.output.reader import end_with_reader

        end_with_reader(self.terminal.stdout)

    @property
    def for_programs(self) -> bool:
        """The caller asked for data, not for something to read: no words of our own on stdout."""
        return self.format in ("json", "jsonl", "yaml", "csv", "id")

    # What a person should know besides.

    def notice(self, text: str) -> None:
        """A remark on stderr that `--quiet` mutes."""
        if not self.quiet:
            self._say(text, _DIM)

    def report(self, text: str) -> None:
        """As `notice`, for what is longer and has colours of its own."""
        if not self.quiet:
            self._say(text)

    def warning(self, text: str) -> None:
        self._say(f"Warning: {text}", _YELLOW)

    def error(self, failure: Failure, body: Any = None) -> None:
        """What happened, what to do, the request id: a line each; with `--format json` one object.

        `body`, the server's own words, is shown instead when a format or a transform for errors was asked for.
        """
        if body is not None and (self.error_format or self.error_transform):
            self._tell(self._error_body(body))
            return
        if self.format in ("json", "jsonl"):
            self._tell(formats.line(failure.as_object()))
            return
        interrupted = failure.code == ExitCode.INTERRUPTED
        self._say(failure.message if interrupted else f"Error: {failure.message}", _RED)
        if failure.hint:
            self._say(failure.hint)
        if failure.request_id:
            self._tell(f"Request id: {failure.request_id}", _DIM)

    def _error_body(self, body: Any) -> str:
        if self.error_transform is not None:
            body = self.error_transform.one(body)
        if self.bare and isinstance(body, str):
            return body
        format = self.error_format if self.error_format in ("jsonl", "yaml", "raw", "pretty") else "json"
        return formats.pretty(body) if format == "json" else "".join(_FORMS[str(format)]((body,))).rstrip("\n")

    def _say(self, text: str, style: str = "") -> None:
        """Tell something to a person: on a terminal no word is broken at its edge."""
        if self.terminal.stderr_is_terminal:
            from antcli.output.text import fold

            text = fold(text, self.terminal.stderr_width)
        self._tell(text, style)

    def _tell(self, text: str, style: str = "") -> None:
        with suppress(OSError):  # keeps the order; whether stdout works is for those to say who write to it
            self.terminal.stdout.flush()
        if style and self.terminal.stderr_colour:
            text = f"\x1b[{style}m{text}\x1b[0m"
        with suppress(OSError):  # that nobody reads our remarks changes nothing about the result and the exit code
            self.terminal.stderr.write(text + "\n")
            self.terminal.stderr.flush()

    # Forms.

    def _resolved(self, automatic: str) -> str:
        if self.format != "auto":
            return self.format
        return "table" if self.columns else automatic

    def _write(self, chunks: Iterable[str]) -> None:
        self.terminal.stdout.writelines(chunks)
        self.terminal.stdout.flush()

    def _chunks(self, format: str, kind: str, items: Iterable[dict[str, Any]], live: bool) -> Iterator[str]:
        if self.transform is not None and format in ("table", "csv"):  # it is not of that kind any more
            kind, items = "", (item if isinstance(item, dict) else {"value": item} for item in items)
        if format == "table":
            from antcli.output.tables import table

            width = self.terminal.width if self.terminal.stdout_is_terminal else None
            return table(kind, items, chosen=self.columns, width=width, colour=self.terminal.colour, live=live)
        if format == "csv":
            return self._csv(kind, items)
        if self.bare and format in ("json", "jsonl", "yaml"):
            format = "raw"
        return _FORMS[format](items)

    def _csv(self, kind: str, items: Iterable[dict[str, Any]]) -> Iterator[str]:
        from antcli.output.columns import cell, columns_for

        items = iter(items)
        first = next(items, None)
        columns = columns_for(kind, self.columns, first)
        present = () if first is None else (first,)
        rows = ([cell(column, item) for column in columns] for item in chain(present, items))
        return formats.csv((column.path for column in columns), rows)


_FORMS = {
    "json": formats.json_array,
    "jsonl": formats.json_lines,
    "yaml": formats.yaml_documents,
    "id": formats.identifiers,
    "raw": formats.raw_lines,
    "pretty": formats.details,
}
