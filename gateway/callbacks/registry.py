"""What can be done with the record of a callback by who knows its service: find, cancel, change.

Source: AUTH-3, AUTH-6, CB-12…14, CB-21, CB-24, CB-30…36.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.callback.events import Cancel
from gateway.callback.options import Options
from gateway.callback.states import Reason, Step
from gateway.callbacks.callback import ALL, Callback, callback_key, lookup_index, service_index
from gateway.callbacks.callbacks import Callbacks
from gateway.callbacks.query import ID, Query, read_query
from gateway.callbacks.records import FIXED, record, values
from gateway.callbacks.refusal import CallbackUnknown, OptionWrong, StateWrong
from gateway.callbacks.wish import DESIRED, LONGEST, NUMBER, STATE, check_time, lookup_keys, mandatory_keys, read_number
from gateway.instances.account import leads_past
from gateway.instances.dispatch import CALLBACK, kind_of
from gateway.store.store import Room

MOST: Final = 500
"""Records in an answer (CB-36)."""
_MOST_READ: Final = 10_000
"""Records that are read for one."""
_MOST_LEAFED: Final = 2_000
"""The same for who asks by no value of a lookup key: he has to ask more closely then."""
_PAGE: Final = 200
_MOST_PROPERTIES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What records tell, as configured."""

    returned: Sequence[str]
    """Properties beside those that every record has (CB-33)."""
    filters: Sequence[str]
    """What records can be asked for beside their lookup keys (CB-41)."""
    has_old_names: bool = False
    """Those of release 8.1.2, too (CB-34)."""


@dataclass(frozen=True, slots=True)
class Found:
    """Records, by when they were wanted."""

    records: Sequence[Mapping[str, Any]]
    is_truncated: bool
    """There are more."""


class Registry:
    """Finds callbacks, and cancels and changes them.

    Args:
        room: the customers' part of the store.
        configured: the services as they are configured at the moment: options by name.
        root: path below which the resources are, ``/genesys/1``.
        is_strict: refuse who does not say his user where a callback has one (``server.strict_user``).
        clock: seconds since 1970.

    All methods raise Unavailable.
    """

    def __init__(
        self,
        room: Room,
        callbacks: Callbacks,
        *,
        configured: Callable[[], Mapping[str, Options]],
        telling: Telling,
        root: str,
        is_strict: bool,
        clock: Callable[[], float],
    ) -> None:
        self._room = room
        self._callbacks = callbacks
        self._configured = configured
        self._telling = telling
        self._root = root
        self._is_strict = is_strict
        self._clock = clock

    async def find(self, texts: Mapping[str, str], user: str, service: str = "") -> Found:
        """What is asked for; of all services, or of the one that the name is of. Raises Refused."""
        lookup = self._lookup_keys(service)
        query = read_query(texts, lookup, self._telling.filters)
        is_narrow = bool(query.narrowed(lookup))
        if not is_narrow and not user and self._is_strict:
            return Found((), is_truncated=False)  # whoever proves nothing does not leaf through everybody's
        most = _MOST_READ if is_narrow else _MOST_LEAFED
        found: dict[str, Callback] = {}
        read = 0
        for index in self._indexes(query, lookup, service):
            offset = 0
            while len(found) <= MOST and read < most:
                entries = await self._room.page(index, offset=offset, limit=_PAGE)
                for callback in await self._read([entry.key for entry in entries]):
                    is_shown = is_narrow or not self._is_strict or callback.instance.user == user
                    if is_shown and self._is_meant(callback, query, user, service):
                        found[callback.id] = callback
                offset, read = offset + len(entries), read + len(entries)
                if len(entries) < _PAGE:
                    break
        for id in [term.value for term in query.narrowed(lookup) if term.key == ID]:
            for callback in await self._read([callback_key(id)]):
                if self._is_meant(callback, query, user, service):
                    found[callback.id] = callback
        by_time = sorted(found.values(), key=lambda callback: (callback.desired, callback.id))
        return Found([self._record(each) for each in by_time[:MOST]], len(found) > MOST or read >= most)

    async def cancel(self, service: str, id: str, user: str, *, is_forced: bool = False) -> Mapping[str, str]:
        """The customer withdraws (CB-12).

        Args:
            is_forced: have the record be CANCELLED whatever it was (``discard_ors_failure``).

        Raises Refused.
        """
        await self._known(service, id, user)
        try:
            await self._callbacks.request(id, Cancel())
        except StateWrong:
            if not is_forced:
                raise
            await self._callbacks.change(id, _discarded)
        return cancelled(id)

    async def change(self, service: str, id: str, user: str, texts: Mapping[str, str]) -> Mapping[str, Any]:
        """Have properties be otherwise; the record afterwards (CB-21). Raises Refused."""
        await self._known(service, id, user)
        for name in texts:
            if name in FIXED:
                raise OptionWrong(f"{name} cannot be changed")
        options = self._configured().get(service, {})
        excluded = self._callbacks.is_excluded
        number = texts.get(NUMBER, "").strip()
        compared = read_number(number, options, excluded) if number else ""
        changed = await self._callbacks.change(
            id, lambda callback, now: _altered(callback, texts, options, compared, now)
        )
        return self._record(changed)

    # Steps

    async def _known(self, service: str, id: str, user: str) -> Callback:
        callback = await self._callbacks.look(id)
        if callback is None or not self._is_of(callback, service) or not self._is_open(callback, user):
            raise CallbackUnknown("there is no such callback")
        return callback

    def _is_of(self, callback: Callback, service: str) -> bool:
        """Whether a path of that name, or of no service, leads to it: nobody gets round its account (AUTH-3)."""
        if service and not callback.is_of(service):
            return False
        return not leads_past(self._configured(), service, callback.instance.service)

    def _is_open(self, callback: Callback, user: str) -> bool:
        """AUTH-6."""
        owner = callback.instance.user
        return not owner or user == owner or (not user and not self._is_strict)

    def _is_meant(self, callback: Callback, query: Query, user: str, service: str) -> bool:
        if not self._is_of(callback, service) or self._clock() >= callback.instance.expires:
            return False
        return self._is_open(callback, user) and query.holds({**callback.properties, **values(callback)})

    def _lookup_keys(self, service: str) -> Sequence[str]:
        """Of one service, or of all. Raises CallbackUnknown for one that there is not."""
        configured = self._configured()
        if service:
            if service not in configured:
                raise CallbackUnknown("there is no such service")
            return lookup_keys(configured[service])
        of_all = (lookup_keys(each) for each in configured.values() if kind_of(each) == CALLBACK)
        return tuple(dict.fromkeys([NUMBER, *(key for keys in of_all for key in keys)]))

    def _indexes(self, query: Query, lookup: Sequence[str], service: str) -> Sequence[str]:
        """Where all that is meant stands, but for what is asked for by its id."""
        narrowed = query.narrowed(lookup)
        if not narrowed:
            return [service_index(service) if service else ALL]
        return [lookup_index(term.key, term.value) for term in narrowed if term.key != ID]

    async def _read(self, keys: Sequence[str]) -> Sequence[Callback]:
        documents = await self._room.read(*keys) if keys else ()
        return [Callback.from_document(each.body) for each in documents if each is not None]

    def _record(self, callback: Callback) -> Mapping[str, Any]:
        telling = self._telling
        return record(callback, self._root, telling.returned, has_old_names=telling.has_old_names)


