"""Ready-made authorizers, and the trap that they cannot see.

``Grant`` and ``Deny`` answer by operation, user, role or a predicate, and otherwise ignore; how the answers of
several authorizers make a decision stands in ``authorisation``.

The trap: a subscription to a pattern asks the authorizers of that pattern and of wider ones, not those of the channels
below it. Whoever guards ``/a/secret`` must guard ``/a/**`` and ``/**`` too, or refuse them in the policy with the
help of ``covers``; ``open_patterns`` finds what was forgotten.

Source: AUZ-5, AUZ-7, AUZ-8; CometD's ``GrantAuthorizer``, and Faye's warning about wildcards.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from inspect import isawaitable
from typing import TYPE_CHECKING, Final, TypeAlias

from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.server.security import Denied, Operation, Verdict

if TYPE_CHECKING:
    from bayeux.protocol.message import Message
    from bayeux.server.channels import ServerChannel
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

CREATE: Final = frozenset({Operation.CREATE})
"""For ``Grant`` and ``Deny``: may a channel come into being? ``CREATE | SUBSCRIBE`` is both."""
SUBSCRIBE: Final = frozenset({Operation.SUBSCRIBE})
"""For ``Grant`` and ``Deny``: may a client subscribe?"""
PUBLISH: Final = frozenset({Operation.PUBLISH})
"""For ``Grant`` and ``Deny``: may a client publish?"""
ALL: Final = frozenset(Operation)
"""For ``Grant`` and ``Deny``: all three."""
NONE: Final[frozenset[Operation]] = frozenset()
"""``Grant(NONE)`` never grants, so a channel that has it alone denies everything."""

DENIED_BY_AUTHORIZER = "denied_by_authorizer"
SHOWN_CHANNELS = 10

Predicate: TypeAlias = "Callable[[Operation, ChannelName, ServerSession | None, Message], bool | Awaitable[bool]]"
"""A plain or coroutine function; one that raises denies, whatever it was asked for (BER-2)."""


class _Conditional:
    """Answers those whom all its conditions fit, and ignores everybody else."""

    __slots__ = ("operations", "roles", "users", "verdict", "when")

    def __init__(
        self,
        verdict: Verdict | Denied,
        operations: Collection[Operation],
        users: str | Iterable[str] | None,
        roles: str | Iterable[str] | None,
        when: Predicate | None,
    ) -> None:
        self.verdict: Verdict | Denied = verdict
        self.operations: frozenset[Operation] = frozenset(operations)
        self.users: frozenset[str] | None = _names(users)
        self.roles: frozenset[str] | None = _names(roles)
        self.when: Predicate | None = when

    @property
    def is_unconditional(self) -> bool:
        """It answers everybody, within its operations."""
        return self.users is None and self.roles is None and self.when is None

    def authorize(
        self, operation: Operation, channel: ChannelName, session: ServerSession | None, message: Message
    ) -> Verdict | Denied | Awaitable[Verdict | Denied]:
        """The answer, if all conditions fit."""
        if operation not in self.operations or not self._is_for(session):
            return Verdict.IGNORE
        if self.when is None:
            return self.verdict
        fits = self.when(operation, channel, session, message)
        if isawaitable(fits):
            return self._wait(fits)
        return self.verdict if fits else Verdict.IGNORE

    def _is_for(self, session: ServerSession | None) -> bool:
        if session is None:
            return self.users is None and self.roles is None
        is_user = self.users is None or session.user in self.users
        return is_user and (self.roles is None or not self.roles.isdisjoint(session.roles))

    async def _wait(self, fits: Awaitable[bool]) -> Verdict | Denied:
        return self.verdict if await fits else Verdict.IGNORE


class Grant(_Conditional):
    """Grants the operations to those whom all conditions fit, and ignores everybody else.

    Args:
        operations: ``CREATE``, ``SUBSCRIBE | PUBLISH``, ``ALL``, ``NONE``, or any collection of ``Operation``.
        users: names, one of which must be ``session.user``.
        roles: names, one of which must be among ``session.roles``.
        when: a predicate that must say yes.

    Example::

        server.guard("/orders/**", Grant(SUBSCRIBE, roles="clerk"))
        server.guard("/orders/**", Grant(ALL, users={"boss", "deputy"}))
    """

    __slots__ = ()

    def __init__(
        self,
        operations: Collection[Operation] = ALL,
        *,
        users: str | Iterable[str] | None = None,
        roles: str | Iterable[str] | None = None,
        when: Predicate | None = None,
    ) -> None:
        super().__init__(Verdict.GRANT, operations, users, roles, when)


class Deny(_Conditional):
    """Denies the operations to those whom all conditions fit, whoever else grants; ignores everybody else.

    Args:
        reason: in the error of the reply, ``403:<reason>:publish_denied``; the others are those of ``Grant``.
    """

    __slots__ = ()

    def __init__(
        self,
        operations: Collection[Operation] = ALL,
        *,
        users: str | Iterable[str] | None = None,
        roles: str | Iterable[str] | None = None,
        when: Predicate | None = None,
        reason: str = DENIED_BY_AUTHORIZER,
    ) -> None:
        super().__init__(Denied(reason=reason), operations, users, roles, when)


def covers(pattern: str | ChannelName, channel: str | ChannelName) -> bool:
    """Does a subscription to ``pattern`` see messages on ``channel`` (AUZ-7)?

    For policies: ``covers(wanted, "/a/secret")`` is true of the channel itself and of all patterns above it.

    Raises ChannelInvalid.
    """
    pattern = parse_channel(pattern) if isinstance(pattern, str) else pattern
    return pattern.covers(parse_channel(channel).text if isinstance(channel, str) else channel.text)


def open_patterns(channels: Iterable[ServerChannel]) -> dict[str, list[str]]:
    """The channels whose authorizers may refuse a subscription, with the patterns above that nobody guards (AUZ-7)."""
    # A pattern that grants its subscription to everybody guards nothing below it.
    guarded = {channel.name.text: channel for channel in channels if _may_refuse_subscribe(channel)}
    found = {}
    for name, channel in guarded.items():
        if channel.name.kind is not Kind.BROADCAST:
            continue  # subscribing to a service channel shows nothing
        wider = [parse_channel(pattern) for pattern in channel.name.patterns if pattern != name]
        unguarded = [pattern.text for pattern in wider if guarded.keys().isdisjoint(pattern.patterns)]
        if unguarded:
            found[name] = unguarded
    return found


def warn_of_open_patterns(channels: Iterable[ServerChannel]) -> None:
    """Log what ``open_patterns`` finds, in one line; for the start of a server."""
    found = open_patterns(channels)
    if not found:
        return
    shown = [f"{name} through {', '.join(patterns)}" for name, patterns in list(found.items())[:SHOWN_CHANNELS]]
    if len(found) > SHOWN_CHANNELS:
        shown.append(f"and {len(found) - SHOWN_CHANNELS} more")
    log.warning(
        "guarded channels can be seen by subscribing to patterns that no authorizer guards: %s. Guard these patterns, "
        "or refuse them in the policy's can_subscribe",
        "; ".join(shown),
        extra={"event": "open_patterns"},
    )


def _may_refuse_subscribe(channel: ServerChannel) -> bool:
    """Any authorizer but one that grants it to everybody: of foreign ones nothing is known."""
    return channel.is_guarded and not all(
        isinstance(each, Grant) and each.is_unconditional and Operation.SUBSCRIBE in each.operations
        for each in channel.authorizers
    )


def _names(given: str | Iterable[str] | None) -> frozenset[str] | None:
    return None if given is None else frozenset([given] if isinstance(given, str) else given)
