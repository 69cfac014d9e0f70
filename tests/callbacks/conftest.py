"""One node with a store in a file."""

from __future__ import annotations

import pytest

from gateway.callback.profiles import Profile
from gateway.store.sqlite import SqliteStore
from tests.callbacks.office import Clock, Office
from tests.callbacks.queues import Queues
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]


@pytest.fixture
def office(sqlite_store: SqliteStore) -> Office:
    """Has the four services of the profiles, and two numbers that are kept from others."""
    office = Office(sqlite_store, Clock(), Queues())
    office.serves("chat-delay", Profile.CHAT_WAIT).serves("chat-now", Profile.CHAT_NOW)
    office.serves("voice-delay", Profile.VOICE_WAIT).serves("voice-now", Profile.VOICE_NOW)
    return office.has_numbers(2)
