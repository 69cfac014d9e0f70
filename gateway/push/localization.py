"""Texts by language, for messages that were published as a key.

Source: NT-14.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.failure import ExitCode, Failure

_DEEPEST: Final = 3

Texts = Mapping[str, Mapping[str, str]]
"""By language, then by key."""


class Localization:
    """Looks keys up; what is not there is shown as it is.

    Args:
        texts: those of the language ``""`` are for devices of other languages.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __call__(self, key: str, language: str) -> str:
        """The text in a language such as ``de-AT``, else in ``de``, else in none."""
        for name in (language, language.partition("-")[0], ""):
            text = self._texts.get(name, {}).get(key)
            if text is not None:
                return text
        return key


def read_texts(path: str) -> Texts:
    """The texts of a JSON file; none where no file is named. Raises Failure."""
    if not path:
        return {}
    try:
        texts = json.decode(Path(path).read_bytes(), _DEEPEST)
    except OSError as error:
        raise _failure(path, f"cannot be read: {error.strerror}") from None
    except MalformedBody as malformed:
        raise _failure(path, f"is {malformed}") from None
    if not isinstance(texts, dict) or not all(_are_texts(each) for each in texts.values()):
        raise _failure(path, "must be an object of languages, each an object of texts")
    return texts


def _failure(path: str, what: str) -> Failure:
    return Failure(f"push.localization_file: {path} {what}", ExitCode.CONFIGURATION)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
