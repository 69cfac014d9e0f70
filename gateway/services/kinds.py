"""What can be configured by name, and what of it is valid.

Everything is an ordered map of texts by name: of a service its options, of a resource group its numbers and options,
of a pattern group its expressions.

Source: OPT-1, OPT-4, OPT-7, SV-3, SV-8, SM-3, RS-1, RS-2, PT-6, MG-21, MG-24, SEC-L23, TH-7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.access.pool import Pool, PoolInvalid
from gateway.callback.profiles import PRESETS, SELECTORS, Profile
from gateway.callback.settings import OptionInvalid
from gateway.services import names, options
from gateway.services.javaregex import ExpressionRefused
from gateway.services.names import NameWrong
from gateway.services.options import ALIASES, PROFILE
from gateway.services.patterns import MOST_PATTERNS, Pattern

Texts = Mapping[str, str | None]
"""In their order; None: a key without a value yet (RS-1)."""

MOST_KEYS: Final = 10_000
"""Of a resource group."""
LONGEST_NUMBER: Final = 256
"""Characters of a resource."""


class Kind(StrEnum):
    """What an entry is; as the configuration calls its section."""

    SERVICE = "services"
    RESOURCES = "resources"
    PATTERNS = "patterns"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong with an entry."""

    path: str
    """Name of the option or key; ``name`` for that of the entry itself; empty for the whole."""
    message: str


class EntryWrong(ValueError):
    """It cannot be configured so."""

    def __init__(self, wrongs: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"{wrong.path}: {wrong.message}" for wrong in wrongs))
        self.wrongs = wrongs


def read(kind: Kind, name: str, given: Mapping[str, Any]) -> Texts:
    """An entry as it is kept, of what somebody wrote: aliases by their right names. Raises EntryWrong."""
    wrongs = [*_wrong_name(kind, name), *_not_texts(given)]
    if wrongs:
        raise EntryWrong(wrongs)
    texts: dict[str, str | None] = {key: _text(value) for key, value in given.items()}
    if kind is Kind.SERVICE:
        wrongs += [Wrong(alias, f"is {right}, which is there, too") for alias, right in _twice(texts)]
        texts = {ALIASES.get(key, key): text for key, text in texts.items()}
    wrongs += _CHECKS[kind](texts)
    if wrongs:
        raise EntryWrong(wrongs)
    return texts


def effective_options(texts: Texts) -> dict[str, str]:
    """The options of a service: those of its profile, where it has one, and its own."""
    own = {name: text for name, text in texts.items() if text is not None}
    return {**PRESETS[Profile(own[PROFILE])], **own} if own.get(PROFILE) in set(Profile) else own


def _wrong_name(kind: Kind, name: str) -> Iterator[Wrong]:
    check = names.check_service if kind is Kind.SERVICE else names.check_group
    try:
        check(name)
    except NameWrong as wrong:
        yield Wrong("name", str(wrong))


def _not_texts(given: Mapping[str, Any]) -> Iterator[Wrong]:
    for key, value in given.items():
        if not isinstance(value, str | int | float | bool | None):
            yield Wrong(options.shortened(key), "is a text")


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, str) else str(value)


def _twice(texts: Texts) -> Iterator[tuple[str, str]]:
    return ((alias, right) for alias, right in ALIASES.items() if alias in texts and right in texts)


def _check_service(texts: Texts) -> Iterator[Wrong]:
    if len(texts) > options.MOST_OPTIONS:
        yield Wrong("", f"a service has at most {options.MOST_OPTIONS} options")
        return
    for name, text in texts.items():
        try:
            names.check_option(name)
            if text is None:
                raise OptionInvalid(name, "is a text")
            options.check(name, text)
        except NameWrong as wrong:
            yield Wrong(options.shortened(name), str(wrong))
        except OptionInvalid as invalid:
            yield Wrong(name, str(invalid).removeprefix(f"{name}: "))
    yield from _check_base(texts)
    yield from _check_profile(texts)
    yield from _check_account(texts)


def _check_base(texts: Texts) -> Iterator[Wrong]:
    """SV-3: what a built-in service is based on has to be there."""
    if texts.get("_type") in {"builtin", "built-in"}:
        key = "_service" if "_service" in texts else "_name"
        if (texts.get(key) or "") not in names.BUILT_IN:
            yield Wrong(key, f"is one of {', '.join(sorted(names.BUILT_IN))}")


def _check_profile(texts: Texts) -> Iterator[Wrong]:
    """SM-3: what a profile is selected by stays as it is."""
    profile = texts.get(PROFILE)
    if profile not in set(Profile):
        return  # a template of somebody else may have profiles of its own
    for name, text in PRESETS[Profile(profile)].items():
        if name in SELECTORS and texts.get(name, text) != text:
            yield Wrong(name, f"is {text} in the profile {profile}")


def _check_account(texts: Texts) -> Iterator[Wrong]:
    """AUTH-3, AUTH-5: an account is whole, and its password is none that anybody could read."""
    if bool(texts.get("username")) != bool(texts.get("password")):
        yield Wrong("password", "goes together with username")
    elif texts.get("password") and not (texts["password"] or "").startswith("$argon2id$"):
        yield Wrong("password", "must be an argon2id hash; `bayeux-gateway user hash` makes one")


def _check_resources(texts: Texts) -> Iterator[Wrong]:
    if len(texts) > MOST_KEYS:
        yield Wrong("", f"a group has at most {MOST_KEYS} keys")
        return
    for key, text in texts.items():
        yield from _wrong_key(key)
        if text is not None and (len(text) > LONGEST_NUMBER or not text.isprintable()):
            yield Wrong(options.shortened(key), f"has up to {LONGEST_NUMBER} characters that can be printed")
    try:
        Pool.read("", texts)
    except PoolInvalid as invalid:
        text = str(invalid).removeprefix(": ")
        yield Wrong(text.split()[0], text.partition(" ")[2])


def _check_patterns(texts: Texts) -> Iterator[Wrong]:
    if len(texts) > MOST_PATTERNS:
        yield Wrong("", f"a group has at most {MOST_PATTERNS} patterns")
        return
    for key, text in texts.items():
        yield from _wrong_key(key)
        try:
            Pattern(text or "")
        except ExpressionRefused as refused:
            yield Wrong(options.shortened(key), str(refused))


def _wrong_key(key: str) -> Iterator[Wrong]:
    try:
        names.check_key(key)
    except NameWrong as wrong:
        yield Wrong(options.shortened(key), str(wrong))


_CHECKS: Final[Mapping[Kind, Callable[[Texts], Iterator[Wrong]]]] = {
    Kind.SERVICE: _check_service,
    Kind.RESOURCES: _check_resources,
    Kind.PATTERNS: _check_patterns,
}
