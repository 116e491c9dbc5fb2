"""`ant open`: the address of a thing's page, and the page that is made of a session."""

import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SESSION = "sesn_" + "1" * 24
AGENT = "agent_" + "1" * 24
HOSTILE = "<script>alert(1)</script><img src=//x onerror=y>\x1b]0;t\x07 & \"'"
MARKDOWN = f"""# Done.

| a | b |
|---|---|
| **1** | {HOSTILE} |

![x](https://evil/?what=was+seen) [y](javascript:alert(1)) [z](https://good)
"""
KEYED = {"ANTHROPIC_API_KEY": "sk-test"}


@pytest.mark.parametrize(
    ("id", "more", "url"),
    [
        (SESSION, {}, f"https://platform.claude.com/workspaces/default/sessions/{SESSION}"),
        (
            AGENT,
            {"ANTHROPIC_WORKSPACE_ID": "wrkspc_1"},
            f"https://platform.claude.com/workspaces/wrkspc_1/agents/{AGENT}",
        ),
        ("skill_" + "1" * 24, {}, "https://platform.claude.com/workspaces/default/skills"),
        (SESSION, {"ANTHROPIC_CONSOLE_URL": "https://c/"}, f"https://c/workspaces/default/sessions/{SESSION}"),
    ],
)
def test_the_hosted_service_has_a_page_for_each_thing(ant, environ, id, more, url):
    done = ant("open", id, environ=environ | KEYED | more)
    assert (done.code, done.out) == (0, f"{url}\n"), done.err
    assert ant("open", id, "-o", "json", environ=environ | KEYED | more).json == {"id": id, "url": url}


def test_a_browser_gets_it_on_a_terminal(ant, environ, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr("webbrowser.open", lambda url: taken.append(url) or True)
    there = environ | KEYED | {"DISPLAY": ":0"}
    assert "Opened https://" in ant("open", SESSION, terminal=True, environ=there).err
    assert ant("open", SESSION, "--print", terminal=True, environ=there).out.startswith("https://")
    assert ant("open", SESSION, environ=there).out.startswith("https://")
    assert len(taken) == 1


def test_a_name_is_looked_up_among_all_kinds(ant, api, hosted):
    for family in ("sessions", "environments"):
        api.page(f"/v1/{family}")
    api.page("/v1/agents", {"id": AGENT, "name": "reviewer"})
    done = ant("open", "reviewer", environ=hosted | {"ANTHROPIC_CONSOLE_URL": "https://c"})
    assert done.out == f"https://c/workspaces/default/agents/{AGENT}\n"
    for family in ("deployments", "memory_stores", "vaults", "skills"):
        api.page(f"/v1/{family}")
    assert ant("open", "nobody", environ=hosted).code == 4


def test_a_server_without_pages_gets_one_of_a_session(ant, api, hosted):
    events = [
        {"id": "sevt_1", "type": "user.message", "content": [{"type": "text", "text": f"Do it {HOSTILE}"}],
         "processed_at": "2026-01-01T00:00:00Z"},
        {"id": "sevt_2", "type": "agent.tool_use", "name": "bash", "input": {"command": f"echo {HOSTILE}"}},
        {"id": "sevt_3", "type": "agent.tool_result", "tool_use_id": "sevt_2", "is_error": True,
         "content": [{"type": "text", "text": f"output {HOSTILE}"}]},
        {"id": "sevt_4", "type": "agent.message", "content": [{"type": "text", "text": MARKDOWN}]},
        {"id": "sevt_5", "type": "session.error", "error": {"type": "x", "message": f"error {HOSTILE}"}},
    ]  # fmt: skip
    agent = {"name": HOSTILE, "model": {"id": HOSTILE}}
    api.on("GET", f"/v1/sessions/{SESSION}", {"id": SESSION, "title": HOSTILE, "status": "idle", "agent": agent})
    api.page(f"/v1/sessions/{SESSION}/events", *events)
    done = ant("open", SESSION, environ=hosted)
    assert done.code == 0, done.err
    path = Path(unquote(urlsplit(done.out.strip()).path))
    html = path.read_text()
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    assert mode == 0o600
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=//x onerror=y&gt;") == 10
    tags = set(re.findall(r"<(\w+)", html))
    assert not tags & {"script", "img", "link", "iframe", "object", "form", "base"} and "\x1b" not in html
    assert re.findall(r"<a [^>]*>", html) == ['<a href="https://evil/?what=was+seen">', '<a href="https://good">']
    bare = re.sub(r'&lt;.*?&gt;|<a href="https:[^">]*">', "", html)
    assert not re.search(r"\b(src|href|on\w+|action)=\S|url\(|@import", bare)
    assert "<h1>Done.</h1>" in html and "<td><strong>1</strong></td>" in html
    assert "default-src 'none'" in html and "output" in html and "Done." in html and 'class="note bad"' in html
    refused = ant("open", AGENT, environ=hosted)
    assert refused.code == 2 and f"ant agents get {AGENT}" in refused.err
