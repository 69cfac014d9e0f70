"""Bytes as the data of a message: ``BinaryData``, and the text that carries it in JSON.

The text is Z85 with a variant for lengths that are not multiples of four. Refuses what does not decode
(BIN-5), where other servers pass rubbish on.

Cost model: encoding and decoding are those of the standard library's base 85, which has the same arithmetic and
another alphabet; a MiB takes about a tenth of a second each way.

Source: BIN-1…8; the alphabet and the rest are those of CometD's client.
"""

from __future__ import annotations

import base64
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from bayeux.protocol.errors import BinaryInvalid
from bayeux.protocol.json import Json
from bayeux.protocol.message import Fields

_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_TO_Z85 = bytes.maketrans(_B85_ALPHABET, _ALPHABET)
_NO_DIGITS = bytes(set(range(256)) - set(_ALPHABET))
# The quotation mark is in neither alphabet.
_FROM_Z85 = bytes.maketrans(_ALPHABET + _NO_DIGITS, _B85_ALPHABET + b'"' * len(_NO_DIGITS))

_FALSY = (None, False, 0, "")  # as JavaScript has it: an empty object is true


def encode_z85(data: bytes) -> str:
    """The text of these bytes: five digits for four bytes, k + 1 for a rest of k (BIN-7)."""
    return base64.b85encode(data).translate(_TO_Z85).decode("ascii")


def decode_z85(text: str) -> bytes:
    """The bytes of such a text.

    Raises BinaryInvalid for a character outside the alphabet, a group above 2³²−1, and a length that no bytes
    have (BIN-5).
    """
    if len(text) % 5 == 1:
        raise BinaryInvalid
    try:
        return base64.b85decode(text.encode("ascii").translate(_FROM_Z85))
    except ValueError:  # UnicodeEncodeError is one
        raise BinaryInvalid from None


@dataclass(frozen=True, slots=True)
class BinaryData:
    """Bytes that an application sends or gets as the data of a message.

    Args:
        data: the bytes.
        last: whether the series of messages this one belongs to ends here (BIN-1).
        meta: whatever JSON goes with them, a file's name for example; None = nothing.
    """

    data: bytes
    last: bool = True
    meta: Json = None

    @property
    def wire(self) -> Fields:
        """As JSON says it: ``{"data": "<Z85 text>", "last": …, "meta": …}``."""
        fields: Fields = {"data": encode_z85(self.data), "last": self.last}
        if self.meta is not None:
            fields["meta"] = self.meta
        return fields

    @classmethod
    def from_wire(cls, value: Json) -> BinaryData:
        """What such an object means; a missing ``last`` is true.

        Raises BinaryInvalid (BIN-5).
        """
        if not isinstance(value, dict) or not isinstance(value.get("data"), str):
            raise BinaryInvalid
        last = value.get("last", True)
        if not isinstance(last, bool):
            raise BinaryInvalid
        return cls(decode_z85(value["data"]), last, value.get("meta"))


def receive_binary(fields: MutableMapping[str, Any]) -> None:
    """Turn the data of a message that says ``ext.binary`` into ``BinaryData``, in place; leave others alone (BIN-2).

    Raises BinaryInvalid; then nothing was changed.
    """
    ext = fields.get("ext")
    if not isinstance(ext, dict) or ext.get("binary") in _FALSY:
        return
    fields["data"] = BinaryData.from_wire(fields.get("data"))
    fields["ext"] = {key: value for key, value in ext.items() if key != "binary"}
    if not fields["ext"]:
        del fields["ext"]


def send_binary(fields: Fields) -> None:
    """Turn ``BinaryData`` in a message into what JSON can say, in place, other keys of ``ext`` kept (BIN-3)."""
    data = fields.get("data")
    if isinstance(data, BinaryData):
        fields["data"] = data.wire
        fields["ext"] = {**(fields.get("ext") or {}), "binary": {}}
