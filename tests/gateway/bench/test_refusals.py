"""What people are told when a server says no."""

from __future__ import annotations

import pytest

from gateway.bench.refusals import next_step, told


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ("connection refused", "running"),
        ("publish refused: 429:50 a second:rate_limited", "bayeux.session_message_rate"),
        ("handshake refused: 503::unavailable", "bayeux.max_sessions"),
        ("HTTP 503: Too many connections", "bayeux.max_connections"),
        ("subscribe refused: 403:limit:subscribe_denied", "bayeux.max_subscriptions_per_session"),
        ("handshake refused: 403::handshake_denied", "sign in"),
        ("WebSocket refused: 404 Not Found", "path"),
        ("WebSocket refused: 400 Bad Request", "long-polling"),
        ("too many open files", "ulimit"),
        ("what came is no Bayeux: line 1", "Bayeux endpoint"),
    ],
)
def test_the_next_step_fits_the_words(words: str, step: str) -> None:
    assert step in next_step(words)


def test_the_commonest_words_are_told_and_the_others_counted() -> None:
    assert told("set up", {"connection refused": 3, "x": 1, "y": 2}).startswith(
        "set up: connection refused (3 times and 2 other errors); is the server running"
    )
    assert told("set up", {}) == "set up"
    assert told("set up", {"x": 1}) == "set up: x (1 times)"
