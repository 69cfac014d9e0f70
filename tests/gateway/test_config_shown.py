"""A configuration as text: shown, documented, and read back."""

import tomllib
from pathlib import Path

import pytest

from gateway.config import Sources, load
from gateway.config.docs import markdown, text
from gateway.config.leaves import LEAVES
from gateway.config.show import as_environment, as_toml, effective

ROOT = Path(__file__).parent.parent.parent
SECRETS = {
    "GATEWAY_AUTH__TOKENS__SECRET": "CANARY of more than 32 characters",
    "GATEWAY_INTERNAL__TOKEN": "CANARY CANARY CANARY",
    "GATEWAY_AUTH__USERS": '[{"name": "a", "password_hash": "$argon2id$CANARY"}]',
}


@pytest.mark.spec("OPS-4", "SEC-55")
@pytest.mark.parametrize("with_origin", [True, False])
def test_secrets_are_masked(with_origin: bool) -> None:
    loaded = load(Sources(environment=SECRETS))
    for shown in (as_toml(loaded, with_origin=with_origin), as_environment(loaded, with_origin=with_origin)):
        assert "***" in shown
        assert "CANARY" not in shown
    assert "CANARY" not in repr(loaded.config)


@pytest.mark.spec("OPS-4")
def test_what_is_shown_is_a_configuration_with_the_same_values(tmp_path: Path) -> None:
    loaded = load(Sources(settings=["drain.notice=1500ms", "bayeux.max_queue_bytes=2MiB", "mounts.cometd.timeout=20s"]))
    path = tmp_path / "shown.toml"
    path.write_text(as_toml(loaded, with_origin=True))
    assert tomllib.loads(path.read_text())["drain"]["notice"] == "1500ms"
    assert load(Sources(files=[path])).config == loaded.config


@pytest.mark.spec("OPS-4")
def test_the_environment_form_says_the_same() -> None:
    loaded = load(Sources(settings=["log.level=debug", "bayeux.forward_ext=a,b"]))
    variables = dict(line.split("=", 1) for line in as_environment(loaded, with_origin=False).splitlines())
    assert load(Sources(environment=variables)).config == loaded.config


@pytest.mark.spec("OPS-4")
def test_origins_are_shown() -> None:
    shown = as_toml(load(Sources(environment={"GATEWAY_LOG__LEVEL": "debug"})), with_origin=True)
    assert 'level = "debug"  # GATEWAY_LOG__LEVEL' in shown
    assert 'format = "auto"  # default' in shown


@pytest.mark.spec("OPS-5", "OPS-80")
def test_reference_page_is_what_the_model_says() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    assert page == markdown(), "run `bayeux-gateway config docs --markdown > docs/reference/configuration.md`"


@pytest.mark.spec("OPS-5")
def test_every_option_is_documented_with_its_environment_name() -> None:
    page, paragraphs = markdown(), text()
    for leaf in LEAVES.values():
        assert leaf.field.description, leaf.key
        assert f"`{leaf.env}`" in page
        assert leaf.env in paragraphs
    assert len({leaf.env for leaf in LEAVES.values()}) == len(LEAVES)


@pytest.mark.spec("OPS-4")
def test_every_set_option_has_an_effective_value() -> None:
    values = effective(load(Sources()).config)
    assert values["listen.public"] == "127.0.0.1:8080"
    assert values["bayeux.max_message_size"] == "256KiB"
    assert "internal.token" not in values
