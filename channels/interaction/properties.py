"""Attached data as agents change it.

Source: AG-78; what only dialect B has is kept in attached data too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from channels import userdata
from channels.interaction.effects import Outcome
from channels.interaction.refusal import FORBIDDEN, MISSING, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import Request

DISPOSITION = "DispositionCode"
COMMENT = "Comment"


def update_properties(request: Request) -> Outcome:
    """Set some keys and remove others; all the rest stays."""
    given = request.mapping("userData")
    deleted = _keys(request)
    if not given and not deleted:
        raise OperationRefused(MISSING, "userData or deletedKeys is missing")
    return _changed(request, given, deleted)


def set_disposition(request: Request) -> Outcome:
    """How it went, in a word of the house."""
    return _changed(request, {DISPOSITION: request.required_text("dispositionCode", "disposition")})


def add_comment(request: Request) -> Outcome:
    """A note for colleagues."""
    return _changed(request, {COMMENT: request.required_text("comment")})


def set_in_focus(request: Request) -> Outcome:
    """The desktop shows it; that is nobody else's business."""
    return Outcome(interaction=request.interaction)


def _changed(request: Request, given: Mapping[str, Any], deleted: Sequence[str] = ()) -> Outcome:
    interaction = request.interaction
    try:
        after = userdata.merged(interaction.user_data, given, deleted)
    except userdata.ReadOnly:
        raise OperationRefused(FORBIDDEN, f"Keys that begin with {userdata.READ_ONLY} are read-only") from None
    except userdata.TooMuch:
        raise OperationRefused(OUT_OF_RANGE, "There is too much attached data") from None
    return Outcome(interaction=replace(interaction, user_data=after))


def _keys(request: Request) -> Sequence[str]:
    keys = request.parameters.get("deletedKeys", request.parameters.get("keys", []))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise OperationRefused(OUT_OF_RANGE, "deletedKeys must be an array of texts")
    return keys
