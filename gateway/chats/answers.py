"""What an app is answered about its chat.

Source: CH1-3, CH1-4, CH1-7, OPT-9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from channels.chat.v1 import Entry, Reading, State, chat_object
from gateway.chats.chat import Chat
from gateway.chats.settings import Settings

COMET_CHANNEL: Final = "/_genesys"
NOTHING: Final = Reading(is_over=True)
"""Of a chat that is so long over that nothing of it is kept."""

Json = Mapping[str, Any]


def created(chat: Chat) -> Json:
    """The short one, for who gets the rest as events (CH1-3)."""
    return {"_id": chat.id, "comet_channel": COMET_CHANNEL}


def state_of(reading: Reading) -> State:
    """Of a chat that began before."""
    return State.DISCONNECTED if reading.is_over else State.TRANSCRIPT


def from_position(chat: Chat, reading: Reading, state: State, after: int, settings: Settings) -> Json:
    """With all entries after a position."""
    return _answer(chat, reading, state, reading.entries[after:], len(reading.entries), settings)


def without_entries(chat: Chat, reading: Reading, state: State, settings: Settings) -> Json:
    """For who gets them as events: where those have come to, and nothing twice (CC-9)."""
    return _answer(chat, reading, state, (), chat.told, settings)


def behind_the_gateway(chat: Chat, reading: Reading, settings: Settings) -> Json:
    """What ``_verbose`` adds: the original's servers, of which this gateway is all (CH1-4)."""
    base = f"{settings.root}/service/{chat.id}/ixn/chat"
    return {
        "_id": chat.id,
        "userId": reading.client,
        "secureKey": chat.key,
        "checkChatServiceLoadBalancerPath": "/WebAPI812/ChatLoadBalancer",
        "chatServerLoadBalancerAlias": "1",
        "chatServerHost": settings.host,
        "chatWebApiPort": settings.port,
        "isTLSrequired": settings.is_tls,
        "clientTimeZoneOffset": "0",
        "_chatIxnAPI_SEND_URL": f"{base}/send",
        "_chatIxnAPI_REFRESH_URL": f"{base}/refresh",
        "_chatIxnAPI_START_TYPING_URL": f"{base}/startTyping",
        "_chatIxnAPI_STOP_TYPING_URL": f"{base}/stopTyping",
        "_chatIxnAPI_DISCONNECT_URL": f"{base}/disconnect",
        "_chatIxnAPI_REFRESH_FROM_START_URL": f"{base}/refresh?transcriptPosition=1",
        **({"comet_channel": COMET_CHANNEL} if chat.is_comet else {}),
    }


def indexed(entries: Iterable[Entry], position: int, settings: Settings) -> list[Entry]:
    """As configured: each with its own position as a sixth text, or without (OPT-9).

    Args:
        position: of the last one.
    """
    shown = list(entries)
    if not settings.is_indexed:
        return shown
    return [(*entry, str(number)) for number, entry in enumerate(shown, position - len(shown) + 1)]


def _answer(
    chat: Chat, reading: Reading, state: State, entries: Iterable[Entry], position: int, settings: Settings
) -> Json:
    shown = indexed(entries, position, settings)
    return chat_object(state, chat.interaction, position, shown, reading.started or chat.began)
