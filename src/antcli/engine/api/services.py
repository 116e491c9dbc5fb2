"""What the routes work with, and the forms in which they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antcli.engine.api.permissions import admit
from antcli.engine.api.query import Query
from antcli.engine.api.validation import parse
from antcli.engine.errors import invalid, not_found

if TYPE_CHECKING:
    from antcli.engine.api.activity import Activity
    from antcli.engine.api.creations import Creations
    from antcli.engine.api.pages import Cursors
    from antcli.engine.files.files import Files
    from antcli.engine.memory.memories import Memories
    from antcli.engine.orchestration.deployments import Deployments
    from antcli.engine.orchestration.dreams import Dreams
    from antcli.engine.orchestration.environment_keys import EnvironmentKeys
    from antcli.engine.orchestration.work import WorkQueue
    from antcli.engine.providers.registry import Providers
    from antcli.engine.resources.resources import Resources
    from antcli.engine.session.service import Sessions
    from antcli.engine.skills.skills import Skills
    from antcli.engine.store.base import Object, Store
    from antcli.engine.vaults.oauth import Tokens
    from antcli.engine.vaults.vaults import Vaults

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Services:
    """Handed to every request in its scope; `status` and `retire` belong to the process around the application."""

    store: Store
    sessions: Sessions
    files: Files
    skills: Skills
    vaults: Vaults
    tokens: Tokens
    memories: Memories
    resources: Resources
    deployments: Deployments
    dreams: Dreams
    work: WorkQueue
    keys: EnvironmentKeys
    creations: Creations
    providers: Providers
    cursors: Cursors
    activity: Activity
    status: Callable[[], Awaitable[dict[str, Any]]]
    retire: Callable[[], None] = field(default=lambda: None)


def services(request: Request) -> Services:
    found: Services = request.scope["services"]
    return found


Handler = Callable[[Request, Query], Awaitable[Response]]


def operation(method: str, path: str, handler: Handler, *query: str) -> Route:
    """A route whose query parameters are exactly `query`."""

    async def endpoint(request: Request) -> Response:
        await admit(request, f"{method} {path}")
        return await handler(request, Query(request, query))

    return Route(path, endpoint, methods=[method])


async def read_body(request: Request, schema: type[M], *, optional: bool = False) -> M:
    """Raises RequestError (400, 413)."""
    data = await request.body()
    return parse(schema, data if data.strip() or not optional else b"{}")


async def read_nothing(request: Request) -> None:
    """For operations without a body: nothing, `{}` and `null` pass."""
    data = (await request.body()).strip()
    if data not in (b"", b"{}", b"null"):
        raise invalid("This operation takes no request body.")


async def stored(request: Request, kind: str) -> Object:
    """The object whose id the path names. Raises RequestError (404)."""
    id = request.path_params[f"{kind}_id"]
    found = await services(request).store.get(kind, id)
    if found is None:
        raise not_found(kind.replace("_", " "), id)
    return found


def json_response(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")
