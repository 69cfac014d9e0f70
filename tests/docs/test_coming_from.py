"""The pages for who comes from CometD or Faye have a row for each thing they will look for."""

from __future__ import annotations

import pytest

from tests.docs.samples import ROOT, samples

COMETD = ROOT / "docs" / "howto" / "coming-from-cometd.md"
FAYE = ROOT / "docs" / "howto" / "coming-from-faye.md"


@pytest.mark.spec("MIG-1")
@pytest.mark.parametrize(
    ("page", "words"),
    [
        (COMETD, "BayeuxServer ServerSession ServerChannel LocalSession AbstractService @Service SecurityPolicy"),
        (COMETD, "Authorizer DataFilter BayeuxServer.Extension BayeuxClient Oort Seti OortMap channel.publish"),
        (FAYE, "NodeAdapter RackAdapter addExtension getClient() Engines"),
        (FAYE, '"handshake" "subscribe" "unsubscribe" "publish" "disconnect"'),
    ],
)
def test_what_they_know_is_there(page, words) -> None:
    text = page.read_text("utf-8")
    assert [word for word in words.split() if word not in text] == []


@pytest.mark.spec("MIG-1")
@pytest.mark.parametrize(("page", "foreign"), [(COMETD, {"java"}), (FAYE, {"js", "ruby"})])
def test_each_row_has_code_on_both_sides(page, foreign) -> None:
    in_tables = [sample for sample in samples(page) if sample.is_in_table]
    assert len(in_tables) > 20
    for theirs, ours in zip(in_tables[::2], in_tables[1::2], strict=True):
        assert theirs.language in foreign, theirs
        assert ours.language == "python", ours


@pytest.mark.spec("MIG-2")
@pytest.mark.parametrize("page", [COMETD, FAYE])
def test_the_differences_are_stated(page) -> None:
    _, _, differences = page.read_text("utf-8").partition("## What differs")
    rules = "JP-7 CORS-1 Q-2 COOK-3 PUB-9 SUB-3 PUB-5".split()
    assert [rule for rule in rules if rule not in differences] == []
