"""The commands: what they print, where, and how they end."""

import json
import os
import sys
from pathlib import Path

import argon2
import pytest

import gateway
from gateway.bench.workload import KINDS
from gateway.config.model import Config
from gateway.failure import Failure
from gateway.running import Running, announce
from tests.gateway.conftest import Shell

ROOT = Path(__file__).parent.parent.parent
SECRET = "auth.tokens.secret=a secret that is long enough for it"


@pytest.mark.spec("OPS-14")
def test_version(shell: Shell) -> None:
    assert shell("--version") == 0
    assert shell.out.startswith(f"bayeux-gateway {gateway.__version__}, Python 3.")
    assert "extras: gateway" in shell.out
    assert shell.err == ""


def test_the_version_is_that_of_the_package() -> None:
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    assert f"version = {gateway.__version__}\n" in setup or "version = attr: gateway.__version__\n" in setup


@pytest.mark.spec("OPS-14", "OPS-16")
@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["publish"], ["subscribe"], ["config"], ["config", "check"], ["config", "show"], ["config", "docs"],
     ["token"], ["token", "make"], ["token", "check"], ["user"], ["user", "hash"],
     ["mre"], ["mre", "tail"], ["mre", "send"], ["bench"], *(["bench", kind] for kind in KINDS)],
)  # fmt: skip
def test_help_has_an_example_and_fits_a_narrow_terminal(shell: Shell, command: list[str]) -> None:
    assert shell(*command, "--help") == 0
    assert "bayeux-gateway" in shell.out
    if len(command) != 1 or command[0] in ("serve", "publish", "subscribe"):
        assert any(word in shell.out for word in ("Example", "Start with"))
    assert max(len(line) for line in shell.out.splitlines()) <= 80


@pytest.mark.spec("OPS-15", "OPS-16")
@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["serve", "--nonsense"],
        ["publish"],
        ["token", "make"],
        ["token", "make", "--lifetime", "5", "Agent1"],
        ["subscribe", "--transport", "pigeon", "--url", "http://127.0.0.1:1/", "/x"],
    ],
)
def test_wrong_usage_is_2(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == 2
    assert shell.out == ""
    assert shell.err


@pytest.mark.spec("OPS-3", "OPS-15")
@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["serve"], ["token", "make", "x"]])
def test_a_wrong_configuration_is_78_and_told_whole(shell: Shell, command: list[str]) -> None:
    assert shell(*command, "--set", "log.level=loud", "--set", "drain.notice=5") == 78
    assert shell.err.splitlines() == [
        "--set: drain.notice: must be a number with a unit (ms, s, m, h, d), such as \"10s\", not '5'",
        "--set: log.level: must be 'debug', 'info', 'warning' or 'error', not 'loud'",
    ]
    assert shell.out == ""


@pytest.mark.spec("OPS-46", "OPS-15")
def test_more_workers_need_redis(shell: Shell) -> None:
    assert shell("serve", "--workers", "2") == 78
    assert shell.err.startswith("--workers: ")
    assert "Redis" in shell.err


@pytest.mark.spec("SEC-45", "OPS-15")
def test_development_serves_this_machine_only(shell: Shell) -> None:
    assert shell("serve", "--dev", "--set", "listen.public=0.0.0.0:0") == 78
    assert "this machine only" in shell.err


@pytest.mark.spec("OPS-3")
def test_check_looks_at_key_files_too(shell: Shell) -> None:
    Path("gateway.toml").write_text("[[auth.tokens.keys]]\nfile = 'absent.pem'\nalgorithm = 'RS256'\n")
    assert shell("config", "check", "-c", "gateway.toml") == 78
    assert "absent.pem cannot be used: No such file" in shell.err


@pytest.mark.spec("OPS-3", "SEC-55")
def test_check_says_that_all_is_well_and_what_is_not_quite(shell: Shell) -> None:
    Path("gateway.toml").write_text(f"{SECRET.replace('=', ' = ', 1).replace('a secret', repr('a secret')[:-1])}'\n")
    Path("gateway.toml").chmod(0o644)
    assert shell("config", "check", "-c", "gateway.toml") == 0
    assert "warning: gateway.toml holds secrets" in shell.err
    assert "The configuration is valid." in shell.err
    assert shell.out == ""


@pytest.mark.spec("OPS-4", "OPS-16")
def test_show_prints_data_to_standard_output(shell: Shell) -> None:
    assert shell("config", "show", "--set", SECRET, "--json") == 0
    assert json.loads(shell.out)["auth.tokens.secret"] == "***"
    assert shell.err == ""
    assert shell("config", "show", "--origin", "--set", SECRET) == 0
    assert 'secret = "***"  # --set' in shell.out
    assert shell("config", "show", "--env", "--dev") == 0
    assert "GATEWAY_PROFILE=development\n" in shell.out


