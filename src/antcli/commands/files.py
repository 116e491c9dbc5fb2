"""`ant files`: what sessions are given to read, and what they made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import Commands, examples
from antcli.commands.options import DryRunOpt
from antcli.commands.verbs import verb
from antcli.context import Context, current
from antcli.errors import UsageError
from antcli.references import PICK

if TYPE_CHECKING:
    from antcli.commands.dry_run import Call

app = Commands("Files: what sessions are given to read, and what they made.")
verb(app, "list", "files.list", "List files.", "ant files list", "ant files list --scope-id @last")
verb(app, "get", "files.retrieve_metadata", "Show a file's name, size and type.", "ant files get data.csv")
app.aliases["retrieve-metadata"] = "get"  # the official word

Paths = Annotated[list[str] | None, typer.Argument(metavar="[PATH]...", help="Files, or - for stdin.")]
File = Annotated[list[str] | None, typer.Option("--file", metavar="PATH", hidden=True, help="The official spelling.")]
Name = Annotated[str | None, typer.Option("--name", "-n", metavar="NAME", help="Another name for the file.")]
Expires = Annotated[str | None, typer.Option("--expires-in", metavar="DURATION", help="Delete it after: 1h to 90d.")]
Seconds = Annotated[str | None, typer.Option("--expires-in-seconds", metavar="N", hidden=True, help="The same.")]


@app.command("upload")
@examples(
    "ant files upload data.csv", "ant files upload *.csv --expires-in 7d", "tar c . | ant files upload - -n a.tar"
)
def upload(
    path: Paths = None, file: File = None, name: Name = None, expires_in: Expires = None, seconds: Seconds = None,
    dry_run: DryRunOpt = False,
) -> None:  # fmt: skip
    """Upload files. Each is read while it is sent, however large it is."""
    from antcli import uploads
    from antcli.commands import durations

    context = current()
    context.stay()
    paths = [*(path or ()), *(given.removeprefix("@") for given in file or ())]
    if not paths:
        raise UsageError("Missing argument PATH.", hint="Name files, or - for stdin.")
    if name is not None and len(paths) > 1:
        raise UsageError("--name goes with one file.")
    lives = expires_in if expires_in is not None else seconds
    form = {} if lives is None else {"expires_in_seconds": int(durations.seconds(lives, "--expires-in"))}
    for each in paths:  # all of them, before the first is sent
        if each != "-":
            uploads.readable(each)
    if dry_run:
        return _preview(context, paths, name, form)
    made = (uploaded(context, each, name, form) for each in paths)
    if len(paths) == 1:
        context.output.object("files", next(made))
    else:
        context.output.list(
            "files", made, live=not context.terminal.stdout_is_terminal and not context.output.for_programs
        )


def _preview(context: Context, paths: list[str], name: str | None, form: dict[str, Any]) -> None:
    from antcli.commands.dry_run import preview

    preview(context, *(upload_call(path, name, form) for path in paths))


def upload_call(path: str, name: str | None, form: dict[str, Any]) -> Call:
    """The request that would upload a file, for `--dry-run`."""
    from types import SimpleNamespace

    from antcli import uploads
    from antcli.commands.dry_run import Call

    called = _called(path, name)
    return Call("files.upload", (), form, (("file", (called, SimpleNamespace(name=path), uploads.kind_of(called))),))


def _called(path: str, name: str | None) -> str:
    return name or ("stdin" if path == "-" else os.path.basename(path))


def uploaded(context: Context, path: str, name: str | None, form: dict[str, Any]) -> dict[str, Any]:
    """Uploads a file with a bar on a terminal; the server's record of it."""
    from antcli import uploads
    from antcli.output.progress import progress

    called = _called(path, name)
    source = uploads.Source(path, file=uploads.stdin(context) if path == "-" else None)
    with progress(context.terminal, called, source.size, quiet=context.options.quiet) as shown:
        source.advance = shown.advance
        part = ("file", (called, source, uploads.kind_of(called)))
        try:
            made: dict[str, Any] = context.client.call("files.upload", body=form, files=[part])
        finally:
            source.close()
    context.remember("files", made["id"])
    return made


Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE]...", help="Files: name, id, the beginning of its id, or @last. With --session, a folder."
    ),
]
FileId = Annotated[
    list[str] | None, typer.Option("--file-id", metavar="ID", hidden=True, help="The official spelling.")
]
Session = Annotated[str | None, typer.Option("--session", metavar="SESSION", help="All files that this session made.")]
Output = Annotated[
    str | None, typer.Option("--output", "-O", metavar="PATH", help="File or folder to write to, or - for stdout.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@app.command("download")
@examples(
    "ant files download report.pdf",
    "ant files download results.csv -O - | head",
    "ant files download --session @last results/",
)
def download(
    file: Files = None, file_id: FileId = None, session: Session = None, output: Output = None, force: Force = False
) -> None:
    """Download files that sessions made, under their own names unless -O says another. What exists stays as it is."""
    from antcli.commands.downloads import refuse_existing

    context = current()
    context.stay()
    names = [*(file or ()), *(file_id or ())]
    if session is not None and names:
        if len(names) > 1 or output is not None:
            raise UsageError("With --session, only one folder can be named.")
        output = os.path.join(names.pop(), "")
    found = _wanted(context, names, session)
    if not found:
        return context.output.notice("The session has made no files.")
    if output == "-":
        if len(found) != 1:
            raise UsageError("Only one file can go to stdout.", hint="Name a folder with -O.")
        return _to_stdout(context, found[0])
    targets = _targets(found, output, many=session is not None or len(found) > 1)
    for _, target in targets:
        refuse_existing(target, force=force)
    context.output.list("transfers", (_downloaded(context, *pair, force=force) for pair in targets))


def _wanted(context: Context, files: list[str], session: str | None) -> list[dict[str, Any]]:
    if not files and session is None and context.can_pick:
        files = [PICK]
    if bool(files) == (session is not None):
        raise UsageError("Name files, or a session with --session.")
    if session is not None:
        scope = context.resolve_id("sessions", session)
        return _made_by(context, scope)
    ids = [context.resolve_id("files", each) for each in files]
    return [context.client.call("files.retrieve_metadata", id) for id in ids]


def _made_by(context: Context, scope: str) -> list[dict[str, Any]]:
    found = context.client.pages("files.list", query={"scope_id": scope, "limit": 100})
    return [item for item in found if item.get("downloadable", True)]


def download_made(context: Context, session_id: str, folder: str) -> list[dict[str, Any]]:
    """Downloads all that a session made into the folder, which is made; no file that exists is replaced."""
    found = _made_by(context, session_id)
    targets = _targets(found, os.path.join(folder, ""), many=True) if found else []
    return [_downloaded(context, *pair, force=False) for pair in targets]


def _targets(found: list[dict[str, Any]], output: str | None, *, many: bool) -> list[tuple[dict[str, Any], str]]:
    from antcli.commands.downloads import free_name, make_folder, plain_name

    if output is not None and not many and not (os.path.isdir(output) or output.endswith("/")):
        return [(found[0], output)]
    folder = output or ""
    if folder:
        make_folder(folder)
    taken: set[str] = set()
    return [(item, free_name(folder, plain_name(item.get("filename")), taken)) for item in found]


def _downloaded(context: Context, item: dict[str, Any], target: str, *, force: bool) -> dict[str, Any]:
    from antcli.commands.downloads import Download

    size = Download(context, "files.download", (item["id"],), item.get("size_bytes")).to_file(target, force=force)
    return {"file_id": item["id"], "path": target, "size_bytes": size}


def _to_stdout(context: Context, item: dict[str, Any]) -> None:
    from antcli.commands.downloads import Download

    loaded = Download(context, "files.download", (item["id"],), item.get("size_bytes"))
    loaded.into(context.output.binary(), item["filename"])


verb(app, "delete", "files.delete", "Delete a file.", "ant files delete data.csv --yes")
