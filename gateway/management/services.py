"""``services``: configured services, and their options one by one.

Source: MG-4, MG-5, MG-20, MG-21, MG-24, SM-3, SM-4, OPT-5.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field

from gateway.management.declaration import Method
from gateway.management.handler import Answer, Body, Managed, Surroundings
from gateway.services.configuration import Change
from gateway.services.editing import EntryUnknown, path_of
from gateway.services.entry import Entry
from gateway.services.kinds import Kind, effective_options
from gateway.services.options import ALIASES, PROFILE, TEMPLATE, masked

_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_NAMES: Final = {"type": "array", "items": {"type": "string"}}
SERVICE: Final = {
    "type": "object",
    "required": ["name", "section", "url", "options", "fixed", "mandatory", "incomplete"],
    "properties": {
        "name": {"type": "string"},
        "section": {"type": "string", "description": "What the configuration calls it."},
        "url": {"type": "string", "description": "Where it answers."},
        "template": {"type": "string"},
        "profile": {"type": "string"},
        "options": {**_TEXTS, "description": "With those of its profile; secrets as `***`."},
        "fixed": {**_NAMES, "description": "Options whose texts stay as they are."},
        "mandatory": {**_NAMES, "description": "Options that are not removed or renamed."},
        "incomplete": {**_NAMES, "description": "Mandatory ones without a text yet."},
        "changedBy": {"type": "string", "description": "Empty: it is as the configuration file says."},
        "changedAt": {"type": ["string", "null"]},
    },
}
_REFERENCE: Final = {"$ref": "#/components/schemas/Service"}
_OPTION: Final = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
}


_ANSWERED: Final = frozenset({"section", "url", "fixed", "mandatory", "incomplete", "changedBy", "changedAt"})


class NewService(Body):
    """A service, and what it is made of."""

    answered = _ANSWERED
    name: str = Field(min_length=1, max_length=64, pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    template: str = Field(default="", max_length=64, description="Presets options; empty with a profile: `callback`.")
    profile: str = Field(default="", max_length=200, description="One of the template's.")
    options: dict[str, str] = Field(default={}, description="They win over what is preset.")


class ChangedService(Body):
    """All options of a service."""

    answered = _ANSWERED | {"name", "template", "profile"}
    options: dict[str, str] = Field(description="`***` leaves a secret as it is.")


class ChangedOption(Body):
    """One text."""

    answered = frozenset({"name"})
    value: str


class Rename(Body):
    """Another name."""

    name: str = Field(min_length=1, max_length=128)


class _OfServices(Managed):
    """A path below the configured services."""

    def _told(self, entry: Entry) -> Answer:
        return Answer(body=shown(entry, self.around), tag=entry.tag)

    def _changed(self, name: str, change: Change) -> Answer:
        """The service as it has become, or nothing; told to the audit."""
        self.author.changed(f"services/{name}", change.before, change.after)
        return self._told(change.after) if change.after is not None else Answer()


class Services(_OfServices):
    """All configured services."""

    path = "/admin/services"
    gets = Method(
        says="All of them.",
        answer={
            "type": "object",
            "required": ["services"],
            "properties": {"services": {"type": "array", "items": _REFERENCE}},
        },
    )
    posts = Method(
        says="Configure one.",
        status=201,
        body=NewService.model_json_schema(),
        answer=_REFERENCE,
        is_tagged=True,
        refuses=(409, 422),
    )

    async def read(self, *path: str) -> Answer:
        """MG-4."""
        return Answer(
            body={"services": [shown(each, self.around) for each in self.around.editing.entries(Kind.SERVICE)]}
        )

    async def take(self, *path: str) -> Answer:
        """With what its template presets."""
        new = self.sent(NewService)
        change = await self.around.editing.make_service(
            new.name, new.options, self.somebody.name, template=new.template, profile=new.profile
        )
        return replace(self._changed(new.name, change), location=f"/admin/services/{new.name}")


class Service(_OfServices):
    """One configured service."""

    path = "/admin/services/{name}"
    gets = Method(says="It and its options.", answer=_REFERENCE, is_tagged=True, refuses=(404,))
    puts = Method(
        says="Give it these options, and no others.",
        body=ChangedService.model_json_schema(),
        answer=_REFERENCE,
        has_condition=True,
        is_tagged=True,
        refuses=(404, 409, 422),
    )
    deletes = Method(
        says="Configure it no more; what runs of it goes on.", status=204, has_condition=True, refuses=(404,)
    )

    async def read(self, *path: str) -> Answer:
        """MG-4."""
        return self._told(self.around.editing.entry(Kind.SERVICE, path[0]))

    async def change(self, *path: str) -> Answer:
        """All or nothing."""
        options = self.sent(ChangedService).options
        change = await self.around.editing.replace(Kind.SERVICE, path[0], options, self.somebody.name, self.condition)
        return self._changed(path[0], change)

    async def remove(self, *path: str) -> Answer:
        """MG-4."""
        change = await self.around.editing.remove(Kind.SERVICE, path[0], self.somebody.name, self.condition)
        self._changed(path[0], change)
        return Answer()


class Option(_OfServices):
    """One option of a service."""

    path = "/admin/services/{name}/options/{option}"
    gets = Method(says="Its text; `***` for a secret.", answer=_OPTION, is_tagged=True, refuses=(404,))
    puts = Method(
        says="Set it.",
        body=ChangedOption.model_json_schema(),
        answer=_REFERENCE,
        has_condition=True,
        is_tagged=True,
        refuses=(404, 409, 422),
    )
    deletes = Method(
        says="Remove it; what is mandatory stays.", status=204, has_condition=True, refuses=(404, 409, 422)
    )

    async def read(self, *path: str) -> Answer:
        """MG-5."""
        entry = self.around.editing.entry(Kind.SERVICE, path[0])
        options, name = masked(effective_options(entry.texts)), ALIASES.get(path[1], path[1])
        if name not in options:
            raise EntryUnknown
        return Answer(body={"name": name, "value": options[name]}, tag=entry.tag)

    async def change(self, *path: str) -> Answer:
        """MG-5."""
        change = await self.around.editing.put_text(
            Kind.SERVICE, path[0], path[1], self.sent(ChangedOption).value, self.somebody.name, self.condition
        )
        return self._changed(path[0], change)

    async def remove(self, *path: str) -> Answer:
        """MG-5."""
        change = await self.around.editing.remove_text(
            Kind.SERVICE, path[0], path[1], self.somebody.name, self.condition
        )
        self._changed(path[0], change)
        return Answer()


class OptionName(_OfServices):
    """The name of an option."""

    path = "/admin/services/{name}/options/{option}/rename"
    posts = Method(
        says="Call it otherwise; what is mandatory keeps its name.",
        body=Rename.model_json_schema(),
        answer=_REFERENCE,
        has_condition=True,
        is_tagged=True,
        refuses=(404, 409, 422),
    )

    async def take(self, *path: str) -> Answer:
        """MG-5."""
        change = await self.around.editing.rename_text(
            Kind.SERVICE, path[0], path[1], self.sent(Rename).name, self.somebody.name, self.condition
        )
        return self._changed(path[0], change)


def moment(at: float) -> str | None:
    """G-21."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def shown(entry: Entry, around: Surroundings) -> dict[str, Any]:
    """A service as administrators see it."""
    options = effective_options(entry.texts)
    rules = around.editing.rules(entry)
    return {
        "name": entry.name,
        "section": f"service.{entry.name}",
        "url": around.root + path_of(entry.name, options),
        "template": options.get(TEMPLATE, ""),
        "profile": options.get(PROFILE, ""),
        "options": masked(options),
        "fixed": sorted(rules.fixed),
        "mandatory": sorted(rules.mandatory),
        "incomplete": list(rules.incomplete),
        "changedBy": entry.by,
        "changedAt": moment(entry.at),
    }
