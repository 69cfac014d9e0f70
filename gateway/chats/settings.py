"""What is configured about customers' chats: the section ``chat``, and the options of a service.

Source: OPT-6, OPT-9, CH1-6, CH1-10, CC-14.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from gateway.config.model import Config

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of all chats."""

    max_message_length: int = 4096
    include_payload: bool = True
    """What is pushed tells what was said."""
    to_active_client: bool = False
    """Push also to who has a session."""
    filtered: frozenset[str] = frozenset({"Notice.TypingStarted", "Notice.TypingStopped"})
    """Types of entries that are not pushed, where the service names none."""
    is_indexed: bool = False
    """Entries have their position as a sixth text."""
    host: str = "localhost"
    port: int = 8080
    is_tls: bool = False
    root: str = "/genesys/1"
    """Where the resources are."""

    @classmethod
    def of(cls, config: Config, root: str) -> Self:
        """What a configuration says."""
        chat = config.chat
        return cls(
            max_message_length=chat.max_message_length,
            include_payload=chat.push_notification_include_payload,
            to_active_client=chat.push_notification_to_active_client,
            filtered=frozenset(chat.filtering_chat_events),
            is_indexed=chat.enable_fast_chat_transcript_refresh,
            host=chat.server_host or socket.gethostname(),
            port=int(chat.server_port) if chat.server_port.isdecimal() else config.listen.public.port,
            root=root,
        )


class Attach(StrEnum):
    """``_attach_udata``."""

    SINGLE_JSON = "single_json"
    SEPARATE_KEYS = "separate_keys"
    STORAGE_ID = "gms_storage_id"


GMS_DATA: Final = "GMS_UserData"
MOST_ATTACHED: Final = 64 * 1024
"""Characters of data that go out with each notification of the interaction; of more, agents are told where it is."""


def attached(options: Options, texts: Mapping[str, str], storage: str) -> Mapping[str, str]:
    """How the application's data is shown to agents (OPT-6).

    Args:
        texts: the application's data.
        storage: where all of it is.
    """
    written = json.dumps(texts, ensure_ascii=False)
    way = options.get("_attach_udata", "").strip().lower()
    if way == Attach.STORAGE_ID or len(written) > MOST_ATTACHED:
        return {GMS_DATA: storage}
    if way == Attach.SEPARATE_KEYS:
        return texts
    return {GMS_DATA: written} if texts else {}


def refuses_what_is_over(options: Options) -> bool:
    """``_chat_400_response_on_disconnected`` (CH1-10)."""
    return options.get("_chat_400_response_on_disconnected", "").strip().lower() == "true"


def filtered(options: Options, settings: Settings) -> frozenset[str]:
    """``_filtering_chat_events`` (CC-14)."""
    own = options.get("_filtering_chat_events")
    return listed(own) if own is not None else settings.filtered


def listed(text: str) -> frozenset[str]:
    """Names between commas."""
    return frozenset(filter(None, (each.strip() for each in text.split(","))))
