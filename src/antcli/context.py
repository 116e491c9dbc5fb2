"""What every command receives: streams, options, settings, server, client, output; the costly ones on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from antcli.errors import AntError, NotLoggedInError, UsageError
from antcli.output.output import Output
from antcli.output.terminal import Terminal

if TYPE_CHECKING:
    from antcli.client.client import Client
    from antcli.client.exchange import ExchangedToken
    from antcli.client.server import Server
    from antcli.engine.daemon import Running
    from antcli.engine.settings import EngineSettings
    from antcli.output.transforms import Transform
    from antcli.profiles.resolve import Selection


@dataclass
class Options:
    """The options that work with every command, before it or after it."""

    profile: str | None = None
    format: str | None = None
    columns: tuple[str, ...] = ()
    no_color: bool = False
    quiet: bool = False
    debug: bool = False
    transform: str | None = None
    raw_output: bool = False
    format_error: str | None = None
    transform_error: str | None = None
    base_url: str | None = None
    workspace_id: str | None = None
    credential: dict[str, str] | None = field(default=None, repr=False)  # headers, from --api-key-stdin
    federation: dict[str, str] = field(default_factory=dict, repr=False)  # variables, from --federation-rule and others


class Context:
    """One a process. Tests make their own with streams and an environment of their own."""

    def __init__(self, terminal: Terminal, environ: Mapping[str, str], options: Options | None = None) -> None:
        self.terminal = terminal
        self.environ = environ
        self.options = options or Options()
        self.command = "ant"  # the words of the command that runs, without its arguments

    @classmethod
    def of_process(cls) -> Context:
        return cls(Terminal.of_process(), os.environ)

    @property
    def debug(self) -> bool:
        return self.options.debug or self.environ.get("ANT_DEBUG", "") not in ("", "0")

    @property
    def interactive(self) -> bool:
        """Somebody sits there who can be asked: terminals on both sides, and no coding agent between."""
        return self.terminal.interactive

    @property
    def can_pick(self) -> bool:
        """What is left out can be chosen from a list on the terminal."""
        return self.terminal.can_ask and self.environ.get("TERM", "dumb") != "dumb"

    @cached_property
    def output(self) -> Output:
        """Raises UsageError for a format that does not exist, or a path that is none."""
        options = self.options
        self.terminal.no_color = options.no_color
        return Output(
            self.terminal, format=options.format or self._default_format(), columns=options.columns,
            quiet=options.quiet, transform=_transform("--transform", options.transform), bare=options.raw_output,
            error_format=options.format_error, error_transform=_transform("--transform-error", options.transform_error),
        )  # fmt: skip

    def _default_format(self) -> str:
        """The profile's default; a config that cannot be read is reported by what needs it, not by the output."""
        try:
            return str(self.selection.defaults.get("format") or "auto")
        except AntError:
            return "auto"

    @cached_property
    def selection(self) -> Selection:
        """The profile in use and why. Raises UsageError for an unreadable config or an unknown profile."""
        options = self.options
        if options.base_url or options.workspace_id or options.credential or options.federation:
            from antcli.profiles.overrides import overridden

            return overridden(
                options.profile, self.environ, base_url=options.base_url, workspace_id=options.workspace_id,
                credential=options.credential, federation=options.federation,
            )  # fmt: skip
        from antcli.profiles.resolve import resolve

        return resolve(options.profile, self.environ)

    @cached_property
    def engine_settings(self) -> EngineSettings:
        """What the local engine of this profile is started with. Raises UsageError for a hosted profile."""
        from antcli.engine.settings import EngineSettings, ModelSettings

        chosen = self.selection
        if chosen.kind != "local":
            raise UsageError(
                f"Profile {chosen.profile!r} is a hosted one: it has no local engine.",
                hint="Choose a local profile with --profile; `ant profile list` shows them.",
            )
        model = ModelSettings(**chosen.model) if chosen.model else None
        return EngineSettings(data_dir=chosen.data_dir, model=model, **chosen.engine)

    @cached_property
    def server(self) -> Server:
        """Where requests go. For a local profile the engine is started when it does not run.

        Raises NotLoggedInError for a hosted profile without a credential, EngineStartError.
        """
        from antcli.client.server import Server

        chosen = self.selection
        for note in chosen.notes:
            self.output.notice(note)
        if chosen.kind != "local":
            chosen.require_credential()
            return Server(
                chosen.base_url, chosen.kind, chosen.profile, chosen.why, headers=chosen.headers,
                token=self._exchanged(), workspace_id=chosen.workspace_id,
            )  # fmt: skip
        from antcli.engine import daemon

        return self._engine_server(daemon.ensure(self.engine_settings, notice=self.output.notice))

    def _exchanged(self) -> ExchangedToken | None:
        """For workload identity federation: the token that an identity token is exchanged for, when it is needed."""
        chosen = self.selection
        if chosen.federation is None:
            return None
        from antcli.client.exchange import ExchangedToken
        from antcli.client.retries import retries_from

        retries = retries_from(self.environ)
        return ExchangedToken(chosen.base_url, chosen.federation, retries=retries, debug=self.trace)

    @cached_property
    def destination(self) -> Server:
        """As `server`, for looking at: nothing is started, and no credential is demanded."""
        from antcli.client.server import Server

        chosen = self.selection
        if chosen.kind != "local":
            exchanged = {"authorization": "Bearer (exchanged)"} if chosen.federation else {}
            headers = {**chosen.headers, **exchanged}
            return Server(chosen.base_url, chosen.kind, chosen.profile, chosen.why, headers=headers)
        running = self.running_engine()
        if running is not None:
            return running
        from antcli.engine.private_files import socket_path

        where = str(socket_path(self.engine_settings.data_dir))
        return Server("http://ant", "local", chosen.profile, chosen.why, socket=where)

    def running_engine(self) -> Server | None:
        """The local engine if it runs now; it is not started. Raises UsageError for a hosted profile."""
        from antcli.engine import daemon

        running = daemon.find(self.engine_settings.data_dir)
        return None if running is None else self._engine_server(running)

    def _engine_server(self, running: Running) -> Server:
        from antcli.client.server import Server

        profile, why = self.selection.profile, self.selection.why
        if running.socket is not None:
            return Server("http://ant", "local", profile, why, socket=str(running.socket))
        # `ant serve` holds the data directory: it listens on a port and has left its key there.
        key = self.environ.get("ANT_SERVER_API_KEY")
        if not key:
            try:
                key = (running.data_dir / "api-key").read_text().strip()
            except OSError:
                hint = "Set ANT_SERVER_API_KEY to the key that `ant serve` was started with."
                raise NotLoggedInError(f"The engine at {running.url} wants a key.", hint=hint) from None
        return Server(running.url or "", "local", profile, why, headers={"x-api-key": key})

    @cached_property
    def client(self) -> Client:
        from antcli.client.client import Client
        from antcli.client.retries import retries_from

        retries = retries_from(self.environ)
        return Client(self.server, retries=retries, on_notice=self.output.notice, debug=self.trace)

    @property
    def trace(self) -> Callable[[str], None] | None:
        """Where clients tell what they send, with --debug."""
        return (lambda line: print(line, file=self.terminal.stderr)) if self.options.debug else None

    def stay(self) -> None:
        """For commands that run on: collect garbage from now on (the entry point switches it off)."""
        import gc

        gc.freeze()
        gc.enable()

    def close(self) -> None:
        """Closes the connections that were opened."""
        client = self.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def resolve_id(self, kind: str, text: str, *within: str) -> str:
        """The id that a user meant: an exact id, a unique name, a unique id prefix, `@last`, or PICK.

        `kind` is a key of `references.KINDS`, `within` the ids of what it is in.
        Raises UsageError when several fit, AntError (not found) for none.
        """
        from antcli.references import resolve

        return resolve(self, kind, text, *within)

    def remember(self, kind: str, id: str) -> None:
        """Notes the newest thing of a kind that this profile made, for `@last`."""
        from antcli.references import remember

        remember(self, kind, id)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks on a terminal before what cannot be undone; elsewhere the command was the answer.

        Raises AntError when the answer is not yes.
        """
        if yes or not self.terminal.can_ask:
            return
        self.terminal.stderr.write(f"{question} [y/N] ")
        self.terminal.stderr.flush()
        answer = self.terminal.stdin.readline()
        if not answer.endswith("\n"):  # Ctrl-D: what is said next begins its own line
            self.terminal.stderr.write("\n")
        if answer.strip().lower() not in ("y", "yes"):
            raise AntError("Nothing was done.", hint="Say --yes to skip the question.")

    def default(self, name: str) -> Any:
        """A default of the profile (`agent`, `environment`, ...), or None."""
        return self.selection.defaults.get(name)


def _transform(name: str, path: str | None) -> Transform | None:
    if path is None:
        return None
    from antcli.output.transforms import Transform

    return Transform(name, path)


_current: Context | None = None


def current() -> Context:
    """The context of the command that runs."""
    global _current
    if _current is None:
        _current = Context.of_process()
    return _current


def use(context: Context) -> None:
    """Makes a context the current one: the program does it once at its start, tests before each run."""
    global _current
    _current = context
