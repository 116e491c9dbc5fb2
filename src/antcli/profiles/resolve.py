"""Which server, with which credential, and which model for the local engine (README, "Settings").

A credential goes to the address it was meant for and to no other: a profile's own to the profile's, those of the
environment to ANTHROPIC_BASE_URL or the public API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles import credentials, official, paths, store

if TYPE_CHECKING:
    from antcli.profiles.federation import Federation

PUBLIC_API = "https://api.anthropic.com"
# What speaks of federation: a rule or an identity token. The rest of its variables may be there for other reasons.
FEDERATION = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE")
CREDENTIALS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE")  # in their order, before that
LOCAL_URL = "http://ant"  # only a name: the engine is behind a socket
ENVIRONMENT = "environment"  # the profile's name when the environment alone decides


@dataclass(frozen=True, slots=True)
class Selection:
    """The profile in use. `why` says how it was chosen, `credential` where the credential is from ("" without one).

    `notes` are things worth telling, such as an expired token that was passed over. `defaults` holds agent,
    environment, format and model where they are set. For a local profile: `data_dir`, `model` (base_url, api_key,
    default_model and source; None lets the engine look for one) and `engine` (sandbox, idle_minutes, model_retries,
    context_tokens where they are set). With `federation` the credential is to be got by an exchange.
    """

    profile: str
    kind: str
    base_url: str
    why: str
    data_dir: Path
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    credential: str = ""
    notes: tuple[str, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)
    model: dict[str, Any] | None = field(default=None, repr=False)
    engine: dict[str, Any] = field(default_factory=dict)
    federation: Federation | None = None

    @property
    def workspace_id(self) -> str | None:
        return self.federation.workspace_id if self.federation else self.headers.get("anthropic-workspace-id")

    def require_credential(self) -> None:
        """Raises NotLoggedInError for a hosted server without one."""
        if self.kind == "hosted" and not self.credential:
            raise NotLoggedInError(
                f"There is no credential for profile {self.profile!r} ({self.base_url}).",
                hint=f"Run `ant auth login --profile {self.profile}`"
                + (", or set ANTHROPIC_API_KEY." if self.base_url == PUBLIC_API else "."),
            )


class _Credential(NamedTuple):
    source: str
    headers: dict[str, str]
    base_url: str | None = None  # where the credential says it belongs
    workspace_id: str | None = None
    federation: Federation | None = None


def resolve(profile: str | None, environ: Mapping[str, str]) -> Selection:
    """The selection for `--profile` (or None) and this environment.

    UsageError: an unknown profile, or an unreadable file. NotLoggedInError: the token that was asked for has expired.
    """
    config = store.load(environ)
    for name, why in ((profile, "--profile"), (environ.get("ANT_PROFILE"), "ANT_PROFILE")):
        if name:
            return _named(config, name, why, environ)
    base_url = _base_url(environ)
    if base_url and (found := _in_environment(environ)):
        where = _belonging(found, base_url)
        return _from_environment(where, found, f"ANTHROPIC_BASE_URL and {found.source} are set", environ)
    if config.active:
        return _named(config, config.active, f"the active profile in {config.path}", environ)
    if found := _in_environment(environ):
        return _from_environment(found.base_url or PUBLIC_API, found, f"{found.source} is set", environ)
    implicit, note = _implicit_official(environ)
    if implicit:
        why = "the official command line is logged in"
        return _from_environment(implicit.base_url or PUBLIC_API, implicit, why, environ)
    return _local(config, "local", "no profile and no credential is set", environ, (note,) if note else ())


def _named(config: store.Config, name: str, why: str, environ: Mapping[str, str]) -> Selection:
    if not config.table(name) and name not in store.BUILT_IN:
        if official.exists(environ, name):
            found = _official(environ, name)
            return _hosted(name, found.base_url or PUBLIC_API, found, f"{why} (an official profile)", environ)
        raise store.unknown_profile(name, config.names())
    if config.kind(name) == "local":
        return _local(config, name, why, environ)
    written, own = config.get(name, "base_url"), _stored(environ, name)
    if own:
        return _hosted(name, written or PUBLIC_API, own, why, environ, config)
    base_url = str(written or _base_url(environ) or PUBLIC_API).rstrip("/")
    return _hosted(name, base_url, _meant_for(base_url, environ), why, environ, config)


def _from_environment(base_url: str, found: _Credential, why: str, environ: Mapping[str, str]) -> Selection:
    return _hosted(ENVIRONMENT, base_url, found, why, environ)


def _hosted(
    name: str, base_url: str, found: _Credential | None, why: str, environ: Mapping[str, str],
    config: store.Config | None = None,
) -> Selection:  # fmt: skip
    headers = dict(found.headers) if found else {}
    federation = found.federation if found else None
    workspace = environ.get("ANTHROPIC_WORKSPACE_ID") or (config and config.get(name, "workspace_id"))
    workspace = workspace or (found.workspace_id if found else None)
    if federation is not None:  # the token is for one workspace: it is named in the exchange
        if workspace and not federation.workspace_id:
            federation = replace(federation, workspace_id=str(workspace), cache=None)
    elif workspace:
        headers["anthropic-workspace-id"] = str(workspace)
    return Selection(
        name, "hosted", base_url.rstrip("/"), why, paths.data_dir(environ), headers,
        credential=found.source if found else "", defaults=_defaults(config, name), federation=federation,
    )  # fmt: skip


def _local(
    config: store.Config, name: str, why: str, environ: Mapping[str, str], notes: tuple[str, ...] = ()
) -> Selection:
    keys = ("sandbox", "idle_minutes", "model_retries", "context_tokens")
    engine = {key: value for key in keys if (value := config.get(name, f"engine.{key}")) is not None}
    data_dir = config.get(name, "engine.data_dir")
    if data_dir and not environ.get("ANT_DATA_DIR"):
        directory = Path(data_dir).expanduser().absolute()
    else:
        directory = paths.data_dir(environ)
    return Selection(
        name, "local", LOCAL_URL, why, directory, notes=notes, defaults=_defaults(config, name),
        model=_model(config, name, environ), engine=engine,
    )  # fmt: skip


def _defaults(config: store.Config | None, name: str) -> dict[str, str]:
    if config is None:
        return {}
    keys = {"agent": "defaults.agent", "environment": "defaults.environment", "format": "defaults.format"}
    keys["model"] = "model.default"
    return {short: str(value) for short, key in keys.items() if (value := config.get(name, key)) is not None}


def _model(config: store.Config, name: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    default = config.get(name, "model.default")

    def model(base_url: str, api_key: str | None, source: str) -> dict[str, Any]:
        return {"base_url": base_url.rstrip("/"), "api_key": api_key, "default_model": default, "source": source}

    given = environ.get("ANT_MODEL_BASE_URL")
    if given:
        return model(given, environ.get("ANT_MODEL_API_KEY") or None, "ANT_MODEL_BASE_URL")
    stored = credentials.load(environ, name).model_api_key
    written = config.get(name, "model.base_url")
    key = environ.get("ANT_MODEL_API_KEY") or stored
    if written:
        return model(written, key, f"profile {name!r}")
    if key:
        source = "ANT_MODEL_API_KEY" if environ.get("ANT_MODEL_API_KEY") else f"profile {name!r}"
        return model(PUBLIC_API, key, source)
    key = environ.get("ANTHROPIC_API_KEY")
    return model(_base_url(environ) or PUBLIC_API, key, "ANTHROPIC_API_KEY") if key else None


# Credentials.


def _in_environment(environ: Mapping[str, str]) -> _Credential | None:
    """In the official order: key, token, profile, federation. What is set to nothing counts as not set."""
    if key := environ.get("ANTHROPIC_API_KEY"):
        return _Credential("ANTHROPIC_API_KEY", {"x-api-key": key})
    if token := environ.get("ANTHROPIC_AUTH_TOKEN"):
        return _Credential("ANTHROPIC_AUTH_TOKEN", {"authorization": f"Bearer {token}"})
    if name := environ.get("ANTHROPIC_PROFILE"):
        found = _official(environ, name)
        return found._replace(source=f"ANTHROPIC_PROFILE ({name})")
    return _federated(environ) if any(environ.get(name) for name in FEDERATION) else None


def _federated(environ: Mapping[str, str]) -> _Credential | None:
    """From the variables, unless they only fill in what the official profile in use leaves out. Raises UsageError."""
    from antcli.profiles import federation

    if federation.lacking(environ) and federation.of_profile(environ, official.active_name(environ)):
        return None
    found = federation.of_environment(environ)
    return _exchange(found, "federation")


def _exchange(found: Federation, source: str, base_url: str | None = None) -> _Credential:
    return _Credential(source, {"anthropic-beta": official.OAUTH_BETA}, base_url, federation=found)


def _stored(environ: Mapping[str, str], name: str) -> _Credential | None:
    own = credentials.load(environ, name)
    if own.api_key:
        return _Credential("credentials.toml", {"x-api-key": own.api_key})
    if own.auth_token:
        return _Credential("credentials.toml", {"authorization": f"Bearer {own.auth_token}"})
    return None


def _meant_for(base_url: str, environ: Mapping[str, str]) -> _Credential | None:
    """The environment's credential, or that of the official command line, if it belongs to this address."""
    found = _in_environment(environ)
    if found is None:
        found, _ = _implicit_official(environ)
    if found is None:
        return None
    belongs = _belonging(found, _base_url(environ) or found.base_url or PUBLIC_API)
    return found if belongs.rstrip("/") == base_url else None


