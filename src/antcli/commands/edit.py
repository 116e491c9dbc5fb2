"""`ant edit`: a thing as YAML in the editor; what was changed is shown, and sent if the thing is still what it was."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from antcli.commands import values
from antcli.commands.base import examples
from antcli.commands.options import DryRunOpt, YesOpt
from antcli.context import current
from antcli.errors import AntError, ApiError, ServerError, UsageError

if TYPE_CHECKING:
    from antcli.context import Context


class Kind(NamedTuple):
    """How a kind is called by people, in references, and in the table of operations."""

    words: tuple[str, ...]
    references: str
    family: str


KINDS = (
    Kind(("agent", "agents"), "agents", "agents"),
    Kind(("env", "envs", "environment", "environments"), "environments", "environments"),
    Kind(("session", "sessions"), "sessions", "sessions"),
)
_PATCHED = ("metadata",)  # an update merges these: what is gone must be said
_MARK = "# "

KindArg = Annotated[str, typer.Argument(metavar="KIND", help="agent, env or session.")]
NameArg = Annotated[str, typer.Argument(metavar="THING", help="Name, id, the beginning of its id, or @last.")]


@examples("ant edit agent reviewer", "EDITOR=nano ant edit env tests")
def edit(kind: KindArg, name: NameArg, yes: YesOpt = False, dry_run: DryRunOpt = False) -> None:
    """Change a thing in your editor ($VISUAL, else $EDITOR).

    The changes are shown before they are sent. When somebody else changed the thing meanwhile, nothing is sent and
    your text is kept in a file.
    """
    from antcli.commands.dry_run import Call, preview

    context = current()
    found = next((known for known in KINDS if kind in known.words), None)
    if found is None:
        raise UsageError(f"{kind!r} cannot be edited.", hint="There are: " + ", ".join(k.words[0] for k in KINDS) + ".")
    if not context.interactive:
        raise UsageError("`ant edit` needs a terminal.", hint=f"Without one: `ant {found.words[1]} update`.")
    id = context.resolve_id(found.references, name)
    thing = context.client.call(f"{found.family}.retrieve", id)
    before = editable(found, thing)
    text, after = _in_the_editor(context, f"{found.words[0]} {id}", before)
    changes = changed(before, after)
    if not changes:
        context.output.notice("Nothing changed.")
        return
    context.output.notice("".join(difference(before, after)).rstrip("\n"))
    if dry_run:
        return preview(context, Call(f"{found.family}.update", (id,), {**changes, **_version(found, thing)}))
    context.confirm(f"Change {id}?", yes=yes)
    _send(context, found, thing, changes, text)


def editable(kind: Kind, thing: dict[str, Any]) -> dict[str, Any]:
    """The fields that an update takes, in the order of the API."""
    from antcli.operations import OPERATIONS

    fields = [field.name for field in OPERATIONS[f"{kind.family}.update"].body if field.name != "version"]
    shown = {name: thing[name] for name in fields if name in thing}
    if kind.family == "sessions" and "agent" in shown:  # of its agent only these can change
        shown["agent"] = {name: shown["agent"].get(name) for name in ("tools", "mcp_servers")}
    return shown


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The body of the update. Raises UsageError for a field that is none."""
    unknown = sorted(set(after) - set(before))
    if unknown:
        raise UsageError(f"No field {unknown[0]!r} can be changed.", hint="There are: " + ", ".join(before) + ".")
    changes: dict[str, Any] = {}
    for name, old in before.items():
        new = after.get(name)
        if new == old:
            continue
        if name in _PATCHED:
            new = {**dict.fromkeys(old or ()), **(new or {})}
        changes[name] = new
    return changes


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Lines of a unified diff of both as YAML."""
    from difflib import unified_diff

    from antcli.output.formats import yaml

    old, new = yaml(before).splitlines(keepends=True), yaml(after).splitlines(keepends=True)
    return list(unified_diff(old, new, "before", "after", n=2))


def _in_the_editor(context: Context, title: str, before: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What was saved, and what it says. A text that is no YAML is opened again with what is wrong with it."""
    from antcli.output.formats import yaml

    head = f"{_MARK}{title}. Save and leave the editor to go on; an empty file changes nothing.\n"
    text = head + yaml(before)
    while True:
        text = _edited(context, text)
        body = "\n".join(line for line in text.splitlines() if not line.startswith(_MARK))
        if not body.strip():
            return text, before
        try:
            after = values.parse(body, source="the edited text")
            if not isinstance(after, dict):
                raise UsageError("The text must be fields with their values.")
            changed(before, after)
            return text, after
        except UsageError as error:
            again = f"{head}{_MARK}{error.message} {error.hint}\n{body}\n"
            if again == text:  # saved again as it was: somebody gives up
                raise
            text = again


def _edited(context: Context, text: str) -> str:
    """The text as the editor leaves it. Raises AntError when there is no editor or it fails."""
    import shlex
    import subprocess
    import tempfile

    editor = context.environ.get("VISUAL") or context.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="ant-edit-") as folder:
        path = os.path.join(folder, "edit.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            code = subprocess.call([*shlex.split(editor), path])
        except (OSError, ValueError) as error:
            raise AntError(f"The editor {editor!r} does not start: {error}.", hint="Set $EDITOR.") from None
        if code:
            raise AntError(f"The editor ended with {code}: nothing was changed.", hint="")
        with open(path, encoding="utf-8") as file:
            return file.read()


def _send(context: Context, kind: Kind, thing: dict[str, Any], changes: dict[str, Any], text: str) -> None:
    try:
        newest = context.client.call(f"{kind.family}.retrieve", thing["id"])
        if newest.get("updated_at") != thing.get("updated_at"):
            raise AntError(_meanwhile(kind, thing, newest), hint=f"Your text is in {_kept(thing['id'], text)}.")
        answer = context.client.call(f"{kind.family}.update", thing["id"], body={**changes, **_version(kind, thing)})
    except (ApiError, ServerError) as error:
        error.hint = f"Your text is in {_kept(thing['id'], text)}."
        raise
    context.output.object(kind.references, answer)


def _version(kind: Kind, thing: dict[str, Any]) -> dict[str, Any]:
    """An agent is changed only when nobody else made a new version of it."""
    return {"version": thing["version"]} if kind.family == "agents" else {}


def _meanwhile(kind: Kind, thing: dict[str, Any], newest: dict[str, Any]) -> str:
    fields = [name for name, value in editable(kind, newest).items() if value != thing.get(name)]
    what = f" ({', '.join(fields)})" if fields else ""
    return f"{thing['id']} was changed meanwhile{what}: nothing was sent."


def _kept(id: str, text: str) -> str:
    """The path of a new file with the text, in this folder or, where none can be made, the temporary one."""
    import tempfile

    for folder in (os.getcwd(), None):
        try:
            handle, path = tempfile.mkstemp(prefix=f"{id}-", suffix=".yaml", dir=folder)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    return "nowhere: no folder can be written"
