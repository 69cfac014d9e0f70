"""The way out for mail: one SMTP server that takes it from here.

Tries once and says how it went; who asked decides whether to try again. A connection is made for each mail: agents
write slowly.

Source: AG-80.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import aiosmtplib

from gateway.mail.compose import Posted


class RelayAway(Exception):
    """It did not take the mail this time; the same may be tried again."""


class RelayRefused(Exception):
    """It will never take this mail; its words say why."""


class Relay:
    """Where our mail goes.

    Args:
        tls: ``starttls`` and ``implicit`` check the server's certificate.
        user: signs in where it is not empty.
        timeout: seconds for each step.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Literal["none", "starttls", "implicit"] = "none",
        user: str = "",
        password: str = "",
        timeout: float = 30.0,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._user = user
        self._password = password
        self._timeout = timeout

    async def send(self, posted: Posted) -> Mapping[str, str]:
        """Hand it over; when this returns, the relay has it.

        Returns the recipients that it refused, each with its words; the others get the mail.

        Raises RelayAway, RelayRefused.
        """
        try:
            refused, _ = await aiosmtplib.send(
                posted.content,
                sender=posted.sender,
                recipients=posted.recipients,
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password or None,
                timeout=self._timeout,
                use_tls=self._tls == "implicit",
                start_tls=self._tls == "starttls",
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            # Of one that may be taken later the others are told then.
            raise _refusal(min(each.code for each in error.recipients), _words(error.recipients)) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise RelayAway(str(error)) from error
        return {address: f"{answer.code} {answer.message}" for address, answer in refused.items()}


def _refusal(code: int, words: str) -> RelayAway | RelayRefused:
    text = f"{code} {' '.join(words.split())}"
    return RelayRefused(text) if code >= 500 else RelayAway(text)


def _words(refused: list[aiosmtplib.SMTPRecipientRefused]) -> str:
    return "; ".join(f"{each.recipient}: {each.message}" for each in refused)
