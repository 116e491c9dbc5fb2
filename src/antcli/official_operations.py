"""Operations that only the official command line has, or has in an older form than `antcli.operations`.

The first are the Messages API and tunnels. The second are named `beta.` and what they are called there: the same paths
with the fields and the `anthropic-beta` header of release 1.20.
"""

from __future__ import annotations

from antcli.operations import ARCHIVED, LIMIT, OPERATIONS, ORDER, PAGE, PAGED, Field, Operation

AFTER_ID = Field("after_id")
BEFORE_ID = Field("before_id")
BY_ID = (AFTER_ID, BEFORE_ID, LIMIT)
USER_PROFILE = (Field("anthropic-user-profile-id"),)

_BATCHES = "/v1/messages/batches"
_BATCH = "/v1/messages/batches/{message_batch_id}"
_TUNNEL = "/v1/tunnels/{tunnel_id}"
_CERTIFICATE = "/v1/tunnels/{tunnel_id}/certificates/{certificate_id}"


def _messages(beta: str) -> tuple[Operation, ...]:
    return (
        Operation(f"{beta}messages.create", "POST", "/v1/messages", may_stream=True, headers=USER_PROFILE),
        Operation(f"{beta}messages.count_tokens", "POST", "/v1/messages/count_tokens", headers=USER_PROFILE),
        Operation(f"{beta}messages.batches.create", "POST", _BATCHES, headers=USER_PROFILE),
        Operation(f"{beta}messages.batches.retrieve", "GET", _BATCH),
        Operation(f"{beta}messages.batches.list", "GET", _BATCHES, BY_ID, pages="id"),
        Operation(f"{beta}messages.batches.delete", "DELETE", _BATCH),
        Operation(f"{beta}messages.batches.cancel", "POST", f"{_BATCH}/cancel"),
        Operation(f"{beta}messages.batches.results", "GET", f"{_BATCH}/results", lines=True),
    )


_TABLE = (
    Operation("completions.create", "POST", "/v1/complete", may_stream=True),
    *_messages(""),
    *_messages("beta."),
    # tunnels
    Operation("tunnels.create", "POST", "/v1/tunnels"),
    Operation("tunnels.retrieve", "GET", _TUNNEL),
    Operation("tunnels.list", "GET", "/v1/tunnels", (ARCHIVED, *PAGED), pages="cursor"),
    Operation("tunnels.archive", "POST", f"{_TUNNEL}/archive"),
    Operation("tunnels.reveal_token", "POST", f"{_TUNNEL}/reveal_token"),
    Operation("tunnels.rotate_token", "POST", f"{_TUNNEL}/rotate_token"),
    Operation("tunnels.certificates.create", "POST", f"{_TUNNEL}/certificates"),
    Operation("tunnels.certificates.retrieve", "GET", _CERTIFICATE),
    Operation("tunnels.certificates.list", "GET", f"{_TUNNEL}/certificates", (ARCHIVED, *PAGED), pages="cursor"),
    Operation("tunnels.certificates.archive", "POST", f"{_CERTIFICATE}/archive"),
    # older forms
    Operation("beta.models.list", "GET", "/v1/models", BY_ID, pages="id"),
    Operation("beta.files.list", "GET", "/v1/files", (*BY_ID, Field("scope_id")), pages="id"),
    Operation("beta.user_profiles.list", "GET", "/v1/user_profiles", (LIMIT, ORDER, PAGE), pages="cursor"),
)

_SAME = """
    models.retrieve files.delete files.download files.retrieve_metadata files.upload
    skills.create skills.retrieve skills.list skills.delete skills.versions.create skills.versions.retrieve
    skills.versions.list skills.versions.delete skills.versions.download
    user_profiles.create user_profiles.retrieve user_profiles.update user_profiles.create_enrollment_url
""".split()

OFFICIAL: dict[str, Operation] = {entry.name: entry for entry in _TABLE} | {
    f"beta.{name}": OPERATIONS[name]._replace(name=f"beta.{name}") for name in _SAME
}
