"""``/service/callback``: callbacks begun by the name of their service, and their records.

Source: CB-1, CB-12…14, CB-21, CB-30…36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.callbacks.callbacks import KIND
from gateway.callbacks.refusal import CallbackUnknown
from gateway.customers.http.declaration import Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.http.parameters import read_parameters
from gateway.customers.http.services import OfService
from gateway.customers.refusal import RequestWrong
from gateway.customers.values import Values

_DIALOG: Final = {
    "type": "object",
    "description": "What the customer is shown.",
    "required": ["_id", "_action"],
    "properties": {"_id": {"type": "string"}, "_action": {"type": "string"}},
}
_RECORD: Final = {
    "type": "object",
    "required": ["_id", "_service_name", "_callback_state", "_desired_time", "_expiration_time", "_url"],
    "additionalProperties": {"type": "string"},
}
_RECORDS: Final = {"type": "array", "items": _RECORD}
_DONE: Final = {
    "type": "object",
    "required": ["_ok_title", "_id"],
    "properties": {"_ok_title": {"const": "Ok"}, "_id": {"type": "string"}},
}
_ASKED: Final = {
    "type": "object",
    "description": "Properties of records, `_id` or a lookup key among them; services say by what else one may ask.",
    "properties": {
        "_id": {"type": "string", "minLength": 1},
        "_customer_number": {"type": "string", "minLength": 1},
        "_callback_state": {"type": "string", "description": "With `!` before it: any other."},
        "operand": {"enum": ["AND", "OR"]},
    },
    "anyOf": [{"required": ["_id"]}, {"required": ["_customer_number"]}],
    "additionalProperties": False,
}
_TRUNCATED: Final = "X-Truncated"


class _Records(Customer):
    """What is asked for by the query string."""

    @property
    def asked_for(self) -> Mapping[str, str]:
        """Raises RequestWrong."""
        return _texts(read_parameters("", b"", self.request.query, self.around.max_json_depth))

    async def find(self, service: str = "") -> Answer:
        """CB-30, CB-36."""
        found = await self.around.callbacks.find(self.asked_for, self.user, service)
        if found.is_truncated:
            self.set_header(_TRUNCATED, "true")
        return found.records


class AllCallbacks(_Records):
    """Records of callbacks, whatever service they are of."""

    path = "/service/callback"
    gets = Method(says="Those that have what is asked for: a lookup key, or `_id`.", answer=_RECORDS, query=_ASKED)

    async def read(self, *path: str) -> Answer:
        """CB-30."""
        return await self.find()


class CallbacksOfService(OfService, _Records):
    """Callbacks of one service."""

    path = "/service/callback/{service}"
    gets = Method(says="Those that have what is asked for.", answer=_RECORDS, query=_ASKED, refuses=(404,))
    posts = Method(says="Begin one.", answer=_DIALOG, takes_data=True, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """CB-30."""
        return await self.find(path[0])

    async def take(self, values: Values, *path: str) -> Answer:
        """CB-1."""
        asked = self.asked(values)
        handling, _ = self.around.services.handling(path[0], asked)
        if handling.kind != KIND:
            raise CallbackUnknown("this is no service of callbacks")
        return await self.around.services.start(handling, asked)


class OneCallback(OfService):
    """The record of a callback."""

    path = "/service/callback/{service}/{id}"
    puts = Method(says="Change what it says.", answer=_RECORD, takes_data=True, refuses=(404,))
    deletes = Method(says="Withdraw.", answer=_DONE, refuses=(404,))

    async def change(self, values: Values, *path: str) -> Answer:
        """CB-21."""
        return await self.around.callbacks.change(path[0], path[1], self.user, _texts(values))

    async def remove(self, *path: str) -> Answer:
        """CB-12."""
        asked = read_parameters("", b"", self.request.query, self.around.max_json_depth)
        is_forced = asked.get("discard_ors_failure", "") == "true"
        return await self.around.callbacks.cancel(path[0], path[1], self.user, is_forced=is_forced)


def _texts(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Raises RequestWrong."""
    if not all(isinstance(value, str) for value in values.values()):
        raise RequestWrong("properties are texts")
    return values
