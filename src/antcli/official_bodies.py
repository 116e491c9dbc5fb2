"""The fields of request bodies of `antcli.official_operations`."""

from __future__ import annotations

from antcli.operations import Field

_USER = (Field("user_id", nullable=True),)
_CACHE = Field("cache_control", "object", inner=(Field("type"), Field("ttl")))
_MESSAGES = Field("messages", "object[]", required=True, inner=(Field("content", "object[]"), Field("role")))
_MODEL = Field("model", required=True)
_MAX_TOKENS = Field("max_tokens", "integer", required=True)
_EFFORT = (Field("effort", nullable=True), Field("format", "object"))
_OUTPUT = Field("output_config", "object", inner=_EFFORT)
_METADATA = Field("metadata", "object", inner=_USER)
_GEO = Field("inference_geo", nullable=True)
_TIER = Field("service_tier")
_STOP = Field("stop_sequences", "string[]")
_STREAM = Field("stream", "boolean")
_SYSTEM = Field("system", "any")
_TEMPERATURE = Field("temperature", "number")
_THINKING = Field("thinking", "object")
_CHOICE = Field("tool_choice", "object")
_TOOLS = Field("tools", "object[]")
_TOP_K = Field("top_k", "integer")
_TOP_P = Field("top_p", "number")

# What the beta form of the Messages API has besides.
_BETA_CONTEXT = Field("context_management", "object", inner=(Field("edits", "object[]"),))
_BETA_SERVERS = Field(
    "mcp_servers",
    "object[]",
    inner=(
        Field("name"), Field("type"), Field("url"), Field("authorization_token", nullable=True),
        Field("tool_configuration", "object"),
    ),
)  # fmt: skip
_BETA_OUTPUT = Field("output_config", "object", inner=(*_EFFORT, Field("task_budget", "object")))
_BETA_FORMAT = Field("output_format", "object", inner=(Field("schema", "object"), Field("type")))
_BETA_SPEED = Field("speed", nullable=True)
_BETA_FALLBACKS = Field(
    "fallbacks",
    "any[]",
    inner=(
        Field("model"), Field("max_tokens", "integer", nullable=True), Field("output_config", "object"),
        Field("speed", nullable=True), Field("thinking", "object"),
    ),
)  # fmt: skip

_BATCH = (Field("requests", "object[]", required=True, inner=(Field("custom_id"), Field("params", "object"))),)
_PROFILE = (
    Field("external_id", nullable=True),
    Field("metadata", "map"),
    Field("name", nullable=True),
    Field("relationship", nullable=True),
)

OFFICIAL_BODIES: dict[str, tuple[Field, ...]] = {
    "completions.create": (
        Field("max_tokens_to_sample", "integer", required=True),
        _MODEL,
        Field("prompt", required=True),
        _METADATA,
        _STOP,
        _STREAM,
        _TEMPERATURE,
        _TOP_K,
        _TOP_P,
    ),
    "messages.create": (
        _MAX_TOKENS, _MESSAGES, _MODEL, _CACHE, Field("container", nullable=True), _GEO, _METADATA, _OUTPUT, _TIER,
        _STOP, _STREAM, _SYSTEM, _TEMPERATURE, _THINKING, _CHOICE, _TOOLS, _TOP_K, _TOP_P,
    ),
    "messages.count_tokens": (_MESSAGES, _MODEL, _CACHE, _OUTPUT, _SYSTEM, _THINKING, _CHOICE, _TOOLS),
    "messages.batches.create": _BATCH,
    "beta.messages.create": (
        _MAX_TOKENS, _MESSAGES, _MODEL, _CACHE, Field("container", "any", nullable=True), _BETA_CONTEXT,
        Field("diagnostics", "object", inner=(Field("previous_message_id", nullable=True),)),
        Field("fallback_credit_token", nullable=True), _BETA_FALLBACKS, _GEO, _BETA_SERVERS, _METADATA, _BETA_OUTPUT,
        _BETA_FORMAT, _TIER, _BETA_SPEED, _STOP, _STREAM, _SYSTEM, _TEMPERATURE, _THINKING, _CHOICE, _TOOLS, _TOP_K,
        _TOP_P,
    ),
    "beta.messages.count_tokens": (
        _MESSAGES, _MODEL, _CACHE, _BETA_CONTEXT, _BETA_SERVERS, _BETA_OUTPUT, _BETA_FORMAT, _BETA_SPEED, _SYSTEM,
        _THINKING, _CHOICE, _TOOLS,
    ),
    "beta.messages.batches.create": _BATCH,
    "tunnels.create": (Field("display_name", nullable=True),),
    "tunnels.rotate_token": (Field("reason", nullable=True),),
    "tunnels.certificates.create": (Field("ca_certificate_pem", required=True),),
    # older forms
    "beta.files.upload": (Field("file", "file", required=True),),
    "beta.skills.create": (Field("files", "file[]", required=True), Field("display_title", nullable=True)),
    "beta.user_profiles.create": _PROFILE,
    "beta.user_profiles.update": _PROFILE,
}  # fmt: skip
