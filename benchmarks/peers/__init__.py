"""The servers that are compared: ours, and those of other projects that speak the same protocol."""

from benchmarks.peers.gateway import OURS, OURS_COMPILED
from benchmarks.peers.maven import COMETD
from benchmarks.peers.node import COMETD_NODEJS_SERVER, FAYE
from benchmarks.peers.peer import Lacking, Peer
from benchmarks.peers.server import Server

PEERS: tuple[Peer, ...] = (OURS, OURS_COMPILED, COMETD, FAYE, COMETD_NODEJS_SERVER)
"""In the order of tables and of the first round."""

__all__ = ["OURS", "PEERS", "Lacking", "Peer", "Server"]
