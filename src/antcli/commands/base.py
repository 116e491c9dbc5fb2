"""How commands are made: Typer commands and groups that know the options of every command, examples and aliases.

The only module that depends on the inside of `typer.core`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from antcli.context import current
from antcli.errors import UsageError
from antcli.references import KINDS, PICK

Function = TypeVar("Function", bound=Callable[..., Any])

HELP_WIDTH = 78
_DRY_RUN = "--dry-run"


def examples(*lines: str) -> Callable[[Function], Function]:
    """Command lines that the help of a command shows. tests/e2e/test_examples.py runs each of them."""

    def mark(function: Function) -> Function:
        function.examples = lines  # type: ignore[attr-defined]
        return function

    return mark


def single(name: str, function: Callable[..., Any]) -> Command:
    """The command of a function: its parameters are those of the function, its help is the docstring."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command)(function)
    command = typer.main.get_command(app)
    assert isinstance(command, Command)
    for param in command.params:
        if param.param_type_name == "argument" and param.required and _names_a_thing(param):
            param.default = partial(_to_be_picked, param.nargs)  # None on anything but a terminal: it is missing
            param.show_default = False
    return command


def _names_a_thing(param: Any) -> bool:
    """Its value is what `Context.resolve_id` takes. The FILE of an option is one on this machine."""
    word = (param.metavar or "").strip("[].").lower().replace("-", " ")
    if word == "file" and param.param_type_name == "option":
        return False
    return word == "thing" or any(word == kind.singular for kind in KINDS.values())


def _to_be_picked(nargs: int) -> Any:
    if not current().can_pick:
        return None
    return PICK if nargs == 1 else [PICK]


class Commands:
    """A group of commands. Each is made when it is used; aliases work but are not listed."""

    def __init__(self, help: str) -> None:
        self.help = help
        self.makers: dict[str, Callable[[], Any]] = {}
        self.aliases: dict[str, str] = {}

    def add(self, name: str, make: Callable[[], Any], *aliases: str) -> None:
        self.makers[name] = make
        self.aliases.update(dict.fromkeys(aliases, name))

    def command(self, name: str, *aliases: str) -> Callable[[Function], Function]:
        """Makes a function the command `name`."""

        def register(function: Function) -> Function:
            self.add(name, lambda: single(name, function), *aliases)
            return function

        return register

    def group(self, name: str, commands: Commands, *aliases: str) -> None:
        self.add(name, lambda: Group(name, commands), *aliases)


@cache
def _everywhere() -> tuple[TyperOption, ...]:
    """The options of every command."""
    from antcli.commands.root_options import make

    return make()


class _Parameters:
    """Adds the options of every command to a Typer class, in parsing and at the end of its help."""

    params: list[Any]

    def get_params(self, ctx: Any) -> list[Any]:
        own: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        taken = {name for param in own for name in param.opts}
        return [*own, *(option for option in _everywhere() if not taken.intersection(option.opts))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Options of every command": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if param.param_type_name == "argument":
                sections["Arguments"].append(record)
            elif param in self.params:
                sections["Options"].append(record)
            else:
                sections["Options of every command"].append(record)
        self.format_commands(ctx, formatter)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A command has none."""


class Command(_Parameters, TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        self._check_dry_run(ctx, args)
        try:
            return super().parse_args(ctx, [*args, PICK] if self._ends_open(ctx, args) else args)
        except Exception as error:
            if getattr(error, "ctx", ctx) is None:  # the parser does not say whose option it was
                error.ctx = ctx  # type: ignore[attr-defined]
            raise

    def _check_dry_run(self, ctx: Any, args: list[str]) -> None:
        """Who asks for a dry run must not get a wet one, nor be told of a slip."""
        if _DRY_RUN in args and not any(_DRY_RUN in param.opts for param in self.params):
            raise UsageError(
                f"`{ctx.command_path}` cannot show beforehand what it sends: it takes no {_DRY_RUN}. Nothing was done.",
                hint="Commands with one request to show take it: `ant run`, `ant sessions send`, `ant agents create`.",
            )

    def _ends_open(self, ctx: Any, args: list[str]) -> bool:
        """The last word is an option that takes a thing (`ant chat --agent`), and somebody can be asked which."""
        if not args or not args[-1].startswith("-") or "--" in args or ctx.resilient_parsing or not current().can_pick:
            return False
        taking = {name: param for param in self.params if not getattr(param, "is_flag", True) for name in param.opts}
        before = args[-2] if len(args) > 1 else ""
        return args[-1] in taking and before not in taking and _names_a_thing(taking[args[-1]])

    def invoke(self, ctx: Any) -> Any:
        current().command = ctx.command_path
        return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        lines = getattr(self.callback, "examples", ())
        if lines:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in lines))


class Group(_Parameters, TyperGroup):
    """A group over Commands. Without a word behind it, it shows its help."""

    def __init__(self, name: str, contents: Commands, **settings: Any) -> None:
        super().__init__(name=name, help=contents.help, rich_markup_mode=None, **settings)
        self.subcommand_metavar = "COMMAND ..."
        self.contents = contents

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.contents.makers)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        make = self.contents.makers.get(self.contents.aliases.get(cmd_name, cmd_name))
        return make() if make else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        TyperGroup.format_commands(self, ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args or ctx.resilient_parsing else ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the command and what follows. Raises UsageError, with a suggestion, for a word that is none."""
        word = args[0]
        command = self.get_command(ctx, word)
        if command is None:
            raise UsageError(f"No command {word!r} in `{ctx.command_path}`.", hint=self._suggestion(ctx, args))
        return command.name, command, args[1:]

    def names_to_suggest(self, word: str) -> list[str]:
        """What may be meant by a word that is no command."""
        return [*self.contents.makers, *self.contents.aliases]

    def _suggestion(self, ctx: Any, args: list[str]) -> str:
        from antcli.commands.suggestions import suggested

        near = suggested(args, self.names_to_suggest(args[0]), self.contents.aliases)
        if not near:
            return f"`{ctx.command_path} --help` lists the commands."
        return "Did you mean " + " or ".join(f"`{ctx.command_path} {name}`" for name in near) + "?"


class RecordedOption(TyperOption):
    """An option whose uses are kept in the order of the command line, as `entry` makes them of the value."""

    RECORD = "antcli.recorded"

    def __init__(self, *names: str, **settings: Any) -> None:
        super().__init__(param_decls=list(names), expose_value=False, **settings)

    def entry(self, value: Any) -> Any:
        raise NotImplementedError

    def add_to_parser(self, parser: Any, ctx: Any) -> None:
        super().add_to_parser(parser, ctx)
        record = ctx.meta.setdefault(self.RECORD, [])
        for parsed in {id(found): found for found in map(self._parsed(parser), self._names())}.values():
            parsed.process = self._recorder(record, parsed)

    def _names(self) -> list[str]:
        return [*self.opts, *self.secondary_opts]

    @staticmethod
    def _parsed(parser: Any) -> Callable[[str], Any]:
        return lambda name: parser._long_opt.get(name) or parser._short_opt[name]

    def _recorder(self, record: list[Any], parsed: Any) -> Callable[[Any, Any], None]:
        def process(value: Any, state: Any) -> None:
            record.append(self.entry(value if parsed.takes_value else parsed.const))

        return process


class Positional(TyperArgument):
    """An argument shown by its metavar alone; whether one is missing is for the command to say."""

    def make_metavar(self, ctx: Any, *, usage: bool = False) -> str:
        return self.metavar or ""


def option(*names: str, **settings: Any) -> TyperOption:
    """An option of a command that is not made from a function."""
    return TyperOption(param_decls=list(names), **settings)
