"""Wrong configurations: each is told with its place, its key and what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import ConfigurationWrong, Sources, load

Write = Callable[[str], Path]

# The text of a file, and what each problem's line must contain.
WRONG_FILES = [
    ("logg = 1", ["1: logg", "unknown key; nearest known: log"]),
    ("[logg]\nlevel = 'info'", ["logg", "unknown key", "log"]),
    ("[log]\n\nlevl = 'info'", [":3: log.levl", "nearest known: log.level"]),
    ("[server]\npassword = 'a'", ["nearest known: server.password_hash"]),
    ("[push]\npushEnabled = 'ios'", ["nearest known: push.enabled"]),
    ("[server]\ntrusted_networks = ['1.2.3']", ["'1.2.3'", "such as 10.0.0.0/8"]),
    ("[drain]\nlevel = 'info'", [":2: drain.level", "nearest known: log.level"]),
    ("[services.chat]\n_ttl = 'soon'", [":2: services: chat._ttl", "whole number"]),
    ("[services.chat]\n_a = '1'\n'b-c' = '1'", [":3: services: chat.b-c", "identifier"]),
    ("[services.chat]\n_ttl = ['1']", [":2: services: chat._ttl", "is a text"]),
    ("[services]\nchat = 'delay'", [":2: services: chat", "must be a table"]),
    ("services = 'chat'", [":1: services", "must be tables by name"]),
    ("[services.connect]\n_ttl = '1'", [":1: services: connect", "means something else"]),
    ("[services.a]\n_profile = 'Chat-Delayed'\n_media_type = 'voice'", [":3: services: a._media_type", "is chat"]),
    ("[services.a]\nusername = 'a'\npassword = 'hunter2'", [":3: services: a.password", "argon2id hash"]),
    ("[services.a]\n_type = 'builtin'\n_name = 'nothing'", ["services: a._name", "request-interaction"]),
    ("[resources.DNIS]\n_allocation_strategy = 'NEAREST'", [":2: resources: DNIS._allocation_strategy", "RANDOM"]),
    ("[patterns.A]\nb = '(?=c)'", [":2: patterns: A.b", "looking ahead"]),
    ("[management]\nenabled = true", [":1: management", "administrators"]),
    ("[log]\nlevel = 'loud'", [":2: log.level", "'debug', 'info', 'warning' or 'error'", "not 'loud'"]),
    ("[log]\nlevel = 3", ["log.level", "'debug'", "not 3"]),
    ("log.format = 'xml'", [":1: log.format", "'auto', 'text' or 'json'"]),
    ("log = 'info'", [":1: log", "is a section: write [log]"]),
    ("[drain]\nnotice = 5", [":2: drain.notice", "number with a unit", "not 5"]),
    ("[drain]\nnotice = '5 minutes'", ["drain.notice", "ms, s, m, h, d"]),
    ("[drain]\nspread = '40s'", [":2: shutdown.timeout must exceed drain.notice + drain.spread"]),
    ("[shutdown]\ntimeout = '10s'", [":2: shutdown.timeout must exceed"]),
    ("[bayeux]\ntimeout = 30", [":2: bayeux.timeout", "number with a unit"]),
    ("[bayeux]\nmax_mesage_size = '1MiB'", ["bayeux.max_mesage_size", "nearest known: bayeux.max_message_size"]),
    ("[bayeux]\nmax_message_size = 65536", ["bayeux.max_message_size", "KiB", "not 65536"]),
    ("[bayeux]\nmax_message_size = '2MiB'", [":2: bayeux", "max_message_size is above max_queue_bytes"]),
    ("[bayeux]\nws_ping_timeout = '1m'", [":2: bayeux", "ws_ping_timeout is above ws_ping_interval"]),
    ("[bayeux]\nws_idle_timeout = '10s'", [":2: bayeux", "ws_idle_timeout must exceed timeout"]),
    ("[bayeux]\nmax_queue = '1000'", ["bayeux.max_queue", "whole number", "not '1000'"]),
    ("[bayeux]\nmax_queue = -5", ["bayeux.max_queue", "-1 or more"]),
    ("[bayeux]\nmax_queue = 1.5", ["bayeux.max_queue", "whole number"]),
    ("[bayeux]\ngzip = 'yes'", [":2: bayeux.gzip", "true or false", "not 'yes'"]),
    ("[bayeux]\ngzip = 1", ["bayeux.gzip", "true or false"]),
    ("[bayeux]\nforward_ext = 'binary'", ["bayeux.forward_ext", "true or false or list of text"]),
    ("[bayeux]\ntransports = 'websocket'", ["bayeux.transports", "must be a list"]),
    ("[bayeux]\ntransports = ['websocket', 5]", ["bayeux.transports", "must be a text"]),
    ("[bayeux]\ntransports = ['eventsource']", ["bayeux", "choose from websocket, long-polling"]),
    ("[bayeux]\ntransports = []", ["bayeux", "choose from"]),
    ("[bayeux]\nduplicate_meta_connect_http_code = 200", ["bayeux", "must be 400 or more"]),
    ("[bayeux]\nbrowser_cookie_same_site = 'lax'", ["browser_cookie_same_site", "'Lax', 'Strict', 'None'"]),
    ("[bayeux]\nbrowser_cookie_same_site = 'None'\nbrowser_cookie_secure = 'off'", ["needs browser_cookie_secure"]),
    ("[bayeux]\ntrusted_proxies = ['proxy']", [":2: bayeux", "trusted_proxies: 'proxy'"]),
    ("[bayeux]\nallowed_origins = ['example.com']", [":2: bayeux", "allowed_origins", "https://example.com"]),
    ("[bayeux.websocket]\nmax_queue = 1", [":2: bayeux.websocket.max_queue", "unknown key"]),
    ("[listen]\npublic = 8080", [":2: listen.public", "host:port"]),
    ("[listen]\npublic = ':8080'", ["listen.public", "127.0.0.1:8080"]),
    ("[listen]\npubilc = '127.0.0.1:80'", ["nearest known: listen.public"]),
    ("[mounts.cometd]\npath = 'cometd'", [":2: mounts.cometd.path", "is not of the form"]),
    ("[mounts.cometd]\npath = '/genesys/cometd'", ["two mounts have the path /genesys/cometd"]),
    ("[mounts.cometd]\ntimeout = '10m'", [":2: mounts.cometd", "ws_idle_timeout must exceed timeout"]),
    ("[mounts.other]\npath = '/x'", ["mounts.other", "unknown key"]),
    ("[[auth.users]]\nname = 'a'", ["auth.users.0.password_hash: is missing"]),
    ("[[auth.users]]\nname = 'a'\npassword_hash = 'secret'", ["argon2id", "user hash"]),
    ("[[auth.users]]\nname = 'a:b'\npassword_hash = '$argon2id$'", [":2: auth.users.0.name", "is not of the form"]),
    (
        "[[auth.users]]\nname = 'a'\npassword_hash = '$argon2id$'\n" * 2,
        ["a is there twice"],
    ),
    ("[auth.tokens]\nsecret = 'short'", [":2: auth.tokens", "32 bytes"]),
    ("[[auth.tokens.keys]]\nfile = 'x'\nalgorithm = 'none'", ["'RS256', 'ES256' or 'EdDSA'", "not 'none'"]),
    ("[auth]\nlogin_failures = 0", ["auth.login_failures", "1 or more"]),
    ("[[grants]]\nusers = ['a']\nchannel = '/x'", ["grants.0.operations: is missing"]),
    ("[[grants]]\nusers = ['a']\noperations = []\nchannel = '/x'", ["grants.0.operations", "empty"]),
    ("[[grants]]\noperations = ['publish']\nchannel = '/x'", ["a grant needs roles or users"]),
    ("[[grants]]\nusers = ['a']\noperations = ['delete']\nchannel = '/x'", ["'subscribe' or 'publish'"]),
    ("[[grants]]\nusers = ['a']\noperations = ['publish']\nchannel = 'x'", ["must be a channel name"]),
    ("workers = 2", [":1: workers", "needs Redis"]),
    ("redis = 'http://127.0.0.1'", [":1: redis", "redis+sentinel://"]),
    ("redis = 'redis://u:CANARY@127.0.0.1/x'", [":1: redis"]),
    ("[backplane]\nprefix = 'a b'", [":2: backplane.prefix", "is not of the form"]),
    ("[backplane]\npartitions = 0", [":2: backplane.partitions", "1 or more"]),
    ("[[retention]]\nchannel = 'x'\nevents = 1", ["must be a channel name"]),
    ("[[retention]]\nchannel = '/x'\nevents = 0", ["events", "1 or more"]),
    ("workers = 0", ["workers", 'whole number or "auto"', "not 0"]),
    ("profile = 'developement'", ["profile", "'default' or 'development'"]),
    ("profile = 'development'\nlisten.public = '0.0.0.0:80'", [":2: listen.public", "this machine only"]),
    ("[auth.tokens]\nissuer = '${HOME}'", [":2: auth.tokens.issuer", "only GATEWAY_VAR_"]),
    ("[auth.tokens]\nissuer = '${GATEWAY_VAR_X}'", [":2: auth.tokens.issuer", "GATEWAY_VAR_X} is not set"]),
    ("[log\nlevel = 'info'", [":1: is not TOML"]),
    ("level = info", ["is not TOML"]),
    ("a = 1\na = 2", ["gateway.toml: is not TOML"]),
]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write_file


def problems(sources: Sources) -> list[str]:
    with pytest.raises(ConfigurationWrong) as wrong:
        load(sources)
    return [str(problem) for problem in wrong.value.problems]


@pytest.mark.spec("OPS-3", "OPS-22", "SEC-4")
@pytest.mark.parametrize(("text", "expected"), WRONG_FILES)
def test_wrong_file(write: Write, text: str, expected: list[str]) -> None:
    path = write(text)
    told = problems(Sources(files=[path]))
    assert len(told) == 1, told
    for words in expected:
        assert words in told[0]
    assert "CANARY" not in told[0]
    assert str(path) in told[0] or ": " in told[0]


@pytest.mark.spec("OPS-3")
def test_all_problems_of_all_sources_are_told_at_once(write: Write) -> None:
    path = write("[log]\nlevel = 'loud'\nformt = 'x'\n[drain]\nnotice = 5\n")
    told = problems(
        Sources(
            files=[path, path.parent / "absent.toml"],
            environment={"GATEWAY_LOGG__LEVEL": "info", "GATEWAY_BAYEUX__GZIP": "on"},
            settings=["bayeux.intervall=1s", "timeout"],
        )
    )
    assert [line.removeprefix(str(path.parent)) for line in told] == [
        "/absent.toml: no such file or directory; check -c",
        "GATEWAY_LOGG__LEVEL: unknown variable; nearest known: GATEWAY_LOG__LEVEL",
        "--set: bayeux.intervall: unknown key; nearest known: bayeux.interval",
        "--set: timeout: must be KEY=VALUE, such as log.level=debug",
        "GATEWAY_BAYEUX__GZIP: bayeux.gzip: must be true or false, not 'on'",
        '/gateway.toml:5: drain.notice: must be a number with a unit (ms, s, m, h, d), such as "10s", not 5',
        "/gateway.toml:2: log.level: must be 'debug', 'info', 'warning' or 'error', not 'loud'",
        "/gateway.toml:3: log.formt: unknown key; nearest known: log.format",
    ]  # fmt: skip


@pytest.mark.spec("OPS-21")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GATEWAY_BAYEUX__GZIP", "1", "true or false"),
        ("GATEWAY_BAYEUX__MAX_QUEUE", "many", "whole number"),
        ("GATEWAY_GRANTS", "[{", "must be a list"),
        ("GATEWAY_GRANTS", '[{"users": ["a"]}]', "is missing"),
        ("GATEWAY_LOG__LEVEL_FILE", "/etc/level", "unknown variable"),
        ("GATEWAY_AUTH__TOKENS__SECRET_FILE", "/does/not/exist", "cannot be read"),
        ("GATEWAY_LISTEN", "127.0.0.1:80", "unknown variable"),
    ],
)
def test_wrong_variable(name: str, value: str, expected: str) -> None:
    told = problems(Sources(environment={name: value}))
    assert expected in told[0]
    assert name in told[0]


@pytest.mark.spec("SEC-55")
@pytest.mark.parametrize("key", ["auth.tokens.secret", "internal.token"])
def test_a_wrong_secret_is_not_shown(key: str, write: Write) -> None:
    section, _, name = key.rpartition(".")
    path = write(f"[{section}]\n{name} = 'CANARY-short'\n[log]\nlevel = 'CANARX'")
    told = "\n".join(problems(Sources(files=[path])))
    assert "CANARX" in told
    assert "CANARY" not in told


@pytest.mark.spec("SEC-97")
@pytest.mark.parametrize("token", ["", "short"])
def test_a_token_that_anybody_could_show_is_refused(token: str, write: Write) -> None:
    told = problems(Sources(files=[write(f"[internal]\ntoken = '{token}'")]))
    assert "token must have 16 characters or more" in told[0]
