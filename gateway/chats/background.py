"""What is pushed to an app in the background, so that its customer comes back to the chat.

Source: NT-20, CC-14, OPT-9.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from channels.chat.notices import PartyKind
from channels.chat.v1 import SHOWN, Entry
from gateway.chats.settings import Options, Settings, filtered

NEW_MESSAGE: Final = "You have a new message"
_OWN: Final = SHOWN[PartyKind.CLIENT]


def payload(id: str, entries: Iterable[Entry], options: Options, settings: Settings) -> dict[str, Any] | None:
    """Of what others did; None: nothing that is to be pushed.

    Args:
        id: the instance's.
        options: the service's.
    """
    wanted = _wanted(entries, filtered(options, settings))
    if not wanted:
        return None
    told = {"message": options.get("_client_timeout_notification_message") or NEW_MESSAGE, "serviceId": id}
    if not settings.include_payload:
        return {**told, "lastTranscript": []}
    return {**told, "lastTranscript": [{entry[0]: entry[2]} for entry in wanted]}


def _wanted(entries: Iterable[Entry], not_pushed: Collection[str]) -> Sequence[Entry]:
    return [entry for entry in entries if entry[4] != _OWN and entry[0] not in not_pushed]
