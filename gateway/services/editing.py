"""What administrators do to the configuration, one step at a time: make, replace, remove, and change a part.

Who may, and how it is asked for, is the interface's concern. Each step is on a condition: that the entry is still the
one that was looked at.

Source: MG-4…8, MG-21, MG-24, SM-3, SM-4, AUTH-5, OPT-5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.callback.profiles import SELECTORS
from gateway.callback.profiles import Profile as Scenario
from gateway.services.configuration import Change, Configuration
from gateway.services.entry import Entry
from gateway.services.kinds import EntryWrong, Kind, Texts, Wrong, effective_options, read
from gateway.services.options import ALIASES, MASK, PROFILE, TEMPLATE, is_secret
from gateway.services.shipped import CALLBACK_MANDATORY, SHIPPED
from gateway.services.template import Template

_BASE: Final = ("_type", "_service", "_name", "_service_type")
"""What a service is, where it says so."""
_PASSWORD: Final = "password"  # noqa: S105 (the name of an option)


class EntryUnknown(LookupError):
    """There is no such service, group, option, key or template."""


class EntryTaken(Exception):
    """There is one of that name."""


class EntryKept(Exception):
    """It cannot be removed or changed; the text says why."""


class TagDiffers(Exception):
    """It is not the entry that was looked at, any more (``If-Match``)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """On what a change is made."""

    tags: frozenset[str] = frozenset()
    """One of these; empty: whichever it is."""

    def check(self, tag: str) -> None:
        """Raises TagDiffers."""
        if self.tags and "*" not in self.tags and tag not in self.tags:
            raise TagDiffers


