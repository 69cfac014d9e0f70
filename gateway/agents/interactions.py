"""Interactions as they are kept: found, written with everything that follows from a change, and shown.

What an interaction becomes is decided by ``channels``; here it is stored, told to its agents, and its effects go where
they belong, all in one commit.

Source: AG-4, AG-50…58, AG-69, AG-70, AG-123, AG-141, AG-152.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from channels.answers import MAX_ECHO
from channels.dialects import interactions as dialect_a
from channels.dialects import typed
from channels.dialects.announcement import Announcement, Asked, announcements, history
from channels.interaction import idle, offers, writing
from channels.interaction.effects import (
    AddToWorkbin,
    AskConference,
    AskTransfer,
    ChangeTask,
    Effect,
    EndReply,
    Outcome,
    RemoveFromWorkbin,
    SendLetter,
    ShowHistory,
    StartTask,
)
from channels.interaction.hearing import hearing
from channels.interaction.model import Channel, Interaction, Leg
from channels.interaction.states import LISTED, State
from channels.private import WORKBINS
from gateway.agents import notices
from gateway.agents.operations import Dialect
from gateway.agents.refusal import NOT_FOUND, NOT_NOW, Refused
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn

ALL: Final = "interactions"
"""Index of all that are not long over, by when they came."""
IDLE: Final = "idle"
"""Deadline of a chat in which nobody speaks."""
KEPT: Final = 24 * 60 * 60.0
"""Seconds that one can be read after it is over: its transcript, and that a message was said before (AG-74)."""
_TRANSFER_TAKES: Final = 60.0
"""Seconds until it is known whether the engine agrees, at the most."""
_API: Final = "/api/v2"
_COLLEAGUE: Final = "AgentId"
"""Not among the fields of these messages, and so ignored; of a refused one the Error event names it (MRE-114)."""
_MEDIUM: Final = {Dialect.CHATS: Channel.CHAT, Dialect.EMAILS: Channel.EMAIL}


class Interactions:
    """All of them, in the turn of whoever decides about some."""

    def __init__(self, side: ChatSide, settings: Settings) -> None:
        self._side = side
        self._settings = settings
        self._base = settings.origin + _API

    # Found

    async def find(self, turn: Turn, id: str) -> Interaction | None:
        """One by its id."""
        (body,) = await turn.read(interaction_key(id))
        return Interaction.from_document(body) if body is not None else None

    async def of_task(self, turn: Turn, task: str) -> Interaction | None:
        """The one that the engine knows by this id."""
        found = await self.standing_in(turn, f"task:{task}")
        return found[0] if found else None

    async def of_agent(self, turn: Turn, user: str) -> Sequence[Interaction]:
        """All that he is invited to or works on, oldest first (AG-55)."""
        return await self.standing_in(turn, f"agent:{user}")

    async def in_workbin(self, turn: Turn, user: str, workbin: str) -> Sequence[Interaction]:
        """What lies in a workbin of his, oldest first."""
        return await self.standing_in(turn, _workbin_index(user, workbin))

    async def standing_in(self, turn: Turn, index: str) -> Sequence[Interaction]:
        """All in an index, in its order."""
        keys = await turn.page(index, limit=1000)  # nobody works on as many
        return [Interaction.from_document(body) for body in await turn.read(*keys) if body is not None]

    async def asked_for_transfer(self, turn: Turn, interaction: Interaction, owner: str) -> Asked | None:
        """The request by which its owner wanted to be rid of it, if that had a number (AG-70)."""
        (body,) = await turn.read(_transfer_key(interaction))
        asked = Asked(**body) if body is not None else None
        return asked if asked is not None and asked.agent == owner else None

    # Kept

    async def keep(
        self,
        turn: Turn,
        before: Interaction | None,
        outcome: Outcome,
        *,
        asked: Asked | None = None,
        asker: str = "",
    ) -> None:
        """Store what became of one, tell its agents, and let what follows from it follow.

        Args:
            before: as it was found in this turn; None: it was not.
            asked: the request behind it, where that is to be named to its agent.
            asker: the HTTP session of who asked.
        """
        outcome = replace(outcome, interaction=offers.counted(before, outcome.interaction))
        await self._put(turn, before, outcome.interaction, replace(outcome, created=(), effects=()), asked)
        for created in outcome.created:
            await turn.read(interaction_key(created.id))
            await self._put(turn, None, created, Outcome(interaction=created), asked)
        for effect in outcome.effects:
            await self._perform(turn, before, outcome.interaction, effect, asked, asker)

    async def _put(
        self, turn: Turn, before: Interaction | None, after: Interaction, change: Outcome, asked: Asked | None
    ) -> None:
        if after == before:
            return
        key = interaction_key(after.id)
        turn.write(key, after.to_document(), indexes=_indexes(after), ttl=KEPT if after.is_closed else None)
        for each in announcements(before, change, base=self._base, asked=asked, rules=self._settings.rules):
            _announce(turn, each, key, self._time_left(before, after, each.user))
        heard = hearing(before, change) if self._side.has_listeners else None
        if heard is not None:
            turn.tell_customer(heard.to_document())
        awaited = idle.due(after, self._settings.rules)
        if after.transcript is not None:
            turn.deadlines[f"{IDLE}:{after.id}"] = awaited[0] if awaited is not None else None

    def _time_left(self, before: Interaction | None, after: Interaction, user: str) -> Mapping[str, Any]:
        """How long an invitation stands, for a countdown: with the message that begins it (AG-109, AG-126)."""
        earlier, leg = before.leg(user) if before is not None else None, after.leg(user)
        if leg is None or leg.state is not State.INVITED or (earlier is not None and earlier.state is State.INVITED):
            return {}
        return {"acceptWithin": self._settings.rules.accept_timeout(after.channel.value, after.queue)}

    async def _perform(
        self,
        turn: Turn,
        before: Interaction | None,
        after: Interaction,
        effect: Effect,
        asked: Asked | None,
        asker: str,
    ) -> None:
        task = before.task if before is not None and before.task else after.task
        match effect:
            case ChangeTask():
                # Of a task that has no id yet the engine hears when it says which (``Tasks``).
                if task:
                    body = {"AgentId": effect.agent, "TaskId": task, "State": effect.state, "Code": effect.code}
                    self._side.command(turn, "TaskState", body)
            case StartTask():
                self._start_task(turn, after, effect)
            case AskTransfer():
                await self._expect_free(turn, after, effect.recipient)
                await turn.read(_transfer_key(after))
                turn.write(_transfer_key(after), _asked_body(asked), ttl=_TRANSFER_TAKES)
                body = {"TaskId": task, "OwnerAgentId": effect.owner, "RecipientAgentId": effect.recipient}
                self._side.command(turn, "Transfer", {**body, _COLLEAGUE: effect.recipient}, asked)
            case AskConference():
                await self._expect_free(turn, after, effect.participant)
                # He is shown it at once: NotReady at the same time is before this, or after it (AG-37).
                turn.put_agent(await turn.agent(effect.participant))
                body = {
                    "TaskId": task,
                    "ConferenceOwner": effect.owner,
                    "ConferenceParticipant": effect.participant,
                    "Mrd": after.channel.value,
                }
                self._side.command(turn, "Conference", {**body, _COLLEAGUE: effect.participant}, asked)
            case ShowHistory():
                of = f"history:{turn.new_id()}"
                for each in history(after, effect, base=self._base, rules=self._settings.rules):
                    _announce(turn, each, of, {"only": asker})
            case SendLetter():
                turn.mail({"interaction": effect.interaction, "asked": _asked_body(asked)})
            case EndReply():
                parent = await self.find(turn, effect.parent)
                if parent is not None:
                    await self.keep(turn, parent, Outcome(interaction=writing.reply_ended(parent, effect.reply)))
            case AddToWorkbin():
                await self._tell_workbin(turn, after, effect.agent, effect.workbin, "ItemAdded")
            case RemoveFromWorkbin():
                await self._tell_workbin(turn, after, effect.agent, effect.workbin, "ItemRemoved")

    def _start_task(self, turn: Turn, interaction: Interaction, wanted: StartTask) -> None:
        params = {
            "queue": wanted.queue,
            "preferredAgent": wanted.agent,
            "skills": wanted.skill,
            "mode": "pull" if wanted.pull else "",
            "place": wanted.place,
            "since": wanted.since,
        }
        self._side.command(
            turn,
            "Task",
            {
                "Mrd": interaction.channel.value,
                "ClientUniqueId": interaction.id,
                "name": interaction.queue,
                "params": {name: value for name, value in params.items() if value},
            },
        )

    async def _expect_free(self, turn: Turn, interaction: Interaction, colleague: str) -> None:
        """AG-75: what can be known here is refused here; whether he has a free place the engine knows."""
        leg = interaction.leg(colleague)
        agent = await turn.agent(colleague)
        if (leg is not None and leg.is_held) or agent.can_be_offered(interaction.channel.value):
            return
        if not agent.is_started and colleague not in self._settings.names:
            raise Refused(NOT_FOUND, f"there is no agent {colleague[:MAX_ECHO]}")
        raise Refused(NOT_NOW, f"{colleague} is not ready on {interaction.channel.value}")

    async def _tell_workbin(self, turn: Turn, item: Interaction, user: str, workbin: str, action: str) -> None:
        agent = await turn.agent(user)
        if workbin in agent.workbins:
            leg = item.leg(user)
            told = typed.snapshot(item, leg, self._base, self._settings.rules) if leg is not None else {"id": item.id}
            news = notices.workbin_changed(workbin, action, item.channel.value, told)
            turn.announce(user, WORKBINS, news, of=interaction_key(item.id))

    # Shown

    def shown(self, interaction: Interaction, leg: Leg, dialect: Dialect, origin: str) -> Mapping[str, Any]:
        """As the agent of this leg has it (AG-55)."""
        if dialect is Dialect.INTERACTIONS:
            return dialect_a.snapshot(interaction, leg, self._settings.rules)
        base = origin + _API if origin else self._base
        return typed.snapshot(interaction, leg, base, self._settings.rules)


def is_of(interaction: Interaction, dialect: Dialect) -> bool:
    """Is it one that this dialect speaks of?"""
    return _MEDIUM.get(dialect, interaction.channel) is interaction.channel


def interaction_key(id: str) -> str:
    """The document of one interaction."""
    return f"interaction:{id}"


def _transfer_key(interaction: Interaction) -> str:
    return f"transfer:{interaction.id}"


def _asked_body(asked: Asked | None) -> dict[str, Any] | None:
    return asdict(asked) if asked is not None else None


def _announce(turn: Turn, announcement: Announcement, of: str, ext: Mapping[str, Any] | None = None) -> None:
    gw = dict(ext or {})
    if announcement.reason is not None:
        gw["reason"] = announcement.reason.value
    turn.announce(announcement.user, announcement.channel, announcement.data, of=of, ext=gw)


def _indexes(interaction: Interaction) -> dict[str, float]:
    """Where it is found."""
    names = [ALL]
    names += [f"agent:{leg.agent}" for leg in interaction.legs if leg.state in LISTED]
    names += [_workbin_index(leg.agent, leg.workbin) for leg in interaction.legs if leg.state is State.IN_WORKBIN]
    if interaction.task:
        names.append(f"task:{interaction.task}")
    return dict.fromkeys(names, interaction.created_at)


def _workbin_index(user: str, workbin: str) -> str:
    return f"workbin:{workbin}:{user}"
