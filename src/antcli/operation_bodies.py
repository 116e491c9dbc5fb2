"""The fields of request bodies, by operation (see `antcli.operations`): names, kinds, and which must be given."""

from __future__ import annotations

from antcli.operations import Field

SERVER = (Field("name"), Field("type"), Field("url"))
MULTIAGENT = (Field("agents", "any[]"), Field("type"))
CONFIG = (Field("type"), Field("networking", "object"), Field("packages", "object"))
SCHEDULE = (Field("expression"), Field("timezone"), Field("type"))

BODIES: dict[str, tuple[Field, ...]] = {
    "agents.create": (
        Field("model", "any", required=True),
        Field("name", "string", required=True),
        Field("description", "string", nullable=True),
        Field("execution_identity", "object", nullable=True),
        Field("mcp_servers", "object[]", inner=SERVER),
        Field("metadata", "map"),
        Field("multiagent", "object", nullable=True, inner=MULTIAGENT),
        Field("skills", "object[]"),
        Field("system", "string", nullable=True),
        Field("tools", "object[]"),
    ),
    "agents.update": (
        Field("description", "string", nullable=True),
        Field("execution_identity", "object", nullable=True),
        Field("mcp_servers", "object[]", nullable=True, inner=SERVER),
        Field("metadata", "map", nullable=True),
        Field("model", "any"),
        Field("multiagent", "object", nullable=True, inner=MULTIAGENT),
        Field("name"),
        Field("skills", "object[]", nullable=True),
        Field("system", "string", nullable=True),
        Field("tools", "object[]", nullable=True),
        Field("version", "integer"),
    ),
    "environments.create": (
        Field("name", "string", required=True),
        Field("config", "object", nullable=True, inner=CONFIG),
        Field("description", "string", nullable=True),
        Field("metadata", "map"),
        Field("scope", "string", nullable=True, choices=("organization", "account")),
    ),
    "environments.update": (
        Field("config", "object", nullable=True, inner=CONFIG),
        Field("description", "string", nullable=True),
        Field("metadata", "map"),
        Field("name", "string", nullable=True),
        Field("scope", "string", nullable=True, choices=("organization", "account")),
    ),
    "environments.keys.create": (Field("name", "string", nullable=True),),
    "environments.work.update": (Field("metadata", "map", required=True),),
    "environments.work.stop": (Field("force", "boolean"),),
    "sessions.create": (
        Field("agent", "any", required=True),
        Field("environment_id", "string", required=True),
        Field("budget", "object"),
        Field("initial_events", "object[]"),
        Field("metadata", "map"),
        Field("resources", "object[]"),
        Field("title", "string", nullable=True),
        Field("vault_ids", "string[]"),
    ),
    "sessions.update": (
        Field("agent", "object", inner=(Field("mcp_servers", "object[]"), Field("tools", "object[]"))),
        Field("budget", "object", nullable=True),
        Field("metadata", "map", nullable=True),
        Field("title", "string", nullable=True),
        Field("vault_ids", "string[]"),
    ),
    "sessions.resources.update": (Field("authorization_token", "string", required=True),),
    "sessions.resources.add": (
        Field("file_id", "string", required=True),
        Field("type", "string", required=True, choices=("file",)),
        Field("mount_path", "string", nullable=True),
    ),
    "sessions.events.send": (Field("events", "object[]", required=True),),
    "vaults.create": (
        Field("display_name", "string", required=True),
        Field("metadata", "map"),
    ),
    "vaults.update": (
        Field("display_name", "string", nullable=True),
        Field("metadata", "map", nullable=True),
    ),
    "vaults.credentials.create": (
        Field("auth", "object", required=True),
        Field("display_name", "string", nullable=True),
        Field("metadata", "map"),
    ),
    "vaults.credentials.update": (
        Field("auth", "object"),
        Field("display_name", "string", nullable=True),
        Field("metadata", "map", nullable=True),
    ),
    "memory_stores.create": (
        Field("name", "string", required=True),
        Field("description"),
        Field("metadata", "map"),
    ),
    "memory_stores.update": (
        Field("description", "string", nullable=True),
        Field("metadata", "map", nullable=True),
        Field("name", "string", nullable=True),
    ),
    "memory_stores.memories.create": (
        Field("content", "string", required=True, nullable=True),
        Field("path", "string", required=True),
    ),
    "memory_stores.memories.update": (
        Field("content", "string", nullable=True),
        Field("path", "string", nullable=True),
        Field("precondition", "object", inner=(Field("type"), Field("content_sha256"))),
    ),
    "skills.create": (
        Field("files", "file[]", required=True),
        Field("display_name", "string", nullable=True),
    ),
    "skills.versions.create": (Field("files", "file[]", required=True),),
    "files.upload": (
        Field("file", "file", required=True),
        Field("expires_in_seconds", "integer"),
    ),
    "deployments.create": (
        Field("agent", "any", required=True),
        Field("environment_id", "string", required=True),
        Field("initial_events", "object[]", required=True),
        Field("name", "string", required=True),
        Field("budget", "object", nullable=True),
        Field("description", "string", nullable=True),
        Field("metadata", "map"),
        Field("resources", "object[]"),
        Field("schedule", "object", nullable=True, inner=SCHEDULE),
        Field("vault_ids", "string[]"),
    ),
    "deployments.update": (
        Field("agent", "any"),
        Field("budget", "object", nullable=True),
        Field("description", "string", nullable=True),
        Field("environment_id"),
        Field("initial_events", "object[]"),
        Field("metadata", "map", nullable=True),
        Field("name"),
        Field("resources", "object[]", nullable=True),
        Field("schedule", "object", nullable=True, inner=SCHEDULE),
        Field("vault_ids", "string[]", nullable=True),
    ),
    "dreams.create": (
        Field("inputs", "object[]", required=True),
        Field("model", "any", required=True),
        Field("instructions", "string", nullable=True),
        Field("output_behavior", "object"),
    ),
    "user_profiles.create": (
        Field("access_type", "string", choices=("application", "passthrough")),
        Field("external_id", "string", nullable=True),
        Field("external_user_details", "object"),
        Field("external_user_onboarded_at", "datetime"),
        Field("metadata", "map"),
        Field("name", "string", nullable=True),
    ),
    "user_profiles.update": (
        Field("access_type", "string", nullable=True, choices=("application", "passthrough")),
        Field("external_id", "string", nullable=True),
        Field("external_user_details", "object"),
        Field("external_user_onboarded_at", "datetime"),
        Field("metadata", "map"),
        Field("name", "string", nullable=True),
    ),
    "user_profiles.action_urls.create": (Field("action", "object", required=True),),
}
