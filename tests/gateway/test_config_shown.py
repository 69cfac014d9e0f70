"""A configuration as text: shown, documented, and read back."""

import tomllib
from pathlib import Path

import pytest

from gateway.config import Sources, load
from gateway.config.docs import markdown, text
from gateway.config.leaves import LEAVES
from gateway.config.show import as_environment, as_toml, changed, effective

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


@pytest.mark.spec("OPS-4", "OPT-7", "SEC-55")
def test_tables_by_name_are_shown_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "written.toml"
    path.write_text(
        "[services.sales]\n_ttl = 60\n_status_notification_secret = 'CANARY'\n"
        "[resources.DNIS]\n'Key 1' = '1-800'\n[patterns.A]\nb = '\\d+'\n"
    )
    loaded = load(Sources(files=[path]))
    assert loaded.config.services == {"sales": {"_ttl": "60", "_status_notification_secret": "CANARY"}}
    shown = as_toml(loaded, with_origin=True)
    assert "CANARY" not in shown
    assert f'resources = {{ DNIS = {{ "Key 1" = "1-800" }} }}  # {path}:4' in shown
    assert tomllib.loads(shown)["patterns"] == {"A": {"b": r"\d+"}}
    assert tomllib.loads(shown)["services"]["sales"] == {"_ttl": "60", "_status_notification_secret": "***"}


@pytest.mark.spec("OPS-4", "SM-4")
def test_texts_by_name_are_shown_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[callback.targets]\n"A=2@S.GA" = "english"')
    loaded = load(Sources(files=[path]))
    assert changed(loaded) == {"callback.targets": {"A=2@S.GA": "english"}}
    assert 'targets = { "A=2@S.GA" = "english" }' in as_toml(loaded, with_origin=False)


@pytest.mark.spec("OPS-20", "OPT-7")
def test_an_entry_is_that_of_the_last_source_that_has_it(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text("[services.a]\n_ttl = '1'\n_provide_code = true\n[services.b]\n_ttl = '2'\n")
    second.write_text("[services.a]\n_ttl = '3'\n")
    files = load(Sources(files=[first, second])).config.services
    assert files == {"a": {"_ttl": "3"}, "b": {"_ttl": "2"}}
    environment = {"GATEWAY_SERVICES": '{"c": {"_ttl": "4"}}'}
    assert load(Sources(files=[first], environment=environment)).config.services == {"c": {"_ttl": "4"}}
    assert load(Sources()).config.services == {}
    developing = load(Sources(files=[second], flags={"profile": "development"})).config.services
    assert developing["a"] == {"_ttl": "3"}
    assert "chat-delay" in developing


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
