"""`ant profile`: which server, with which defaults."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from antcli.commands.base import Commands, examples
from antcli.commands.options import ProfileArg, YesOpt
from antcli.context import current
from antcli.errors import UsageError

app = Commands("Profiles: which server, with which defaults.")


@app.command("list")
@examples("ant profile list", "ant profile list -o json")
def list_() -> None:
    """List the profiles."""
    from antcli.profiles import resolve, store

    context = current()
    config = store.load(context.environ)
    used = context.selection.profile
    rows = []
    for name in config.names():
        hosted = config.kind(name) == "hosted"
        address = (config.get(name, "base_url") or resolve.PUBLIC_API) if hosted else None
        rows.append({"name": name, "kind": config.kind(name), "base_url": address, "active": name == used})
    context.output.list("profiles", rows)


@app.command("show", "get")
@examples("ant profile show", "ant profile show work")
def show(
    name: Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="Another one than the one in use.")] = None,
) -> None:
    """Show the profile in use, why it is, and what it means."""
    from antcli.profiles import store
    from antcli.profiles.paths import config_dir
    from antcli.profiles.resolve import resolve

    context = current()
    chosen = context.selection if name is None else resolve(name, context.environ)
    shown: dict[str, Any] = {"name": chosen.profile, "kind": chosen.kind, "why": chosen.why}
    if chosen.kind == "hosted":
        shown |= {"base_url": chosen.base_url, "credential": chosen.credential or None}
    else:
        model = chosen.model or {}
        shown |= {"data_dir": str(chosen.data_dir), "model": {key: model.get(key) for key in ("base_url", "source")}}
    shown |= {"defaults": chosen.defaults, "settings": dict(store.load(context.environ).table(chosen.profile))}
    shown |= {"config_file": str(config_dir(context.environ) / "config.toml"), "notes": list(chosen.notes)}
    context.output.object("profiles", shown)


@app.command("use", "activate")
@examples("ant profile use hosted")
def use(name: ProfileArg) -> None:
    """Make a profile the active one."""
    from antcli.profiles import store

    context = current()
    config = store.load(context.environ)
    config.use(name)
    config.save()
    context.output.notice(f"The active profile is {name!r}.")
    if context.environ.get("ANT_PROFILE") not in (None, "", name):
        context.output.warning("ANT_PROFILE is set, and goes before it.")


@app.command("set")
@examples(
    "ant profile set work kind=hosted base_url=https://agents.example.com",
    "ant profile set local defaults.agent=reviewer engine.idle_minutes=60",
)
def set_(
    name: ProfileArg,
    assignments: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Settings and their values.")],
) -> None:
    """Change settings of a profile; it is made when it is new. `ant profile settings` lists them."""
    from antcli.profiles import store

    config = store.load(current().environ)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"{assignment!r} is no setting.", hint="Write KEY=VALUE.")
        config.set(name, key, value)
    config.save()


@app.command("settings")
@examples("ant profile settings")
def settings() -> None:
    """List the settings that a profile can have."""
    from antcli.profiles.store import SETTINGS

    rows = (
        {"name": name, "meaning": setting.meaning, "values": "|".join(setting.choices)}
        for name, setting in SETTINGS.items()
    )
    current().output.list("settings", rows)


@app.command("unset")
@examples("ant profile unset local defaults.agent")
def unset(
    name: ProfileArg, keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Settings to forget.")]
) -> None:
    """Forget settings of a profile."""
    from antcli.profiles import store

    context = current()
    config = store.load(context.environ)
    for key in keys:
        if not config.unset(name, key):
            context.output.notice(f"{key} was not set.")
    config.save()


@app.command("delete")
@examples("ant profile delete work --yes")
def delete(name: ProfileArg, yes: YesOpt = False) -> None:
    """Delete a profile and its credentials."""
    from antcli.profiles import credentials, store

    context = current()
    config = store.load(context.environ)
    config.delete(name)
    context.confirm(f"Delete profile {name!r} and its credentials?", yes=yes)
    config.save()
    credentials.forget(context.environ, name)
