"""Every operation of the engine, and the application that serves them."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import ASGIApp

from antcli.engine.api import (
    agents,
    deployments,
    dreams,
    environment_keys,
    environments,
    events,
    files,
    health,
    memories,
    memory_stores,
    messages,
    models,
    openapi,
    session_resources,
    sessions,
    skills,
    threads,
    user_profiles,
    vaults,
    work,
)
from antcli.engine.api.compression import compressed
from antcli.engine.api.services import Services
from antcli.engine.api.transport import Transport

ROUTES = [
    *agents.ROUTES,
    *deployments.ROUTES,
    *dreams.ROUTES,
    *environment_keys.ROUTES,
    *environments.ROUTES,
    *events.ROUTES,
    *files.ROUTES,
    *health.ROUTES,
    *messages.ROUTES,
    *memories.ROUTES,
    *memory_stores.ROUTES,
    *openapi.ROUTES,
    *session_resources.ROUTES,
    *sessions.ROUTES,
    *skills.ROUTES,
    *threads.ROUTES,
    *user_profiles.ROUTES,
    *models.ROUTES,
    *vaults.ROUTES,
    *work.ROUTES,
]


def application(services: Services, key: str | None) -> ASGIApp:
    """The ASGI application. `key` is what clients must show, None on a socket that file modes guard."""
    router = Router(ROUTES, redirect_slashes=False)
    # A socket is on this machine: there compression only costs time.
    return Transport(router if key is None else compressed(router), services, key)
