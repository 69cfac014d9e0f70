"""Values that an app leaves for a while: by an id of ours, or by one of its own.

An area is one document, which vanishes by the store's time to live: on every node at once, and after a restart, too.
Whoever knows the id of ours may use it; what was called by a user is that user's alone.

Source: ST-1…13, G-18, AUTH-6.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.customers.refusal import Forbidden, Refused, RequestWrong, StorageNotFound, TooLarge
from gateway.customers.values import File, Value, Values, is_name
from gateway.store.store import Changes, Conflict, Document, Room, Write
from gateway.store.turn import Turn

DEFAULT_TTL: Final = 30
"""Seconds, for a time to live that is none (ST-8)."""
LONGEST_TTL: Final = 366 * 24 * 60 * 60
"""Seconds; what asks for more gets this."""
MOST_KEYS: Final = 1000
LONGEST_KEY: Final = 256
LARGEST_TEXT: Final = 1024 * 1024
LARGEST_FILE: Final = 10 * 1024 * 1024
LARGEST_AREA: Final = 16 * 1024 * 1024
"""Bytes of all values of an area: it is read and written as a whole; room for the largest file and some texts."""

RESERVED: Final = frozenset({"binary", "custom"})
"""Words in paths; nothing has such an id (ST-10)."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ATTEMPTS: Final = 16


def time_to_live(text: str) -> int:
    """Seconds that a path asks for (ST-8)."""
    if not (text.isascii() and text.isdecimal()):
        return DEFAULT_TTL
    digits = text.lstrip("0")
    return min(int(digits or DEFAULT_TTL), LONGEST_TTL) if len(digits) < 12 else LONGEST_TTL


class Storage:
    """All areas.

    Args:
        room: the customers' part of the store.
        new_id: gives an id that nobody can guess.

    All methods raise Unavailable.
    """

    def __init__(self, room: Room, new_id: Callable[[], str]) -> None:
        self._room = room
        self.new_id = new_id

    async def create(self, values: Values, ttl: float) -> str:
        """A new area; its id. Raises RequestWrong, TooLarge."""
        id = self.new_id()
        await self._write(id, 0, "", await _packed({}, values), ttl)
        return id

    async def add(self, id: str, values: Values, ttl: float, user: str) -> None:
        """Set these keys of an area; the whole of it lives on from here (ST-2). Raises as ``create``, StorageNotFound.

        Args:
            user: who asks; empty = nobody says.
        """

        async def change() -> None:
            document = await self._find(id, user)
            body = document.body
            await self._write(id, document.version, body["user"], await _packed(body["values"], values), ttl)

        await _until_first(change)

    async def keep(self, id: str, values: Values, ttl: float, user: str) -> None:
        """Make or change the area that a user calls so (ST-7). Raises as ``create``, Forbidden, StorageNotFound."""
        if not user:
            raise RequestWrong("gms_user is missing")
        if _ID.match(id) is None or id in RESERVED:
            raise _unknown()

        async def change() -> None:
            (document,) = await self._room.read(_key(id))
            if document is not None and document.body["user"] != user:
                raise Forbidden("this id is another user's")
            before, version = (document.body["values"], document.version) if document is not None else ({}, 0)
            await self._write(id, version, user, await _packed(before, values), ttl)

        await _until_first(change)

    async def read(self, id: str, user: str) -> Mapping[str, str | None]:
        """All texts of an area; None where there is a file. Raises StorageNotFound."""
        return _texts((await self._find(id, user)).body["values"])

    async def value(self, id: str, key: str, user: str) -> Value:
        """One of it. Raises StorageNotFound."""
        kept = (await self._find(id, user)).body["values"].get(key)
        if kept is None:
            raise _unknown()
        return await asyncio.to_thread(_value, kept)

    async def delete(self, id: str, user: str) -> None:
        """End an area. Raises StorageNotFound."""

        async def change() -> None:
            document = await self._find(id, user)
            await self._room.commit(Changes(writes=[Write(document.key, None, document.version)]))

        await _until_first(change)

    # Areas that are part of something larger

    async def put(self, turn: Turn, id: str, values: Values, ttl: float) -> None:
        """Make an area, or set these keys of it, in the caller's commit. Raises RequestWrong, TooLarge."""
        (body,) = await turn.read(_key(id))
        before = body["values"] if body is not None else {}
        turn.write(_key(id), {"user": "", "values": await _packed(before, values)}, ttl=ttl)

    async def texts(self, turn: Turn, id: str) -> Mapping[str, str | None]:
        """As ``read``, by the caller's turn; nothing, if the area is not there."""
        (body,) = await turn.read(_key(id))
        return _texts(body["values"]) if body is not None else {}

    async def remove(self, turn: Turn, id: str, key: str, ttl: float) -> None:
        """End a key of an area in the caller's commit. Raises StorageNotFound."""
        (body,) = await turn.read(_key(id))
        if body is None or key not in body["values"]:
            raise _unknown()
        left = {name: kept for name, kept in body["values"].items() if name != key}
        turn.write(_key(id), {**body, "values": left}, ttl=ttl)

    async def drop(self, turn: Turn, id: str) -> None:
        """End an area in the caller's commit; nothing, if it is not there."""
        await turn.read(_key(id))
        turn.write(_key(id), None)

    # Steps

    async def _find(self, id: str, user: str) -> Document:
        if _ID.match(id) is None:
            raise _unknown()
        (document,) = await self._room.read(_key(id))
        if document is None or document.body["user"] not in ("", user):
            raise _unknown()
        return document

    async def _write(self, id: str, version: int, user: str, values: Mapping[str, Any], ttl: float) -> None:
        body = {"user": user, "values": values}
        await self._room.commit(Changes(writes=[Write(_key(id), body, version, ttl=ttl)]))


