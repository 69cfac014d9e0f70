"""``templates``: those that services are made of.

Source: MG-6, MG-23, MG-24, SEC-60, SEC-61, SEC-L10.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from gateway.customers.http.parameters import read_parameters
from gateway.customers.refusal import RequestWrong, TooLarge
from gateway.customers.values import File
from gateway.management.declaration import MULTIPART, ZIP, Method
from gateway.management.handler import Answer, Managed, in_thread
from gateway.services.archive import BOUNDS, ArchiveTooLarge
from gateway.services.editing import EntryUnknown
from gateway.services.template import Template as ServiceTemplate
from gateway.services.uploading import read_template

_AROUND: Final = 64 * 1024
"""Bytes of a form besides the file in it."""

TEMPLATE: Final = {
    "type": "object",
    "required": ["name", "title", "version", "isShipped", "parameters", "profiles"],
    "properties": {
        "name": {"type": "string"},
        "title": {"type": "string"},
        "version": {"type": "string"},
        "description": {"type": "string"},
        "type": {"type": "string"},
        "service": {"type": "string"},
        "isShipped": {"type": "boolean", "description": "It comes with the gateway, and is not removed."},
        "parameters": {"type": "array", "items": {"type": "object"}},
        "profiles": {"type": "array", "items": {"type": "object"}},
        "texts": {"type": "object", "description": "By language."},
        "files": {"type": "object", "description": "Bytes of each further file."},
    },
}
_REFERENCE: Final = {"$ref": "#/components/schemas/Template"}


class Templates(Managed):
    """All templates."""

    path = "/admin/templates"
    gets = Method(
        says="All of them.",
        answer={
            "type": "object",
            "required": ["templates"],
            "properties": {"templates": {"type": "array", "items": _REFERENCE}},
        },
    )
    posts = Method(
        says="Upload one: a zip, as the only file of a form. With `replace`, also in place of one.",
        status=201,
        body={
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "contentMediaType": ZIP}},
        },
        body_media=MULTIPART,
        answer=_REFERENCE,
        has_condition=True,
        is_tagged=True,
        query=("replace",),
        refuses=(409, 422),
    )

    @property
    def maximum_body(self) -> int:
        """SEC-L10, and what a form needs around it."""
        return BOUNDS.packed + _AROUND

    async def read(self, *path: str) -> Answer:
        """Those that were uploaded behind ours."""
        return Answer(body={"templates": [_shown(each) for each in self.around.editing.templates.values()]})

    async def take(self, *path: str) -> Answer:
        """All of it or nothing (MG-23)."""
        headers, body = self.request.headers, self.whole_body
        sent = await in_thread(read_parameters, headers.get("Content-Type", ""), body, "", self.around.max_json_depth)
        files = [each for each in sent.values() if isinstance(each, File)]
        if len(files) != 1:
            raise RequestWrong("a form with one file, the zip, has to be sent")
        try:
            template = await in_thread(read_template, files[0].content)
        except ArchiveTooLarge:
            raise TooLarge(f"a template has at most {BOUNDS.packed} bytes") from None
        replaces = self.get_query_argument("replace", "") == "true"
        await self.around.editing.keep_template(template, replaces=replaces, condition=self.condition)
        self.author.did("template kept", what=f"templates/{template.name}", files=len(template.files))
        kept = self.around.editing.templates[template.name]
        return Answer(body=_shown(kept), tag=kept.tag, location=f"/admin/templates/{kept.name}")


class Template(Managed):
    """One template."""

    path = "/admin/templates/{name}"
    gets = Method(says="What is in it.", answer=_REFERENCE, is_tagged=True, refuses=(404,))
    deletes = Method(
        says="Remove it; not while services are made of it.", status=204, has_condition=True, refuses=(404, 409)
    )

    async def read(self, *path: str) -> Answer:
        """MG-6."""
        template = self.around.editing.templates.get(path[0])
        if template is None:
            raise EntryUnknown
        return Answer(body=_shown(template), tag=template.tag)

    async def remove(self, *path: str) -> Answer:
        """MG-6."""
        await self.around.editing.remove_template(path[0], self.condition)
        self.author.did("template removed", what=f"templates/{path[0]}")
        return Answer()


class TemplateArchive(Managed):
    """The zip of a template."""

    path = "/admin/templates/{name}/archive"
    gets = Method(says="As it was uploaded.", answer_media=ZIP, refuses=(404,))

    async def read(self, *path: str) -> Answer:
        """Ours have none."""
        archive = await self.around.editing.archive(path[0])
        if archive is None:
            raise EntryUnknown
        return Answer(body=await in_thread(base64.b64decode, archive))


def _shown(template: ServiceTemplate) -> dict[str, Any]:
    manifest = template.manifest
    return {
        "name": manifest.name,
        "title": manifest.title,
        "version": manifest.version,
        "description": manifest.description,
        "type": manifest.type,
        "service": manifest.service,
        "isShipped": template.is_shipped,
        "parameters": [each.model_dump() for each in manifest.parameters],
        "profiles": [each.model_dump() for each in template.profiles],
        "texts": dict(template.texts),
        "files": dict(template.files),
    }
