"""Starts callbacks and has them live: events in, one commit each, answers out.

A callback is one document. What happens to it is decided by the machine and written in one commit with everything that
follows: its deadline, its booking, what its customer is told, and what others have to do, which leaves by the outbox.
Of two events at once one is first, and the other is decided anew by what is there then.

Any node takes events; deadlines are kept and effects carried out by the one that leads.

Source: CB-1…7, CB-9, CB-10, CB-15…20, SV-7, SV-20…23, SV-30, SM-20…34, SM-40…43, SM-70…73; MI-8.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from gateway.access.booking import booking_key
from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.pool import Pool
from gateway.access.refusal import GroupWrong
from gateway.access.requests import Wanted
from gateway.callback import dialogs, limits, machine, queue_position
from gateway.callback.effects import Dialog, Forget, Gone, Notify, NotYet, NumberNeeded, Outcome, ReleaseNumber
from gateway.callback.effects import WrongState as StateRefused
from gateway.callback.events import Cancel, Connect, Contact, Event, News, Poll
from gateway.callback.events import Request as Asked
from gateway.callback.instance import Access
from gateway.callback.options import Service
from gateway.callback.profiles import Media
from gateway.callback.states import Step
from gateway.callbacks import notices
from gateway.callbacks.callback import Callback, callback_key
from gateway.callbacks.effects import LANE, Effects, as_outgoing
from gateway.callbacks.load import Loads
from gateway.callbacks.refusal import CallbackUnknown, NotNow, StateWrong
from gateway.callbacks.repeats import HEADER, Repeatable
from gateway.callbacks.router import Nowhere, QueueUnknown, Router
from gateway.callbacks.sight import place_of, place_or_new
from gateway.callbacks.target import queue_of
from gateway.callbacks.telling import Telling
from gateway.callbacks.turn import Turn, tell
from gateway.callbacks.wish import COMET, LONGEST, Wish, read_wish
from gateway.instances import instance as instances_of_services
from gateway.instances.instances import Instances
from gateway.instances.request import Request
from gateway.routing.outbox import Pump
from gateway.services.patterns import Group, first_match
from gateway.store.store import Fence, Room, TakenAlready
from gateway.store.turn import Turn as AnyTurn
from gateway.store.turn import decided

log = logging.getLogger(__name__)

KIND: Final = "callback"
"""Of instances."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Beginning:
    """One request to start a callback, as far as it does not depend on what is there."""

    id: str
    service: Service
    request: Request
    wish: Wish
    headers: Mapping[str, str]
    """By names in lower case."""
    repeatable: Repeatable

    @property
    def tells(self) -> str:
        """The user whose mailbox has the notices: a comet device is called as its user is (CB-3)."""
        device = self.wish.device
        return self.request.user or (device.id if device is not None and device.type == COMET else "")


