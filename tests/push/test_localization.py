"""Messages that are keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.failure import Failure
from gateway.push.localization import Localization, read_texts

TEXTS = {"de": {"ready": "Bereit"}, "": {"ready": "Ready"}, "fr": {}}


@pytest.mark.spec("NT-14")
@pytest.mark.parametrize(
    ("key", "language", "text"),
    [
        ("ready", "de", "Bereit"),
        ("ready", "de-AT", "Bereit"),
        ("ready", "fr", "Ready"),
        ("ready", "", "Ready"),
        ("gone", "de", "gone"),
    ],
)
def test_a_key_is_shown_in_the_devices_language_or_as_it_is(key: str, language: str, text: str) -> None:
    assert Localization(TEXTS)(key, language) == text


@pytest.mark.spec("NT-14")
def test_texts_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "texts.json"
    file.write_text('{"de": {"ready": "Bereit"}}')
    assert read_texts(str(file)) == {"de": {"ready": "Bereit"}}
    assert read_texts("") == {}


@pytest.mark.parametrize("content", ["[]", "{", '{"de": []}', '{"de": {"a": 1}}', None])
def test_a_file_of_another_form_keeps_the_gateway_from_starting(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "texts.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Failure, match=r"push\.localization_file"):
        read_texts(str(file))
