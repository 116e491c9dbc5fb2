"""`ant auth`: log in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import Commands, examples
from antcli.context import Context, current
from antcli.errors import NotLoggedInError, UsageError

if TYPE_CHECKING:
    from antcli.profiles.resolve import Selection

app = Commands("Log in and out.")
LONGEST_TOKEN = 65536


@app.command("login")
@examples(
    "ant auth login",
    "ant auth login --with-token < key.txt",
    "ant auth login -p team --base-url https://agents.example.com",
)
def login(
    with_token: Annotated[bool, typer.Option("--with-token", help="Read the key from stdin.")] = False,
    bearer: Annotated[bool, typer.Option("--bearer", help="It is a bearer token, not an API key.")] = False,
    model: Annotated[bool, typer.Option("--model", help="It is for the model that the local engine asks.")] = False,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="The server of a new profile.")
    ] = None,
) -> None:
    """Store an API key for a profile.

    Without --profile it is the active profile, or `hosted`. The key is kept in a file that only you can read.
    """
    from antcli.profiles import credentials, store

    if model and (bearer or base_url):
        raise UsageError("--model does not go with --bearer or --base-url.")
    context = current()
    config = store.load(context.environ)
    wanted = context.options.profile or context.environ.get("ANT_PROFILE")
    profile = store.checked_name(wanted or _usual(config, "local" if model else "hosted"))
    if base_url:
        config.set(profile, "kind", "hosted")
        config.set(profile, "base_url", base_url)
    elif not config.has(profile):
        raise store.unknown_profile(profile, config.names())
    if config.kind(profile) == "local" and not model:
        raise UsageError(f"Profile {profile!r} is local and needs no key.", hint="Say --model for the model's key.")
    secret = _from_stdin(context) if with_token else _asked(context, profile)
    name = "model_api_key" if model else "auth_token" if bearer else "api_key"
    other = {} if model else {"api_key" if bearer else "auth_token": None}
    credentials.store(context.environ, profile, **{name: secret}, **other)
    activated = not model and config.active != profile and (config.active is None or wanted is not None)
    if activated:
        config.use(profile)
    if activated or base_url:
        config.save()
    context.output.notice(
        f"Stored for profile {profile!r}" + (", which is the active one now." if activated else ".")
        + " `ant doctor` checks whether it works."
    )  # fmt: skip


@app.command("logout")
@examples("ant auth logout", "ant auth logout -p team")
def logout() -> None:
    """Forget the stored keys of a profile."""
    from antcli.profiles import credentials, store

    context = current()
    wanted = context.options.profile or context.environ.get("ANT_PROFILE")
    profile = wanted or _usual(store.load(context.environ), "hosted")
    if credentials.forget(context.environ, profile):
        context.output.notice(f"The keys of profile {profile!r} are forgotten.")
    else:
        context.output.notice(f"No keys were stored for profile {profile!r}.")


@app.command("status")
@examples("ant auth status", "ant auth status -o json")
def status() -> None:
    """Show which credential is used, and from where. Exit code 3 when there is none.

    With workload identity federation (`ant explain environment`) also what is exchanged; nothing is exchanged for it.
    """
    context = current()
    chosen = context.selection
    chosen.require_credential()
    local = chosen.kind == "local"
    context.output.object(
        "credentials",
        {
            "profile": chosen.profile,
            "kind": chosen.kind,
            "base_url": None if local else chosen.base_url,
            "credential": None if local else chosen.credential,
            "why": chosen.why,
            **(chosen.federation.facts() if chosen.federation else {}),
        },
    )


@app.command("print-credentials")
@examples(
    "ant auth print-credentials --access-token",
    'set -a; eval "$(ant auth print-credentials --env)"; set +a',
)
def print_credentials(
    access_token: Annotated[bool, typer.Option("--access-token", help="Print the bearer token alone.")] = False,
    env: Annotated[bool, typer.Option("--env", help="Print variables for a shell, with the server's address.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Also on a terminal, where others may see it.")] = False,
) -> None:
    """Print the credential in use for another program. It goes to stdout and, unless you say so, to no terminal.

    Nothing else about it is printed, and no refresh token. An API key is no access token: for one, use --env.
    """
    context = current()
    if access_token == env:
        raise UsageError(
            "What is to be printed?", hint="Say --access-token for the bearer token, or --env for shell variables."
        )
    if context.terminal.stdout_is_terminal and not yes:
        raise UsageError(
            "A secret would be shown on the terminal.", hint="Pipe it to where it is needed, or say --yes."
        )
    chosen = context.selection
    chosen.require_credential()
    if chosen.kind == "local":
        raise NotLoggedInError(
            f"Profile {chosen.profile!r} is local and has no credential.", hint="Choose another with -p."
        )
    bearer = chosen.headers.get("authorization", "").removeprefix("Bearer ")
    if chosen.federation:
        exchanged = context.server.token
        bearer = exchanged("") if exchanged else ""
    if env:
        return context.output.text("".join(_variables(chosen, bearer)), end="")
    if not bearer:
        raise NotLoggedInError(f"{chosen.credential} holds an API key, no access token.", hint="Use --env.")
    context.output.text(bearer)


def _variables(chosen: Selection, bearer: str) -> Iterator[str]:
    """Lines for a shell. The address is among them, since a credential must go nowhere else."""
    from shlex import quote

    from antcli.profiles.resolve import PUBLIC_API

    found = {
        "ANTHROPIC_AUTH_TOKEN": bearer,
        "ANTHROPIC_API_KEY": chosen.headers.get("x-api-key"),
        "ANTHROPIC_BASE_URL": chosen.base_url if chosen.base_url != PUBLIC_API else None,
        "ANTHROPIC_WORKSPACE_ID": chosen.headers.get("anthropic-workspace-id"),
    }
    return (f"{name}={quote(value)}\n" for name, value in found.items() if value)


def _usual(config: object, kind: str) -> str:
    """The active profile if it is of this kind, else the one that always exists."""
    from antcli.profiles.store import Config

    assert isinstance(config, Config)
    return config.active if config.active and config.kind(config.active) == kind else kind


def _from_stdin(context: Context) -> str:
    if context.terminal.stdin_is_terminal:
        raise UsageError("--with-token reads the key from stdin.", hint="`ant auth login --with-token < key.txt`")
    return _checked(context.terminal.stdin.read(LONGEST_TOKEN))


def _asked(context: Context, profile: str) -> str:
    if not context.interactive:
        raise UsageError("No terminal to ask for the key on.", hint="Give it on stdin: `ant auth login --with-token`.")
    from getpass import getpass

    return _checked(getpass(f"Key for profile {profile!r} (not shown): ", stream=context.terminal.stderr))


def _checked(text: str) -> str:
    """The key alone. Raises UsageError, which never repeats it."""
    secret = text.strip()
    if not secret:
        raise UsageError("The key is empty.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise UsageError("That is not a key: it holds spaces, line breaks or unusual characters.")
    return secret
