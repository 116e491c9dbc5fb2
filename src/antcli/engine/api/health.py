"""The engine about itself: `/healthz`, `/metrics`, `/engine/status`, `/engine/retire`."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.query import Query
from antcli.engine.api.services import json_response, operation, read_nothing, services
from antcli.engine.metrics import counters

_STATUSES = ("idle", "rescheduling", "running", "terminated")


async def healthz(request: Request, query: Query) -> Response:
    return json_response({"status": "ok"})


async def status(request: Request, query: Query) -> Response:
    return json_response(await services(request).status())


async def retire(request: Request, query: Query) -> Response:
    """Exit as soon as no session runs; until then go on as before. Answers how many run now."""
    await read_nothing(request)
    here = services(request)
    counts = await here.store.count_sessions()
    here.retire()
    return json_response({"retiring": True, "running": counts.get("running", 0) + counts.get("rescheduling", 0)})


async def metrics(request: Request, query: Query) -> Response:
    here = services(request)
    sessions = await here.store.count_sessions()
    lines = [
        "# HELP ant_sessions Sessions by status.",
        "# TYPE ant_sessions gauge",
        *(f'ant_sessions{{status="{status}"}} {sessions.get(status, 0)}' for status in _STATUSES),
        *_metric("ant_events_appended_total", "counter", "Events appended to session logs.", counters.events_appended),
        *_metric("ant_model_requests_total", "counter", "Requests made to models.", counters.model_requests),
        *_metric("ant_tool_calls_total", "counter", "Calls of built-in tools.", counters.tool_calls),
        *_metric("ant_streams_open", "gauge", "Event streams that are open.", here.activity.streams),
        *_metric("process_resident_memory_bytes", "gauge", "Memory in use.", _resident_bytes()),
        *_metric("process_cpu_seconds_total", "counter", "CPU time used.", round(time.process_time(), 3)),
    ]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _metric(name: str, type: str, help: str, value: float) -> tuple[str, str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {type}", f"{name} {value}"


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


ROUTES = [
    operation("GET", "/healthz", healthz),
    operation("GET", "/metrics", metrics),
    operation("GET", "/engine/status", status),
    operation("POST", "/engine/retire", retire),
]