def _belonging(found: _Credential, base_url: str) -> str:
    """A profile that logs in by exchange says itself where: a token kept for there is sent nowhere else."""
    return found.base_url if found.federation and found.base_url else base_url


def _official(environ: Mapping[str, str], name: str) -> _Credential:
    """The official profile somebody asked for. Raises when there is none, or its token is stale."""
    if federated := _federated_profile(environ, name):
        return federated
    found = official.load(environ, name)
    if found is None:
        raise UsageError(
            f"There is no official profile {name!r} with a token under {paths.official_dir(environ)}.",
            hint="Log in with the official command line, or choose another profile.",
        )
    found.require_fresh()
    return _bearer(found)


def _implicit_official(environ: Mapping[str, str]) -> tuple[_Credential | None, str]:
    """The official profile nobody asked for: passed over, with a note, when it cannot be used."""
    name = official.active_name(environ)
    try:
        if federated := _federated_profile(environ, name):
            return federated, ""
        found = official.load(environ, name)
    except UsageError as error:
        return None, error.message
    if found is None:
        return None, ""
    if found.expired:
        return None, f"The token of the official profile {name!r} expired at {found.expiry}; it is not used."
    return _bearer(found), ""


def _federated_profile(environ: Mapping[str, str], name: str) -> _Credential | None:
    if not official.exists(environ, name):
        return None
    from antcli.profiles.federation import of_profile

    found = of_profile(environ, name)
    return _exchange(found[0], f"official profile {name!r} (federation)", found[1]) if found else None


def _bearer(found: official.OfficialProfile) -> _Credential:
    headers = {"authorization": f"Bearer {found.token}", "anthropic-beta": official.OAUTH_BETA}
    return _Credential(f"official profile {found.name!r}", headers, found.base_url, found.workspace_id)


def _base_url(environ: Mapping[str, str]) -> str | None:
    return (environ.get("ANTHROPIC_BASE_URL") or "").strip().rstrip("/") or None
