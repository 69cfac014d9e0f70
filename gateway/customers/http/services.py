"""``/service``: what an app begins, and what it asks of it afterwards.

Source: SV-1, SV-2, SV-6, SV-7; ST-14.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from gateway.customers.http.authentication import Account
from gateway.customers.http.declaration import BYTES, NOTHING, TEXT, Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.http.parameters import read_parameters
from gateway.customers.refusal import MethodNotAllowed, StorageNotFound
from gateway.customers.values import File, Values
from gateway.instances.instance import Instance
from gateway.instances.request import Request

_BEGUN: Final = {
    "type": "object",
    "description": "What begins with an instance has its `_id`; else what the service says.",
    "properties": {"_id": {"type": "string"}},
}
_SAID: Final = {"type": ["object", "array"]}
_ALL: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_KEPT: Final = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


class OfService(Customer):
    """A path whose account may be a service's own; its first argument is a service, or an instance of one."""

    async def account(self) -> Account | None:
        """AUTH-3."""
        wanted = await self.around.services.account_of(self.path_args[0])
        return Account(*wanted) if wanted is not None else None

    def asked(self, values: Values) -> Request:
        """The request as services see it."""
        return Request(values=values, user=self.user, headers=self.request.headers, base=self.base)


class OfInstance(OfService):
    """A path of one instance, which is its first argument."""

    async def instance(self, id: str) -> Instance:
        """Raises InstanceUnknown, Unavailable."""
        return await self.around.services.instance(id, self.user)


class Service(OfService):
    """A service to begin, or by its id what has begun to be ended."""

    path = "/service/{service}"
    posts = Method(says="Begin it; parameters begin with `_`.", answer=_BEGUN, takes_data=True, refuses=(403, 404))
    deletes = Method(says="End what has begun.", media=NOTHING, refuses=(404,))

    async def take(self, values: Values, *path: str) -> Answer:
        """SV-1."""
        services, asked = self.around.services, self.asked(values)
        handling, kind = services.handling(path[0], asked)
        if kind.for_center:
            self.admit_center()
        return await services.start(handling, asked)

    async def remove(self, *path: str) -> Answer:
        """SV-7."""
        services = self.around.services
        await services.instances.end((await services.instance(path[0], self.user)).id)
        return None


class InstanceMethod(OfInstance):
    """Something that an instance is asked."""

    path = "/service/{id}/{method}"
    gets = Method(says="What only tells.", answer=_SAID, refuses=(403, 404, 405))
    posts = Method(says="By its name.", answer=_SAID, takes_data=True, refuses=(403, 404))

    def known_methods(self) -> Iterable[str]:
        """Of the one that is named."""
        # Tornado refuses methods that it does not know before it has told what the path says.
        path = getattr(self, "path_args", ("", ""))
        known = self.around.services.methods.get(path[1])
        return super().known_methods() if known is None or known.by_get else ("POST",)

    async def read(self, *path: str) -> Answer:
        """SV-6; by HEAD nobody is told anything, so nothing is taken (IN-10)."""
        asked = read_parameters("", b"", self.request.query, self.around.max_json_depth)
        only_looks = {"peek": "true"} if self.request.method == "HEAD" else {}
        return await self._ask({**asked, **only_looks}, *path)

    async def take(self, values: Values, *path: str) -> Answer:
        """SV-6."""
        return await self._ask(values, *path)

    async def _ask(self, values: Values, id: str, name: str) -> Answer:
        services = self.around.services
        method = services.method(name)
        if self.request.method != "POST" and not method.by_get:
            raise MethodNotAllowed
        if method.for_center:
            self.admit_center()
        answer: Answer = await method.answer(await services.instance(id, self.user, method), self.asked(values))
        return answer


class InstanceStorage(OfInstance):
    """What an app keeps with an instance."""

    path = "/service/{id}/storage"
    gets = Method(says="All of it; a file as the path where it is.", answer=_ALL, refuses=(404,))
    posts = Method(says="Add or change keys.", answer=_KEPT, takes_data=True, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-14."""
        instance = await self.instance(path[0])
        texts = await self.around.storage.read(instance.data, "")
        return {
            key: _file_path(self.around.root, instance.id, key) if text is None else text for key, text in texts.items()
        }

    async def take(self, values: Values, *path: str) -> Answer:
        """ST-14."""
        instance = await self.instance(path[0])
        await self.around.services.instances.add(instance, values)
        return {"id": instance.data}


class InstanceValue(OfInstance):
    """One key of it."""

    path = "/service/{id}/storage/{key}"
    gets = Method(says="Its value; of a file the path where it is.", media=TEXT, refuses=(404,))
    deletes = Method(says="End it.", media=NOTHING, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-14."""
        instance = await self.instance(path[0])
        value = await self.around.storage.value(instance.data, path[1], "")
        return _file_path(self.around.root, instance.id, path[1]) if isinstance(value, File) else value

    async def remove(self, *path: str) -> Answer:
        """ST-14."""
        await self.around.services.instances.remove(await self.instance(path[0]), path[1])
        return None


class InstanceFile(OfInstance):
    """A file of it."""

    path = "/service/{id}/storage/binary/{key}"
    gets = Method(says="Its bytes, of the type that they were sent with.", media=BYTES, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """ST-14."""
        value = await self.around.storage.value((await self.instance(path[0])).data, path[1], "")
        if not isinstance(value, File):
            raise StorageNotFound("there is no such file")
        return value


def _file_path(root: str, id: str, key: str) -> str:
    return f"{root}/service/{id}/storage/binary/{quote(key, safe='')}"
