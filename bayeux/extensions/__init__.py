"""Extensions of the protocol, one a module; each is off until the application registers it with its server.

Source: XT-1…4.
"""

from bayeux.extensions.ack import Acknowledge
from bayeux.extensions.activity import Activity
from bayeux.extensions.binary import Binary
from bayeux.extensions.replay import Replay
from bayeux.extensions.timestamp import Timestamp
from bayeux.extensions.timesync import TimeSync

__all__ = ["Acknowledge", "Activity", "Binary", "Replay", "TimeSync", "Timestamp"]
