"""``patterns`` and ``resources``: groups of names with texts, and each name by itself.

Source: MG-7, MG-8, MG-20, MG-24, PT-6, PT-8, RS-1, RS-2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import Field

from gateway.management.declaration import Method
from gateway.management.handler import Answer, Body, Managed
from gateway.management.services import moment
from gateway.services.configuration import Change
from gateway.services.editing import EntryUnknown
from gateway.services.entry import Entry
from gateway.services.kinds import Kind

GROUP: Final = {
    "type": "object",
    "required": ["name", "entries"],
    "properties": {
        "name": {"type": "string"},
        "entries": {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"]},
            "description": "In their order; null: a key whose number is yet to come.",
        },
        "changedBy": {"type": "string", "description": "Empty: it is as the configuration file says."},
        "changedAt": {"type": ["string", "null"]},
    },
}
_REFERENCE: Final = {"$ref": "#/components/schemas/Group"}
_ENTRY: Final = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": {"type": "string"}, "value": {"type": ["string", "null"]}},
}


_ANSWERED: Final = frozenset({"name", "changedBy", "changedAt"})


class NewGroup(Body):
    """A group with what is in it."""

    answered = _ANSWERED
    name: str = Field(min_length=1, max_length=64, pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    entries: dict[str, str | None] = Field(default={}, description="In the order in which they count.")


class ChangedGroup(Body):
    """All that is in a group."""

    answered = _ANSWERED
    entries: dict[str, str | None]


class ChangedEntry(Body):
    """One text."""

    answered = frozenset({"name"})
    value: str | None


def _all(kind: Kind) -> Method:
    items = {"type": "array", "items": _REFERENCE}
    return Method(
        says="All groups.",
        answer={"type": "object", "required": [kind.value], "properties": {kind.value: items}},
    )


_MAKES: Final = Method(
    says="Make a group.",
    status=201,
    body=NewGroup.model_json_schema(),
    answer=_REFERENCE,
    is_tagged=True,
    refuses=(409, 422),
)
_SHOWS: Final = Method(says="What is in it.", answer=_REFERENCE, is_tagged=True, refuses=(404,))
_REPLACES: Final = Method(
    says="Give it these entries, and no others.",
    body=ChangedGroup.model_json_schema(),
    answer=_REFERENCE,
    has_condition=True,
    is_tagged=True,
    refuses=(404, 422),
)
_REMOVES: Final = Method(says="Remove the group.", status=204, has_condition=True, refuses=(404,))
_SHOWS_ONE: Final = Method(says="Its text.", answer=_ENTRY, is_tagged=True, refuses=(404,))
_SETS_ONE: Final = Method(
    says="Set it, in its place or behind all others.",
    body=ChangedEntry.model_json_schema(),
    answer=_REFERENCE,
    has_condition=True,
    is_tagged=True,
    refuses=(404, 422),
)
_REMOVES_ONE: Final = Method(says="Remove it.", status=204, has_condition=True, refuses=(404, 422))


class _OfKind(Managed):
    """A path below the groups of one kind."""

    kind: ClassVar[Kind]

    @property
    def _who(self) -> str:
        return self.somebody.name

    def _changed(self, name: str, change: Change) -> Answer:
        """The group as it has become; told to the audit."""
        self.author.changed(f"{self.kind}/{name}", change.before, change.after)
        return _told(change.after)


class _Groups(_OfKind):
    posts = _MAKES

    async def read(self, *path: str) -> Answer:
        """All of the kind, in their order."""
        return Answer(body={self.kind.value: [_shown(each) for each in self.around.editing.entries(self.kind)]})

    async def take(self, *path: str) -> Answer:
        """Behind the others."""
        new = self.sent(NewGroup)
        change = await self.around.editing.make(self.kind, new.name, new.entries, self._who)
        return replace(self._changed(new.name, change), location=f"/admin/{self.kind}/{new.name}")


class _Group(_OfKind):
    gets = _SHOWS
    puts = _REPLACES
    deletes = _REMOVES

    async def read(self, *path: str) -> Answer:
        """It as a whole."""
        return _told(self.around.editing.entry(self.kind, path[0]))

    async def change(self, *path: str) -> Answer:
        """All or nothing."""
        entries = self.sent(ChangedGroup).entries
        change = await self.around.editing.replace(self.kind, path[0], entries, self._who, self.condition)
        return self._changed(path[0], change)

    async def remove(self, *path: str) -> Answer:
        """What is booked of it stays booked (RS-7)."""
        change = await self.around.editing.remove(self.kind, path[0], self._who, self.condition)
        self._changed(path[0], change)
        return Answer()


class _Entry(_OfKind):
    gets = _SHOWS_ONE
    puts = _SETS_ONE
    deletes = _REMOVES_ONE

    async def read(self, *path: str) -> Answer:
        """One text."""
        entry = self.around.editing.entry(self.kind, path[0])
        if path[1] not in entry.texts:
            raise EntryUnknown
        return Answer(body={"name": path[1], "value": entry.texts[path[1]]}, tag=entry.tag)

    async def change(self, *path: str) -> Answer:
        """One text."""
        value = self.sent(ChangedEntry).value
        change = await self.around.editing.put_text(self.kind, path[0], path[1], value, self._who, self.condition)
        return self._changed(path[0], change)

    async def remove(self, *path: str) -> Answer:
        """The last pattern takes its group along."""
        change = await self.around.editing.remove_text(self.kind, path[0], path[1], self._who, self.condition)
        self._changed(path[0], change)
        return Answer()


class PatternGroups(_Groups):
    """All pattern groups."""

    path = "/admin/patterns"
    kind = Kind.PATTERNS
    gets = _all(Kind.PATTERNS)


class PatternGroup(_Group):
    """A pattern group: names with Java's regular expressions."""

    path = "/admin/patterns/{group}"
    kind = Kind.PATTERNS


class PatternOfGroup(_Entry):
    """A pattern."""

    path = "/admin/patterns/{group}/{name}"
    kind = Kind.PATTERNS


class ResourceGroups(_Groups):
    """All resource groups."""

    path = "/admin/resources"
    kind = Kind.RESOURCES
    gets = _all(Kind.RESOURCES)


class ResourceGroup(_Group):
    """A resource group: keys with access numbers, and its options, which begin with `_`."""

    path = "/admin/resources/{group}"
    kind = Kind.RESOURCES


class ResourceOfGroup(_Entry):
    """A key of a resource group."""

    path = "/admin/resources/{group}/{key}"
    kind = Kind.RESOURCES


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "entries": dict(entry.texts),
        "changedBy": entry.by,
        "changedAt": moment(entry.at),
    }


def _told(entry: Entry | None) -> Answer:
    return Answer(body=_shown(entry), tag=entry.tag) if entry is not None else Answer()
