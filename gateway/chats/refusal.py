"""Why something was not done with a chat.

Source: ERR-3, CH1-3, CH1-6, CH1-10, CH1-12.
"""

from __future__ import annotations

from gateway.customers.refusal import GSG, Refused


class ChatRefused(Refused):
    """What was asked of a chat cannot be done (400)."""

    exception = f"{GSG}services.chat.ChatException"


class ChatUnknown(ChatRefused):
    """This instance has no chat."""

    status = 404


class ChatNotYet(ChatRefused):
    """There can be none at this moment (CH1-12)."""

    status = 503