class Callbacks:
    """The callbacks of one room, on one node.

    Args:
        room: the customers' part of the store.
        pools: the groups of numbers as they are configured at the moment.
        patterns: the groups of patterns.
        dialling: how numbers are dialled here.
        targets: queues by texts of ``_target`` that are no queues' names.
        kept: reserved parameters that records tell, or are found by.
        clock: seconds since 1970.
        are_proven: whoever names a user has shown that he is the one (AUTH-8).

    All methods raise Unavailable.
    """

    def __init__(
        self,
        room: Room,
        *,
        instances: Instances,
        bookings: Bookings,
        telling: Telling,
        pools: Callable[[], Mapping[str, Pool]],
        patterns: Callable[[], Mapping[str, Group]],
        dialling: Dialling,
        targets: Mapping[str, str],
        kept: Collection[str],
        clock: Callable[[], float],
        are_proven: bool = False,
    ) -> None:
        self.routers: dict[Media, Router] = dict.fromkeys(Media, Nowhere())
        """Who finds agents, by what callbacks are; they tell ``news``."""
        self.pump: Pump = Pump(room, LANE, Effects(self, self.routers).leave)
        """Carries out what follows; for the node that leads."""
        self._room = room
        self._instances = instances
        self._bookings = bookings
        self._telling = telling
        self._pools = pools
        self._patterns = patterns
        self._dialling = dialling
        self._targets = targets
        self._kept = kept
        self._clock = clock
        self._are_proven = are_proven
        self._loads = Loads(room)
        self._starting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By service: starts are counted in one document, so at once they would only be in each other's way."""

    # What customers ask

    async def start(self, service: Service, request: Request) -> Mapping[str, Any]:
        """Begin one; the dialog that its customer is shown (CB-1).

        Raises Refused: nothing has begun.
        """
        if service.asked == KIND:
            raise CallbackUnknown("a callback is begun by the name of its service")
        wish = read_wish(
            request.texts,
            service.options,
            request.user,
            self._clock(),
            self.is_excluded,
            is_proven=self._are_proven,
        )
        headers = {name.lower(): value for name, value in request.headers.items()}
        repeatable = Repeatable.read(headers.get(HEADER.lower()), service.asked, request.user, request.values)
        beginning = _Beginning(self._instances.new_id(), service, request, wish, headers, repeatable)
        async with self._starting[service.name]:
            return await self._decide(lambda turn: self._begin(turn, beginning))

    async def request(self, id: str, event: Asked) -> Outcome:
        """Something that the customer wants, or that happens on his side; what is answered is a dialog, or nothing.

        Raises:
            Refused: what was due has happened all the same.
        """
        outcome = await self._take(id, event)
        if outcome is None or isinstance(outcome.answer, Gone):
            raise _unknown()
        if isinstance(outcome.answer, NotYet):
            raise NotNow("no agent is near yet", retry_after=outcome.answer.retry_after)
        if isinstance(outcome.answer, StateRefused):
            raise StateWrong(f"the callback is {outcome.instance.state}, and cannot be asked that")
        return outcome

    async def connect(self, id: str, base: str) -> Mapping[str, Any]:
        """The customer is ready: the dialog with his number or chat (SV-20). Raises Refused."""
        outcome = await self.request(id, Connect())
        assert isinstance(outcome.answer, Dialog)
        return dialogs.dialog(outcome.answer, outcome.instance, self._clock(), base)

    async def position(self, id: str) -> Mapping[str, Any]:
        """How it stands in its queue (SV-30). Raises CallbackUnknown: in none (SV-32)."""
        callback = await self.look(id)
        if callback is None or not callback.instance.is_in_queue:
            raise CallbackUnknown("the callback is in no queue")
        router = self.routers[callback.instance.profile.media]
        try:
            # Who waits may not have been given his place yet; who is routed may have none any more.
            waits = callback.instance.step is not Step.ROUTING
            since = callback.instance.created
            report = await (place_or_new(router, id, callback.queue, since) if waits else place_of(router, id))
        except QueueUnknown:
            report = None
        outcome = await self._take(id, Poll(report)) if report is not None else None
        if report is None or outcome is None or not outcome.instance.is_in_queue:
            raise CallbackUnknown("the callback is in no queue")
        return queue_position.answer(outcome.instance, report)

    # What happens to them

    async def news(self, id: str, event: News, *, once: str = "") -> None:
        """See ``router.Listener``."""
        try:
            await self._take(id, event, once=once)
        except TakenAlready:
            log.debug("news of a callback came again")

    async def take_in(self, turn: AnyTurn, id: str, event: Event) -> Outcome | None:
        """Something happens to one with the caller's commit; None: there is no such callback.

        For what must not be known without it, such as the match of a call (MI-8).
        """
        callback = await self._find(turn, id)
        if callback is None:
            return None
        outcome = machine.receive(callback.instance, event, turn.now)
        if isinstance(outcome.answer, NumberNeeded):
            access = await self._book(turn, callback)
            outcome = machine.receive(callback.instance, Connect(access), turn.now)
        await self._keep(turn, callback, callback.at(outcome.instance), outcome)
        return outcome

    async def matching(self, turn: AnyTurn, instance: instances_of_services.Instance) -> None:
        """A listener of ``AccessKinds.matching``: the customer's call is there (MI-8)."""
        await self.take_in(turn, instance.id, Contact())

    async def matched(self, id: str) -> None:
        """A listener of ``AccessKinds.matched``: what follows leaves at once."""
        self.pump.hurry()

    async def expire(self, name: str, fence: Fence) -> None:
        """A deadline of the kind ``callback`` is due; see ``gateway.customers.duty``. Raises LeaseLost."""

        async def decision(turn: Turn) -> None:
            turn.fence = fence
            callback = await self._find(turn, name)
            if callback is None:
                turn.deadlines[callback_key(name)] = None
                return
            outcome = machine.expire(callback.instance, turn.now)
            await self._keep(turn, callback, callback.at(outcome.instance), outcome)
            turn.deadlines[callback_key(name)] = _earliest(outcome)

        await self._decide(decision)

    async def ending(self, turn: AnyTurn, ended: instances_of_services.Instance) -> None:
        """A listener of ``Instances.ending``: with its instance a callback is over, or at least withdrawn (SV-7)."""
        callback = await self._find(turn, ended.id)
        if callback is None:
            return
        over = turn.now >= callback.instance.expires
        take = machine.expire(callback.instance, turn.now) if over else None
        outcome = take or machine.receive(callback.instance, Cancel(), turn.now)
        await self._keep(turn, callback, callback.at(outcome.instance), outcome)

    async def ended(self, ended: instances_of_services.Instance) -> None:
        """A listener of ``Instances.ended``: what follows leaves at once."""
        self.pump.hurry()

    # What is there

    async def look(self, id: str) -> Callback | None:
        """One, as it stands now."""
        return await self._find(Turn(self._room, self._clock()), id)

    async def change(self, id: str, alter: Callable[[Callback, float], Callback]) -> Callback:
        """Have one say something else of itself; what it says then. What is due has happened before.

        Args:
            alter: what it says so far in, and the present moment; may raise Refused.

        Raises CallbackUnknown.
        """

        async def decision(turn: Turn) -> Callback:
            callback = await self._find(turn, id)
            if callback is None or turn.now >= callback.instance.expires:
                raise _unknown()
            outcome = machine.expire(callback.instance, turn.now)
            after = alter(callback.at(outcome.instance), turn.now)
            await self._keep(turn, callback, after, outcome)
            return after

        return await self._decide(decision)

    async def find_in(self, turn: AnyTurn, id: str) -> Callback | None:
        """One, as the caller's turn reads it."""
        return await self._find(turn, id)

    # Steps

    async def _begin(self, turn: Turn, beginning: _Beginning) -> Mapping[str, Any]:
        """Raises Refused: nothing of the turn may be committed."""
        id, service, request, wish = beginning.id, beginning.service, beginning.request, beginning.wish
        settings = wish.settings
        answer = await beginning.repeatable.answer(turn)
        if answer is not None:
            return answer
        made = await self._instances.create(
            turn,
            service=service.asked,
            name=service.name,
            kind=KIND,
            user=request.user,
            ttl=settings.ttl,
            values=request.values,
            id=id,
        )

        def begun(access: Access | None = None) -> Outcome:
            return machine.begin(
                id,
                service.asked,
                settings,
                turn.now,
                access=access,
                user=request.user,
                pushed=wish.device is not None,
                chat_parameters=wish.chat_parameters,
            )

        outcome = begun()
        if wish.device is not None:
            until = outcome.instance.expires
            await self._telling.subscribe(turn, instance=id, user=request.user, device=wish.device, until=until)
        # Not before: what is wrong with the request is told first, however full the queue is (CB-19).
        customer = limits.customer_key(settings, request.texts, beginning.headers)
        await self._loads.count(turn, service.name, settings, wish.number, customer)
        callback = Callback(
            instance=outcome.instance,
            name=service.name,
            data=made.data,
            queue=queue_of(settings.target, self._targets),
            number=wish.number,
            told_number=wish.told_number,
            tells=beginning.tells,
            lookup=wish.lookup,
            properties=self._properties(request),
            code_length=wish.code_length,
            tells_status=wish.tells_status,
        )
        if isinstance(outcome.answer, NumberNeeded):
            outcome = begun(await self._book(turn, callback))
        await self._keep(turn, None, callback.at(outcome.instance), outcome)
        assert isinstance(outcome.answer, Dialog)
        answer = dialogs.dialog(outcome.answer, outcome.instance, turn.now, request.base)
        beginning.repeatable.remember(turn, answer)
        return answer

    async def _take(self, id: str, event: Event, *, once: str = "") -> Outcome | None:
        """Raises TakenAlready."""

        async def decision(turn: Turn) -> Outcome | None:
            outcome = await self.take_in(turn, id, event)
            if outcome is not None:
                turn.taken = once
            return outcome

        return await self._decide(decision)

    async def _keep(self, turn: AnyTurn, before: Callback | None, after: Callback, outcome: Outcome) -> None:
        """Write what has become of one, and what follows."""
        if before == after and not outcome.effects:
            return
        after = replace(after, revision=before.revision + 1 if before is not None else 1)
        id, key = after.id, callback_key(after.id)
        await turn.read(key)
        await self._tell(turn, before, after, outcome)
        is_forgotten = False
        for number, effect in enumerate(outcome.effects):
            if isinstance(effect, ReleaseNumber):
                await self._release(turn, id, effect.access)
            elif isinstance(effect, Forget):
                is_forgotten = True
            else:
                leaving = as_outgoing(after, effect, f"callback:{id}:{after.revision}:{number}")
                if leaving is not None:
                    turn.leave(leaving)
        if is_forgotten:
            turn.write(key, None)
            turn.deadlines[key] = None
        else:
            turn.write(key, after.to_document(), indexes=after.indexes)
            turn.deadlines[key] = _earliest(outcome)

    async def _tell(self, turn: AnyTurn, before: Callback | None, after: Callback, outcome: Outcome) -> None:
        """PN-4, PN-8; SM-21."""
        was_waiting = before is not None and before.instance.step is Step.WAIT_CONFIRM
        attempts = [effect for effect in outcome.effects if isinstance(effect, Notify)]
        if was_waiting and (attempts or after.instance.step is not Step.WAIT_CONFIRM):
            await self._telling.withdraw(turn, after.tells, notices.available_tag(after.instance.id))
        for effect in attempts:
            await tell(self._telling, turn, notices.available(after, effect))
        has_moved = before is None or before.instance.state is not after.instance.state
        if after.tells_status and has_moved:
            await tell(self._telling, turn, notices.status(after))

    async def _book(self, turn: AnyTurn, callback: Callback) -> Access:
        """A number with this turn. Raises GroupWrong, NoneFree: nothing of it may be committed."""
        settings = callback.instance.settings
        pool = self._pools().get(settings.resource_group)
        if pool is None:
            raise GroupWrong("the resource group of the service is missing")
        caller = self._dialling.comparable(callback.told_number) if callback.told_number else ""
        wanted = Wanted(
            pool=pool,
            seconds=pool.timeout or max(1, settings.booking_expiration_timeout),
            caller=caller,
            code_length=callback.code_length,
        )
        booking = await self._bookings.book_in(
            turn, callback.id, callback.data, wanted, until=callback.instance.expires
        )
        return Access(number=booking.number, code=booking.code, expires=booking.expires)

    async def _release(self, turn: AnyTurn, id: str, access: Access) -> None:
        """End the booking that gave it; nothing, if that has ended, or another one has followed."""
        (body,) = await turn.read(booking_key(id))
        if body and (body["number"], body["expires"]) == (access.number, access.expires):
            await self._bookings.release_in(turn, id)

    async def _find(self, turn: AnyTurn, id: str) -> Callback | None:
        (body,) = await turn.read(callback_key(id))
        return Callback.from_document(body) if body is not None else None

    async def _decide(self, decision: Callable[[Turn], Awaitable[T]]) -> T:
        given, turn = await decided(self._room, decision, lambda: Turn(self._room, self._clock()))
        if LANE in turn.lanes:
            self.pump.hurry()
        for user in turn.told:
            self._telling.nudge(user)
        return given

    def _properties(self, request: Request) -> Mapping[str, str]:
        return {name: text[:LONGEST] for name, text in request.texts.items() if name in self._kept and text}

    def is_excluded(self, group: str, number: str) -> bool:
        """Whether a group has a pattern that is the whole of a number; one that is not there has none (CB-6)."""
        patterns = self._patterns().get(group)
        if patterns is None:
            log.warning("there is no pattern group %s, which a service names for its exceptions", group)
            return False
        return first_match([patterns], number) is not None


def _earliest(outcome: Outcome) -> float | None:
    """The moment at which it is to be looked at; None: never again."""
    return min(outcome.instance.deadlines.values(), default=None)


def _unknown() -> CallbackUnknown:
    return CallbackUnknown("there is no such callback, or it is over")