@pytest.mark.spec("OPS-5")
def test_docs(shell: Shell) -> None:
    assert shell("config", "docs") == 0
    assert "GATEWAY_BAYEUX__MAX_QUEUE" in shell.out
    assert shell("config", "docs", "--markdown") == 0
    assert shell.out == (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")


@pytest.mark.spec("OPS-6")
def test_tokens_are_made_and_checked(shell: Shell) -> None:
    assert shell("token", "make", "--set", SECRET, "--lifetime", "5m", "Agent1") == 0
    token = shell.out
    assert shell("token", "check", "--set", SECRET, typed=token) == 0
    claims = json.loads(shell.out)
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("Agent1", 300)
    assert shell("token", "check", "--dev", typed=token) == 1
    assert shell.err.startswith("the token is refused: ")
    assert shell("token", "make", "Agent1") == 78
    assert "auth.tokens.secret" in shell.err


@pytest.mark.spec("OPS-6", "OPS-24")
def test_a_development_token_is_good_for_a_development_gateway(shell: Shell) -> None:
    assert shell("token", "make", "--dev", "Agent1") == 0
    assert shell("token", "check", "--dev", typed=shell.out) == 0


@pytest.mark.spec("SEC-51")
def test_a_password_is_hashed_from_standard_input(shell: Shell) -> None:
    assert shell("user", "hash", typed="pass word\n") == 0
    assert argon2.PasswordHasher().verify(shell.out.strip(), "pass word")
    assert shell("user", "hash", typed="") == 1


@pytest.mark.spec("OPS-8", "OPS-15", "OPS-17")
@pytest.mark.parametrize(
    "command", [["publish", "--user", "Agent1", "/v2/me", "1"], ["publish", "/x"], ["subscribe", "/x"], ["mre", "tail"]]
)
def test_without_a_gateway_commands_end_with_69(shell: Shell, command: list[str]) -> None:
    assert shell(*command) == 69
    assert shell.err.count("\n") == 1
    assert "no gateway of yours runs here" in shell.err
    assert "bayeux-gateway serve" in shell.err


@pytest.mark.spec("OPS-8", "OPS-15")
@pytest.mark.parametrize("command", ["publish", "subscribe"])
def test_an_unreachable_url_is_69(shell: Shell, command: str) -> None:
    assert shell(command, "--url", "http://127.0.0.1:1/cometd", "/x") == 69
    assert "cannot be reached" in shell.err


@pytest.mark.spec("OPS-8")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "the message is not JSON"),
        ("text", "a text needs its quotes"),
        ("@absent.json", "absent.json cannot be read"),
    ],
)
def test_what_is_not_json_is_not_published(shell: Shell, data: str, words: str) -> None:
    assert shell("publish", "--user", "Agent1", "/v2/me", data) == 1
    assert words in shell.err


@pytest.mark.spec("OPS-17")
def test_a_trace_is_shown_only_when_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise RuntimeError("it broke")

    monkeypatch.setattr("gateway.cli.config.text", fail)
    assert shell("config", "docs") == 1
    assert shell.err == "RuntimeError: it broke; `bayeux-gateway --debug config …` shows where\n"
    assert shell("--debug", "config", "docs") == 1
    assert "Traceback" in shell.err


@pytest.mark.spec("OPS-90")
def test_a_missing_extra_is_told_with_the_line_that_installs_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.cli.main", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert shell("config", "docs") == 1
    assert shell.err == "typer is not installed, which the commands need: pip install 'bayeux-gateway[gateway]'\n"


RUNNING = Running(public="http://127.0.0.1:1", internal="http://127.0.0.1:2", token="t", pid=os.getpid())


@pytest.mark.spec("SEC-55")
def test_only_its_owner_reads_where_a_gateway_runs(tmp_path: Path) -> None:
    path = announce(RUNNING, Config(), {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["internal-2.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "bayeux-gateway").write_text("a file")
    with pytest.raises(Failure, match=r"cannot be written .*: set internal\.directory"):
        announce(RUNNING, Config(), {"XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.mark.spec("OPS-8")
def test_of_several_gateways_one_must_be_named(shell: Shell, tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    announce(RUNNING, Config(), environment)
    other = Running(public="http://127.0.0.1:1", internal="http://127.0.0.1:3", token="t", pid=os.getpid())
    announce(other, Config(), environment)
    dead = Running(public="http://127.0.0.1:1", internal="http://127.0.0.1:4", token="t", pid=2**22 + 1)
    announce(dead, Config(), environment)
    assert shell("publish", "--user", "Agent1", "/v2/me", "1") == 1
    assert "several gateways run here (127.0.0.1:2, 127.0.0.1:3)" in shell.err
    assert shell("publish", "--user", "Agent1", "/v2/me", "1", "--set", "listen.internal=127.0.0.1:3") == 69
    assert "http://127.0.0.1:3 cannot be reached" in shell.err
