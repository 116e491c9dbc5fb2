"""The manual: a page of man for every command, from the live command tree. `ant @manpages` writes it for packagers.

That word, hidden, is one of the official command line.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from antcli.commands.base import HELP_WIDTH, Group, examples
from antcli.context import current
from antcli.errors import UsageError

Tree = list[tuple[tuple[str, ...], Any]]  # a command's words, and a Typer context for it

OutputOpt = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="The folder; the pages go into DIR/man1.")
]
GzipOpt = Annotated[bool, typer.Option("--gzip/--no-gzip", "-z", help="Write compressed pages.")]
TextOpt = Annotated[bool, typer.Option("--text", help="Write pages that are not compressed.")]


@examples("ant @manpages -o share/man", "ant @manpages --text --no-gzip")
def manpages(ctx: typer.Context, output: OutputOpt = "man", gzip_: GzipOpt = True, text: TextOpt = False) -> None:
    """Write the man pages: man1/ant.1.gz and one for each command."""
    folder = Path(output, "man1")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in man_pages(list(walk(ctx.find_root().command))).items():
            if text:
                (folder / name).write_text(page, encoding="utf-8")
            if gzip_:
                (folder / f"{name}.gz").write_bytes(gzip.compress(page.encode(), mtime=0))
    except OSError as error:
        raise UsageError(f"Cannot write to {folder}: {error.strerror}.") from None
    current().output.notice(f"Wrote the man pages to {output}.")


def walk(root: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below the root, with its words and a Typer context for it."""
    yield from subtree(
        (), root, root.context_class(root, info_name="ant", terminal_width=HELP_WIDTH, **root.context_settings)
    )


def subtree(path: tuple[str, ...], command: Any, context: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command with all that is below it."""
    yield path, context
    if not isinstance(command, Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        real = child.real() if hasattr(child, "real") else child
        inner = real.context_class(real, info_name=name, parent=context, terminal_width=HELP_WIDTH)
        yield from subtree((*path, name), real, inner)


def first_line(command: Any) -> str:
    """What a command does, in a sentence."""
    return (command.help or "").strip().partition("\n")[0]


def man_pages(tree: Tree) -> dict[str, str]:
    """ant(1), and a page for every word behind it with all that is below that word, by the names of their files."""
    pages: dict[str, str] = {}
    for path, context in tree:
        if len(path) <= 1:
            below = [entry for entry in tree if entry[0][: len(path)] == path] if path else [(path, context)]
            pages["-".join(("ant", *path)) + ".1"] = man_page(path, context, below)
    return pages


def man_page(path: tuple[str, ...], context: Any, below: Tree) -> str:
    """The page of a command, in roff, with a section for each entry of `below`."""
    name = "-".join(("ant", *path))
    lines = [
        f'.TH "{name.upper()}" 1',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(first_line(context.command))}",
    ]
    for words, inner in below:
        command = inner.command
        lines.append(".SH SYNOPSIS" if words == path else f'.SH "ANT {_roff(" ".join(words).upper())}"')
        lines.append(f".B {_roff(' '.join(('ant', *words)))}\n{_roff(' '.join(command.collect_usage_pieces(inner)))}")
        if words != path or path:
            lines += [".PP", _roff(" ".join((command.help or "").split()))]
        if isinstance(command, Group):
            for child in command.list_commands(inner):
                lines += [".TP", f".B {_roff(child)}", _roff(first_line(command.get_command(inner, child)))]
        for param in command.params if words else command.get_params(inner):
            record = param.get_help_record(inner)
            if record is not None:
                lines += [".TP", f".B {_roff(record[0])}", _roff(record[1])]
        for example in getattr(command.callback, "examples", ()):
            lines += [".PP", ".nf", _roff(example), ".fi"]
    see = "ant-run(1), ant-agents(1), ant-sessions(1)" if not path else "ant(1)"
    return "\n".join([*lines, ".SH SEE ALSO", _roff(see)]) + "\n"


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped
