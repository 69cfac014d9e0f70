"""A service template: which parameters a service has, and the default configurations it can begin with.

Everything in it is data; nothing of it is executed or evaluated.

Source: MG-6, OPT-2, SM-3, SEC-61.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.services.options import Category, shortened
from gateway.services.options import check as check_option

strict = ConfigDict(extra="forbid", frozen=True, strict=True)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
OptionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_$][A-Za-z0-9_$]{0,127}$")]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, StringConstraints(max_length=4_000)]
Text = Annotated[str, StringConstraints(max_length=8_192)]


class Parameter(BaseModel):
    """One option of the services that are made of the template."""

    model_config = strict

    name: OptionName
    title: Line = ""
    description: Words = ""
    category: Line = Category.GENERAL.value
    kind: Literal["mandatory", "optional", "request"] = "optional"
    advanced: bool = False
    type: Literal[
        "string",
        "integer",
        "boolean",
        "choice",
        "phone",
        "url",
        "threshold",
        "resource-group",
        "pattern-group",
        "service-selection",
        "statistic-selection",
    ] = "string"
    default: Text | None = None
    choices: list[Text] = Field(default=[], max_length=100)
    min: int | None = None
    max: int | None = None
    of: Line = ""

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default is not None:
            check_option(self.name, self.default)
            if self.choices and self.default not in self.choices:
                raise ValueError("default is none of choices")
        return self


class Profile(BaseModel):
    """A default configuration."""

    model_config = strict

    name: Line = Field(min_length=1)
    description: Words = ""
    values: dict[OptionName, Text] = {}
    fixed: list[OptionName] = []
    """Options that nobody changes in a service of this profile."""

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        for name, text in self.values.items():
            check_option(name, text)
        for name in self.fixed:
            if name not in self.values:
                raise ValueError(f"fixed: {shortened(name)} has no value")
        return self


class Manifest(BaseModel):
    """``template.json``."""

    model_config = strict

    format: Literal[1]
    name: Name
    version: Line = ""
    type: Literal["ors", "builtin"]
    service: Line
    title: Line = ""
    description: Words = ""
    categories: list[Line] = Field(default=[], max_length=100)
    parameters: list[Parameter] = Field(default=[], max_length=300)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for parameter in self.parameters:
            if parameter.name in seen:
                raise ValueError(f"parameters: {parameter.name} is there twice")
            seen.add(parameter.name)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One that was shipped or uploaded."""

    manifest: Manifest
    profiles: tuple[Profile, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each further file, by path."""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What people read, by language."""
    archive: str = ""
    """The zip in base64, while it is on its way into the store."""
    tag: str = ""
    """Another one with every change."""

    @property
    def name(self) -> str:
        """What services are made of."""
        return self.manifest.name

    @property
    def is_shipped(self) -> bool:
        """It belongs to us, and nobody removes it."""
        return not self.tag

    @property
    def mandatory(self) -> frozenset[str]:
        """Options that a service of it keeps (MG-5)."""
        return frozenset(each.name for each in self.manifest.parameters if each.kind == "mandatory")

    def profile(self, name: str) -> Profile | None:
        """Its default configuration of that name."""
        return next((each for each in self.profiles if each.name == name), None)

    def options(self, profile: Profile | None) -> dict[str, str]:
        """What a new service begins with: what is preset, nothing that comes with requests."""
        base = {"_type": self.manifest.type, "_service": self.manifest.service}
        defaults = {
            each.name: each.default
            for each in self.manifest.parameters
            if each.default is not None and each.kind != "request"
        }
        return base | defaults | (profile.values if profile is not None else {})

    def to_document(self, number: int) -> dict[str, Any]:
        """As the store keeps it, without the archive."""
        return {
            "manifest": self.manifest.model_dump(),
            "profiles": [each.model_dump() for each in self.profiles],
            "files": dict(self.files),
            "texts": {language: dict(texts) for language, texts in self.texts.items()},
            "revision": number,
        }

    @classmethod
    def stored(cls, body: Mapping[str, Any]) -> Self:
        """What ``to_document`` gave."""
        return cls(
            manifest=Manifest.model_validate(body["manifest"]),
            profiles=tuple(Profile.model_validate(each) for each in body["profiles"]),
            files=body["files"],
            texts=body["texts"],
            tag=str(body["revision"]),
        )
