"""`ant envs keys`: made, listed, revoked by name; the key itself only where it is asked for."""

A, B = "a" * 24, "b" * 24
MADE = {"id": f"envkey_{B}", "type": "environment_key", "environment_id": f"env_{A}", "name": "host",
        "partial_key_hint": "ant-env-...abcd", "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip


def test_a_key_is_made_listed_and_revoked(ant, api, hosted):
    api.page("/v1/environments", {"id": f"env_{A}", "name": "machines", "archived_at": None})
    keys = f"/v1/environments/env_{A}/keys"
    api.on("POST", keys, MADE | {"key": "ant-env-secret"})
    made = ant("envs", "keys", "create", "machines", "--name", "host", "--transform", "key", "-r", environ=hosted)
    assert (made.code, made.out) == (0, "ant-env-secret\n")
    assert "not shown again" in made.err and api.last.body == {"name": "host"}
    for format in ("auto", "table", "csv"):
        made = ant("envs", "keys", "create", "machines", "-o", format, environ=hosted, terminal=True)
        assert "ant-env-secret" in made.out, "it is not told again"
    api.page(keys, MADE)
    listed = ant("env", "keys", "ls", "machines", environ=hosted, terminal=True)
    assert "host" in listed.out and "ant-env-...abcd" in listed.out
    api.on("DELETE", f"{keys}/{MADE['id']}", {"id": MADE["id"], "type": "environment_key_deleted"})
    assert ant("envs", "keys", "revoke", "machines", "host", "--yes", environ=hosted).code == 0
    assert (api.last.method, api.last.path) == ("DELETE", f"{keys}/{MADE['id']}")


def test_debug_does_not_show_a_key(ant, api, hosted):
    api.on("POST", f"/v1/environments/env_{A}/keys", MADE | {"key": "ant-env-secret"})
    made = ant("envs", "keys", "create", f"env_{A}", "--transform", "id", "--debug", environ=hosted)
    assert made.code == 0 and "> POST" in made.err
    assert "ant-env-secret" not in made.out + made.err
