"""Every operation of the API, once: what the client sends, what the commands offer, what the engine must answer.

Names are those of the official SDKs (`agents.versions.list`). The fields of request bodies are in
`antcli.operation_bodies`, which is imported only when somebody asks for them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

MANAGED_AGENTS = "managed-agents-2026-04-01"
MEMORY = "agent-memory-2026-07-22"
DREAMING = "dreaming-2026-04-21"
USER_PROFILES = "user-profiles-2026-08-18"

# A family of operations (the beginning of their names) shares its `anthropic-beta` header.
_BETAS = {
    "agents": MANAGED_AGENTS,
    "environments": MANAGED_AGENTS,
    "sessions": MANAGED_AGENTS,
    "vaults": MANAGED_AGENTS,
    "deployments": MANAGED_AGENTS,
    "deployment_runs": MANAGED_AGENTS,
    "memory_stores": MEMORY,
    "dreams": DREAMING,
    "user_profiles": USER_PROFILES,
    "tunnels": "mcp-tunnels-2026-06-22",
    "beta.files": "files-api-2025-04-14",
    "beta.skills": "skills-2025-10-02",
    "beta.messages.batches": "message-batches-2024-09-24",
    "beta.user_profiles": "user-profiles-2026-03-24",
}


class Field(NamedTuple):
    """A query parameter, header or body field.

    `type` is string, integer, number, boolean, datetime, map (string to string), object, any (a string or an object),
    file, or one of these with [] behind it. `choices` are the values the API names; the server decides what else it
    takes. `inner` are those fields of an object, or of a list's elements, that have a flag of their own.
    """

    name: str
    type: str = "string"
    required: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    inner: tuple[Field, ...] = ()

    @property
    def implied(self) -> bool:
        """It must be sent, and only one value is possible: in words, nobody has to say it."""
        return self.required and len(self.choices) == 1


class Operation(NamedTuple):
    """One call. `pages` says how a list goes on: by `next_page`, by `next_page` and `prev_page`, or by ids.

    The answer is events where `stream`, and where `may_stream` when the body asks for them; JSON lines where `lines`.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    query: tuple[Field, ...] = ()
    pages: Literal["cursor", "bidirectional", "id"] | None = None
    stream: bool = False
    binary: bool = False
    multipart: bool = False
    headers: tuple[Field, ...] = ()
    may_stream: bool = False
    lines: bool = False

    @property
    def beta(self) -> str | None:
        """The value of `anthropic-beta`, or None where none is sent."""
        family = self.name
        while family and family not in _BETAS:
            family = family.rpartition(".")[0]
        return _BETAS.get(family)

    @property
    def path_params(self) -> tuple[str, ...]:
        """Names in the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def body(self) -> tuple[Field, ...]:
        """Fields of the JSON body, or parts of the form where `multipart`; empty where no body is sent."""
        from antcli.operation_bodies import BODIES

        if self.name in BODIES:
            return BODIES[self.name]
        from antcli.official_bodies import OFFICIAL_BODIES

        return OFFICIAL_BODIES.get(self.name) or BODIES.get(self.name.removeprefix("beta."), ())


def operation(name: str) -> Operation:
    """The operation of that name, also of those in `antcli.official_operations` and `antcli.own_operations`.

    KeyError: a mistake of the caller."""
    found = OPERATIONS.get(name)
    if found is None:
        from antcli.official_operations import OFFICIAL
        from antcli.own_operations import OWN

        found = OFFICIAL.get(name) or OWN[name]
    return found


LIMIT = Field("limit", "integer")
PAGE = Field("page")
PAGED = (LIMIT, PAGE)
ORDER = Field("order", choices=("asc", "desc"))
ARCHIVED = Field("include_archived", "boolean")
CREATED_GT = Field("created_at[gt]", "datetime")
CREATED_GTE = Field("created_at[gte]", "datetime")
CREATED_LT = Field("created_at[lt]", "datetime")
CREATED_LTE = Field("created_at[lte]", "datetime")
VIEW = Field("view", choices=("basic", "full"))
STATUSES = Field("statuses", "string[]", choices=("rescheduling", "running", "idle", "terminated"))
DREAM_STATUSES = ("pending", "running", "completed", "failed", "canceled")
DELTAS = Field("event_deltas", "string[]", choices=("agent.message", "agent.thinking"))
EVENT_TYPES = Field(
    "types",
    "string[]",
    choices=tuple(
        """
        user.message user.interrupt user.tool_confirmation user.custom_tool_result agent.custom_tool_use
        agent.message agent.thinking agent.mcp_tool_use agent.mcp_tool_result agent.tool_use
        agent.tool_result agent.thread_message_received agent.thread_message_sent
        agent.thread_context_compacted session.error session.status_rescheduled session.status_running
        session.status_idle session.status_terminated session.thread_created span.outcome_evaluation_start
        span.outcome_evaluation_end span.model_request_start span.model_request_end
        span.outcome_evaluation_ongoing user.define_outcome session.thread_status_running
        session.thread_status_idle session.thread_status_terminated user.tool_result
        session.thread_status_rescheduled session.updated system.message session.usage workflow_run.created
        workflow_run.status_running workflow_run.status_idle workflow_run.status_ended workflow_run.error
        workflow_run.phase_started workflow_run.phase_ended
        """.split()
    ),
)

_TABLE = (
    # agents
    Operation("agents.create", "POST", "/v1/agents"),
    Operation("agents.retrieve", "GET", "/v1/agents/{agent_id}", (Field("version", "integer"),)),
    Operation("agents.update", "POST", "/v1/agents/{agent_id}"),
    Operation("agents.list", "GET", "/v1/agents", (CREATED_GTE, CREATED_LTE, ARCHIVED, *PAGED), pages="cursor"),
    Operation("agents.archive", "POST", "/v1/agents/{agent_id}/archive"),
    Operation("agents.versions.list", "GET", "/v1/agents/{agent_id}/versions", PAGED, pages="cursor"),
    # environments
    Operation("environments.create", "POST", "/v1/environments"),
    Operation("environments.retrieve", "GET", "/v1/environments/{environment_id}"),
    Operation("environments.update", "POST", "/v1/environments/{environment_id}"),
    Operation("environments.list", "GET", "/v1/environments", (ARCHIVED, *PAGED), pages="cursor"),
    Operation("environments.delete", "DELETE", "/v1/environments/{environment_id}"),
    Operation("environments.archive", "POST", "/v1/environments/{environment_id}/archive"),
    Operation("environments.work.retrieve", "GET", "/v1/environments/{environment_id}/work/{work_id}"),
    Operation("environments.work.update", "POST", "/v1/environments/{environment_id}/work/{work_id}"),
    Operation("environments.work.list", "GET", "/v1/environments/{environment_id}/work", PAGED, pages="cursor"),
    Operation("environments.work.ack", "POST", "/v1/environments/{environment_id}/work/{work_id}/ack"),
    Operation(
        "environments.work.heartbeat",
        "POST",
        "/v1/environments/{environment_id}/work/{work_id}/heartbeat",
        (Field("desired_ttl_seconds", "integer"), Field("expected_last_heartbeat")),
    ),
    Operation(
        "environments.work.poll",
        "GET",
        "/v1/environments/{environment_id}/work/poll",
        (Field("block_ms", "integer"), Field("reclaim_older_than_ms", "integer")),
        headers=(Field("anthropic-worker-id"),),
    ),
    Operation("environments.work.stats", "GET", "/v1/environments/{environment_id}/work/stats"),
    Operation("environments.work.stop", "POST", "/v1/environments/{environment_id}/work/{work_id}/stop"),
    # sessions
    Operation("sessions.create", "POST", "/v1/sessions"),
    Operation("sessions.retrieve", "GET", "/v1/sessions/{session_id}"),
    Operation("sessions.update", "POST", "/v1/sessions/{session_id}"),
    Operation(
        "sessions.list",
        "GET",
        "/v1/sessions",
        (
            Field("agent_id"),
            Field("agent_version", "integer"),
            CREATED_GT,
            CREATED_GTE,
            CREATED_LT,
            CREATED_LTE,
            Field("deployment_id"),
            ARCHIVED,
            LIMIT,
            Field("memory_store_id"),
            ORDER,
            PAGE,
            STATUSES,
        ),
        pages="bidirectional",
    ),
    Operation("sessions.delete", "DELETE", "/v1/sessions/{session_id}"),
    Operation("sessions.archive", "POST", "/v1/sessions/{session_id}/archive"),
    Operation("sessions.resources.retrieve", "GET", "/v1/sessions/{session_id}/resources/{resource_id}"),
    Operation("sessions.resources.update", "POST", "/v1/sessions/{session_id}/resources/{resource_id}"),
    Operation("sessions.resources.list", "GET", "/v1/sessions/{session_id}/resources", PAGED, pages="cursor"),
    Operation("sessions.resources.delete", "DELETE", "/v1/sessions/{session_id}/resources/{resource_id}"),
    Operation("sessions.resources.add", "POST", "/v1/sessions/{session_id}/resources"),
    Operation(
        "sessions.events.list",
        "GET",
        "/v1/sessions/{session_id}/events",
        (CREATED_GT, CREATED_GTE, CREATED_LT, CREATED_LTE, LIMIT, ORDER, PAGE, EVENT_TYPES),
        pages="cursor",
    ),
    Operation("sessions.events.send", "POST", "/v1/sessions/{session_id}/events"),
    Operation("sessions.events.stream", "GET", "/v1/sessions/{session_id}/events/stream", (DELTAS,), stream=True),
    Operation("sessions.threads.retrieve", "GET", "/v1/sessions/{session_id}/threads/{thread_id}"),
    Operation(
        "sessions.threads.list", "GET", "/v1/sessions/{session_id}/threads", (LIMIT, PAGE, STATUSES), pages="cursor"
    ),
    Operation("sessions.threads.archive", "POST", "/v1/sessions/{session_id}/threads/{thread_id}/archive"),
    Operation(
        "sessions.threads.events.list",
        "GET",
        "/v1/sessions/{session_id}/threads/{thread_id}/events",
        PAGED,
        pages="cursor",
    ),
    Operation(
        "sessions.threads.events.stream",
        "GET",
        "/v1/sessions/{session_id}/threads/{thread_id}/stream",
        (DELTAS,),
        stream=True,
    ),
    # vaults
    Operation("vaults.create", "POST", "/v1/vaults"),
    Operation("vaults.retrieve", "GET", "/v1/vaults/{vault_id}"),
    Operation("vaults.update", "POST", "/v1/vaults/{vault_id}"),
    Operation("vaults.list", "GET", "/v1/vaults", (ARCHIVED, *PAGED), pages="cursor"),
    Operation("vaults.delete", "DELETE", "/v1/vaults/{vault_id}"),
    Operation("vaults.archive", "POST", "/v1/vaults/{vault_id}/archive"),
    Operation("vaults.credentials.create", "POST", "/v1/vaults/{vault_id}/credentials"),
    Operation("vaults.credentials.retrieve", "GET", "/v1/vaults/{vault_id}/credentials/{credential_id}"),
    Operation("vaults.credentials.update", "POST", "/v1/vaults/{vault_id}/credentials/{credential_id}"),
    Operation(
        "vaults.credentials.list", "GET", "/v1/vaults/{vault_id}/credentials", (ARCHIVED, *PAGED), pages="cursor"
    ),
    Operation("vaults.credentials.delete", "DELETE", "/v1/vaults/{vault_id}/credentials/{credential_id}"),
    Operation("vaults.credentials.archive", "POST", "/v1/vaults/{vault_id}/credentials/{credential_id}/archive"),
    Operation(
        "vaults.credentials.mcp_oauth_validate",
        "POST",
        "/v1/vaults/{vault_id}/credentials/{credential_id}/mcp_oauth_validate",
    ),
    # memory stores
    Operation("memory_stores.create", "POST", "/v1/memory_stores"),
    Operation("memory_stores.retrieve", "GET", "/v1/memory_stores/{memory_store_id}"),
    Operation("memory_stores.update", "POST", "/v1/memory_stores/{memory_store_id}"),
    Operation(
        "memory_stores.list", "GET", "/v1/memory_stores", (CREATED_GTE, CREATED_LTE, ARCHIVED, *PAGED), pages="cursor"
    ),
    Operation("memory_stores.delete", "DELETE", "/v1/memory_stores/{memory_store_id}"),
    Operation("memory_stores.archive", "POST", "/v1/memory_stores/{memory_store_id}/archive"),
    Operation("memory_stores.memories.create", "POST", "/v1/memory_stores/{memory_store_id}/memories", (VIEW,)),
    Operation(
        "memory_stores.memories.retrieve", "GET", "/v1/memory_stores/{memory_store_id}/memories/{memory_id}", (VIEW,)
    ),
    Operation(
        "memory_stores.memories.update", "POST", "/v1/memory_stores/{memory_store_id}/memories/{memory_id}", (VIEW,)
    ),
    Operation(
        "memory_stores.memories.list",
        "GET",
        "/v1/memory_stores/{memory_store_id}/memories",
        (Field("depth", "integer"), LIMIT, PAGE, Field("path_prefix"), VIEW),
        pages="cursor",
    ),
    Operation(
        "memory_stores.memories.delete",
        "DELETE",
        "/v1/memory_stores/{memory_store_id}/memories/{memory_id}",
        (Field("expected_content_sha256"),),
    ),
    Operation(
        "memory_stores.memory_versions.retrieve",
        "GET",
        "/v1/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}",
        (VIEW,),
    ),
    Operation(
        "memory_stores.memory_versions.list",
        "GET",
        "/v1/memory_stores/{memory_store_id}/memory_versions",
        (
            Field("api_key_id"),
            CREATED_GTE,
            CREATED_LTE,
            LIMIT,
            Field("memory_id"),
            Field("operation", "string", choices=("created", "modified", "deleted")),
            PAGE,
            Field("service_account_id"),
            Field("session_id"),
            VIEW,
        ),
        pages="cursor",
    ),
    Operation(
        "memory_stores.memory_versions.redact",
        "POST",
        "/v1/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}/redact",
    ),
    # skills
    Operation("skills.create", "POST", "/v1/skills", multipart=True),
    Operation("skills.retrieve", "GET", "/v1/skills/{skill_id}"),
    Operation("skills.list", "GET", "/v1/skills", (LIMIT, PAGE, Field("source")), pages="cursor"),
    Operation("skills.delete", "DELETE", "/v1/skills/{skill_id}"),
    Operation("skills.versions.create", "POST", "/v1/skills/{skill_id}/versions", multipart=True),
    Operation("skills.versions.retrieve", "GET", "/v1/skills/{skill_id}/versions/{version}"),
    Operation("skills.versions.list", "GET", "/v1/skills/{skill_id}/versions", PAGED, pages="cursor"),
    Operation("skills.versions.delete", "DELETE", "/v1/skills/{skill_id}/versions/{version}"),
    Operation("skills.versions.download", "GET", "/v1/skills/{skill_id}/versions/{version}/content", binary=True),
    # files
    Operation(
        "files.list", "GET", "/v1/files", (Field("ids", "string[]"), LIMIT, PAGE, Field("scope_id")), pages="cursor"
    ),
    Operation("files.delete", "DELETE", "/v1/files/{file_id}"),
    Operation("files.download", "GET", "/v1/files/{file_id}/content", binary=True),
    Operation("files.retrieve_metadata", "GET", "/v1/files/{file_id}"),
    Operation("files.upload", "POST", "/v1/files", multipart=True),
    # deployments
    Operation("deployments.create", "POST", "/v1/deployments"),
    Operation("deployments.retrieve", "GET", "/v1/deployments/{deployment_id}"),
    Operation("deployments.update", "POST", "/v1/deployments/{deployment_id}"),
    Operation(
        "deployments.list",
        "GET",
        "/v1/deployments",
        (
            Field("agent_id"),
            CREATED_GTE,
            CREATED_LTE,
            ARCHIVED,
            LIMIT,
            PAGE,
            Field("status", "string", choices=("active", "paused")),
        ),
        pages="cursor",
    ),
    Operation("deployments.archive", "POST", "/v1/deployments/{deployment_id}/archive"),
    Operation("deployments.pause", "POST", "/v1/deployments/{deployment_id}/pause"),
    Operation("deployments.run", "POST", "/v1/deployments/{deployment_id}/run"),
    Operation("deployments.unpause", "POST", "/v1/deployments/{deployment_id}/unpause"),
    # deployment runs
    Operation("deployment_runs.retrieve", "GET", "/v1/deployment_runs/{deployment_run_id}"),
    Operation(
        "deployment_runs.list",
        "GET",
        "/v1/deployment_runs",
        (
            CREATED_GT,
            CREATED_GTE,
            CREATED_LT,
            CREATED_LTE,
            Field("deployment_id"),
            Field("has_error", "boolean"),
            LIMIT,
            PAGE,
            Field("trigger_type", "string", choices=("schedule", "manual")),
        ),
        pages="cursor",
    ),
    # dreams
    Operation("dreams.create", "POST", "/v1/dreams"),
    Operation("dreams.retrieve", "GET", "/v1/dreams/{dream_id}"),
    Operation(
        "dreams.list",
        "GET",
        "/v1/dreams",
        (CREATED_GT, CREATED_LT, ARCHIVED, LIMIT, PAGE, Field("statuses", "string[]", choices=DREAM_STATUSES)),
        pages="cursor",
    ),
    Operation("dreams.archive", "POST", "/v1/dreams/{dream_id}/archive"),
    Operation("dreams.cancel", "POST", "/v1/dreams/{dream_id}/cancel"),
    # models
    Operation("models.retrieve", "GET", "/v1/models/{model_id}"),
    Operation(
        "models.list",
        "GET",
        "/v1/models",
        (
            Field("after_id"),
            Field("before_id"),
            Field("lifecycle", "string[]", choices=("active", "deprecated", "retired")),
            LIMIT,
        ),
        pages="id",
    ),
    # user profiles
    Operation("user_profiles.create", "POST", "/v1/user_profiles"),
    Operation("user_profiles.retrieve", "GET", "/v1/user_profiles/{user_profile_id}"),
    Operation("user_profiles.update", "POST", "/v1/user_profiles/{user_profile_id}"),
    Operation(
        "user_profiles.list",
        "GET",
        "/v1/user_profiles",
        (LIMIT, ORDER, Field("order_by", "string", choices=("created_at", "name")), PAGE),
        pages="cursor",
    ),
    Operation("user_profiles.delete", "DELETE", "/v1/user_profiles/{user_profile_id}"),
    Operation("user_profiles.create_enrollment_url", "POST", "/v1/user_profiles/{user_profile_id}/enrollment_url"),
    Operation("user_profiles.action_urls.create", "POST", "/v1/user_profiles/{user_profile_id}/action_urls"),
)

OPERATIONS: dict[str, Operation] = {entry.name: entry for entry in _TABLE}