ANY: Final = Condition()


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a service may not be changed."""

    fixed: frozenset[str]
    """Options with a text that stays (SM-3)."""
    mandatory: frozenset[str]
    """Options that stay, with other texts if need be (SM-4); with those that are fixed."""
    incomplete: tuple[str, ...]
    """Mandatory ones that have no text yet."""


class Editing:
    """Changes a configuration.

    Args:
        hashed: from a password to what may be stored of it.

    All methods raise Unavailable; those that change something EntryWrong, and TagDiffers where they have a condition.
    """

    def __init__(self, configuration: Configuration, hashed: Callable[[str], Awaitable[str]]) -> None:
        self._configuration = configuration
        self._hashed = hashed

    # What there is

    def entries(self, kind: Kind) -> list[Entry]:
        """All of a kind."""
        return list(self._configuration.entries(kind).values())

    def entry(self, kind: Kind, name: str) -> Entry:
        """One of them. Raises EntryUnknown."""
        return _there(self._configuration.entries(kind).get(name))

    def rules(self, entry: Entry) -> Rules:
        """What of a service may not be changed."""
        options = effective_options(entry.texts)
        template = self.templates.get(options.get(TEMPLATE, ""))
        fixed: set[str] = {name for name in (PROFILE, TEMPLATE) if name in options}
        needed: set[str] = {name for name in _BASE if name in options}
        if options.get(PROFILE) in set(Scenario):
            fixed |= SELECTORS
        elif template is not None and (profile := template.profile(options.get(PROFILE, ""))) is not None:
            fixed |= set(profile.fixed)
        if template is not None:
            needed |= template.mandatory
        if is_callback(options):
            needed |= set(CALLBACK_MANDATORY)
        incomplete = [name for name in sorted(needed - {"_urs_server_url"}) if not options.get(name)]
        return Rules(frozenset(fixed), frozenset(fixed | needed), tuple(incomplete))

    # Entries as a whole

    async def make_service(
        self, name: str, options: Mapping[str, Any], by: str, *, template: str = "", profile: str = ""
    ) -> Change:
        """Configure a service, with what its template and profile preset. Raises EntryTaken."""
        preset = self._preset(template, profile)
        return await self.make(Kind.SERVICE, name, {**preset, **_rightly_named(options)}, by)

    async def make(self, kind: Kind, name: str, given: Mapping[str, Any], by: str) -> Change:
        """Configure what was not there. Raises EntryTaken."""
        texts = read(kind, name, await self._with_hashes(kind, given))

        def free(before: Entry | None) -> None:
            if before is not None:
                raise EntryTaken

        return await self._configuration.alter(kind, name, lambda _: texts, by, match=free)

    async def replace(
        self, kind: Kind, name: str, given: Mapping[str, Any], by: str, condition: Condition = ANY
    ) -> Change:
        """Give an entry other texts, all of them. Raises EntryUnknown, EntryKept."""
        given = await self._with_hashes(kind, given)

        def altered(before: Entry) -> Texts:
            return self._checked(kind, name, _with_secrets(given, before.texts), before)

        return await self._alter(kind, name, altered, by, condition)

    async def remove(self, kind: Kind, name: str, by: str, condition: Condition = ANY) -> Change:
        """Configure it no more; what runs of it goes on. Raises EntryUnknown."""
        return await self._alter(kind, name, lambda _: None, by, condition)

    # One text of an entry

    async def put_text(
        self, kind: Kind, name: str, key: str, text: str | None, by: str, condition: Condition = ANY
    ) -> Change:
        """Set one option, key or pattern, in its place or behind the others. Raises EntryUnknown, EntryKept."""
        key = _right_name(kind, key)
        given = await self._with_hashes(kind, {key: text})

        def altered(before: Entry) -> Texts:
            return self._checked(kind, name, _with_secrets({**before.texts, **given}, before.texts), before)

        return await self._alter(kind, name, altered, by, condition)

    async def remove_text(self, kind: Kind, name: str, key: str, by: str, condition: Condition = ANY) -> Change:
        """Take one away; the last pattern of a group takes the group along. Raises EntryUnknown, EntryKept."""
        key = _right_name(kind, key)

        def altered(before: Entry) -> Texts | None:
            self._may_go(kind, before, key)
            texts = {each: text for each, text in before.texts.items() if each != key}
            return self._checked(kind, name, texts, before) if texts or kind is not Kind.PATTERNS else None

        return await self._alter(kind, name, altered, by, condition)

    async def rename_text(
        self, kind: Kind, name: str, key: str, new: str, by: str, condition: Condition = ANY
    ) -> Change:
        """Call an option otherwise; it stays in its place. Raises EntryUnknown, EntryKept, EntryTaken."""
        key, new = _right_name(kind, key), _right_name(kind, new)

        def altered(before: Entry) -> Texts:
            self._may_go(kind, before, key)
            if new != key and new in before.texts:
                raise EntryTaken
            if is_secret(key) and not is_secret(new):
                raise EntryKept(f"{key} is a secret, and has to be called like one")
            texts = {new if each == key else each: text for each, text in before.texts.items()}
            return self._checked(kind, name, texts, before)

        return await self._alter(kind, name, altered, by, condition)

    # Templates

    @property
    def templates(self) -> Mapping[str, Template]:
        """Those that were shipped, and those that were uploaded: by name."""
        return {**SHIPPED, **self._configuration.templates}

    async def keep_template(self, template: Template, *, replaces: bool, condition: Condition = ANY) -> None:
        """Keep what was uploaded; services that are there keep their options. Raises EntryTaken, EntryKept."""
        if template.name in SHIPPED:
            raise EntryKept("this template comes with the gateway")

        def altered(before: Template | None) -> Template:
            if before is not None and not replaces:
                raise EntryTaken
            if before is None and condition.tags:
                raise TagDiffers
            condition.check(before.tag if before is not None else "")
            return template

        await self._configuration.alter_template(template.name, altered)

    async def remove_template(self, name: str, condition: Condition = ANY) -> None:
        """Keep it no more. Raises EntryUnknown; EntryKept for one of ours, and while services are made of it."""
        if name in SHIPPED:
            raise EntryKept("this template comes with the gateway")
        users = [entry.name for entry in self.entries(Kind.SERVICE) if entry.texts.get(TEMPLATE) == name]
        if users:
            raise EntryKept(f"services are made of it: {', '.join(users[:10])}")

        def altered(before: Template | None) -> None:
            if before is None:
                raise EntryUnknown
            condition.check(before.tag)

        await self._configuration.alter_template(name, altered)

    async def archive(self, name: str) -> str | None:
        """The zip that was uploaded, in base64."""
        return await self._configuration.archive(name)

    # Their steps

    def _preset(self, template: str, profile: str) -> dict[str, str]:
        if not template:
            if not profile:
                return {}
            template = "callback"
        found = self.templates.get(template)
        if found is None:
            raise EntryWrong([Wrong("template", "there is no such template")])
        chosen = found.profile(profile) if profile else None
        if profile and chosen is None:
            raise EntryWrong([Wrong("profile", "the template has no such profile")])
        return {**found.options(chosen), TEMPLATE: template, **({PROFILE: profile} if profile else {})}

    async def _alter(
        self, kind: Kind, name: str, altered: Callable[[Entry], Texts | None], by: str, condition: Condition
    ) -> Change:
        def match(before: Entry | None) -> None:
            condition.check(_there(before).tag)

        return await self._configuration.alter(kind, name, lambda before: altered(_there(before)), by, match=match)

    def _checked(self, kind: Kind, name: str, texts: Mapping[str, Any], before: Entry) -> Texts:
        """What an entry becomes. Raises EntryWrong, EntryKept."""
        after = read(kind, name, texts)
        if kind is Kind.SERVICE:
            rules = self.rules(before)
            was, becomes = effective_options(before.texts), effective_options(after)
            for option in sorted(rules.mandatory & was.keys()):
                if option not in becomes:
                    raise EntryKept(f"{option} is mandatory")
                if option in rules.fixed and becomes[option] != was[option]:
                    raise EntryKept(f"{option} is fixed by the profile or template that the service is made of")
        return after

    def _may_go(self, kind: Kind, entry: Entry, key: str) -> None:
        """MG-5, also where the profile would put the same text in its place. Raises EntryUnknown, EntryKept."""
        if kind is Kind.SERVICE and key in self.rules(entry).mandatory & effective_options(entry.texts).keys():
            raise EntryKept(f"{key} is mandatory")
        if key not in entry.texts:
            raise EntryUnknown(key)

    async def _with_hashes(self, kind: Kind, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """AUTH-5: of a password only its hash is stored; the mask stands for what is there."""
        password = given.get(_PASSWORD)
        if kind is not Kind.SERVICE or not isinstance(password, str) or password in ("", MASK):
            return given
        return given if password.startswith("$argon2id$") else {**given, _PASSWORD: await self._hashed(password)}


def is_callback(options: Mapping[str, str]) -> bool:
    """Does a service with these options begin callbacks (SV-3)?"""
    if options.get("_type") == "ors" or options.get("_service_type") == "callback":
        return True
    return (options.get("_service") or options.get("_name")) == "callback"


def path_of(name: str, options: Mapping[str, str]) -> str:
    """Where a service answers, below the root of version 1."""
    return f"/service/callback/{name}" if is_callback(options) else f"/service/{name}"


def _there(entry: Entry | None) -> Entry:
    if entry is None:
        raise EntryUnknown
    return entry


def _rightly_named(options: Mapping[str, Any]) -> dict[str, Any]:
    return {ALIASES.get(name, name): text for name, text in options.items()}


def _right_name(kind: Kind, key: str) -> str:
    return ALIASES.get(key, key) if kind is Kind.SERVICE else key


def _with_secrets(given: Mapping[str, Any], before: Texts) -> dict[str, Any]:
    """Who sends back the mask has not seen what it stands for, and does not change it."""
    return {name: before.get(name, text) if text == MASK and is_secret(name) else text for name, text in given.items()}
