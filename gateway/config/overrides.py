"""What operators change of the routing while it runs, laid over what the configuration says of it.

What nobody has changed follows the configuration, also when that is another one at the next start.

Source: MRE-150.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from pydantic import ValidationError

from gateway.config.contact import Mrd, Mre, Queue, Skills
from gateway.config.section import Section
from gateway.config.units import Duration

Table = TypeVar("Table", bound=Section)

MRDS: Final = "mrds"
QUEUES: Final = "queues"
AGENTS: Final = "agents"
ATTRIBUTES: Final = "attributes"
"""The agents', seen from the other side: who has which. They are kept with the agents."""

_SECTIONS: Final[Mapping[str, tuple[type[Section], str]]] = {
    MRDS: (Mrd, "id"),
    QUEUES: (Queue, "name"),
    AGENTS: (Skills, "name"),
}
"""Of each kind its table in the configuration, and the key there that names an entry."""


class OverrideWrong(ValueError):
    """It is not what the configuration would take; the text says why."""


class EntryUnknown(LookupError):
    """There is no such entry."""


class EntryNeeded(ValueError):
    """Something else cannot be without it."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Entries by kind and name; one that is None is removed."""

    entries: Mapping[str, Mapping[str, Mapping[str, Any] | None]] = field(default_factory=dict)

    def over(self, mre: Mre) -> Mre:
        """The configuration with them. Raises OverrideWrong."""
        changed: dict[str, list[Section]] = {}
        for kind, (section, _) in _SECTIONS.items():
            entries = entries_of(mre, kind)
            for name, body in self.entries.get(kind, {}).items():
                if body is None:
                    entries.pop(name, None)
                else:
                    entries[name] = _validated(section, body)
            changed[kind] = list(entries.values())
        unchanged = {name: getattr(mre, name) for name in Mre.model_fields if name not in changed}
        return _validated(Mre, {**unchanged, **changed})

    def put(self, mre: Mre, kind: str, name: str, body: Mapping[str, Any]) -> Self:
        """With this entry. A new MRD brings its default queue along: neither could come before the other.

        Args:
            mre: with these overrides.

        Raises OverrideWrong.
        """
        if kind == ATTRIBUTES:
            return self._with_attribute(mre, name, _holders(body))
        section, key = _SECTIONS[kind]
        body = {key: name, **body}
        if body[key] != name:
            raise OverrideWrong(f"{key}: must be {name!r}, as in the path")
        entry = _validated(section, body)
        after = self._with(kind, name, body)
        if isinstance(entry, Mrd) and entry.default_queue and entry.default_queue not in entries_of(mre, QUEUES):
            after = after._with(QUEUES, entry.default_queue, {"name": entry.default_queue, "mrd": entry.id})
        return after

    def remove(self, mre: Mre, kind: str, name: str) -> Self:
        """Without this entry; with an MRD its queues go. Raises EntryUnknown, EntryNeeded."""
        if kind == ATTRIBUTES:
            holders_of(mre, name)
            return self._with_attribute(mre, name, {})
        if name not in entries_of(mre, kind):
            raise EntryUnknown(f"{kind} has no {name}")
        after = self._with(kind, name, None)
        if kind == MRDS:
            if len(mre.mrds) == 1:
                raise EntryNeeded(f"{name} is the last MRD: without one there is no contact center")
            for queue in mre.queues:
                if queue.mrd == name:
                    after = after._with(QUEUES, queue.name, None)
        elif kind == QUEUES:
            for mrd in mre.mrds:
                if mrd.default_queue == name:
                    raise EntryNeeded(f"{name} is the default_queue of the MRD {mrd.id}")
        return after

    def _with(self, kind: str, name: str, body: Mapping[str, Any] | None) -> Self:
        return type(self)({**self.entries, kind: {**self.entries.get(kind, {}), name: body}})

    def _with_attribute(self, mre: Mre, name: str, holders: Mapping[str, bool | int]) -> Self:
        """So that these agents have it with these values, and nobody else."""
        after = self
        agents = {each.name: each for each in mre.agents}
        for agent_name in [*agents, *(holders.keys() - agents.keys())]:
            agent = agents.get(agent_name) or Skills(name=agent_name)
            others = [text for text in agent.attributes if text.partition("=")[0] != name]
            own = [f"{name}={str(holders[agent_name]).lower()}"] if agent_name in holders else []
            if [*others, *own] != agent.attributes:
                changed = {"name": agent_name, "mrds": agent.mrds, "attributes": [*others, *own]}
                _validated(Skills, changed)
                after = after._with(AGENTS, agent_name, changed)
        return after


def entries_of(mre: Mre, kind: str) -> dict[str, Section]:
    """The entries of one kind, by name."""
    _, key = _SECTIONS[kind]
    return {getattr(each, key): each for each in getattr(mre, kind)}


def holders_of(mre: Mre, attribute: str) -> Mapping[str, bool | int]:
    """Who has an attribute, and with which value. Raises EntryUnknown."""
    found = {each.name: each.has[attribute] for each in mre.agents if attribute in each.has}
    if not found:
        raise EntryUnknown(f"no agent has the attribute {attribute}")
    return found


def shown(mre: Mre, kind: str) -> dict[str, Mapping[str, Any]]:
    """All of one kind by name, as operators write them."""
    if kind == ATTRIBUTES:
        names = sorted({name for agent in mre.agents for name in agent.has})
        return {name: {"name": name, "agents": dict(holders_of(mre, name))} for name in names}
    return {name: _written(entry.model_dump()) for name, entry in entries_of(mre, kind).items()}


def _written(value: Any) -> Any:
    """Durations with their unit."""
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    return str(value) if isinstance(value, Duration) else value


def _holders(body: Mapping[str, Any]) -> Mapping[str, bool | int]:
    match body:
        case {"agents": dict(holders)} if holders and all(type(each) in (bool, int) for each in holders.values()):
            return holders
    raise OverrideWrong('it must be {"agents": {name: true, false or 1 to 10, …}}, with one agent at least')


def _validated(section: type[Table], body: Mapping[str, Any]) -> Table:
    try:
        return section.model_validate(body)
    except ValidationError as error:
        wrongs = [
            (".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")) for each in error.errors()
        ]
        raise OverrideWrong("; ".join(f"{place}: {text}" if place else text for place, text in wrongs)) from None
