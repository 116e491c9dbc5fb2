"""What the local engine does differently from the hosted service, said once: for `ant explain differences`, the README
and the test that finds every operation either served or named here.
"""

from __future__ import annotations

# Operations of the API that the engine does not serve, and why.
NOT_SERVED: dict[str, str] = {}

# Paths below which the official SDK knows operations that neither we nor the engine have, and why.
NOTHING_BELOW: dict[str, str] = {
    "/v1/compliance": "There is nobody to review what is said here.",
    "/v1/messages/batches": "Messages are handed on one by one, and not kept.",
    "/v1/organizations": "There is one workspace, and no organisation with members, keys, limits, plugins or webhooks.",
    "/v1/tunnels": "The engine reaches servers from this machine, as it is.",
    "/v1/user_profiles/{user_profile_id}/providers": "There is no other provider to tell how to treat data.",
}

# What else is different, by the thing that it is about.
DIFFERENCES: tuple[tuple[str, str], ...] = (
    ("accounts", "There is one workspace and no organisation, billing, members or API keys to administer."),
    ("anthropic-beta", "The header is not required; the API of all families is served with and without it."),
    ("rate limits", "The engine limits no rate; only the model endpoint does, which shows as a retried session.error."),
    ("models", "`GET /v1/models` lists what the engine's model endpoint lists; fields that it does not say are null."),
    ("models", "An agent may name script:FILE, recording:FILE or demo as its model; such a model needs no endpoint."),
    ("messages", "`/v1/messages` and count_tokens are handed on to the model endpoint."),
    (
        "Idempotency-Key",
        "What makes a thing from JSON, and POST events, take one: what comes again within a day is done once.",
    ),
    (
        "deployments",
        "Fires missed while no engine ran: the latest is made up for within ten minutes, others are skipped.",
    ),
    ("dreams", "A dream works in the engine, not in a session: its `session_id` is null. Four run at once."),
    (
        "memory stores",
        "The folder in a sandbox meets its store before and after each turn; on a conflict the store wins.",
    ),
    (
        "multiagent",
        "It is kept, resolved and shown, and the agent works alone: no subagents, workflows or advisor; a session has"
        " its primary thread only.",
    ),
    ("agents", "`inference_geo`, the execution identity `aws_role` and `url_sources` of web_fetch are refused."),
    (
        "agents",
        "The web tools need an endpoint that has them, and the policy `always_allow`: nobody can be asked there.",
    ),
    ("skills", "Anthropic's own (`xlsx`, `docx`, `pptx`, `pdf`) are not part of the engine: upload what you need."),
    ("skills", "A version is addressed by its id, never by its time as under the older beta header."),
    ("skills", "Anthropic's own skills are refused: upload custom ones. Those in a repository are not announced."),
    (
        "vaults",
        "A session has the name of an environment_variable credential with a placeholder as its value, which nothing"
        " replaces in its requests yet: `networking` and `injection_location` are kept and shown only.",
    ),
    (
        "multiagent",
        "A roster, workflows and an advisor are checked, kept and shown, and not yet put to work: a session has one"
        " thread, and its model no tools to call upon others.",
    ),
    ("agents", "`inference_geo`, an `execution_identity` of aws_role and `url_sources` of web_fetch are refused."),
    (
        "web tools",
        "They run where the model does: an endpoint that is not known to have them, or a policy that asks, is refused.",
    ),
    ("webhooks", "None are sent: follow a session's stream."),
    ("files", "There is no quota: the disk is the limit."),
    ("user profiles", "They are kept; nobody is enrolled, so enrollment and action URLs are refused."),
    ("sandbox", "Tools run on this machine under bubblewrap (or Docker, Podman), with the programs installed here."),
    (
        "sandbox",
        "At rest it is put away after five minutes; /workspace and /mnt/session/outputs stay as long as the session,"
        " and a call that gets another one is told so.",
    ),
    (
        "self_hosted",
        "A grader of outcomes does not reach the worker: it is shown the calls of the tools and their results instead.",
    ),
    (
        "self_hosted",
        "`ant envs keys create` makes environment keys, through `/v1/environments/{id}/keys`: here there is no Console."
        " The engine's own key may do all that they may.",
    ),
    (
        "self_hosted",
        "Work is queued when a session has something to do: not for a new one before its first event.",
    ),
    (
        "self_hosted",
        "A worker sees the sessions whose work it holds, and sends them user.tool_result and user.custom_tool_result.",
    ),
    (
        "self_hosted",
        "New sessions refuse vaults with environment variables. One that is added later reaches no worker: set it"
        " where the worker runs.",
    ),
    ("repositories", "Any https host will do; the sandbox gets the clone without credentials, so it cannot push."),
    ("network", "`unrestricted` shares this machine's network; `limited` without hosts is no network at all."),
    (
        "network",
        "`allowed_hosts`, `allow_mcp_servers` and `allow_package_managers` are refused: hosts are not told apart.",
    ),
    (
        "packages",
        "`apt` is refused: packages of the system are installed on this machine. The others need an unrestricted"
        " network.",
    ),
)


def page() -> str:
    """All of it as text, a line a difference."""
    lines = ["How the local engine differs from the hosted service", ""]
    lines += [f"{about}: {sentence}" for about, sentence in DIFFERENCES]
    lines += ["", "Where it has nothing", ""]
    lines += [f"{path}: {reason}" for path, reason in NOTHING_BELOW.items()]
    if NOT_SERVED:
        lines += ["", "Operations that it does not serve", ""]
        lines += [f"{name}: {reason}" for name, reason in NOT_SERVED.items()]
    return "\n".join(lines) + "\n"
