"""The reference page of the contact center's states and messages, made from the tables that the code runs by.

``python docs/contact_center.py > docs/reference/contact-center.md``; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from channels.interaction import states
from channels.interaction.capabilities import CAPABILITIES, Standing, covers
from channels.interaction.model import Channel
from channels.interaction.states import State
from channels.interaction.vocabulary import ALIASES, CHAT_ALIASES, Dialect, Operation
from gateway.routing import agent_state, task_state
from gateway.routing.fields import Field
from gateway.routing.messages import MESSAGES

INTRODUCTION = """\
# States and messages

Made from the tables that the gateway runs by. The rules behind them are in [agent-api.md](agent-api.md) and
[routing-engine.md](routing-engine.md).
"""

MEDIA: Mapping[Standing, tuple[str, Channel]] = {
    Standing.INVITED: ("Invited", Channel.CHAT),
    Standing.CHATTING: ("Accepted: a chat", Channel.CHAT),
    Standing.AFTER_CHAT: ("Accepted: a chat that the customer has left", Channel.CHAT),
    Standing.IN_CONFERENCE: ("Accepted: a colleague's chat", Channel.CHAT),
    Standing.PROCESSING: ("Accepted: an e-mail", Channel.EMAIL),
    Standing.COMPOSING: ("Composing", Channel.EMAIL),
    Standing.IDLE: ("all others", Channel.CHAT),
}

TWO_MEANINGS = frozenset({"Reply"})
"""Entries that cover one thing in a chat and another in an e-mail."""


def page() -> str:
    """All of it."""
    return "\n".join(
        [
            INTRODUCTION,
            "## Interactions",
            "",
            "As each of their agents has them.",
            "",
            *table(("State", "Meaning", "May become"), interaction_states()),
            "",
            "## Capabilities",
            "",
            "In dialect A (`/v2/me/interactions`) and B (`/v2/me/chats`, `/v2/me/emails`).",
            "",
            *table(("State", "Capabilities in A", "in B"), capabilities()),
            "",
            "## Operations",
            "",
            "What is not covered by a capability is refused with 2.",
            "",
            *table(("Operation", "Also called", "Covered in A by"), operations()),
            "",
            "## Agents",
            "",
            "In each MRD. All but LOGOUT may become UNKNOWN, too.",
            "",
            *table(("State", "Meaning", "May become"), agent_states()),
            "",
            "## Tasks",
            "",
            *table(("State", "Meaning", "`TaskState` may ask of its owner for"), task_states()),
            "",
            "## Messages between the roles",
            "",
            "Numbers are the rows of the vendor's table; what has none is implied there, or ours. Keys in *italics*",
            "may be left out.",
            "",
            *table(("", "Type", "Queue", "From", "To", "Body"), messages()),
            "",
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")


def interaction_states() -> Iterator[Sequence[str]]:
    """One row a state."""
    for state in State:
        following = dict.fromkeys(after for (before, _), after in states.TRANSITIONS.items() if before is state)
        yield state.value, states.MEANINGS[state], ", ".join(following) or "– (final)"


def capabilities() -> Iterator[Sequence[str]]:
    """One row a standing."""
    for standing, (name, _) in MEDIA.items():
        yield name, *(", ".join(CAPABILITIES[dialect][standing]) or "–" for dialect in Dialect)


def operations() -> Iterator[Sequence[str]]:
    """One row an operation."""
    for operation in Operation:
        also = [f"`{name}`" for name, meant in ALIASES.items() if meant is operation]
        also += [f"`{name}` on chats" for name, meant in CHAT_ALIASES.items() if meant is operation]
        yield f"`{operation.value}`", ", ".join(also), ", ".join(covering(operation)) or "– (dialect B alone)"


def covering(operation: Operation) -> Iterable[str]:
    """Entries of dialect A that cover it, with the medium where that matters."""
    found: dict[str, set[Channel]] = {}
    for standing, (_, channel) in MEDIA.items():
        for entry in CAPABILITIES[Dialect.INTERACTIONS][standing]:
            if operation in covers(entry, channel):
                found.setdefault(entry, set()).add(channel)
    return [f"{entry} ({min(media)})" if entry in TWO_MEANINGS else entry for entry, media in found.items()]


def agent_states() -> Iterator[Sequence[str]]:
    """One row a state."""
    for state, meaning in agent_state.MEANINGS.items():
        following = [each for each in agent_state.AgentState if each in agent_state.TRANSITIONS[state]]
        yield state.value, meaning, ", ".join(following)


def task_states() -> Iterator[Sequence[str]]:
    """One row a state."""
    for state, meaning in task_state.MEANINGS.items():
        asked = [after for before, after in task_state.OWNER_COMMANDS if before is state]
        yield state.value, meaning, ", ".join(asked) or "–"


def messages() -> Iterator[Sequence[str]]:
    """One row a message, in the order of the vendor's table."""
    for (message_type, queue), row in MESSAGES.items():
        number = str(row.number) if row.number is not None else ""
        yield (
            number,
            f"`{message_type}`",
            f"`{queue}`",
            row.producer,
            row.consumer,
            "; ".join(map(body_key, row.fields)),
        )


def body_key(field: Field) -> str:
    """One key with what it holds."""
    name = f"`{field.name}`" if field.required else f"*`{field.name}`*"
    return f"{name}: {field.kind.value}{' ' + ', '.join(field.words) if field.words else ''}"


if __name__ == "__main__":
    sys.stdout.write(page())
