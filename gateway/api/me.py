"""``/api/v2/me``: the agent himself and his contact-center session.

Source: AG-20…28, AG-31.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from gateway.agents.identity import user_id
from gateway.agents.operations import Dialect, Json
from gateway.api.answers import parted
from gateway.api.declaration import Choice, Operation, Order, Parameter, Reads, Takes, Texts
from gateway.api.parameters import OBJECTS
from gateway.api.resource import Operable, Readable
from gateway.api.states import STATES, configured
from gateway.auth.http_sessions import COOKIE

START: Final = Operation(
    "StartContactCenterSession",
    "Open the session on media channels; each is NotReady then.",
    (
        Parameter("channels", "Media channels.", Texts(16, known=("chat", "email")), is_required=True),
        Parameter("place", "Where one sits."),
        Parameter("loginCode", "For voice."),
        Parameter("queue", "For voice."),
    ),
)
END: Final = Operation("EndContactCenterSession", "Sign out; what one has goes to others or is closed.")

_SUBRESOURCES = Choice(("devices", "channels", "calls", "interactions", "chats", "emails", "features"))


class Me(Readable, Operable):
    """Who am I, and what have I?"""

    path = "/me"
    gets = Reads(
        says="The agent himself.",
        query=(Parameter("subresources", "What is his, too: `*`, or some of it.", _SUBRESOURCES),),
        answer={
            "user": {
                "type": "object",
                "required": ["id", "userName", "roles", "enabled", "uri", "path"],
                "properties": {
                    **{name: {"type": "string"} for name in ("id", "userName", "firstName", "lastName")},
                    **{name: {"type": "string"} for name in ("emailAddress", "path")},
                    "uri": {"type": "string", "format": "uri"},
                    "roles": {"type": "array", "items": {"type": "string"}},
                    "enabled": {"type": "boolean"},
                    **dict.fromkeys(_SUBRESOURCES.among, OBJECTS),
                },
            }
        },
        refuses=(400,),
    )
    posts = Takes(
        says="Open and close the contact-center session; be Ready or not on all of its channels.",
        operations=(START, END, *STATES),
        answer={"failed": OBJECTS, "succeeded": OBJECTS},
        refuses=(404, 409),
    )

    async def read(self, query: Json, *path: str) -> Json:
        """With those of his things that are asked for."""
        asked = _SUBRESOURCES.chosen(query.get("subresources", ""))
        read = self._readers()
        return {"user": {**self._describe(), **{name: list(await read[name]()) for name in asked}}}

    def operations(self) -> tuple[Operation, ...]:
        """With what is configured."""
        return (*self.posts.operations, *configured(self.service))

    async def operate(self, order: Order, *path: str) -> Json:
        """All that is neither start nor end is a state for all channels."""
        if order.operation == START.name:
            return await self._start(order.parameters)
        if order.operation == END.name:
            return await self._end()
        return parted(await self.service.set_state(self.caller, order.operation))

    async def _start(self, parameters: Json) -> Json:
        results = await self.service.start_session(
            self.caller,
            parameters["channels"],
            place=parameters.get("place", ""),
            login_code=parameters.get("loginCode", ""),
            queue=parameters.get("queue", ""),
        )
        return parted(results)

    async def _end(self) -> Json:
        await self.service.end_session(self.caller)
        await self.around.reception.agents.leave(self.signed_in.session)
        self.set_header("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0")
        return {}

    def _readers(self) -> Mapping[str, Callable[[], Awaitable[Sequence[Json]]]]:
        service, caller = self.service, self.caller
        return {
            "devices": _none,
            "channels": lambda: service.channels(caller),
            "calls": _none,
            "interactions": lambda: service.interactions(caller, Dialect.INTERACTIONS),
            "chats": lambda: service.interactions(caller, Dialect.CHATS),
            "emails": lambda: service.interactions(caller, Dialect.EMAILS),
            "features": _none,
        }

    def _describe(self) -> dict[str, Any]:
        """Who has only a token is known by name alone."""
        name = self.caller.user
        known = self.around.reception.agents.users.get(name)
        id = user_id(name)
        path = f"/users/{id}"
        return {
            "id": id,
            "userName": name,
            "firstName": known.first_name if known else "",
            "lastName": known.last_name if known else "",
            "emailAddress": known.email_address if known else "",
            "roles": [f"ROLE_{role.upper()}" for role in (known.roles if known else ["agent"])],
            "enabled": True,
            "changePasswordOnFirstLogin": False,
            "uri": f"{self.caller.origin}/api/v2{path}",
            "path": path,
        }


async def _none() -> Sequence[Json]:
    """There are no telephones here."""
    return ()