async def _until_first(change: Callable[[], Awaitable[None]]) -> None:
    """Decide anew as long as another one is first. Raises Unavailable where that happens again and again."""
    for _ in range(_ATTEMPTS):
        try:
            return await change()
        except Conflict:
            continue
    raise Unavailable


async def _packed(before: Mapping[str, Any], values: Values) -> Mapping[str, Any]:
    """As it is kept, with what was there already. Raises RequestWrong, TooLarge."""
    for key, value in values.items():
        _check(key, value)
    kept = {**before, **await asyncio.to_thread(_kept, values)}
    if len(kept) > MOST_KEYS:
        raise TooLarge(f"a storage has at most {MOST_KEYS} keys")
    if sum(_size(each) for each in kept.values()) > LARGEST_AREA:
        raise TooLarge(f"a storage has at most {LARGEST_AREA} bytes")
    return kept


def _check(key: str, value: Value) -> None:
    """ST-11."""
    if not is_name(key):
        raise RequestWrong("a key is empty or has control characters")
    if len(key) > LONGEST_KEY:
        raise TooLarge(f"a key has at most {LONGEST_KEY} characters")
    if isinstance(value, File):
        if len(value.content) > LARGEST_FILE:
            raise TooLarge(f"a file has at most {LARGEST_FILE} bytes")
    elif len(value) > LARGEST_TEXT or len(value.encode()) > LARGEST_TEXT:
        raise TooLarge(f"a text has at most {LARGEST_TEXT} bytes")


def _kept(values: Values) -> dict[str, Any]:
    return {
        key: {"name": value.name, "type": value.media_type, "base64": base64.b64encode(value.content).decode()}
        if isinstance(value, File)
        else value
        for key, value in values.items()
    }


def _value(kept: Any) -> Value:
    return File(kept["name"], kept["type"], base64.b64decode(kept["base64"])) if isinstance(kept, dict) else kept


def _texts(values: Mapping[str, Any]) -> Mapping[str, str | None]:
    return {key: kept if isinstance(kept, str) else None for key, kept in values.items()}


def _size(kept: Any) -> int:
    """Near enough: characters of a text, bytes of a file."""
    return len(kept["base64"]) * 3 // 4 if isinstance(kept, dict) else len(kept)


def _key(id: str) -> str:
    return f"storage:{id}"


def _unknown() -> Refused:
    return StorageNotFound("there is no such storage or key")
