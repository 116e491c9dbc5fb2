"""What a hosted server answers to the examples that only it can serve."""

from __future__ import annotations

from typing import Any

from tests.fakes.api_server import Api

# How lines begin whose service the local engine does not have.
LINES = (
    "ant user-profiles enrollment-url", "ant user-profiles action-url", "ant beta:user-profiles create-enrollment-url",
    "ant sessions threads archive", "ant beta:sessions:threads archive", "ant completions", "ant messages:batches",
    "ant beta:messages:batches", "ant beta:tunnels", "ant open reviewer",
)  # fmt: skip
CONSOLE = "https://console.example.com"

_TIME = "2026-11-01T10:00:00Z"
_BATCH = {"id": "message_batch_01", "type": "message_batch", "processing_status": "ended", "created_at": _TIME}
_TUNNEL = {"id": "tunnel_01", "type": "tunnel", "display_name": "team", "created_at": _TIME, "archived_at": None}
_CERTIFICATE = {"id": "certificate_01", "type": "tunnel_certificate", "created_at": _TIME, "archived_at": None}
_SESSION = {"id": "sesn_4fK9", "type": "session", "title": "A review", "status": "idle"}
_THREAD = {"id": "sthr_4fK9", "type": "session_thread", "status": "idle", "archived_at": _TIME}
_ANNA = {"id": "uprof_4fK9", "type": "user_profile", "name": "anna"}
_URL = {"type": "enrollment_url", "url": "https://enrol.example.com/4fK9", "expires_at": _TIME}
_RESULT = {"custom_id": "one", "result": {"type": "succeeded"}}


def serve_examples(api: Api) -> None:
    """Tells the server every answer."""
    api.page("/v1/models", {"id": "claude-opus-5-5", "type": "model", "display_name": "Opus"})
    _crud(api, "/v1/messages/batches", _BATCH, "cancel")
    batch = "/v1/messages/batches/message_batch_01"
    api.on("DELETE", batch, {"id": "message_batch_01", "type": "message_batch_deleted"})
    api.on("GET", f"{batch}/results", _RESULT)
    _crud(api, "/v1/tunnels", _TUNNEL, "archive", "reveal_token", "rotate_token")
    _crud(api, "/v1/tunnels/tunnel_01/certificates", _CERTIFICATE, "archive")
    api.on("POST", "/v1/complete", {"id": "compl_4fK9", "type": "completion", "completion": " Hello!"})
    api.page("/v1/user_profiles", _ANNA)
    for id in ("uprof_4fK9", "user_profile_01"):
        api.on("POST", f"/v1/user_profiles/{id}/enrollment_url", _URL)
        api.on("POST", f"/v1/user_profiles/{id}/action_urls", _URL)
    api.page("/v1/sessions", _SESSION)
    api.page("/v1/agents", {"id": "agent_4fK9", "type": "agent", "name": "reviewer"})
    for session, thread in (("sesn_4fK9", "sthr_4fK9"), ("session_01", "thread_01")):
        api.page(f"/v1/sessions/{session}/threads", _THREAD)
        api.on("POST", f"/v1/sessions/{session}/threads/{thread}/archive", _THREAD)


def _crud(api: Api, path: str, thing: dict[str, Any], *verbs: str) -> None:
    done = thing | {"archived_at": _TIME, "token": "tok-4fK9"}
    api.page(path, thing)
    api.on("POST", path, thing)
    api.on("GET", f"{path}/{thing['id']}", thing)
    for verb in verbs:
        api.on("POST", f"{path}/{thing['id']}/{verb}", done)
