"""Which model checks the body of which operation; the routes read with these, `/openapi.json` shows them."""

from __future__ import annotations

from pydantic import BaseModel

from antcli.engine.api.schemas.agents import AgentCreate, AgentUpdate
from antcli.engine.api.schemas.environments import EnvironmentCreate, EnvironmentUpdate
from antcli.engine.api.schemas.events import EventSend
from antcli.engine.api.schemas.sessions import SessionCreate, SessionUpdate

BODIES: dict[str, type[BaseModel]] = {
    "agents.create": AgentCreate,
    "agents.update": AgentUpdate,
    "environments.create": EnvironmentCreate,
    "environments.update": EnvironmentUpdate,
    "sessions.create": SessionCreate,
    "sessions.update": SessionUpdate,
    "sessions.events.send": EventSend,
}
