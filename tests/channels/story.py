"""One interaction, lived through in the words of those who take part; what desktops were told of it on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest

from channels.chat.notices import NoticeKind
from channels.dialects.announcement import Announcement, Asked, announcements
from channels.interaction import customer, engine, idle, operations, writing
from channels.interaction.effects import Effect, Outcome
from channels.interaction.model import Interaction, Leg, begin_chat, begin_email
from channels.interaction.reasons import Reason
from channels.interaction.refusal import OperationRefused
from channels.interaction.rules import Rules
from channels.interaction.vocabulary import Dialect
from channels.letter import Letter
from channels.private import INTERACTIONS
from channels.userdata import Routing

SAMPLES = Path(__file__).parent.parent / "samples" / "agent"
AGENTS = ("ann", "bob", "eve")
QUEUES = ("Sales", "Support")


def sample(name: str) -> dict[str, Any]:
    """The data message of one answer of the original."""
    told = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return dict((told[0] if isinstance(told, list) else told)["data"])


TIME_TO_ACCEPT = 300.0


def rules(**changes: Any) -> Rules:
    """A house with three agents, two queues, and a workbin."""
    return Rules(
        find_agent=lambda name: name if name in AGENTS else None,
        find_queue=lambda name: name if name in QUEUES else None,
        find_workbin=lambda name: name if name == "Drafts" else None,
        nickname=str.title,
        accept_timeout=lambda medium, queue: TIME_TO_ACCEPT,
        **changes,
    )


class Story:
    """Drives an interaction; time goes on by ten seconds with everything that happens."""

    def __init__(self, interaction: Interaction, house: Rules | None = None, ids: Iterable[str] = ()) -> None:
        self.interaction = interaction
        self.rules = house or rules()
        self.now = 1_000.0
        self.told: list[Announcement] = []
        self.effects: Sequence[Effect] = ()
        """Of the latest step."""
        self.created: Sequence[Interaction] = ()
        self._ids = chain(ids, (f"{number:016X}" for number in count(1)))
        self._happened(None, Outcome(interaction=interaction))

    @classmethod
    def chat(cls, house: Rules | None = None, **fields: Any) -> Story:
        """A customer has come, and nobody is there yet."""
        return cls(begin_chat("0000Ja8V814907KS", "Support", 1_000.0, **fields), house).joins()

    @classmethod
    def email(cls, house: Rules | None = None, letter: Letter | None = None, **fields: Any) -> Story:
        """A mail has come."""
        letter = letter or Letter(
            from_address="carl@customer.example",
            to=("support@house.example",),
            cc=("dora@customer.example",),
            subject="Help",
            text="It broke.",
            message_id="<1@customer.example>",
            mailbox="support@house.example",
        )
        fields = {"out_queues": ("Out",)} | fields
        return cls(begin_email("0000Ja8V814907JM", "Support", letter, 1_000.0, **fields), house)

    # Agents

    def asks(self, agent: str, operation: str, *, reference_id: int | None = None, **parameters: Any) -> Story:
        """An agent does an operation in the words of dialect A."""
        return self._performs(agent, operation, parameters, Dialect.INTERACTIONS, reference_id)

    def asks_typed(self, agent: str, operation: str, **parameters: Any) -> Story:
        """An agent does an operation in the words of dialect B."""
        return self._performs(agent, operation, parameters, Dialect.TYPED, None)

    def is_refused(self, agent: str, operation: str, dialect: Dialect = Dialect.INTERACTIONS, **parameters: Any) -> int:
        """An agent asks for what he does not get: with this ``statusCode``."""
        with pytest.raises(OperationRefused) as refusal:
            self._performs(agent, operation, parameters, dialect, None)
        assert refusal.value.text
        return refusal.value.status_code

    def has(self, agent: str, **accept: Any) -> Story:
        """An agent is invited and accepts."""
        return self.invites(agent).asks(agent, "Accept", **accept)

    # The engine

    def invites(self, agent: str, routing: Routing | None = None) -> Story:
        until = self.now + TIME_TO_ACCEPT
        return self._goes_on(engine.invited(self.interaction, agent, self.now, routing, until=until))

    def transfers(self, owner: str, recipient: str) -> Story:
        until = self.now + TIME_TO_ACCEPT
        return self._goes_on(engine.transferred(self.interaction, owner, recipient, self.now, until=until))

    def revokes(self, agent: str, reason: Reason = Reason.RONA) -> Story:
        return self._goes_on(engine.revoked(self.interaction, agent, reason, self.now))

    def requeues(self) -> Story:
        return self._goes_on(engine.requeued(self.interaction, "Support"))

    def ends(self) -> Story:
        return self._goes_on(engine.ended(self.interaction, Reason.SUPERVISOR, self.now))

    def pulls(self, agent: str) -> Story:
        pulled = engine.pulled(self.interaction, agent, self.now, new_id=self.new_id, rules=self.rules)
        return self._goes_on(pulled)

    # The customer, the clock, the relay

    def waits(self, seconds: float) -> Story:
        self.now += seconds
        return self

    def joins(self, nickname: str = "Carl") -> Story:
        return self._goes_on(customer.join(self.interaction, nickname, self.now, self.new_id))

    def says(self, text: str, message_id: str = "") -> Story:
        said = customer.say(self.interaction, text, self.now, message_id=message_id, rules=self.rules)
        return self._goes_on(said)

    def types(self) -> Story:
        return self._goes_on(customer.notice(self.interaction, NoticeKind.TYPING_STARTED, self.now))

    def leaves(self) -> Story:
        return self._goes_on(customer.leave(self.interaction, self.now))

    def falls_silent(self) -> Story:
        """Until something has to happen."""
        awaited = idle.due(self.interaction, self.rules)
        assert awaited is not None
        self.now = awaited[0]
        return self._goes_on(idle.expire(self.interaction, self.now, self.new_id, self.rules))

    def relay_takes_it(self) -> Story:
        return self._goes_on(writing.sent(self.interaction, self.now))

    def relay_fails(self) -> Story:
        return self._goes_on(writing.not_sent(self.interaction))

    def continues_with(self, interaction: Interaction) -> Story:
        """The same house, another interaction."""
        story = Story(interaction, self.rules)
        story.now = self.now
        story._ids = self._ids
        return story

    # What is known

    def new_id(self) -> str:
        return next(self._ids)

    def leg(self, agent: str) -> Leg:
        leg = self.interaction.leg(agent)
        assert leg is not None
        return leg

    def state(self, agent: str) -> str:
        return self.leg(agent).state.value

    def heard(self, agent: str, channel: str = INTERACTIONS) -> list[dict[str, Any]]:
        """All that one agent was told on a channel."""
        return [dict(each.data) for each in self.told if each.user == agent and each.channel == channel]

    def last(self, agent: str, channel: str = INTERACTIONS) -> dict[str, Any]:
        return self.heard(agent, channel)[-1]

    def forgets(self) -> Story:
        """What was told so far is of no interest."""
        self.told.clear()
        return self

    def customer_sees(self) -> list[str | None]:
        """Texts and notices, nothing of what is for agents."""
        assert self.interaction.transcript is not None
        events = self.interaction.transcript.for_customer()
        return [event.text or event.notice or event.kind for event in events]

    def _performs(
        self, agent: str, operation: str, parameters: dict[str, Any], dialect: Dialect, reference_id: int | None
    ) -> Story:
        asked = Asked(agent=agent, reference_id=reference_id) if reference_id is not None else None
        outcome = operations.perform(
            self.interaction,
            agent,
            operation,
            parameters,
            now=self.now,
            new_id=self.new_id,
            rules=self.rules,
            dialect=dialect,
        )
        return self._goes_on(outcome, asked)

    def _goes_on(self, outcome: Outcome, asked: Asked | None = None) -> Story:
        self._happened(self.interaction, outcome, asked)
        return self

    def _happened(self, before: Interaction | None, outcome: Outcome, asked: Asked | None = None) -> None:
        self.told += announcements(before, outcome, base="http://localhost:8080/api/v2", asked=asked, rules=self.rules)
        self.interaction = Interaction.from_document(json.loads(json.dumps(outcome.interaction.to_document())))
        assert self.interaction == outcome.interaction, "the store gives back what it was given"
        self.effects, self.created = tuple(outcome.effects), outcome.created
        self.now += 10.0


def with_user_data(story: Story, **user_data: Any) -> Story:
    """The same with this attached data."""
    story.interaction = replace(story.interaction, user_data=user_data)
    return story
