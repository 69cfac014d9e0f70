"""The customers' side as a test plays it: what it answers to requests, and what it tells on ``/_genesys``.

Door, policy, channel and pages are the gateway's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from tornado.web import RequestHandler

from bayeux.server.server import BayeuxServer
from bayeux.transports.mount import Mount
from channels.private import CUSTOMER
from gateway.agents.absent import NoContactCenter
from gateway.auth.agents import Agents
from gateway.auth.customers import Customers, bayeux_user
from gateway.auth.policy import GatewayPolicy
from gateway.config.model import Auth, Config
from tests.interop.played import Played

ROOT = "/genesys/1"
ID = "1-00000000-0000-4000-8000-000000000001"
PROMISE = {"_action": "ConfirmationDialog", "_id": ID, "_text": "We will notify you when agent is available"}
START_CHAT = {"_action": "StartChat", "_id": ID, "_label": "Start Chat"}
FAR = {"_position": 2, "_total_waiting": 3, "_eta": 90, "_agent_ready_threshold_passed": False}
NEAR = {"_position": 1, "_total_waiting": 1, "_eta": "n/a", "_agent_ready_threshold_passed": True}
CHAT: dict[str, Any] = {"chatIxnState": "TRANSCRIPT", "transcriptPosition": "1", "transcriptToShow": []}


@dataclass
class Asked:
    """A request: what comes behind the instance, or the service."""

    what: str
    user: str
    parameters: dict[str, str]


class CustomerSide(Played):
    """On a port of its own; ``answers`` are by what is asked, others are an empty object."""

    def __init__(self) -> None:
        config = Config.model_validate({"server": {"enabled": True}})
        agents = Agents(Auth())
        door = Customers("/genesys/cometd", config.server, agents.identify)
        policy = GatewayPolicy(agents.tokens, agents.users, (), customers=door)
        server = BayeuxServer(config.bayeux.options(), policy=policy)
        policy.guard_wildcards(server)
        mount = Mount(server, "/genesys/cometd", identify=door.identify)
        super().__init__(server, mount, agents, NoContactCenter(), [(f"{ROOT}/(.*)", _Answers, {"side": self})])
        self._ids = count(1)
        self.asked: list[Asked] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "start chat-delay": (200, PROMISE),
            "start chat-immediate": (200, START_CHAT),
            "check-queue-position": (200, FAR),
            "connect": (200, START_CHAT),
            "ixn/chat": (200, {"_id": ID, "comet_channel": CUSTOMER}),
            "ixn/chat/send": (200, CHAT),
            "ixn/chat/refresh": (200, CHAT),
            "ixn/chat/disconnect": (200, {**CHAT, "chatIxnState": "DISCONNECTED"}),
            "callback": (200, []),
        }

    @property
    def url(self) -> str:
        """The customer's page."""
        return f"http://localhost:{self.port}/chat-demo/"

    @property
    def user(self) -> str:
        """Who asked last."""
        return self.asked[-1].user

    def requests(self, what: str) -> list[Asked]:
        """Those of a kind."""
        return [each for each in self.asked if each.what == what]

    def tell(self, tag: str, message: Any, id: str = "") -> str:
        """A notice for the page's user; its id."""
        id = id or f"{next(self._ids):032x}"
        data = {"id": id, "message": message, "tag": f"{tag}.{ID}"}
        self.server.deliver_to_user(bayeux_user(self.user), CUSTOMER, data)
        return id

    def call_agent_near(self) -> None:
        """As PN-3 has it."""
        self.tell("service.agentavailable", {"_action": "get-dialog-user-confirmation-provide_code-false", "_id": ID})

    def chat(self, position: int, *entries: list[str], state: str = "TRANSCRIPT", id: str = "") -> str:
        """An event of the chat."""
        part = {"chatIxnState": state, "transcriptPosition": str(position), "transcriptToShow": list(entries)}
        return self.tell("service.chat.refresh", part, id)


class _Answers(RequestHandler):
    def initialize(self, side: CustomerSide) -> None:
        self.side = side

    def get(self, path: str) -> None:
        self._answer(path)

    def post(self, path: str) -> None:
        self._answer(path)

    def _answer(self, path: str) -> None:
        what = path.removeprefix("service/").removeprefix(f"{ID}/").replace("callback/", "start ")
        parameters = dict(parse_qsl(self.request.body.decode()))
        self.side.asked.append(Asked(what, self.request.headers.get("gms_user", ""), parameters))
        status, answer = self.side.answers.get(what, (200, {}))
        self.set_status(status)
        self.set_header("Content-Type", "application/json;charset=UTF-8")
        self.finish(json.dumps(answer))
