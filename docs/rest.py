"""The reference page of the REST interfaces, made from the OpenAPI documents that the resources declare themselves.

``python docs/rest.py > docs/reference/rest.md``; a test compares the two.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
DOCUMENTS = ("customer-openapi.json", "management-openapi.json")
USUAL = frozenset({"200", "204", "400", "401", "500", "503"})
"""Statuses that every resource may answer with, and that are told once."""

HEAD = """# REST interfaces

Made from the OpenAPI 3.1 documents, which a running gateway serves itself below each root as `openapi.json`. The rules
behind them are in [gms-rest](gms-rest.md). Besides what is told here, every resource may answer 400 for what cannot be
understood, 401 where an account is configured, 503 with `Retry-After` where a bound is reached or the store is away,
and 500 with the id of the request for a defect of ours.
"""


def page() -> str:
    """The whole page."""
    documents = [json.loads((REFERENCE / name).read_text("utf-8")) for name in DOCUMENTS]
    return "\n".join([HEAD, *(line for each in documents for line in _document(each))]) + "\n"


def _document(document: Mapping[str, Any]) -> Iterator[str]:
    (server,) = document["servers"]
    yield f"## {document['info']['title']}\n"
    yield f"{document['info']['description']} Its root is `{server['url']}`.\n"
    for path, item in document["paths"].items():
        yield f"### `{path}`\n"
        if item.get("summary"):
            yield f"{item['summary']}\n"
        yield from (_method(verb, item[verb]) for verb in ("get", "post", "put", "delete") if verb in item)
        yield ""


def _method(verb: str, method: Mapping[str, Any]) -> str:
    refusals = sorted(set(method["responses"]) - USUAL)
    texts = [f"- **{verb.upper()}** {method['summary']}"]
    if "requestBody" in method:
        texts.append(f"Takes {_media(method['requestBody'])}.")
    answer = method["responses"].get("200", {})
    texts.append(f"Answers {_media(answer)}." if answer.get("content") else "Answers nothing.")
    if refusals:
        texts.append(f"Refuses with {', '.join(refusals)}.")
    return " ".join(texts)


def _media(described: Mapping[str, Any]) -> str:
    return ", ".join(f"`{kind}`" for kind in described["content"])


if __name__ == "__main__":
    sys.stdout.write(page())
