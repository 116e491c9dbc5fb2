"""`ant skills`, with their versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli import uploads
from antcli.commands.base import Commands, examples
from antcli.commands.options import DryRunOpt
from antcli.commands.verbs import verb
from antcli.context import Context, current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.client.transport import FormPart

Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="A folder with a SKILL.md, a zip of it, or files.")
]
File = Annotated[list[str] | None, typer.Option("--file", metavar="PATH", hidden=True, help="The official spelling.")]
SkillArg = Annotated[
    str | None,
    typer.Argument(metavar="SKILL", show_default=False, help="Skill: name, id, the beginning of its id, or @last."),
]
Skill = Annotated[str | None, typer.Option("--skill-id", metavar="ID", hidden=True, help="The official spelling.")]
Version = Annotated[str | None, typer.Option("--version", metavar="ID", hidden=True, help="The official spelling.")]
Name = Annotated[str | None, typer.Option("--display-name", "--name", "-n", metavar="NAME", help="Its name.")]
Title = Annotated[str | None, typer.Option("--display-title", metavar="NAME", hidden=True, help="The same.")]
VersionArg = Annotated[
    str | None, typer.Argument(metavar="[VERSION]", show_default=False, help="Version id; without it, the latest.")
]
Output = Annotated[
    str | None, typer.Option("--output", "-O", metavar="PATH", help="File or folder to write to, or - for stdout.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that exists.")]

versions = Commands("The versions of a skill.")
verb(versions, "list", "skills.versions.list", "List the versions of a skill.", "ant skills versions list pdf-forms")
verb(versions, "get", "skills.versions.retrieve", "Show a version.", "ant skills versions get pdf-forms latest")


@versions.command("create")
@examples("ant skills versions create pdf-forms ./pdf-forms")
def create_version(
    skill: SkillArg = None, path: Paths = None, skill_id: Skill = None, file: File = None, dry_run: DryRunOpt = False
) -> None:
    """Upload a new version of a skill."""
    from antcli.commands.dry_run import Call, preview

    context = current()
    words = [word for word in (skill, *(path or ())) if word is not None]
    if skill_id is None:
        if not words:
            raise UsageError("Missing argument SKILL.")
        skill_id = words.pop(0)
    parts = uploads.skill_parts(_paths(words, file))  # what is wrong with them is told before anything is asked
    if dry_run:
        return preview(context, Call("skills.versions.create", (skill_id,), {}, parts))
    id = context.resolve_id("skills", skill_id)
    context.output.object("versions", _upload(context, "skills.versions.create", parts, {}, id))


@versions.command("download")
@examples("ant skills versions download pdf-forms", "ant skills versions download pdf-forms skver_4fK9 -O forms.zip")
def download(
    skill: SkillArg = None,
    version: VersionArg = None,
    skill_flag: Skill = None,
    version_flag: Version = None,
    output: Output = None,
    force: Force = False,
) -> None:
    """Download a version as a zip."""
    from antcli.commands.downloads import Download, make_folder, plain_name

    context = current()
    words = [word for word in (skill, version) if word is not None]
    if skill_flag is None:
        if not words:
            raise UsageError("Missing argument SKILL.")
        skill_flag = words.pop(0)
    if version_flag is None and words:
        version_flag = words.pop(0)
    skill_id = context.resolve_id("skills", skill_flag)
    if version_flag is None:
        version_flag = context.client.call("skills.retrieve", skill_id).get("latest_version_id") or "latest"
    found = context.client.call("skills.versions.retrieve", skill_id, version_flag)
    loaded = Download(context, "skills.versions.download", (skill_id, found["id"]))
    own = f"{plain_name(found.get('name'))}.zip"
    target = output or own
    if target.endswith("/") or os.path.isdir(target):
        make_folder(target)
        target = os.path.join(target, own)
    if target == "-":
        loaded.into(context.output.binary(), "skill.zip")
        return
    size = loaded.to_file(target, force=force)
    context.output.list("transfers", [{"file_id": found["id"], "path": target, "size_bytes": size}])


verb(versions, "delete", "skills.versions.delete", "Delete a version.",
     "ant skills versions delete pdf-forms skver_4fK9 --yes")  # fmt: skip

app = Commands("Skills: folders of instructions and scripts that agents read when they need them.")
verb(app, "list", "skills.list", "List skills.", "ant skills list --source custom")
verb(app, "get", "skills.retrieve", "Show a skill.", "ant skills get pdf-forms")


@app.command("create")
@examples("ant skills create ./pdf-forms", "ant skills create pdf-forms.zip --name 'PDF forms'")
def create(
    path: Paths = None, file: File = None, name: Name = None, title: Title = None, dry_run: DryRunOpt = False
) -> None:
    """Upload a skill. A folder keeps its sub-folders; .git and __pycache__ stay here."""
    from antcli.commands.dry_run import Call, preview

    context = current()
    name = name if name is not None else title
    form = {} if name is None else {"display_name": name}
    parts = uploads.skill_parts(_paths(path or [], file))
    if dry_run:
        return preview(context, Call("skills.create", (), form, parts))
    made = _upload(context, "skills.create", parts, form)
    context.remember("skills", made["id"])
    context.output.object("skills", made)


def _paths(words: list[str], flags: list[str] | None) -> list[str]:
    paths = [*words, *(given.removeprefix("@") for given in flags or ())]
    if not paths:
        raise UsageError("Missing argument PATH.", hint="Name a folder with a SKILL.md, or a zip of it.")
    return paths


def _upload(context: Context, operation: str, parts: list[FormPart], form: dict[str, Any], *ids: str) -> dict[str, Any]:
    from antcli.output.progress import progress

    size = sum(part[1][1].size for part in parts)
    with progress(context.terminal, "skill", size, quiet=context.options.quiet) as shown:
        for part in parts:
            part[1][1].advance = shown.advance
        try:
            made: dict[str, Any] = context.client.call(operation, *ids, body=form, files=parts)
        finally:
            for part in parts:
                part[1][1].close()
    return made


verb(app, "delete", "skills.delete", "Delete a skill with its versions.", "ant skills delete pdf-forms --yes")
app.group("versions", versions, "version")
