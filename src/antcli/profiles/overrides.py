"""A server or a credential named on the command line, over what `resolve` would choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles.resolve import CREDENTIALS, FEDERATION, PUBLIC_API, Selection, resolve

_CREDENTIALS = {"x-api-key": "ANTHROPIC_API_KEY", "authorization": "ANTHROPIC_AUTH_TOKEN"}


def overridden(
    profile: str | None, environ: Mapping[str, str], *, base_url: str | None, workspace_id: str | None,
    credential: Mapping[str, str] | None, federation: Mapping[str, str] | None = None,
) -> Selection:  # fmt: skip
    """The selection when --base-url, --workspace-id, a credential from stdin or options of federation were given.

    The latter are variables with their values: they have the place of those, behind a key, a token and a profile.

    Raises as `resolve` does; UsageError when a profile and a base URL name two servers, NotLoggedInError when there is
    no credential that is meant for the base URL.
    """
    given = dict(environ)
    if base_url or credential:
        given.pop("ANT_PROFILE", None)
    if base_url:
        given["ANTHROPIC_BASE_URL"] = base_url
    if workspace_id:
        given["ANTHROPIC_WORKSPACE_ID"] = workspace_id
    given |= federation or {}
    if credential:
        for name in (*FEDERATION, *CREDENTIALS):
            given.pop(name, None)
        header, value = next(iter(credential.items()))
        given[_CREDENTIALS[header]] = value.removeprefix("Bearer ")
    if credential or (federation and not any(given.get(name) for name in CREDENTIALS)):
        given.setdefault("ANTHROPIC_BASE_URL", PUBLIC_API)
    chosen = resolve(profile, given)
    if credential and profile:
        others = {name: value for name, value in chosen.headers.items() if name not in _CREDENTIALS}
        chosen = replace(chosen, headers={**others, **credential}, credential="stdin", federation=None)
    elif federation and not (chosen.federation and chosen.federation.uses(federation.values())):
        before = chosen.credential or f"profile {chosen.profile!r}"
        note = f"Options of federation are not used: {before} comes before them."
        chosen = replace(chosen, notes=(*chosen.notes, note))
    if federation and "ANTHROPIC_IDENTITY_TOKEN" in federation:
        note = "Other users see --identity-token on the command line; --identity-token-file keeps it from them."
        chosen = replace(chosen, notes=(*chosen.notes, note))
    if chosen.federation and workspace_id and chosen.workspace_id != workspace_id:
        raise UsageError(f"The {chosen.credential} is for workspace {chosen.workspace_id}, not for {workspace_id}.")
    if base_url and chosen.base_url != base_url.strip().rstrip("/"):
        if profile:
            raise UsageError(f"Profile {profile!r} and --base-url name two servers.", hint="Leave one of them out.")
        raise NotLoggedInError(
            f"There is no credential for {base_url}.", hint="Set ANTHROPIC_API_KEY, or pipe a key to --api-key-stdin."
        )
    return chosen
