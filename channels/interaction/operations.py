"""What agents do with an interaction: each operation of AG-69 with what it demands and what follows from it.

``capabilities`` is the truth: what it does not cover is refused, and nothing was changed (AG-64).

Source: AG-60…64, AG-69…79, AG-85, AG-86.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from channels.interaction.capabilities import Dialect
from channels.interaction.effects import Outcome
from channels.interaction.model import Interaction
from channels.interaction.rules import DEFAULT_RULES, Rules


def perform(
    interaction: Interaction,
    agent: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    now: float,
    new_id: Callable[[], str],
    rules: Rules = DEFAULT_RULES,
    dialect: Dialect = Dialect.INTERACTIONS,
) -> Outcome:
    """Do one operation of an agent.

    Args:
        operation: ``operationName`` in the words of the dialect; aliases are understood (AG-3, AG-69).
        parameters: the body without it.
        now: seconds since 1970.
        new_id: gives 16 hexadecimal digits in upper case that nobody had: names parties and outbound interactions.

    Raises OperationRefused: 6 this agent has nothing to do with it, 10 unknown operation, 2 not covered by his
    capabilities, and as the operation itself demands.
    """
    raise NotImplementedError
