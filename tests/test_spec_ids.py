"""The check of rule ids finds what it is there to find."""

from pathlib import Path

import pytest

from tests import spec_ids

REFERENCE = """\
# Rules

- **HS-1** A handshake makes a session.
- **HS-3** The reply lists transports. *(should)*
- **HS-14** Events may follow the reply. *(later)*
- **SEC-L1** So many connections.
- **SEC-L2** So many of one address. *(may)*
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "docs" / "reference" / "bayeux.md").write_text(REFERENCE)
    (tmp_path / "tests").mkdir()
    return tmp_path


def write(tree: Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_cited_rule_that_is_missing_fails(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "bayeux/server.py", "# HS-1 is known.\n# HS-2 is not.\n")
    assert spec_ids.main(tree) == 1
    assert "bayeux/server.py:2: HS-2 has no rule" in capsys.readouterr().out


def test_cited_rules_that_all_exist_pass(tree: Path) -> None:
    write(tree, "bayeux/server.py", "# HS-1, HS-3 and SEC-L1…L2; UTF-8, SHA-256, MY_HS-9 and X-HS-9x are no rules.\n")
    assert spec_ids.main(tree) == 0


def test_rule_inside_a_range_is_cited_too(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "gateway/app.py", "# SEC-L1…L3\n")
    assert spec_ids.main(tree) == 1
    assert "SEC-L3 has no rule" in capsys.readouterr().out


def test_mark_with_an_unknown_rule_fails(tree: Path) -> None:
    write(tree, "tests/test_server.py", '@pytest.mark.spec("HS-2")\ndef test_it(): ...\n')
    assert spec_ids.main(tree) == 1


def test_third_party_code_is_not_searched(tree: Path) -> None:
    (tree / "tests" / "node_modules").mkdir()
    write(tree, "tests/node_modules/client.js", "// HS-2\n")
    assert spec_ids.main(tree) == 0


def test_must_rule_without_test_is_printed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, "tests/test_server.py", '@pytest.mark.spec("HS-1")\ndef test_it(): ...\n')
    assert spec_ids.main(tree) == 0
    assert capsys.readouterr().out == "1 of 2 MUST rules of bayeux.md have a test.\nWithout one: SEC-L1\n"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("HS-3", ["HS-3"]),
        ("CH-10…12", ["CH-10", "CH-11", "CH-12"]),
        ("Q-10…Q-13", ["Q-10", "Q-11", "Q-12", "Q-13"]),
        ("SEC-L19, SEC-L20", ["SEC-L19", "SEC-L20"]),
        ("PUB-8/PUB-9", ["PUB-8", "PUB-9"]),
        ("ISO-8859-7 and US-ASCII", []),
    ],
)
def test_ids_are_read_from_prose(text: str, ids: list[str]) -> None:
    assert [id for id, _ in spec_ids.ids_in(text)] == ids
