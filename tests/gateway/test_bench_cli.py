"""``bench`` as it is typed: what it asks for, what it prints and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.bench import conductor
from gateway.bench.outcome import Outcome
from gateway.bench.target import Target
from gateway.bench.workload import KINDS, Kind, Workload
from gateway.cli.bench_commands import COMMANDS, command_line
from gateway.config.model import Config
from gateway.failure import ExitCode, Failure
from gateway.running import Running, announce
from tests.docs.samples import ROOT, samples
from tests.gateway.bench.outcomes import outcome_of
from tests.gateway.conftest import Shell
from tests.support.gateway_process import GatewayProcess, gateway_process

HERE = "http://127.0.0.1:1/cometd"
TINY = ("--sessions", "4", "--seconds", "0.3", "--warm-up", "0.1", "--rate", "20")


class Rehearsal:
    """In place of the conductor: keeps what was asked for, and finds what it is told to."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.finds: dict[str, Any] = {}
        self.fails: BaseException | None = None

    def run(self, workload: Workload, target: Target, **more: Any) -> Outcome:
        self.asked = {"workload": workload, "target": target, **more}
        more["progress"](conductor.Progress("measure", 0.5, {"sessions": 4.0, "delivered": 1234.0}))
        if self.fails is not None:
            raise self.fails
        return outcome_of(workload=workload, target=target.url, sessions=workload.sessions, **self.finds)


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    rehearsal = Rehearsal()
    monkeypatch.setattr(conductor, "run", rehearsal.run)
    return rehearsal


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with gateway_process(tmp_path_factory.mktemp("gateway")) as process:
        yield process
        assert process.complaints() == []


# What is asked for ------------------------------------------------------------------------------


@pytest.mark.spec("OPS-11")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_defaults_that_are_a_workload(shell: Shell, rehearsal: Rehearsal, kind: Kind) -> None:
    assert shell("bench", kind, HERE) == 0
    workload = rehearsal.asked["workload"]
    assert workload.kind == kind
    assert workload.is_open_loop is (kind != "connect")


@pytest.mark.spec("OPS-11")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.kind)
def test_defaults_stay_below_the_limits_of_a_gateway(shell: Shell, rehearsal: Rehearsal, command: Any) -> None:
    """Nobody is to raise limits before the first run."""
    assert shell("bench", command.kind, HERE) == 0
    workload, limits = rehearsal.asked["workload"], Config().bayeux
    of_a_session = {"fanout": 1, "mix": 4, "p2p": workload.sessions, "rtt": workload.sessions}
    if command.kind in of_a_session:
        assert workload.rate / of_a_session[command.kind] < limits.session_message_rate
    if command.kind == "churn":
        assert workload.rate < limits.handshake_rate_per_ip
    assert workload.sessions <= min(limits.handshake_burst_per_ip, limits.accept_rate)


@pytest.mark.spec("OPS-11")
def test_options_say_what_the_load_is(shell: Shell, rehearsal: Rehearsal) -> None:
    assert (
        shell(
            *("bench", "fanout", "http://127.0.0.1:81/x", "--transport", "long-polling", "--sessions", "20"),
            *("--channels", "2", "--subscriptions", "3", "--rate", "5.5", "--seconds", "2", "--warm-up", "0"),
            *("--size", "100", "--ack", "--generators", "2", "--server-pid", "17"),
            *("--generator-cpu", "0", "--generator-cpu", "1"),
        )
        == 0
    )
    assert rehearsal.asked["workload"] == Workload(
        kind="fanout",
        transport="long-polling",
        sessions=20,
        channels=2,
        subscriptions=3,
        rate=5.5,
        seconds=2.0,
        warm_up=0.0,
        size=100,
        ack=True,
        generators=2,
    )
    assert rehearsal.asked["target"] == Target("127.0.0.1", 81, "/x")
    assert (rehearsal.asked["server_pid"], rehearsal.asked["generator_cpus"]) == (17, (0, 1))
    assert rehearsal.asked["log_in"] == []


