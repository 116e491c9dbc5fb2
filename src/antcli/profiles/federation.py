"""Workload identity federation: an OIDC token of this machine, for which the server gives an access token.

It is set up by variables of the environment, or by a profile of the official kind whose config says `oidc_federation`.
Nothing is sent here: `client.exchange` does that with what `Federation` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles.official import read_object
from antcli.profiles.paths import official_dir
from antcli.profiles.token_file import TokenFile

TOKEN, TOKEN_FILE = "ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE"
RULE, ORGANIZATION = "ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID"
SERVICE_ACCOUNT, WORKSPACE = "ANTHROPIC_SERVICE_ACCOUNT_ID", "ANTHROPIC_WORKSPACE_ID"
FLAGS = {
    "--identity-token": TOKEN, "--identity-token-file": TOKEN_FILE, "--federation-rule": RULE,
    "--organization-id": ORGANIZATION, "--service-account-id": SERVICE_ACCOUNT,
}  # fmt: skip
_LONGEST_IDENTITY = 16 * 1024


@dataclass(frozen=True, slots=True)
class Federation:
    """One way to log in by exchange. The identity token is read from `token_file`, or is `token`.

    `cache` is where the access token is kept between commands, for a profile that says all by itself; else None.
    """

    rule_id: str
    organization_id: str
    service_account_id: str | None = None
    workspace_id: str | None = None
    token_file: Path | None = None
    token: str = field(default="", repr=False)
    cache: TokenFile | None = None

    def facts(self) -> dict[str, str | None]:
        """What may be shown."""
        return {
            "federation_rule_id": self.rule_id, "organization_id": self.organization_id,
            "service_account_id": self.service_account_id, "workspace_id": self.workspace_id,
            "identity_token": str(self.token_file or f"the value of {TOKEN}"),
        }  # fmt: skip

    def request(self) -> dict[str, str]:
        """The body of the exchange. The file is read each time: whoever put it there replaces it before it expires.

        Raises NotLoggedInError when there is no token to be had.
        """
        body = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self._identity(),
            "federation_rule_id": self.rule_id,
            "organization_id": self.organization_id,
        }
        if self.service_account_id:
            body["service_account_id"] = self.service_account_id
        if self.workspace_id:
            body["workspace_id"] = self.workspace_id
        return body

    def kept(self) -> tuple[str, float] | None:
        """The access token of an earlier command, and when it expires. Raises UsageError when others can read it."""
        return self.cache.read() if self.cache else None

    def keep(self, token: str, expires_at: float) -> None:
        """For later commands. A file that cannot be written is no harm: they exchange anew."""
        if self.cache is not None:
            with suppress(UsageError):
                self.cache.write(token, expires_at)

    def uses(self, values: Iterable[str]) -> bool:
        """Whether all of these are part of it."""
        own = {self.rule_id, self.organization_id, self.service_account_id, str(self.token_file), self.token}
        return own.issuperset(values)

    def _identity(self) -> str:
        where, found = TOKEN, self.token.strip()
        if self.token_file is not None:
            where = str(self.token_file)
            try:
                with self.token_file.open("rb") as file:
                    found = file.read(_LONGEST_IDENTITY + 1).decode("ascii").strip()
            except OSError as error:
                raise _no_identity(f"Cannot read the identity token in {where}: {error.strerror}.") from None
            except UnicodeDecodeError:
                raise _no_identity(f"{where} holds no identity token: it is not ASCII text.") from None
        if not found:
            raise _no_identity(f"{where} holds no identity token: it is empty.")
        if len(found) > _LONGEST_IDENTITY or not found.isascii() or not found.isprintable():
            raise _no_identity(f"{where} holds no identity token: it should be one short line. Is it a key?")
        return found


def lacking(environ: Mapping[str, str]) -> list[str]:
    """What the variables do not say and federation needs."""
    token = environ.get(TOKEN_FILE) or environ.get(TOKEN)
    return _missing(environ.get(RULE), environ.get(ORGANIZATION), token)


def of_environment(environ: Mapping[str, str]) -> Federation:
    """What the variables say. Raises UsageError that names what is missing."""
    if lacks := lacking(environ):
        raise _incomplete("Federation", lacks)
    file = environ.get(TOKEN_FILE)
    return Federation(
        environ[RULE], environ[ORGANIZATION], environ.get(SERVICE_ACCOUNT) or None, environ.get(WORKSPACE) or None,
        token_file=Path(file) if file else None, token=environ.get(TOKEN) or "",
    )  # fmt: skip


def of_profile(environ: Mapping[str, str], name: str) -> tuple[Federation, str | None] | None:
    """What an official profile says, and its base URL; None when it is of another kind.

    What its config leaves out is taken from the environment. Raises UsageError.
    """
    directory = official_dir(environ)
    path = directory / "configs" / f"{name}.json"
    config = read_object(path)
    authentication = config.get("authentication")
    if not isinstance(authentication, dict) or authentication.get("type") != "oidc_federation":
        return None
    if path.stat().st_mode & 0o022:
        raise UsageError(
            f"Others can write {path}, which says where tokens are sent.",
            hint=f"Look at it, then run `chmod go-w {path}`.",
        )
    filled: list[str] = []

    def text(table: Mapping[str, Any], key: str, variable: str) -> str | None:
        value = table.get(key)
        if value:
            return str(value)
        found = environ.get(variable) or None
        filled.extend([variable] if found else [])
        return found

    base_url = text(config, "base_url", "ANTHROPIC_BASE_URL")
    rule = text(authentication, "federation_rule_id", RULE)
    organization = text(config, "organization_id", ORGANIZATION)
    service_account = text(authentication, "service_account_id", SERVICE_ACCOUNT)
    workspace = text(config, "workspace_id", WORKSPACE)
    token_file, token = _source(environ, path, authentication.get("identity_token"))
    if (lacks := _missing(rule, organization, token_file or token)) or not rule or not organization:
        raise _incomplete(f"The official profile {name!r} ({path})", lacks)
    cache = authentication.get("credentials_path") or f"credentials/{name}.json"
    federation = Federation(
        rule, organization, service_account, workspace, token_file=token_file, token=token,
        cache=None if filled else TokenFile(directory / Path(str(cache)).expanduser(), path),
    )  # fmt: skip
    return federation, base_url


def _source(environ: Mapping[str, str], path: Path, written: Any) -> tuple[Path | None, str]:
    if written:
        source = written.get("source") if isinstance(written, dict) else None
        file = written.get("path") if isinstance(written, dict) else None
        if source != "file" or not isinstance(file, str) or not file:
            raise UsageError(
                f'{path}: identity_token must be {{"source": "file", "path": ...}}.', hint=f"Correct it in {path}."
            )
        return Path(file).expanduser(), ""
    file = environ.get(TOKEN_FILE)
    return (Path(file), "") if file else (None, environ.get(TOKEN) or "")


def _missing(rule: object, organization: object, token: object) -> list[str]:
    parts = (
        (rule, f"a rule (--federation-rule, {RULE})"),
        (organization, f"an organisation (--organization-id, {ORGANIZATION})"),
        (token, f"an identity token (--identity-token-file, {TOKEN_FILE})"),
    )
    return [words for found, words in parts if not found]


def _incomplete(what: str, lacks: list[str]) -> UsageError:
    return UsageError(f"{what} lacks {' and '.join(lacks)}.", hint="Set all of them, or none.")


def _no_identity(message: str) -> NotLoggedInError:
    return NotLoggedInError(message, hint="Whoever issues this machine's OIDC tokens puts one there.")
