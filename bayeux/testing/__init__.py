"""For tests of applications built on bayeux: clients in memory, time that a test moves, networks that fail.

What is listed here is public; what is not may change. As a plugin of pytest it gives fixtures
(``bayeux.testing.plugin``); nothing else here needs pytest.
"""

from bayeux.testing.carried import CarriedConnection, Tally
from bayeux.testing.clock import ManualClock
from bayeux.testing.conversation import Conversation
from bayeux.testing.fault_proxy import FaultProxy
from bayeux.testing.faults import Fault, Faults, Faulty, Planned, Rates, Way, schedule
from bayeux.testing.memory import MemoryTransport, Peer
from bayeux.testing.still import pass_time, standing_still, still_server, turn

__all__ = [
    "CarriedConnection",
    "Conversation",
    "Fault",
    "FaultProxy",
    "Faults",
    "Faulty",
    "ManualClock",
    "MemoryTransport",
    "Peer",
    "Planned",
    "Rates",
    "Tally",
    "Way",
    "pass_time",
    "schedule",
    "standing_still",
    "still_server",
    "turn",
]
