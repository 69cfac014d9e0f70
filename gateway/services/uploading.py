"""From the files of an archive to a template, all of it or nothing.

    template.json       the parameters of its services
    profiles/NAME.json  a default configuration each
    i18n/LANGUAGE.json  texts by key
    Resources/…         further files, which are kept and not looked at

Source: MG-6, MG-23, SEC-60, SEC-61, SEC-L12.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.services.archive import ArchiveWrong, read_archive
from gateway.services.kinds import EntryWrong, Kind, Wrong, read
from gateway.services.template import Manifest, Profile, Template, Words

MANIFEST: Final = "template.json"
MOST_JSON: Final = 1024 * 1024
"""Bytes of a file that is read as JSON."""
MOST_PROFILES: Final = 50
MAX_DEPTH: Final = 32

_PROFILE = re.compile(r"profiles/[^/]+\.json\Z")
_TEXTS = re.compile(r"i18n/([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)\.json\Z")
_RESOURCES: Final = "Resources/"

SomeModel = TypeVar("SomeModel", bound=BaseModel)


class _Texts(BaseModel):
    """What people read in one language."""

    model_config = ConfigDict(strict=True)

    texts: dict[str, Words]


def read_template(packed: bytes) -> Template:
    """A template of its zip; call it in a thread. Raises ArchiveTooLarge, EntryWrong with the first thing wrong."""
    try:
        files = read_archive(packed)
    except ArchiveWrong as wrong:
        raise EntryWrong([Wrong(wrong.entry, str(wrong))]) from None
    if MANIFEST not in files:
        raise EntryWrong([Wrong(MANIFEST, "is missing")])
    manifest = _validated(Manifest, MANIFEST, _decoded(MANIFEST, files[MANIFEST]))
    profiles: list[Profile] = []
    texts: dict[str, Mapping[str, str]] = {}
    resources: dict[str, int] = {}
    for path, content in files.items():
        if _PROFILE.match(path):
            profiles.append(_validated(Profile, path, _decoded(path, content)))
        elif language := _TEXTS.match(path):
            texts[language[1]] = _validated(_Texts, path, {"texts": _decoded(path, content)}).texts
        elif path.startswith(_RESOURCES):
            resources[path] = len(content)
        elif path != MANIFEST:
            raise EntryWrong([Wrong(path[:64], "does not belong into a template")])
    template = Template(
        manifest=manifest,
        profiles=tuple(profiles),
        files=resources,
        texts=texts,
        archive=base64.b64encode(packed).decode(),
    )
    _check(template)
    return template


def _check(template: Template) -> None:
    """Services can be made of it."""
    names = [profile.name for profile in template.profiles]
    if len(names) > MOST_PROFILES or len(set(names)) < len(names):
        raise EntryWrong([Wrong("profiles", f"there are more than {MOST_PROFILES}, or two of one name")])
    for profile in (None, *template.profiles):
        try:
            read(Kind.SERVICE, "any", template.options(profile))
        except EntryWrong as wrong:
            place = MANIFEST if profile is None else f"profiles: {profile.name[:64]}"
            raise EntryWrong([Wrong(f"{place}: {each.path}", each.message) for each in wrong.wrongs]) from None


def _decoded(path: str, content: bytes) -> Any:
    if len(content) > MOST_JSON:
        raise EntryWrong([Wrong(path[:64], f"has more than {MOST_JSON} bytes")])
    try:
        return json.decode(content, MAX_DEPTH)
    except MalformedBody as malformed:
        raise EntryWrong([Wrong(path[:64], f"is {malformed}")]) from None


def _validated(model: type[SomeModel], path: str, decoded: Any) -> SomeModel:
    try:
        return model.model_validate(decoded)
    except ValidationError as invalid:
        wrongs = []
        for each in invalid.errors(include_url=False, include_input=False)[:20]:
            place = ".".join(str(part)[:64] for part in each["loc"])
            wrongs.append(Wrong(f"{path[:64]}: {place}", each["msg"].removeprefix("Value error, ")))
        raise EntryWrong(wrongs) from None
