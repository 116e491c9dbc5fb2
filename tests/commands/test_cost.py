"""`ant cost`: sums of what sessions used, at the list prices of the day that it names."""

import pytest

AGENT = {"id": "agent_" + "a" * 24, "name": "reviewer", "created_at": "2026-01-01T00:00:00Z"}


def session(number, model="claude-opus-5", day="2026-01-02", **usage):
    return {
        "id": f"sesn_{number:024}", "type": "session", "status": "idle", "title": None,
        "created_at": f"{day}T10:00:00Z",
        "agent": {"id": AGENT["id"], "name": AGENT["name"], "model": {"id": model, "speed": "standard"}},
        "usage": usage, "stats": {"active_seconds": 1.0},
    }  # fmt: skip


ONE = session(
    1, input_tokens=1000, output_tokens=2000, cache_read_input_tokens=10_000, active_seconds=1800,
    cache_creation={"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 100},
    server_tool_use={"web_search_requests": 3},
)  # fmt: skip
TWO = session(2, day="2026-01-03", input_tokens=1_000_000)
OTHER = session(3, model="a-model-of-ones-own", day="2026-01-03", input_tokens=5)


@pytest.fixture
def things(api):
    api.page("/v1/agents", AGENT)
    api.page("/v1/sessions", ONE, TWO, OTHER)
    api.on("GET", f"/v1/sessions/{ONE['id']}", ONE)
    return api


def test_one_session_is_priced_part_by_part(ant, things, hosted):
    result = ant("cost", ONE["id"], environ=hosted)
    (line,) = result.lines
    tokens = (1000 * 5 + 2000 * 25 + 10_000 * 0.5 + 400 * 6.25 + 100 * 10) / 1e6
    assert line["token_cost"] == pytest.approx(tokens)
    assert (line["hours"], line["time_cost"], line["web_search_cost"]) == (0.5, 0.04, 0.03)
    assert line["total"] == pytest.approx(tokens + 0.07)
    assert "1 session, $0.13 at the list prices of 20" in result.err


def test_sums_go_by_day_and_agent_and_a_model_without_a_price_makes_no_sum_up(ant, things, hosted):
    result = ant("cost", "--by", "day", environ=hosted)
    first, second = result.lines
    assert (first["day"], first["sessions"], first["input_tokens"]) == ("2026-01-02", 1, 1000)
    assert (second["day"], second["sessions"], second["total"]) == ("2026-01-03", 2, None)
    assert "a-model-of-ones-own, which have no list price" in result.err
    assert [line["model"] for line in ant("cost", "--by", "model", environ=hosted).lines] == [
        "claude-opus-5", "a-model-of-ones-own"
    ]  # fmt: skip


def test_the_choice_of_sessions_goes_to_the_server(ant, things, hosted):
    assert ant("cost", "--agent", "reviewer", "--since", "7d", environ=hosted).code == 0
    assert things.last.query["agent_id"] == [AGENT["id"]] and "created_at[gte]" in things.last.query
    assert ant("cost", "@last", "--since", "7d", environ=hosted).code == 2
    assert ant("cost", "--since", "yesterday", environ=hosted).code == 2


def test_a_table_shows_money_and_csv_keeps_the_figures(ant, things, hosted):
    table = ant("cost", "-o", "table", environ=hosted).out
    assert "TOTAL" in table and "$5.00" in table and "unknown" in table
    header, row, *_ = ant("cost", "-o", "csv", environ=hosted).out.splitlines()
    assert float(dict(zip(header.split(","), row.split(","), strict=True))["total"]) == pytest.approx(0.1335)