def cancelled(id: str) -> Mapping[str, str]:
    """What who withdraws is answered (CB-12)."""
    return {"_ok_title": "Ok", "_id": id}


def _discarded(callback: Callback, now: float) -> Callback:
    """CB-13."""
    return callback.at(replace(callback.instance, reason=Reason.CANCELLED))


def _altered(callback: Callback, texts: Mapping[str, str], options: Options, number: str, now: float) -> Callback:
    """With the new properties; an empty one is there no more. Raises OptionWrong, StateWrong, TimeRefused."""
    properties, lookup = dict(callback.properties), dict(callback.lookup)
    keys, changed = lookup_keys(options), set(callback.changed)
    for name, text in texts.items():
        value = text.strip()
        if name in {DESIRED, "_new_desired_time"}:
            _check_new_time(callback, value, now)
            continue
        if name == STATE:
            _check_new_state(callback, value)
            continue
        if not value and name in mandatory_keys(options):
            raise OptionWrong(f"{name} is mandatory")
        if len(value) > LONGEST or len(name) > LONGEST:
            raise OptionWrong(f"a property has at most {LONGEST} characters")
        kept = lookup if name in keys or name == NUMBER else properties
        kept[name] = value
        if not value:
            del kept[name]
        changed.add(name)
    if len(properties) > _MOST_PROPERTIES:
        raise OptionWrong(f"a record has at most {_MOST_PROPERTIES} properties")
    altered = replace(callback, properties=properties, lookup=lookup, changed=sorted(changed & properties.keys()))
    return replace(altered, number=number, told_number=lookup.get(NUMBER, "")) if NUMBER in texts else altered


def _check_new_time(callback: Callback, text: str, now: float) -> None:
    if callback.instance.step is Step.DONE:
        raise StateWrong("the callback is over")
    check_time(text, now)


def _check_new_state(callback: Callback, text: str) -> None:
    """States follow from what happens; to ask for the one that is there changes nothing."""
    if text != callback.instance.state.value:
        raise StateWrong(f"the callback is {callback.instance.state.value}")