@pytest.mark.spec("OPS-11")
@pytest.mark.parametrize(
    ("arguments", "rate", "window"),
    [([], 40.0, 10), (["--rate", "7"], 7.0, 10), (["--window", "3"], None, 3), (["--rate", "0"], None, 10)],
)
def test_a_window_makes_a_closed_loop(
    shell: Shell, rehearsal: Rehearsal, arguments: list[str], rate: float | None, window: int
) -> None:
    assert shell("bench", "fanout", HERE, *arguments) == 0
    workload = rehearsal.asked["workload"]
    assert (workload.rate, workload.window) == (rate, window)


@pytest.mark.spec("OPS-11")
def test_users_sign_in_with_tokens(shell: Shell, rehearsal: Rehearsal) -> None:
    assert shell("bench", "p2p", HERE, "--dev", "--as", "Agent1", "--as", "Agent2") == 0
    tokens = [fields["ext"]["token"] for fields in rehearsal.asked["log_in"]]
    assert len(set(tokens)) == 2
    assert shell("token", "check", "--dev", typed=tokens[1]) == 0
    assert "Agent2" in shell.err


@pytest.mark.spec("OPS-11")
def test_without_a_url_the_gateway_that_runs_here_is_loaded(shell: Shell, rehearsal: Rehearsal, tmp_path: Path) -> None:
    running = Running(public="http://127.0.0.1:91", internal="http://127.0.0.1:92", token="t", pid=os.getpid())
    announce(running, Config(), {"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    for url in ([], ["http://localhost:91/cometd"]):
        assert shell("bench", "fanout", *url) == 0
        assert (rehearsal.asked["target"].port, rehearsal.asked["target"].path) == (91, "/cometd")
        assert rehearsal.asked["server_pid"] == os.getpid()
    assert shell("bench", "fanout", HERE) == 0
    assert rehearsal.asked["server_pid"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_of_a_report_repeats_the_run(shell: Shell, rehearsal: Rehearsal, kind: Kind) -> None:
    more = [] if kind == "connect" else ["--rate", "12.5"]
    assert shell("bench", kind, f"{HERE}?token=secret", "--sessions", "32", "--ack", *more) == 0
    workload = rehearsal.asked["workload"]
    repeated = command_line(workload, rehearsal.asked["target"])
    assert "secret" not in repeated
    assert shell(*shlex.split(repeated)[1:]) == 0
    assert rehearsal.asked["workload"] == workload


@pytest.mark.parametrize(("kind", "arguments"), [("fanout", ["--window", "3"]), ("rtt", ["--rate", "0"])])
def test_the_command_of_a_closed_loop_repeats_it(
    shell: Shell, rehearsal: Rehearsal, kind: str, arguments: list[str]
) -> None:
    assert shell("bench", kind, HERE, *arguments) == 0
    workload = rehearsal.asked["workload"]
    assert shell(*shlex.split(command_line(workload, rehearsal.asked["target"]))[1:]) == 0
    assert rehearsal.asked["workload"] == workload


def test_the_commands_of_the_documentation_are_right(shell: Shell, rehearsal: Rehearsal, tmp_path: Path) -> None:
    running = Running(public="http://127.0.0.1:91", internal="http://127.0.0.1:92", token="t", pid=os.getpid())
    announce(running, Config(), {"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    shown = [sample.text for sample in samples(ROOT / "docs" / "howto" / "load-testing.md") if sample.language == "sh"]
    commands = [line for text in shown for line in text.replace("\\\n", "").splitlines() if "bench " in line]
    commands += [f"bayeux-gateway {example}" for command in COMMANDS for example in command.examples]
    assert len(commands) > 15
    Path("token.txt").write_text("a token")
    for command in commands:
        words = shlex.split(re.sub(r"\$\(.*?\)", "1", command.partition(" > ")[0]), comments=True)
        assert shell(*words[words.index("bench") :]) == 0, (command, shell.err)


@pytest.mark.spec("OPS-11", "OPS-15")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "--nonsense"),
        (["--sessions", "0"], "--sessions: 0 is not between 1 and"),
        (["--sessions", "x"], "--sessions"),
        (["--transport", "pigeon"], "--transport"),
        (["--window", "3", "--rate", "3"], "--window"),
        (["--sessions", "10", "--channels", "20"], "--channels"),
        (["--seconds", "86400"], "--seconds"),
        (["--server-pid", "0"], "--server-pid"),
    ],
)
def test_a_wrong_option_is_2_and_names_it(shell: Shell, rehearsal: Rehearsal, arguments: list[str], words: str) -> None:
    assert shell("bench", "fanout", HERE, *arguments) == 2
    assert words in shell.err
    assert shell.out == ""
    assert rehearsal.asked == {}


@pytest.mark.spec("OPS-15")
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "nonsense", "http://127.0.0.1:99999/", "http://u@127.0.0.1/"])
def test_a_wrong_url_is_2(shell: Shell, rehearsal: Rehearsal, url: str) -> None:
    assert shell("bench", "fanout", url) == 2
    assert "URL" in shell.err
    assert rehearsal.asked == {}


