"""The command line as a whole: a static table of commands, imported when used, and the edge where errors end."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperGroup, TyperOption

from antcli.commands.base import HELP_WIDTH, Command, Commands, Group, option, single
from antcli.context import Context, current, use
from antcli.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = "Managed agents from the command line: define an agent, give it work, watch it, get the answer."


class Row(NamedTuple):
    """One word of the command line. `target` is `module:attribute` under antcli.commands: a function or a group."""

    name: str
    target: str
    help: str
    aliases: tuple[str, ...] = ()


# Resources of the official spelling without a colon in their names, as far as no group of ours has the same name.
OFFICIAL_WORDS = ("completions",)
MEMORY = ("memory", "memory-store")
DEPLOYMENT, RUN = ("deployment",), ("deployment-run",)
ENVS = ("env", "environments", "environment")

TABLE: dict[str, tuple[Row, ...]] = {
    "Work": (
        Row("run", "run:run", "Give an agent a task and print its answer."),
        Row("chat", "chat:chat", "Talk with an agent."),
        Row("demo", "demo:demo", "Watch a scripted agent write, run and repair a program; needs no model."),
        Row("wait", "wait:wait", "Wait for a session; the exit code says how it ended."),
        Row("logs", "logs:logs", "Show what happened in a session, and what happens."),
        Row("open", "open:open_", "Open a session, or another thing, in the browser."),
        Row("top", "top:top", "Show the running sessions, live."),
        Row("approve", "approve:approve", "Allow the tool calls that a session asks about."),
        Row("deny", "deny:deny", "Refuse the tool calls that a session asks about."),
        Row("interrupt", "interrupt:interrupt", "Stop what a session is doing."),
        Row("cost", "cost:cost", "Add up what sessions cost.", ("costs",)),
    ),
    "Things": (
        Row("agents", "agents:app", "Agents: a model, a system prompt, tools.", ("agent",)),
        Row("envs", "envs:app", "Environments: packages and network of the sandbox.", ENVS),
        Row("sessions", "sessions:app", "Sessions: an agent at work, with its events and threads.", ("session",)),
        Row("files", "files:app", "Files: what sessions are given to read, and what they made.", ("file",)),
        Row("skills", "skills:app", "Skills: folders of instructions and scripts that agents use.", ("skill",)),
        Row("vaults", "vaults:app", "Vaults: credentials that sessions use and never see.", ("vault",)),
        Row("memory-stores", "memory_stores:app", "Memory stores: what agents remember.", MEMORY),
        Row("deployments", "deployments:app", "Deployments: an agent started by schedule or on request.", DEPLOYMENT),
        Row("deployment-runs", "deployment_runs:app", "Deployment runs: what deployments started.", RUN),
        Row("dreams", "dreams:app", "Dreams: a memory store tidied up.", ("dream",)),
        Row("user-profiles", "user_profiles:app", "User profiles: the people you work for.", ("user-profile",)),
        Row("work", "work:app", "Work: the queue of a self-hosted environment."),
        Row("messages", "messages:app", "Messages: one request to a model, without an agent.", ("message",)),
        Row("edit", "edit:edit", "Change an agent, environment or session in your editor."),
        Row("models", "models:app", "Models that an agent can use.", ("model",)),
    ),
    "Configuration as files": (
        Row("plan", "plan:plan", "Show what apply would change."),
        Row("apply", "apply:apply", "Make the server say what the files say."),
        Row("export", "export:export", "Write what is on the server as files."),
        Row("import", "import_:import_", "Let a file stand for what is on the server already."),
        Row("destroy", "destroy:destroy", "Remove all that was applied."),
    ),
    "Setup": (
        Row("profile", "profile:app", "Profiles: which server, with which defaults.", ("profiles",)),
        Row("auth", "auth:app", "Log in and out."),
        Row("engine", "engine:app", "The local engine in the background."),
        Row("serve", "serve:serve", "Run the engine in the foreground, on a port or a socket."),
        Row("worker", "worker:app", "Run the tools of self-hosted sessions on this machine.", ("beta:worker",)),
        Row("doctor", "doctor:doctor", "Check the setup and say what to repair."),
        Row("explain", "explain:explain", "Explain the API field by field, exit codes, variables, differences."),
        Row("completion", "completion:completion", "Print the completion script of a shell, or install it."),
        Row("version", "version:version", "Print the version."),
    ),
}  # fmt: skip


class Stub(TyperGroup):
    """Stands for a command until it is used: making its context imports the module and goes on with the real one."""

    def __init__(self, row: Row) -> None:
        super().__init__(name=row.name, help=row.help, short_help=row.help, rich_markup_mode=None)
        self.row = row

    def real(self) -> Group | Command:
        module, _, attribute = self.row.target.partition(":")
        target = getattr(import_module(f"antcli.commands.{module}"), attribute)
        return Group(self.row.name, target) if isinstance(target, Commands) else single(self.row.name, target)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.real().make_context(self.row.name, args, parent=parent, **extra)


class Root(Group):
    def __init__(self) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": HELP_WIDTH + 2}
        super().__init__("ant", _contents(), params=[_version_option()], context_settings=settings)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        formatter.write_paragraph()
        formatter.write_text("The official spelling works too: ant beta:agents list --transform id -r")

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if cmd_name == "@manpages":
            from antcli.commands.manpages import manpages

            return single(cmd_name, manpages)
        if found is None and (":" in cmd_name or cmd_name in OFFICIAL_WORDS):
            from antcli.commands import official

            found = official.group(cmd_name) if cmd_name in official.RESOURCES else None
        return found

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if ":" in args[0] or args[0].startswith("@"):
            from antcli.commands.official import translated

            args = translated(args)
        return super().resolve_command(ctx, args)

    def names_to_suggest(self, word: str) -> list[str]:
        if ":" not in word:
            return super().names_to_suggest(word)
        from antcli.commands.official import RESOURCES

        return list(RESOURCES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, rows in TABLE.items():
            with formatter.section(title):
                formatter.write_dl([(row.name, row.help) for row in rows])


def _contents() -> Commands:
    commands = Commands(HELP)
    for rows in TABLE.values():
        for row in rows:
            commands.add(row.name, partial(Stub, row), *row.aliases)
    return commands


def _version_option() -> TyperOption:
    return option(
        "-V", "--version", is_flag=True, default=False, is_eager=True, expose_value=False, callback=_print_version,
        help="Print the version.",
    )  # fmt: skip


def _print_version(ctx: Any, param: Any, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from antcli import __version__

        current().output.text(f"ant {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str], context: Context | None = None) -> int:
    """Runs a command line and returns its exit code. Every error of every command ends here."""
    context = context or Context.of_process()
    use(context)
    try:
        return _invoke(list(arguments))
    except typer.Exit as exit:
        return exit.exit_code
    except BrokenPipeError:
        return _without_reader(context)
    except (Exception, KeyboardInterrupt) as error:
        return _report(context, error, arguments)
    finally:
        context.close()


def _invoke(arguments: list[str]) -> int:
    with Root().make_context("ant", arguments) as ctx:
        result = ctx.command.invoke(ctx)
    return int(result) if isinstance(result, int) else 0


def _report(context: Context, error: BaseException, arguments: Sequence[str]) -> int:
    from antcli.output.failures import describe
    from antcli.output.output import Output

    if context.debug and not isinstance(error, KeyboardInterrupt):
        import traceback

        traceback.print_exception(error, file=context.terminal.stderr)
    failure = describe(error)
    if (failure.code == ExitCode.USAGE or failure.status == 400) and not failure.hint:
        failure = failure._replace(hint=f"See `{context.command} --help`.")
    # Not the property: the error may be about what it needs.
    output = context.__dict__.get("output") or Output(context.terminal, format=_error_format(arguments))
    try:
        output.error(failure, getattr(error, "body", None))
    except BrokenPipeError:
        _without_reader(context)
    return int(failure.code)


def _error_format(arguments: Sequence[str]) -> str:
    """JSON errors are promised to those who ask for JSON, also when the command line is wrong elsewhere."""
    text = " ".join(arguments)
    wanted = (f"{name}{json}" for name in ("-o ", "-o", "--format ", "--format=") for json in ("json", "jsonl"))
    return "json" if any(f" {text} ".find(f" {words} ") >= 0 for words in wanted) else "auto"


def _without_reader(context: Context) -> int:
    """Nobody reads on: that is an end, not an error. What is still buffered goes nowhere."""
    if context.terminal.stdout is sys.stdout:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
    return 0
