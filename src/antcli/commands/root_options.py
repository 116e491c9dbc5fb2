"""The options that work with every command, before it or after it. Their values go into the context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antcli.commands.base import option
from antcli.context import current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from typer.core import TyperOption

_SECRET_BYTES = 64 * 1024
# Options of workload identity federation, and the variables that they stand for (profiles.federation).
_FEDERATION = {
    "--identity-token": ("ANTHROPIC_IDENTITY_TOKEN", "TOKEN", "An OIDC token; others can see it: better in a file."),
    "--identity-token-file": ("ANTHROPIC_IDENTITY_TOKEN_FILE", "FILE", "A file with the OIDC token of this machine."),
    "--federation-rule": ("ANTHROPIC_FEDERATION_RULE_ID", "ID", "The federation rule that takes that token."),
    "--organization-id": ("ANTHROPIC_ORGANIZATION_ID", "ID", "The organisation of the rule."),
    "--service-account-id": ("ANTHROPIC_SERVICE_ACCOUNT_ID", "ID", "The service account to be."),
}
# Options of the official command line that ant knows and does not take: what to do instead.
REFUSED = {
    "--api-key": "Other users see what is on a command line. "
    "Set ANTHROPIC_API_KEY, or pipe the key to --api-key-stdin.",
    "--auth-token": "Other users see what is on a command line. "
    "Set ANTHROPIC_AUTH_TOKEN, or pipe the token to --auth-token-stdin.",
    "--webhook-key": "No command verifies webhooks, so there is nothing to do with the key. Leave it out.",
}


def make() -> tuple[TyperOption, ...]:
    """The options, the well-known ones first; those that only the official command line has are hidden."""

    def everywhere(*names: str, help: str, **settings: Any) -> TyperOption:
        return option(*names, **({"help": help, "expose_value": False, "callback": _store} | settings))

    flag = {"is_flag": True, "default": False}
    return (
        everywhere("-p", "--profile", metavar="PROFILE", help="Use this profile."),
        everywhere("-o", "--format", metavar="FORMAT", help="auto, table, json, jsonl, yaml, csv, id or raw."),
        everywhere("--columns", metavar="NAMES", help="Columns of a table, separated by commas."),
        everywhere("--transform", metavar="GJSON", help="Print only what this path leads to: id, tools.#.name."),
        everywhere("-r", "--raw-output", help="Print texts without quotes.", **flag),
        everywhere("--no-color", help="No colour.", **flag),
        everywhere("-q", "--quiet", help="No notices.", **flag),
        everywhere("--debug", help="Show what is sent, and where an error comes from.", **flag),
        everywhere("--format-error", metavar="FORMAT", hidden=True, help="Format of an error answer."),
        everywhere("--transform-error", metavar="GJSON", hidden=True, help="Path into an error answer."),
        everywhere("--base-url", metavar="URL", hidden=True, help="The server, in place of ANTHROPIC_BASE_URL."),
        everywhere("--workspace-id", metavar="ID", hidden=True, help="The workspace that requests are for."),
        everywhere("--api-key-stdin", hidden=True, help="Read an API key from stdin.", callback=_secret, **flag),
        everywhere("--auth-token-stdin", hidden=True, help="Read a token from stdin.", callback=_secret, **flag),
        *(
            everywhere(name, metavar=metavar, hidden=True, help=help, callback=_federate)
            for name, (_, metavar, help) in _FEDERATION.items()
        ),
        *(everywhere(name, hidden=True, help="Not taken.", callback=_refuse) for name in REFUSED),
    )


def _store(ctx: Any, param: Any, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    if param.name == "columns":
        value = tuple(name.strip() for name in value.split(",") if name.strip())
    setattr(current().options, param.name, value)


def _federate(ctx: Any, param: Any, value: Any) -> None:
    if value is None or ctx.resilient_parsing:
        return
    name = param.opts[0]
    if not value:
        raise UsageError(f"{name} is empty.")
    current().options.federation[_FEDERATION[name][0]] = value


def _refuse(ctx: Any, param: Any, value: Any) -> None:
    if value is not None and not ctx.resilient_parsing:
        raise UsageError(f"{param.opts[0]} is not taken.", hint=REFUSED[param.opts[0]])


def _secret(ctx: Any, param: Any, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    from antcli.commands.embedding import read_stdin

    context, name = current(), param.opts[0]
    if context.options.credential:
        raise UsageError("--api-key-stdin and --auth-token-stdin exclude each other.")
    content = read_stdin(name)
    try:
        secret = content.decode("ascii").strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret or len(content) > _SECRET_BYTES or not secret.isprintable():
        raise UsageError(f"{name}: stdin holds no key: expected one line of ASCII text.")
    key = name == "--api-key-stdin"
    context.options.credential = {"x-api-key": secret} if key else {"authorization": f"Bearer {secret}"}
