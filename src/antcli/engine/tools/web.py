"""web_search and web_fetch: run by the model's provider while it answers, for agents that switch them on by name."""

from __future__ import annotations

from typing import Any

WEB_TOOLS = ("web_fetch", "web_search")
_TYPES = {"web_fetch": "web_fetch_20250910", "web_search": "web_search_20250305"}
_SETTINGS = ("allowed_domains", "blocked_domains", "max_content_tokens", "user_location")
_LONGEST_RESULT = 100_000


def named_web_tools(agent: dict[str, Any]) -> list[dict[str, Any]]:
    """The configurations of the web tools that an agent switches on by name; the toolset's default does not."""
    return [
        config
        for entry in agent["tools"]
        if entry["type"] == "agent_toolset_20260401"
        for config in entry["configs"]
        if config["name"] in WEB_TOOLS and config["enabled"]
    ]


def server_tools(agent: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as the Messages API wants them."""
    return [
        {"type": _TYPES[config["name"]], "name": config["name"]}
        | {name: config[name] for name in _SETTINGS if config.get(name) is not None}
        for config in sorted(named_web_tools(agent), key=lambda config: str(config["name"]))
    ]


def result_of(block: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """A result block of the provider as an event shows it: content, and whether it is an error."""
    content = block.get("content")
    if isinstance(content, list):
        found = [f"{item.get('title', '')}\n{item.get('url', '')}" for item in content if isinstance(item, dict)]
        return _text("\n\n".join(found) or "no results"), False
    content = content if isinstance(content, dict) else {}
    if "error_code" in content:
        return _text(str(content["error_code"])), True
    source = (content.get("content") or {}).get("source") or {}
    shown = source.get("data") if source.get("type") == "text" else f"({source.get('media_type', 'no content')})"
    return _text(f"{content.get('url', '')}\n\n{shown}"[:_LONGEST_RESULT]), False


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