@pytest.mark.spec("OPS-11", "OPS-15", "OPS-17")
@pytest.mark.parametrize("url", ["http://192.0.2.1:8080/cometd", "https://push.example.com/cometd"])
def test_another_machine_is_loaded_only_when_that_is_said(shell: Shell, rehearsal: Rehearsal, url: str) -> None:
    assert shell("bench", "fanout", url) == 2
    assert shell.err.count("\n") == 1
    assert "--i-own-this-target" in shell.err
    assert rehearsal.asked == {}
    assert shell("bench", "fanout", url, "--i-own-this-target") == 0


# What is printed --------------------------------------------------------------------------------


@pytest.mark.spec("OPS-11", "OPS-16")
def test_figures_go_to_standard_output_in_eighty_columns(shell: Shell, rehearsal: Rehearsal) -> None:
    assert shell("bench", "fanout", HERE) == 0
    for words in ("4,000", "Lost", "99.9 %", "7.50 µs", "10.2 KiB", "open loop, 40 a second"):
        assert words in shell.out
    assert max(len(line) for line in shell.out.splitlines()) <= 80
    assert shell.err == ""


@pytest.mark.spec("OPS-16")
def test_figures_fit_whatever_the_server_says(shell: Shell, rehearsal: Rehearsal) -> None:
    rehearsal.finds = {"errors": {"\x1b[31m" + "x" * 500: 3}}
    assert shell("bench", "fanout", HERE) == 0
    assert "\x1b" not in shell.out
    assert max(len(line) for line in shell.out.splitlines()) <= 80


@pytest.mark.spec("OPS-11", "OPS-16")
def test_json_is_one_object_that_becomes_the_outcome_again(shell: Shell, rehearsal: Rehearsal) -> None:
    assert shell("bench", "fanout", HERE, "--json") == 0
    outcome = Outcome.from_json(json.loads(shell.out))
    assert outcome.workload == rehearsal.asked["workload"]
    assert outcome.delivered == 12_000


@pytest.mark.spec("OPS-11", "OPS-15")
@pytest.mark.parametrize("name", ["lost", "double", "out_of_order"])
def test_a_run_that_is_not_exact_is_1_after_its_figures(shell: Shell, rehearsal: Rehearsal, name: str) -> None:
    rehearsal.finds = {name: 3}
    assert shell("bench", "fanout", HERE, "--report", "report.html") == 1
    assert "Delivered a second" in shell.out
    assert "Of 20,000 events" in shell.err
    assert " 3 " in shell.err
    assert Path("report.html").exists()


def test_doubts_are_told_beside_the_figures(shell: Shell, rehearsal: Rehearsal) -> None:
    rehearsal.finds = {"errors": {"429:50 a second:rate_limited": 7}}
    assert shell("bench", "fanout", HERE) == 0
    assert "session_message_rate" in shell.err


@pytest.mark.spec("OPS-11")
def test_a_report_is_written_beside_the_figures(shell: Shell, rehearsal: Rehearsal) -> None:
    assert shell("bench", "fanout", HERE, "--report", "report.html") == 0
    assert "bayeux-gateway bench fanout http://127.0.0.1:1/cometd" in Path("report.html").read_text("utf-8")
    assert "report.html" in shell.err
    assert "4,000" in shell.out


@pytest.mark.spec("OPS-15", "OPS-17")
def test_a_report_that_cannot_be_written_is_told_before_the_load(shell: Shell, rehearsal: Rehearsal) -> None:
    assert shell("bench", "fanout", HERE, "--report", "absent/report.html") == 1
    assert shell.err.count("\n") == 1
    assert "absent/report.html cannot be written: No such file or directory" in shell.err
    assert rehearsal.asked == {}


