"""A server or a credential named on the command line, over what `resolve` would choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles.resolve import PUBLIC_API, Selection, resolve

_CREDENTIALS = {"x-api-key": "ANTHROPIC_API_KEY", "authorization": "ANTHROPIC_AUTH_TOKEN"}


def overridden(
    profile: str | None, environ: Mapping[str, str], *, base_url: str | None, workspace_id: str | None,
    credential: Mapping[str, str] | None,
) -> Selection:  # fmt: skip
    """The selection when --base-url, --workspace-id or a credential from stdin was given.

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
    if credential:
        for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE"):
            given.pop(name, None)
        header, value = next(iter(credential.items()))
        given[_CREDENTIALS[header]] = value.removeprefix("Bearer ")
        given.setdefault("ANTHROPIC_BASE_URL", PUBLIC_API)
    chosen = resolve(profile, given)
    if credential and profile:
        others = {name: value for name, value in chosen.headers.items() if name not in _CREDENTIALS}
        chosen = replace(chosen, headers={**others, **credential}, credential="stdin")
    if base_url and chosen.base_url != base_url.strip().rstrip("/"):
        if profile:
            raise UsageError(f"Profile {profile!r} and --base-url name two servers.", hint="Leave one of them out.")
        raise NotLoggedInError(
            f"There is no credential for {base_url}.", hint="Set ANTHROPIC_API_KEY, or pipe a key to --api-key-stdin."
        )
    return chosen
