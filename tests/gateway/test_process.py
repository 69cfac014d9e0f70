"""The gateway as a process: from an empty directory to its last farewell."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.gateway.process import ANYWHERE, Start, serve, subscribed


@pytest.mark.spec("OPS-1", "OPS-60", "OPS-61", "OPS-100")
@pytest.mark.parametrize("profile", [(), ("--dev",)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_from_an_empty_directory_and_stops_at_once_when_idle(
    start: Start, profile: tuple[str, ...], number: int
) -> None:
    gateway = serve(start, *profile)
    gateway.child.send_signal(number)
    assert gateway.end() == 0
    assert [event for event in gateway.events if event in ("configuration", "ready", "stopping", "stopped")] == [
        "configuration",
        "ready",
        "stopping",
        "stopped",
    ]
    assert list((gateway.directory / "bayeux-gateway").iterdir()) == []


@pytest.mark.spec("OPS-48", "SEC-55")
def test_the_configuration_is_logged_without_its_secrets(start: Start) -> None:
    gateway = serve(start, "--set", "auth.tokens.secret=CANARY of more than 32 characters")
    gateway.child.terminate()
    assert gateway.end() == 0
    (line,) = [line for line in gateway.printed.splitlines() if '"event": "configuration"' in line]
    assert json.loads(line)["auth_tokens_secret"] == "***"
    assert "CANARY" not in gateway.printed


@pytest.mark.spec("OPS-8", "AG-102", "SEC-44", "OPS-16")
def test_publish_reaches_the_user_and_nobody_else(start: Start) -> None:
    serve(start, "--dev")
    own = subscribed(start, "--dev", "--as", "Agent1", "--count", "1", "/v2/me/interactions")
    other = start("subscribe", "--dev", "--as", "Agent2", "--count", "1", "--transport", "long-polling", "/**")
    other.wait_for("Subscribed")
    (own.directory / "data.json").write_text('{"b": 1.0, "a": [null, "0"]}')
    published = start("publish", "--user", "Agent1", "/v2/me/interactions", "@data.json")
    assert published.end() == 0
    assert json.loads(published.printed) == {"user": "Agent1", "channel": "/v2/me/interactions", "sessions": 1}
    assert own.end() == 0
    assert start("publish", "--user", "Agent2", "/v2/me", '"for Agent2"').end() == 0
    assert other.end() == 0
    printed = [json.loads(line) for line in other.printed.splitlines()]
    assert printed == [{"channel": "/v2/me", "data": "for Agent2"}]


@pytest.mark.spec("OPS-8")
def test_publish_and_subscribe_are_bayeux_clients(start: Start) -> None:
    serve(start, "--dev")
    reader = subscribed(start, "--count", "1", "/demo/*")
    assert start("publish", "/demo/hello", '{"text": "hi"}').end() == 0
    assert reader.end() == 0
    assert json.loads(reader.printed) == {"channel": "/demo/hello", "data": {"text": "hi"}}
    refused = start("publish", "/v2/me", "1")
    assert refused.end() == 1
    assert refused.child.stderr is not None
    assert "publish_denied" in refused.child.stderr.read()


@pytest.mark.spec("OPS-60", "OPS-61", "DSC-11")
def test_open_sessions_are_sent_away_and_come_back_later(start: Start) -> None:
    gateway = serve(start, "--dev")
    client = subscribed(start, "/demo")
    gateway.child.terminate()
    assert gateway.end() == 0
    assert "session_ends" in gateway.events
    assert client.child.poll() is None
    client.child.send_signal(signal.SIGINT)
    assert client.end() == 130


@pytest.mark.spec("OPS-60", "OPS-15")
def test_a_second_interrupt_stops_at_once(start: Start) -> None:
    gateway = serve(start, "--dev", "--set", "drain.notice=20s")
    subscribed(start, "/demo")
    gateway.child.send_signal(signal.SIGINT)
    while "stopping" not in gateway.events:
        time.sleep(0.01)  # the log is a file: there is nothing to wait on
    gateway.child.send_signal(signal.SIGINT)
    assert gateway.end() == 130


@pytest.mark.spec("OPS-15", "OPS-17")
@pytest.mark.parametrize("key", ["listen.public", "listen.internal"])
def test_a_port_in_use_is_told_in_one_sentence(start: Start, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        gateway = start("serve", *ANYWHERE, "--set", f"{key}={address}")
        assert gateway.end() == 1
    assert gateway.child.stderr is not None
    told = gateway.child.stderr.read()
    assert re.fullmatch(rf"{key} = {address} cannot be used \(.*\): .*\n", told)


@pytest.mark.spec("OPS-14")
def test_the_version_comes_without_what_takes_long_to_load() -> None:
    """That is what it would take its time for; time itself depends on who else is at work."""
    program = (
        "import runpy, sys; sys.argv = ['bayeux-gateway', '--version']\n"
        "try: runpy.run_module('gateway', run_name='__main__')\n"
        "except SystemExit as end: print(end.code or 0, *sys.modules, sep='\\n')"
    )
    told = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True).stdout
    version, _, rest = told.partition("\n")
    assert version.startswith("bayeux-gateway ")
    loaded = {name.partition(".")[0] for name in rest.splitlines()}
    assert "gateway" in loaded
    assert not loaded & {"asyncio", "hdrh", "prometheus_client", "pydantic", "rich", "ssl", "structlog", "typer"}
