"""Peers: what is said of those that cannot run, and how servers begin and end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.floor import send
from benchmarks.peers import node
from benchmarks.peers.maven import CometD
from benchmarks.peers.node import NodePeer
from benchmarks.peers.peer import Lacking, made_from
from benchmarks.peers.server import ServerFailed, speaking

SERVER = """
import sys
print("http://127.0.0.1:1/cometd", flush=True)
for line in sys.stdin:
    print(len(line), flush=True)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, *, code: int = 0) -> None:
    """A program that does nothing and ends with a code."""
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)


def sentence(peer: NodePeer | CometD) -> str:
    """What is told of a peer that cannot run."""
    with pytest.raises(Lacking) as lacking:
        peer.prepare()
    return str(lacking.value)


def test_peer_without_node_is_left_out(programs: Path) -> None:
    """With a sentence that names what is missing."""
    assert sentence(NodePeer("faye")) == "Faye was left out: node is not installed."
    install(programs, "node")
    assert sentence(NodePeer("faye")) == "Faye was left out: npm is not installed."


def test_peer_whose_packages_cannot_be_had_is_left_out(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is away; the next sitting tries again."""
    monkeypatch.setattr(node, "_HERE", tmp_path)
    (tmp_path / "faye").mkdir()
    (tmp_path / "faye" / "package-lock.json").write_text("{}")
    install(programs, "node")
    install(programs, "npm", code=1)
    for _ in range(2):
        assert sentence(NodePeer("faye")) == "Faye was left out: npm could not install its packages."


def test_cometd_without_maven_is_left_out(programs: Path) -> None:
    """A machine with Java alone."""
    assert sentence(CometD()) == "CometD was left out: java is not installed."
    install(programs, "java")
    assert sentence(CometD()) == "CometD was left out: mvn is not installed."


def test_floor_without_compiler_is_left_out(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or with one that refuses it."""
    monkeypatch.setattr(send, "_BUILT", tmp_path / "built")
    with pytest.raises(Lacking, match=r"^The C loop of send\(\) was left out: there is no C compiler\.$"):
        send.prepare()
    install(programs, "cc", code=1)
    with pytest.raises(Lacking, match=r"the C compiler refused it"):
        send.prepare()


def test_stamp_is_named_by_what_was_built_from(tmp_path: Path) -> None:
    """A changed source asks for another one."""
    source = tmp_path / "pom.xml"
    source.write_text("one")
    first = made_from(tmp_path, [source])
    assert made_from(tmp_path, [source]) == first
    source.write_text("two")
    assert made_from(tmp_path, [source]) != first


def test_server_speaks_and_ends(tmp_path: Path) -> None:
    """Its URL, its answer; at the end its input ends, and with it the process."""
    with speaking((sys.executable, "-c", SERVER), tmp_path) as server:
        assert server.url == "http://127.0.0.1:1/cometd"
        assert server.collect() == len("collect\n")
        assert is_running(server.pid)
    assert not is_running(server.pid)


def test_server_ends_when_the_sitting_is_interrupted(tmp_path: Path) -> None:
    """Whatever is raised while it runs."""
    with pytest.raises(KeyboardInterrupt), speaking((sys.executable, "-c", SERVER), tmp_path) as server:
        raise KeyboardInterrupt
    assert not is_running(server.pid)


def test_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its last words come with the failure."""
    failing = (sys.executable, "-c", "raise SystemExit('no such engine')")
    with pytest.raises(ServerFailed, match="no such engine"), speaking(failing, tmp_path):
        raise AssertionError("it began")


def is_running(pid: int) -> bool:
    """Such a process exists."""
    return Path(f"/proc/{pid}").exists()
