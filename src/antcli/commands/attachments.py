"""What a task is given to read and what it leaves: files into a session, and those that it made out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.context import Context

UPLOADS = "/mnt/session/uploads"  # where a session has its files, unless the server says otherwise
NEW_FILE = "ID_OF_THE_UPLOADED_FILE"  # what a dry run shows
FilesOpt = Annotated[
    list[str] | None, typer.Option("--file", "-f", metavar="FILE", help="Give the agent this file; repeat for more.")
]
OutputsOpt = Annotated[
    str | None,
    typer.Option(
        "--outputs", metavar="DIR", help="Fetch what the agent wrote to /mnt/session/outputs into this folder."
    ),
]


def checked(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths, if each can be read and no two have one name. Raises UsageError."""
    from antcli import uploads

    names: dict[str, str] = {}
    for path in paths:
        uploads.readable(path)
        other = names.setdefault(os.path.basename(path), path)
        if other != path:
            raise UsageError(
                f"--file: {other} and {path} have the same name.", hint="Rename one: both go to one folder."
            )
    return tuple(names.values())


def upload(context: Context, paths: Iterable[str]) -> list[dict[str, Any]]:
    """Uploads the files; how a session takes them as its resources."""
    from antcli.commands.files import uploaded

    return [resource(path, uploaded(context, path, None, {})["id"]) for path in paths]


def resource(path: str, file_id: str) -> dict[str, Any]:
    return {"type": "file", "file_id": file_id, "mount_path": f"/{os.path.basename(path)}"}


def add(context: Context, session_id: str, paths: Iterable[str]) -> list[str]:
    """Uploads the files into a session that exists; where they are in its sandbox."""
    add_one = context.client.call
    return [
        str(add_one("sessions.resources.add", session_id, body=body)["mount_path"]) for body in upload(context, paths)
    ]


def told(event: dict[str, Any], places: list[str]) -> dict[str, Any]:
    """The message or outcome, which says where the files are: no agent looks for what it does not know of."""
    if not places:
        return event
    text = "Attached files:\n" + "\n".join(f"- {place}" for place in places)
    if "content" in event:
        return event | {"content": [*event["content"], {"type": "text", "text": text}]}
    return event | {"description": f"{event['description']}\n\n{text}"}


def check_outputs(folder: str) -> None:
    """Raises UsageError for a folder that holds something already: nothing of it shall be replaced."""
    if os.path.isdir(folder) and not os.listdir(folder):
        return
    if os.path.lexists(folder):
        raise UsageError(f"--outputs: {folder} is no empty folder.", hint="Name a new one.")


def fetch(context: Context, session_id: str, folder: str) -> None:
    """Downloads what the session made, and says so on stderr."""
    from antcli.commands.files import download_made

    loaded = download_made(context, session_id, folder)
    if not loaded:
        context.output.notice("The session has made no files.")
    for item in loaded:
        context.output.notice(f"Wrote {item['path']}.")
