"""What the customer's app is told to show: the objects that create, connect and dialog actions answer with.

Source: DN-1…6, SV-40, SV-41, RS-6.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.callback.effects import Dialog
from gateway.callback.instance import Instance

NO_CODE = "n/a"
NO_SUBJECT = "None"


def dialog(kind: Dialog, instance: Instance, now: float, base: str) -> dict[str, Any]:
    """The dialog that an outcome answers with.

    Args:
        base: absolute URL of the surface, ``http://localhost:8080/genesys`` (G-25).
    """
    match kind:
        case Dialog.CONFIRMATION:
            return confirmation(instance)
        case Dialog.DIAL_NUMBER:
            return dial_number(instance, now)
        case Dialog.START_CHAT:
            return start_chat(instance, base)


def confirmation(instance: Instance) -> dict[str, Any]:
    """The customer has to wait (DN-2)."""
    return {
        "_dialog_id": "0",
        "_action": "ConfirmationDialog",
        "_text": instance.settings.text_wait_for_agent,
        "_ok_title": "Ok",
        "_id": instance.id,
    }


def dial_number(instance: Instance, now: float) -> dict[str, Any]:
    """The customer has to call (DN-3); there is a number."""
    access = instance.access
    assert access is not None, "the answer was DIAL_NUMBER"
    digits = dialled(access.number)
    return {
        "_dialog_id": "0",
        "_label": "Connecting ...",
        "_action": "DialNumber",
        "_tel_url": f"tel:{digits},{access.code}" if access.code else f"tel:{digits}",
        "_access_code": access.code or NO_CODE,
        "_access_number": access.number,
        "_expiration_time": str(max(0, int(access.expires - now))),
        "_id": instance.id,
    }


def start_chat(instance: Instance, base: str) -> dict[str, Any]:
    """The customer has to chat (DN-4); without a user there is no header to name him (DN-6)."""
    return {
        "_dialog_id": "1",
        "_action": "StartChat",
        "_label": "Start Chat",
        "_start_chat_url": f"{_url(instance, base)}/ixn/chat",
        "_comet_url": f"{base}/cometd",
        **({"_user_header": instance.user} if instance.user else {}),
        "_id_to_jump_before": "exit://",
        "_chat_parameters": {"subject": NO_SUBJECT, **instance.chat_parameters},
        "_id": instance.id,
    }


def confirmation_action(instance: Instance) -> str:
    """The method that a notice tells the app to call; it answers with ``menu`` (SV-41)."""
    return f"get-dialog-user-confirmation-provide_code-{str(instance.settings.provide_code).lower()}"


def menu(instance: Instance, base: str) -> dict[str, Any]:
    """The customer has to say whether he is still interested (DN-5, SV-40)."""
    return {
        "_dialog_id": "0",
        "_action": "DisplayMenu",
        "_label": "An agent is available",
        "_content": [
            {
                "_group_name": "Do you want to go on?",
                "_group_content": [
                    {"_label": "Connect", "_user_action_url": f"{_url(instance, base)}/connect"},
                    {
                        "_label": "Cancel",
                        "_user_action_url": f"{_url(instance, base)}/disconnect",
                        "_confirmation_dialog_text": "You will not be connected.",
                    },
                ],
            }
        ],
        "_id": instance.id,
    }


def dialled(number: str) -> str:
    """The digits of a number as it is stored, with the plus sign that it may begin with (RS-6)."""
    plus = "+" if number.lstrip().startswith("+") else ""
    return plus + re.sub(r"[^0-9]", "", number)


def _url(instance: Instance, base: str) -> str:
    return f"{base}/1/service/{instance.id}"