# How it ends ------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-15", "OPS-17")
def test_what_could_not_be_done_is_told_in_a_sentence(shell: Shell, rehearsal: Rehearsal) -> None:
    rehearsal.fails = Failure("it could not be done", ExitCode.UNAVAILABLE)
    assert shell("bench", "fanout", HERE) == 69
    assert (shell.out, shell.err) == ("", "it could not be done\n")


@pytest.mark.spec("OPS-11", "OPS-15")
def test_ctrl_c_is_130_and_tells_how_far_it_came(shell: Shell, rehearsal: Rehearsal) -> None:
    rehearsal.fails = KeyboardInterrupt()
    assert shell("bench", "fanout", HERE) == 130
    assert "measure: 4 sessions, 1,234 delivered" in shell.err
    assert shell.out == ""


@pytest.mark.spec("OPS-15", "OPS-17")
def test_an_unreachable_server_is_69(shell: Shell) -> None:
    assert shell("bench", "fanout", HERE, *TINY) == 69
    assert shell.err.count("\n") == 1
    assert "127.0.0.1:1" in shell.err
    assert "Traceback" not in shell.err


@pytest.mark.spec("OPS-15", "OPS-17")
def test_a_missing_extra_is_told_with_the_line_that_installs_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    assert shell("bench", "fanout", HERE) == 69
    assert "pip install 'bayeux-gateway[bench]'" in shell.err
    assert shell.err.count("\n") == 1


@pytest.mark.spec("OPS-15", "OPS-17")
def test_a_process_that_does_not_run_is_told(shell: Shell, served: GatewayProcess) -> None:
    assert shell("bench", "fanout", served.cometd, *TINY, "--server-pid", str(2**22 + 1)) == 1
    assert "--server-pid" in shell.err
    assert shell.err.count("\n") == 1


@pytest.mark.spec("OPS-15", "OPS-17")
def test_figures_that_cannot_be_written_are_told(served: GatewayProcess) -> None:
    command = [sys.executable, "-m", "gateway", "bench", "rtt", served.cometd, *TINY, "--json"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert "cannot be written to the standard output: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.spec("OPS-15", "OPS-17")
def test_without_a_gateway_and_a_url_it_is_69(shell: Shell) -> None:
    assert shell("bench", "fanout") == 69
    assert "no gateway of yours runs here" in shell.err


# A real one -------------------------------------------------------------------------------------


@pytest.mark.spec("OPS-11")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
def test_a_development_gateway_is_measured(shell: Shell, served: GatewayProcess, transport: str) -> None:
    arguments = ("bench", "fanout", served.cometd, *TINY, "--transport", transport)
    assert shell(*arguments, "--json", "--report", "report.html", "--server-pid", str(served.pid)) == 0
    outcome = Outcome.from_json(json.loads(shell.out))
    assert outcome.is_exact
    assert outcome.delivered == 4 * outcome.published > 0
    assert outcome.server is not None
    page = Path("report.html").read_text("utf-8")
    assert "Exact: all" in page
    assert page.count("<svg") >= 2


@pytest.mark.spec("OPS-11", "OPS-16")
def test_progress_is_shown_on_a_terminal_and_nowhere_else(served: GatewayProcess) -> None:
    command = [sys.executable, "-m", "gateway", "bench", "fanout", served.cometd, *TINY]
    quiet = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "measure" not in quiet.stderr
    terminal, seen_by_it = os.openpty()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=seen_by_it, env={**os.environ, "TERM": "xterm"})
    os.close(seen_by_it)
    with open(terminal, "rb", buffering=0) as screen:
        shown = screen.read(65536).decode()
    assert "measure" in shown
    assert "5 sessions" in shown


def sessions_of(served: GatewayProcess) -> float:
    return sum(value for name, value in served.metrics().items() if name.startswith("bayeux_sessions{"))


@pytest.mark.soak
@pytest.mark.spec("OPS-11", "OPS-15")
def test_ctrl_c_in_the_middle_leaves_no_session(served: GatewayProcess) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "bench", "fanout", served.cometd, "--sessions", "4", "--seconds", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while sessions_of(served) < 5:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of them
        printed, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed == ""
    assert "Interrupted" in told
    assert "Traceback" not in told
    assert sessions_of(served) == 0
