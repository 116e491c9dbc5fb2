"""Pages and their cursors (api.md 3): opaque, signed, and good for the operation and order that made them."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from antcli.engine.errors import RequestError, invalid
from antcli.engine.store.base import Object, Page, RefusedError, StorageError, Store

Order = Literal["asc", "desc"]
T = TypeVar("T")

_PREFIX = "page_"
_MAC_BYTES = 12
_OPPOSITE: dict[Order, Order] = {"asc": "desc", "desc": "asc"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """`after` is the keyset position; `backward` walks against `order`; `created_at` belongs to the row at `after`."""

    operation: str
    order: Order
    after: int
    backward: bool = False
    created_at: str = ""
    text: str = ""  # the position in lists that are in order of a text


class Cursors:
    """Makes and reads cursors. `key` signs them, so that a position cannot be made up."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, cursor: Cursor) -> str:
        fields = [cursor.operation, cursor.order, cursor.after, int(cursor.backward), cursor.created_at, cursor.text]
        payload = json.dumps(fields, separators=(",", ":")).encode()
        return _PREFIX + base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode()

    def decode(self, text: str, operation: str, order: Order) -> Cursor:
        """Raises RequestError (400) when the cursor is not ours, or comes from another operation or order."""
        raw = _unpack(text)
        payload = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(payload)):
            raise _not_a_cursor()
        made_by, made_in, after, backward, created_at, *text = json.loads(payload)
        if made_by != operation:
            raise invalid("page: this cursor comes from another list.")
        if made_in != order:
            raise invalid(f"page: this cursor was made with order={made_in}.")
        return Cursor(operation, order, after, bool(backward), created_at, *text)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_MAC_BYTES]


async def load_cursors(store: Store) -> Cursors:
    """The signing key is made once and kept in the store, so that cursors outlive the engine."""
    stored = await store.get("meta", "cursor_key")
    if stored is None:
        try:
            stored = await store.insert("meta", "cursor_key", {"key": secrets.token_hex(32)})
        except (RefusedError, StorageError):
            stored = await store.get("meta", "cursor_key")  # another engine on the same store was first
            if stored is None:
                raise
    return Cursors(bytes.fromhex(stored.body["key"]))


def _unpack(text: str) -> bytes:
    encoded = text.removeprefix(_PREFIX).encode("ascii", "replace")
    if not text.startswith(_PREFIX) or len(encoded) > 8000:
        raise _not_a_cursor()
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _not_a_cursor() from None


def _not_a_cursor() -> RequestError:
    return invalid("page: not a cursor of this server.")


@dataclass(frozen=True, slots=True)
class Slice:
    """What one list request asks the store for, and how the answer becomes a page."""

    cursors: Cursors
    operation: str
    order: Order
    limit: int
    cursor: Cursor | None

    @property
    def page(self) -> Page:
        """One row more than wanted, to know whether there are more."""
        backward = self.cursor is not None and self.cursor.backward
        order = _OPPOSITE[self.order] if backward else self.order
        return Page(self.limit + 1, order, self.cursor.after if self.cursor else None)

    def cut(
        self, rows: Sequence[T], key: Callable[[T], int], created_at: Callable[[T], str] = lambda row: ""
    ) -> tuple[Sequence[T], str | None, str | None]:
        """The rows of the page, and the cursors of the next and the previous one."""
        more, rows = len(rows) > self.limit, rows[: self.limit]
        backward = self.cursor is not None and self.cursor.backward
        if backward:
            rows = rows[::-1]
        has_next = bool(rows) and (backward or more)
        has_previous = bool(rows) and (more if backward else self.cursor is not None)

        def cursor(row: T, backward: bool) -> str:
            return self.cursors.encode(Cursor(self.operation, self.order, key(row), backward, created_at(row)))

        return rows, cursor(rows[-1], False) if has_next else None, cursor(rows[0], True) if has_previous else None

    def body(self, rows: Sequence[Object], shown: Callable[[Object], Any] = lambda row: row.body) -> dict[str, Any]:
        """The page of a list of objects."""
        rows, next_page, _ = self.cut(rows, lambda row: row.sequence)
        return page_body([shown(row) for row in rows], next_page)


def slice_of(
    cursors: Cursors, operation: str, *, page: str | None, order: Order, limit: int,
    created_at: Sequence[tuple[str, str]] = (),
) -> Slice:  # fmt: skip
    """Raises RequestError (400) for a cursor that does not fit, also when the `created_at` filter shuts it out."""
    cursor = cursors.decode(page, operation, order) if page else None
    if cursor is not None and cursor.created_at and not all(_holds(cursor.created_at, *bound) for bound in created_at):
        raise invalid("page: the created_at filter excludes this cursor.")
    return Slice(cursors, operation, order, limit, cursor)


def _holds(moment: str, operator: str, bound: str) -> bool:
    match operator:
        case "gt":
            return moment > bound
        case "gte":
            return moment >= bound
        case "lt":
            return moment < bound
    return moment <= bound


def page_body(data: list[Any], next_page: str | None) -> dict[str, Any]:
    return {"data": data, "next_page": next_page}
