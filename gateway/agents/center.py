"""The contact center of one node: its parts joined, and what runs as long as it serves.

Source: MRE-1, AG-80, AG-101, AG-123.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from prometheus_client.registry import Collector

from bayeux.protocol.errors import Unavailable
from bayeux.server.server import BayeuxServer
from gateway.agents.announcer import Announcer, Deliver
from gateway.agents.customers import Customers
from gateway.agents.desktop import Desktops
from gateway.agents.duty import ChatDuty
from gateway.agents.interactions import Interactions
from gateway.agents.letters import Letters
from gateway.agents.nodes import Nodes, keep_alive
from gateway.agents.places import Places
from gateway.agents.planning import ROOM as PLAN
from gateway.agents.planning import Planning
from gateway.agents.presence import Presence
from gateway.agents.roles import CHAT, COMMUNICATION, GROUPS, Roles
from gateway.agents.service import Service
from gateway.agents.services import BUS, MAIL, STORE, Absences, Services
from gateway.agents.sessions import Sessions
from gateway.agents.settings import Settings
from gateway.agents.side import ROOM, ChatSide
from gateway.agents.storage import make_store
from gateway.agents.tasks import Tasks
from gateway.agents.transport import make_bus
from gateway.agents.waiting import Waiting
from gateway.agents.work import Work
from gateway.agents.workbins import Workbins
from gateway.config.model import Config
from gateway.mail.correspondent import Correspondent
from gateway.mail.listener import MailListener
from gateway.mail.relay import Relay
from gateway.observe.routing import DeadLettersCollector, RolesCollector, TasksCollector
from gateway.routing.admin import Admin, BusWithDeadLetters
from gateway.routing.bus.tap import Tap, TappedBus
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.outbox import Leave
from gateway.routing.role import Role
from gateway.sockets import bound, shared
from gateway.store.store import Store

log = logging.getLogger(__name__)

_HANDED_ON_WITHIN: Final = 15.0
"""Seconds in which a role that is led by nobody finds another node, and all others hear of that one; what waited for
the store leaves by the bus in less."""
_FAREWELL: Final = 2.0
"""Seconds for saying that this node leaves; who does not hear it finds out."""


class ContactCenter:
    """Agents, customers, and the roles between them.

    Args:
        config: with MRDs.
        deliver: tells one user something, on all nodes.
        node: name of this process, another one at each start.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        server: BayeuxServer,
        deliver: Deliver,
        *,
        node: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self.store: Store = make_store(config, node=node)
        self.bus: BusWithDeadLetters = make_bus(config, node=node, clock=clock)
        tap = Tap(clock=clock)
        tapped = TappedBus(self.bus, tap)
        settings = Settings.of(config)
        room = self.store.room(ROOM)
        self._side = ChatSide(room, tapped, Announcer(deliver), node=node, clock=clock, new_id=_new_id)
        interactions = Interactions(self._side, settings)
        sessions = Sessions(self._side, settings, Work(settings, interactions))
        self._nodes = Nodes(self._side, sessions)
        mailboxes = {key: mailbox for key, (mailbox, _) in settings.mailboxes.items()}
        self._letters = Letters(self._side, interactions, _relay(config), mailboxes)
        waiting = Waiting(self._side, tapped)
        self.places = Places(self._side, settings, waiting)
        self.customers = Customers(self._side, settings, interactions, waiting, self.places, _new_hex)
        workbins = Workbins(self._side, settings, interactions, _new_hex)
        self.service = Service(self._side, settings, interactions, sessions, self.customers, workbins, _new_hex)
        heard = Tasks(settings, interactions, sessions)
        duty = ChatDuty(
            self._side, settings, interactions, sessions, heard, self.places, waiting, self._nodes, _new_hex
        )

        async def report(user: str, media: frozenset[str] | None) -> None:
            await self._side.decide(lambda turn: sessions.seen(turn, user, node, media))

        self._presence = Presence(server, report)
        self._presence.watch()
        Desktops(server, self.service.snapshot, clock).watch()
        communication = CommunicationServer(settings.routed.plan, node=node)
        self.planning = Planning(config, settings.routed, self.store.room(PLAN))
        roles = Roles(self.store, tapped, self.planning, node=node, clock=clock, new_id=_new_id)
        self.roles: Mapping[str, Role] = roles.played(config, communication, duty, [self._letters.pump])
        tasks = self.store.room(COMMUNICATION) if COMMUNICATION in self.roles else None
        self.admin = Admin(self.bus, tap, tasks, node=node, clock=clock, new_id=_new_id)
        self._dead: Mapping[str, int] = {}
        self.collectors: list[Collector] = [RolesCollector(self.roles), DeadLettersCollector(lambda: self._dead)]
        """What is told of it to who asks for metrics."""
        if COMMUNICATION in self.roles:
            self.collectors.append(TasksCollector(communication, self.roles[COMMUNICATION], clock))
        self._absences = Absences(_HANDED_ON_WITHIN, clock)
        self._nodes.reports = self._report_services
        self._services = Services(server, self._look_at_services)
        self._services.watch()
        self.mail: MailListener | None = None
        """Where mail is taken, while it is."""
        self._running = AsyncExitStack()

    def tell_customers(self, leave: Leave) -> None:
        """Have what customers hear of their chats go there (``channels.interaction.hearing``); before ``start``."""
        self._side.tell_customers(leave)

    # Life

    async def start(self) -> None:
        """Begin to work on the running loop. Raises Failure for a store or a port that cannot be used."""
        async with AsyncExitStack() as undo:
            await self.store.open()
            undo.push_async_callback(self.store.close)
            await self.bus.open()
            undo.push_async_callback(self.bus.close)
            undo.push_async_callback(self._say_goodbye)
            await self.planning.begin()
            runs: list[Coroutine[Any, Any, None]] = [
                *(pump.run() for pump in self._side.pumps),
                *(role.run() for role in self.roles.values()),
                self._presence.run(),
                self._services.run(),
                self.planning.run(),
                keep_alive(self._nodes, self._presence.report_again),
            ]
            undo.push_async_callback(_end, [asyncio.create_task(each) for each in runs])
            await self._take_mail(undo)
            self._running = undo.pop_all()

    async def stop(self) -> None:
        """Do no more; what was committed is safe, and goes on elsewhere or at the next start."""
        await self._running.aclose()

    async def count_dead(self) -> None:
        """Look at the dead letters of the queues that this node takes from, for the metrics to tell."""
        led = [queue for name, role in self.roles.items() if role.is_reigning for queue in GROUPS[name]]
        self._dead = await self.admin.count_dead(led)

    async def _take_mail(self, undo: AsyncExitStack) -> None:
        mail = self._config.mail
        if mail.listen is None:
            return
        if self._config.processes > 1:
            door = undo.enter_context(shared(mail.listen, "mail.listen"))
        else:
            door = undo.enter_context(bound(mail.listen, "mail.listen"))
        self.mail = MailListener(
            [Correspondent.parse(each.address) for each in mail.mailboxes],
            self.customers.begin_email,
            protocol=mail.protocol,
            max_bytes=mail.max_size,
        )
        await self.mail.start(door)
        undo.push_async_callback(self.mail.stop)

    # Services

    def _report_services(self) -> Mapping[str, Any]:
        """What only this node can know."""
        leads = [name for name, role in self.roles.items() if role.is_reigning]
        return {"leads": leads, "away": [MAIL] if self._letters.is_relay_away and CHAT in leads else []}

    async def _look_at_services(self) -> Mapping[str, bool]:
        """All that work here needs (AG-101)."""
        if self.store.trouble:
            return {STORE: False}  # of all others nothing can be known
        try:
            said = [*await self._nodes.said(), self._report_services()]
        except Unavailable:
            return {STORE: False}
        led = {name for each in said for name in each.get("leads", ())}
        away = {name for each in said for name in each.get("away", ())}
        missing = {name: name not in led for name in map(str, self._config.mre.roles)} | {BUS: self._side.is_cut_off}
        are_there = {name: not self._absences.counts(name, is_missing=each) for name, each in missing.items()}
        mail = {MAIL: MAIL not in away} if self._config.mail.relay.address is not None else {}
        return {STORE: True, **are_there, **mail}

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._nodes.gone()
        except (TimeoutError, Unavailable):
            log.debug("the others find out for themselves that this node is gone")


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _relay(config: Config) -> Relay | None:
    relay = config.mail.relay
    if relay.address is None:
        return None
    password = relay.password.get_secret_value() if relay.password is not None else ""
    return Relay(relay.address.host, relay.address.port, tls=relay.tls, user=relay.user, password=password)


def _new_id() -> str:
    return str(uuid.uuid4())


def _new_hex() -> str:
    return secrets.token_hex(8).upper()
