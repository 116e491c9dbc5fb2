"""The client of the MCP servers that an agent declares (semantics.md 10).

The engine connects, never the sandbox. A server's credential is looked up for each request in the vaults of the
session, so that rotated and archived ones count at once, and goes into a header here: neither model nor sandbox sees
it. A
connection lasts for one run of a session (from idle to idle); a server that fails is left out of that run and is tried
again in the next. The library is imported, on another thread, when the first agent declares a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from antcli.engine.errors import RequestError
from antcli.engine.sandbox.base import ToolResult
from antcli.engine.store.base import StorageError
from antcli.engine.tools.mcp_names import McpTool, offered_tools
from antcli.engine.vaults.oauth import Tokens

if TYPE_CHECKING:
    import httpx2
    from mcp.client import Client

CONNECT_SECONDS = 30.0
CALL_SECONDS = 300.0
_CLOSE_SECONDS = 5.0
_MOST_PAGES = 50
_REFUSED = (401, 403)
# What a server that speaks only the older transport answers to the newer one.
_OLDER = (400, 404, 405)

logger = logging.getLogger("antcli.engine")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class McpFailure:
    """Why a server's tools are not there. The message holds no secret."""

    server: str
    kind: Literal["connection", "authentication"]
    message: str


class McpError(Exception):
    def __init__(self, failure: McpFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class McpServers:
    """The connections of all sessions that run."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._sessions: dict[str, dict[str, _Connection]] = {}

    async def tools(self, session_id: str, body: Mapping[str, Any]) -> tuple[dict[str, McpTool], list[McpFailure]]:
        """What the model is offered, by the offered names, and the failures that have not been told in this run yet."""
        agent = body["agent"]
        if not agent["mcp_servers"]:
            return {}, []
        connections = [self._connection(session_id, body, server) for server in agent["mcp_servers"]]
        await asyncio.gather(*(connection.settled() for connection in connections))
        found = [
            (connection.server, *tool) for connection in connections if connection.failure is None
            for tool in connection.tools
        ]  # fmt: skip
        failures = [failure for connection in connections if (failure := connection.untold()) is not None]
        return offered_tools(agent, found), failures

    async def call(
        self, session_id: str, body: Mapping[str, Any], server_name: str, tool: str, input: Json
    ) -> ToolResult:
        server = next((found for found in body["agent"]["mcp_servers"] if found["name"] == server_name), None)
        if server is None:
            return ToolResult.text(f"The agent has no MCP server named {server_name!r} any more.", is_error=True)
        connection = self._connection(session_id, body, server)
        await connection.settled()
        if connection.failure is not None:
            return ToolResult.text(f"The call was not made. {connection.failure.message}", is_error=True)
        return await connection.call(tool, input)

    async def end_run(self, session_id: str) -> None:
        """Close the session's connections; the next run makes new ones."""
        connections = self._sessions.pop(session_id, {})
        if connections:
            await asyncio.gather(*(connection.close() for connection in connections.values()))

    async def aclose(self) -> None:
        await asyncio.gather(*(self.end_run(session_id) for session_id in list(self._sessions)))

    def _connection(self, session_id: str, body: Mapping[str, Any], server: Mapping[str, str]) -> _Connection:
        connections = self._sessions.setdefault(session_id, {})
        connection = connections.get(server["name"])
        if connection is None or connection.url != server["url"]:
            vault_ids = tuple(body.get("vault_ids", ()))
            connection = connections[server["name"]] = _Connection(
                server["name"], server["url"], vault_ids, self._tokens
            )
        return connection


class _Connection:
    """One server for one run. A task of its own holds it open: the library wants to be left where it was entered."""

    def __init__(self, server: str, url: str, vault_ids: Sequence[str], tokens: Tokens) -> None:
        self.server = server
        self.url = url
        self.tools: list[tuple[str, str, Json]] = []
        self.failure: McpFailure | None = None
        self._told = False
        self._access = _Access(url, vault_ids, tokens)
        self._client: Client | None = None
        self._closing = asyncio.Event()
        self._settled = asyncio.Event()
        self._task = asyncio.create_task(self._hold())

    async def settled(self) -> None:
        """Wait until it is open, or has failed."""
        await self._settled.wait()

    def untold(self) -> McpFailure | None:
        told, self._told = self._told, self._told or self.failure is not None
        return None if told else self.failure

    async def close(self) -> None:
        self._closing.set()
        await asyncio.wait((self._task,), timeout=_CLOSE_SECONDS)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def call(self, tool: str, input: Json) -> ToolResult:
        from mcp import MCPError

        from antcli.engine.tools.mcp_content import result_of

        assert self._client is not None
        self._access.refused = None
        work = asyncio.ensure_future(self._client.call_tool(tool, input))
        try:
            # Also when the connection breaks: the library may never answer then.
            await asyncio.wait((work, self._task), timeout=CALL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return result_of(work.result())
            broken = self._task.done()
        except MCPError as error:
            broken, said = False, str(error)
            if self._access.refused is None:
                return ToolResult.text(f"The MCP server {self.server!r} answered with an error: {said}", is_error=True)
        except Exception as error:
            logger.warning("the MCP server %r failed in a call: %s", self.server, type(error).__name__)
            broken = True
        finally:
            work.cancel()
            await asyncio.wait((work,))
        if self._access.refused is not None:
            return ToolResult.text(self._access.refusal(self.server), is_error=True)
        if broken:
            text = f"The connection to the MCP server {self.server!r} broke. The call may have run, wholly or in part."
        else:
            text = f"The call took longer than {CALL_SECONDS:.0f} seconds. It may have run, wholly or in part."
        return ToolResult.text(text, is_error=True)

    async def _hold(self) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._client = await connect(stack, self.url, self._access)
                    self.tools = await listed(self._client)
                self._settled.set()
                await self._closing.wait()
        except BaseException as error:
            if not self._settled.is_set():
                self.failure = self._explained(error)
                logger.warning("the MCP server %r: %s", self.server, self.failure.message)
            if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
                raise
        finally:
            self._settled.set()

    def _explained(self, error: BaseException) -> McpFailure:
        if self._access.refused is not None:
            return McpFailure(self.server, "authentication", self._access.refusal(self.server))
        problem = self._access.problem
        if problem is None and isinstance(error, TimeoutError):
            problem = f"no answer within {CONNECT_SECONDS:.0f} seconds"
        if problem is None and (status := self._access.last_status) is not None and status >= 400:
            problem = f"it answered with status {status}"
        if problem is None:
            problem = type(_innermost(error)).__name__
        return McpFailure(self.server, "connection", f"The MCP server {self.server!r} cannot be reached: {problem}.")


class _Access:
    """How requests of one connection are allowed in, and what became of them."""

    def __init__(self, url: str, vault_ids: Sequence[str], tokens: Tokens) -> None:
        self.refused: int | None = None  # the status with which the server refused the last request
        self.last_status: int | None = None
        self.problem: str | None = None
        self._url = url
        self._vault_ids = vault_ids
        self._tokens = tokens
        self._shown = False

    def refusal(self, server: str) -> str:
        why = "the credential of the session's vaults" if self._shown else "a request without a credential"
        hint = "" if self._shown else ", and no vault of the session has one for its URL"
        return f"The MCP server {server!r} refused {why} (status {self.refused}){hint}."

    def http_client(
        self, headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:  # fmt: skip
        import httpx2

        access = self

        class Bearer(httpx2.Auth):
            async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
                token = await access.token()
                if token is not None:
                    request.headers["authorization"] = f"Bearer {token}"
                response = yield request
                if response.status_code == 401 and token is not None:
                    renewed = await access.renewed(token)
                    if renewed is not None:
                        request.headers["authorization"] = f"Bearer {renewed}"
                        yield request

        async def note(response: httpx2.Response) -> None:
            access.last_status = response.status_code
            access.refused = response.status_code if response.status_code in _REFUSED else None

        timeout = timeout or httpx2.Timeout(CONNECT_SECONDS, read=CALL_SECONDS)
        return httpx2.AsyncClient(auth=Bearer(), headers=headers, timeout=timeout, event_hooks={"response": [note]})

    async def token(self) -> str | None:
        """Raises RequestError, StorageError when there is a credential that cannot be used."""
        try:
            credential = await self._tokens.vaults.for_server(self._vault_ids, self._url)
            self._shown = credential is not None
            return None if credential is None else await self._tokens.current(credential)
        except (RequestError, StorageError) as error:
            self.problem = str(error).rstrip(".")
            raise

    async def renewed(self, rejected: str) -> str | None:
        credential = await self._tokens.vaults.for_server(self._vault_ids, self._url)
        return None if credential is None else (await self._tokens.refresh(credential, rejected)).token


class Access(Protocol):
    """How requests to a server are allowed in, and the status of its last answer."""

    @property
    def last_status(self) -> int | None: ...

    def http_client(
        self, headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient: ...  # fmt: skip


async def connect(stack: contextlib.AsyncExitStack, url: str, access: Access) -> Client:
    """Over streamable HTTP, or the older SSE transport where the server has only that."""
    await asyncio.to_thread(_load)
    from mcp.client import Client
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    http = await stack.enter_async_context(access.http_client())
    attempt = contextlib.AsyncExitStack()
    try:
        client = await attempt.enter_async_context(Client(streamable_http_client(url, http_client=http)))
    except Exception:
        if access.last_status not in _OLDER:
            raise
        transport = sse_client(url, httpx_client_factory=access.http_client)
        return await stack.enter_async_context(Client(transport, mode="legacy"))
    stack.push_async_exit(attempt)
    return client


def _load() -> None:
    """The library takes most of a second to import: not on the event loop."""
    import httpx2
    import mcp.client.sse
    import mcp.client.streamable_http  # noqa: F401

    # They log each request at level INFO.
    for name in (httpx2.__name__, "mcp"):
        logging.getLogger(name).setLevel(logging.ERROR)


async def listed(client: Client) -> list[tuple[str, str, Json]]:
    tools: list[tuple[str, str, Json]] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += [(tool.name, tool.description or "", _schema(tool.input_schema)) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


def _schema(schema: Json) -> Json:
    return schema if schema.get("type") == "object" else schema | {"type": "object"}


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
