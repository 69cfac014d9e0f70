"""Where values come from, and which of them wins."""

from pathlib import Path

import pytest

from bayeux.protocol.options import Options
from gateway.config import Config, ConfigurationWrong, Sources, load
from gateway.config.show import origin
from gateway.config.units import Address, Duration


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.spec("OPS-20", "OPS-24")
def test_later_sources_win(tmp_path: Path) -> None:
    first = write(
        tmp_path / "1.toml", "[drain]\nspread = '1s'\nnotice = '1s'\n[shutdown]\ntimeout='1m'\n[log]\nlevel='error'"
    )
    second = write(tmp_path / "2.toml", "[drain]\nspread = '2s'\n")
    loaded = load(
        Sources(
            files=[first, second],
            environment={"GATEWAY_SHUTDOWN__TIMEOUT": "2m", "GATEWAY_LOG__LEVEL": "debug", "HOME": "/"},
            settings=["log.level=warning"],
            flags={"profile": "development", "listen.public": "127.0.0.1:1", "workers": None},
        )
    )
    config = loaded.config
    assert (config.drain.notice, config.drain.spread, config.shutdown.timeout) == (1, 2, 120)
    assert config.log.level == "warning"
    assert config.listen.public == Address("127.0.0.1", 1)
    assert [user.name for user in config.auth.users] == ["Agent1", "Agent2"]
    keys = ("drain.notice", "drain.spread", "shutdown.timeout", "log.level", "listen.public", "auth.users", "workers")
    assert [origin(loaded, key) for key in keys] == [
        f"{first}:3",
        f"{second}:2",
        "GATEWAY_SHUTDOWN__TIMEOUT",
        "--set",
        "--port",
        "--dev",
        "default",
    ]


@pytest.mark.spec("OPS-20")
def test_a_directory_stands_for_its_files_in_order(tmp_path: Path) -> None:
    write(tmp_path / "20.toml", "log.level = 'debug'")
    write(tmp_path / "10.toml", "log.level = 'error'\nlog.format = 'json'")
    write(tmp_path / "30.txt", "not toml")
    config = load(Sources(files=[tmp_path])).config
    assert (config.log.level, config.log.format) == ("debug", "json")


@pytest.mark.spec("OPS-21")
def test_variables_say_everything_a_file_can(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", "a secret of more than 32 characters\n")
    grant = '[{"users": ["*"], "operations": ["subscribe"], "channel": "/news/**"}]'
    config = load(
        Sources(
            environment={
                "GATEWAY_BAYEUX__GZIP": "false",
                "GATEWAY_BAYEUX__MAX_QUEUE": "10",
                "GATEWAY_BAYEUX__SESSION_MESSAGE_RATE": "2.5",
                "GATEWAY_BAYEUX__TRANSPORTS": "long-polling, websocket",
                "GATEWAY_BAYEUX__FORWARD_EXT": "true",
                "GATEWAY_BAYEUX__ALLOWED_ORIGINS": '["https://example.com"]',
                "GATEWAY_MOUNTS__GENESYS__TIMEOUT": "20s",
                "GATEWAY_AUTH__TOKENS__SECRET_FILE": str(secret),
                "GATEWAY_GRANTS": grant,
                "GATEWAY_VAR_ANYTHING": "is no option",
            }
        )
    ).config
    options = config.bayeux.options()
    assert (options.gzip, options.max_queue, options.session_message_rate) == (False, 10, 2.5)
    assert options.transports == ("long-polling", "websocket")
    assert options.forward_ext is True
    assert options.allowed_origins == ("https://example.com",)
    assert config.auth.tokens.secret is not None
    assert config.auth.tokens.secret.get_secret_value() == "a secret of more than 32 characters"
    assert config.grants[0].channel == "/news/**"


@pytest.mark.spec("OPS-20", "CM-9", "CM-12")
def test_one_key_of_a_section_leaves_its_other_defaults() -> None:
    genesys = load(Sources(settings=["mounts.genesys.timeout=20s"])).config.mounts.genesys
    assert genesys.path == "/genesys/cometd"
    assert genesys.as_overrides() == {
        "timeout": 20.0,
        "advise_unknown_session": True,
        "browser_cookie_path": "/genesys",
    }


@pytest.mark.spec("OPS-21")
def test_variables_named_for_it_are_put_into_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", "[auth.tokens]\nissuer = 'https://${GATEWAY_VAR_HOST}/x'")
    config = load(Sources(files=[path], environment={"GATEWAY_VAR_HOST": "id.example"})).config
    assert config.auth.tokens.issuer == "https://id.example/x"


@pytest.mark.spec("SEC-55")
@pytest.mark.parametrize(("mode", "is_warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_file_with_secrets_that_others_may_read_is_warned_of(tmp_path: Path, mode: int, is_warned: bool) -> None:
    path = write(tmp_path / "a.toml", "[internal]\ntoken = 'a secret of 21 letters'", mode)
    assert bool(load(Sources(files=[path])).warnings) is is_warned


@pytest.mark.spec("SEC-55")
def test_a_file_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", "log.level = 'info'", 0o644)
    assert not load(Sources(files=[path])).warnings


@pytest.mark.spec("OPS-43", "SEC-43", "SEC-44", "AG-120", "CM-12")
def test_defaults_of_the_service() -> None:
    config = Config()
    options = config.bayeux.options()
    assert (options.ws_ping_interval, options.ws_ping_timeout) == (25, 20)
    assert options.forward_ext == ("binary",)
    assert options.private_prefixes == ("/v2/me", "/_genesys")
    assert config.mounts.notifications.max_interval == 20
    assert config.mounts.genesys.as_overrides() == {"advise_unknown_session": True, "browser_cookie_path": "/genesys"}
    assert config.listen.public.is_loopback
    assert config.listen.internal.is_loopback
    changed = {"ws_ping_interval", "ws_ping_timeout", "forward_ext", "private_prefixes"}
    for name in Options.__dataclass_fields__:
        assert (getattr(options, name) == getattr(Options(), name)) is (name not in changed - {"ws_ping_timeout"}), name


@pytest.mark.spec("OPS-25")
def test_a_configuration_is_made_without_files_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_LOG__LEVEL", "debug")
    assert Config().log.level == "info"
    assert load(Sources()).config == Config()


@pytest.mark.spec("OPS-22")
def test_every_time_and_size_of_the_library_has_a_unit() -> None:
    section = Config().bayeux
    for name, field in Options.__dataclass_fields__.items():
        if "doc" not in field.metadata:
            continue  # not for configuration files
        value = getattr(section, name)
        if field.type == "float" and "rate" not in name:
            assert isinstance(value, Duration), name


@pytest.mark.spec("SEC-45")
def test_development_is_refused_on_other_addresses() -> None:
    with pytest.raises(ConfigurationWrong, match="this machine only"):
        load(Sources(settings=["listen.internal=0.0.0.0:1"], flags={"profile": "development"}))


@pytest.mark.spec("NT-16", "SM-4")
def test_a_name_in_quotes_keeps_its_dots(tmp_path: Path) -> None:
    """Tags and targets have them; the dots of a quoted name once made tables, and both were refused."""
    text = '[push.events."service.agentavailable"]\n"fcm.body" = "near"\n[callback.targets]\n"A=2@S.GA" = "english"'
    config = load(Sources(files=[write(tmp_path / "1.toml", text)])).config
    assert config.push.events == {"service.agentavailable": {"fcm.body": "near"}}
    assert config.callback.targets == {"A=2@S.GA": "english"}
