"""``/storage``: values that an app leaves for a while.

Source: ST-1…12.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from gateway.customers.http.declaration import BYTES, NOTHING, TEXT, Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.refusal import StorageNotFound
from gateway.customers.storage import time_to_live
from gateway.customers.values import File, Values

_ID: Final = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string", "description": "Of the storage."}},
}
_ALL: Final = {"type": "object", "additionalProperties": {"type": "string"}}


class Storage(Customer):
    """One storage; posted to, `id` is the seconds that a new one shall live."""

    path = "/storage/{id}"
    gets = Method(says="All of it; a file as the path where it is.", answer=_ALL, refuses=(404,))
    posts = Method(says="Make one.", answer=_ID, takes_data=True)
    deletes = Method(says="End it.", media=NOTHING, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-5."""
        texts = await self.around.storage.read(path[0], self.user)
        return {key: file_path(self.around.root, path[0], key) if text is None else text for key, text in texts.items()}

    async def take(self, values: Values, *path: str) -> Answer:
        """ST-1."""
        return {"id": await self.around.storage.create(values, time_to_live(path[0]))}

    async def remove(self, *path: str) -> Answer:
        """ST-3."""
        await self.around.storage.delete(path[0], self.user)
        return None


class StoredValue(Customer):
    """One key of a storage; posted to, `key` is the seconds that the storage shall live on."""

    path = "/storage/{id}/{key}"
    gets = Method(says="Its value; of a file the path where it is.", media=TEXT, refuses=(404,))
    posts = Method(says="Add or change keys of the storage.", answer=_ID, takes_data=True, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-4."""
        value = await self.around.storage.value(path[0], path[1], self.user)
        return file_path(self.around.root, path[0], path[1]) if isinstance(value, File) else value

    async def take(self, values: Values, *path: str) -> Answer:
        """ST-2."""
        await self.around.storage.add(path[0], values, time_to_live(path[1]), self.user)
        return {"id": path[0]}


class StoredFile(Customer):
    """A file in a storage."""

    path = "/storage/binary/{id}/{key}"
    gets = Method(says="Its bytes, of the type that they were sent with.", media=BYTES, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-6."""
        value = await self.around.storage.value(path[0], path[1], self.user)
        if not isinstance(value, File):
            raise StorageNotFound("there is no such file")
        return value


class CustomStorage(Customer):
    """A storage with an id of the app's, for one user alone."""

    path = "/storage/custom/{id}/{ttl}"
    posts = Method(
        says="Make it, or add or change its keys.", answer=_ID, takes_data=True, needs_user=True, refuses=(403, 404)
    )

    async def take(self, values: Values, *path: str) -> Answer:
        """ST-7."""
        await self.around.storage.keep(path[0], values, time_to_live(path[1]), self.user)
        return {"id": path[0]}


def file_path(root: str, id: str, key: str) -> str:
    """Where a file of a storage is to be had (ST-5)."""
    return f"{root}/storage/binary/{id}/{quote(key, safe='')}"
