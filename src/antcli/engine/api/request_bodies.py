"""Which model checks the body of which operation; the routes read with these, `/openapi.json` shows them."""

from __future__ import annotations

from pydantic import BaseModel

from antcli.engine.api.schemas.agents import AgentCreate, AgentUpdate
from antcli.engine.api.schemas.deployments import DeploymentCreate, DeploymentUpdate
from antcli.engine.api.schemas.dreams import DreamCreate
from antcli.engine.api.schemas.environments import EnvironmentCreate, EnvironmentUpdate
from antcli.engine.api.schemas.events import EventSend
from antcli.engine.api.schemas.memory import MemoryCreate, MemoryStoreCreate, MemoryStoreUpdate, MemoryUpdate
from antcli.engine.api.schemas.resources import ResourceAdd, ResourceUpdate
from antcli.engine.api.schemas.sessions import SessionCreate, SessionUpdate
from antcli.engine.api.schemas.user_profiles import ActionURLCreate, UserProfileCreate, UserProfileUpdate
from antcli.engine.api.schemas.vaults import CredentialCreate, CredentialUpdate, VaultCreate, VaultUpdate
from antcli.engine.api.schemas.work import WorkStop, WorkUpdate

BODIES: dict[str, type[BaseModel]] = {
    "agents.create": AgentCreate,
    "agents.update": AgentUpdate,
    "environments.create": EnvironmentCreate,
    "environments.update": EnvironmentUpdate,
    "environments.work.stop": WorkStop,
    "environments.work.update": WorkUpdate,
    "memory_stores.create": MemoryStoreCreate,
    "memory_stores.update": MemoryStoreUpdate,
    "memory_stores.memories.create": MemoryCreate,
    "memory_stores.memories.update": MemoryUpdate,
    "sessions.create": SessionCreate,
    "sessions.update": SessionUpdate,
    "sessions.events.send": EventSend,
    "sessions.resources.add": ResourceAdd,
    "sessions.resources.update": ResourceUpdate,
    "vaults.create": VaultCreate,
    "vaults.update": VaultUpdate,
    "vaults.credentials.create": CredentialCreate,
    "vaults.credentials.update": CredentialUpdate,
    "deployments.create": DeploymentCreate,
    "deployments.update": DeploymentUpdate,
    "dreams.create": DreamCreate,
    "user_profiles.create": UserProfileCreate,
    "user_profiles.update": UserProfileUpdate,
    "user_profiles.action_urls.create": ActionURLCreate,
}
