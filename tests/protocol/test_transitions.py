"""The table of a session's life: every state, every request, every happening."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.effects import End, Hold, Publish, Release, Reply
from bayeux.protocol.errors import ProtocolError, SessionUnknown
from bayeux.protocol.message import Message, Request
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER, Arrival, BayeuxSession, State
from bayeux.protocol.transitions import HAPPENINGS, TRANSITIONS, Happening, happen, receive

OPTIONS = Options(timeout=30.0, max_interval=10.0)

FIELDS: dict[Request, dict[str, Any]] = {
    Request.HANDSHAKE: {"channel": "/meta/handshake", "version": "1.0"},
    Request.CONNECT: {"channel": "/meta/connect", "connectionType": "long-polling"},
    Request.SUBSCRIBE: {"channel": "/meta/subscribe", "subscription": "/a"},
    Request.UNSUBSCRIBE: {"channel": "/meta/unsubscribe", "subscription": "/a"},
    Request.PUBLISH: {"channel": "/a", "data": 1},
    Request.DISCONNECT: {"channel": "/meta/disconnect"},
}


def message(request: Request, **more: Any) -> Message:
    return Message.received({"id": "1", "clientId": "s1", **FIELDS[request], **more}, OPTIONS)


def session_in(state: State) -> BayeuxSession:
    session = BayeuxSession("s1", OPTIONS)
    session.become(state)
    if state is not State.NEW:
        session.expires_at = 40.0
    return session


def arrival(now: float = 0.0, **more: Any) -> Arrival:
    return Arrival(now=now, transport="long-polling", **more)


@pytest.mark.spec("SES-1", "SES-7", "CN-21", "DSC-10")
@pytest.mark.parametrize(("state", "request_"), list(itertools.product(State, Request)))
def test_every_request_in_every_state_is_answered_or_refused(state: State, request_: Request) -> None:
    """It replies, holds, or raises SessionUnknown; and a living session always has a deadline."""
    session = session_in(state)
    if (state, request_) not in TRANSITIONS:
        with pytest.raises(SessionUnknown):
            receive(session, message(request_), arrival())
        assert session.state is state
        return
    effects = receive(session, message(request_), arrival())
    answers = [effect for effect in effects if isinstance(effect, (Reply, Hold, Publish))]
    assert len(answers) == 1
    assert session.state is TRANSITIONS[state, request_][1]
    if not session.is_over:
        assert session.next_deadline != NEVER


@pytest.mark.spec("SES-1", "LST-6")
@pytest.mark.parametrize(("state", "happening"), list(itertools.product(State, Happening)))
def test_a_session_ends_once_and_never_comes_back(state: State, happening: Happening) -> None:
    """A happening ends a living session with one End; nothing happens to one that is over."""
    session = session_in(state)
    effects = happen(session, happening, 0.0)
    ends = [effect for effect in effects if isinstance(effect, End)]
    assert len(ends) == ((state, happening) in HAPPENINGS)
    assert happen(session, happening, 0.0) == []
    if ends:
        assert session.is_over
        for request in (Request.HANDSHAKE, Request.SUBSCRIBE, Request.PUBLISH, Request.DISCONNECT):
            with pytest.raises(SessionUnknown):
                receive(session, message(request), arrival())


steps = st.lists(
    st.tuples(
        st.sampled_from([*Request, *Happening, "release", "lose", "event"]),
        st.floats(0, 20),
        st.booleans(),
        st.sampled_from([{}, {"timeout": 0}, {"timeout": 5000, "interval": 2000}, {"interval": -1}]),
    ),
    max_size=30,
)


@pytest.mark.spec("SES-5", "SES-7", "CN-10", "CN-11", "DSC-2", "CN-25")
@given(steps=steps)
def test_in_any_order_each_connect_gets_one_answer_and_the_clock_never_stops(steps: list[Any]) -> None:
    """Whatever happens, a connect is replied to, dismissed, released or lost, once; and expiry is always ahead."""
    session = BayeuxSession("s1", OPTIONS)
    now = 0.0
    receive(session, message(Request.HANDSHAKE), arrival(now))
    for step, pause, is_alone, advice in steps:
        now += pause
        held = session.held
        effects: list[Any] = []
        try:
            if isinstance(step, Request):
                more = {"advice": advice} if step is Request.CONNECT else {}
                effects = receive(session, message(step, **more), arrival(now, alone=is_alone))
            elif isinstance(step, Happening):
                effects = happen(session, step, now)
            elif step == "release":
                answer = session.release(now)
                effects = [] if answer is None else [Release(answer)]
            elif step == "lose":
                session.lose_held_connect(now)
        except ProtocolError:
            assert session.held is held
        replies = [effect.fields for effect in effects if isinstance(effect, (Reply, Release))]
        for reply in replies:
            if reply["channel"] == "/meta/connect" and reply["successful"]:
                assert reply.get("advice", {}).get("reconnect") != "handshake"
        if held is not None and session.held is not held and step != "lose":
            assert sum(type(effect).__name__ in ("Release", "Dismiss") for effect in effects) == 1
        if not session.is_over:
            assert session.next_deadline != NEVER
            assert session.next_deadline <= now + OPTIONS.timeout + OPTIONS.max_client_interval
