"""Logs, metrics, health and the lag of the loop."""

import asyncio
import io
import json
import logging
import re
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bayeux.client.client import BayeuxClient
from bayeux.protocol.errors import Unavailable
from gateway.config.model import Log
from gateway.observe.health import Health
from gateway.observe.logging import RepeatFilter, configure, safe
from gateway.observe.loop_lag import LATE_FOR, LoopLag
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Write
from tests.gateway.conftest import Serve
from tests.store.test_sqlite import limit_pages

HOSTILE = [
    "two\nlines",
    "carriage\rreturn",
    "\x1b[31mred\x1b[0m",
    "bell\x07",
    "nul\x00",
    "c1\x9b31m",
    "bidi\u202eevil",
    "isolate\u2066x\u2069",
    "line\u2028separator",
    "zero\u200bwidth",
    "\ufeffmark",
]


@pytest.fixture
def logs() -> Iterator[Callable[[str], io.StringIO]]:
    """Send all logs to a stream of the given format; put things back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def start(form: str) -> io.StringIO:
        stream = io.StringIO()
        configure(Log.model_validate({"format": form}), stream, node="host-1")
        return stream

    yield start
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.spec("OPS-52")
def test_json_lines_have_the_agreed_fields(logs: Callable[[str], io.StringIO]) -> None:
    stream = logs("json")
    extra = {"event": "session_begins", "session": "ab12", "user": "Agent1", "peer": "::1"}
    logging.getLogger("bayeux.x").info("session begins", extra=extra)
    logging.getLogger("bayeux.x").info("%d sessions", 5)
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("ts"))
    assert first == {
        "level": "info",
        "logger": "bayeux.x",
        "event": "session_begins",
        "msg": "session begins",
        "node": "host-1",
        "session": "ab12",
        "user": "Agent1",
        "peer": "::1",
    }
    assert (second["event"], second["msg"]) == ("%d sessions", "5 sessions")


@pytest.mark.spec("SEC-99")
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("value", HOSTILE)
def test_one_event_is_one_harmless_line(logs: Callable[[str], io.StringIO], form: str, value: str) -> None:
    stream = logs(form)
    logging.getLogger("gateway.x").info("said %s", value, extra={"channel": value, "object": [value]})
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.isprintable() or written[:-1].isprintable()


@pytest.mark.spec("SEC-99")
def test_long_values_are_cut() -> None:
    assert safe("a" * 256) == "a" * 256
    assert safe("a" * 257) == "a" * 255 + "…"


@pytest.mark.spec("SEC-99", "SEC-21")
@pytest.mark.expected_logs("it broke")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_trace_is_written_without_what_could_deceive(logs: Callable[[str], io.StringIO], form: str) -> None:
    stream = logs(form)
    try:
        raise RuntimeError("\x1b[31mred\u202e")
    except RuntimeError:
        logging.getLogger("gateway.x").exception("it broke")
    written = stream.getvalue()
    assert "RuntimeError" in written
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert (written.count("\n") == 1) is (form == "json")


@pytest.mark.spec("OPS-52")
def test_a_repeated_event_is_cut_down_and_summed_up() -> None:
    now = 0.0
    repeat = RepeatFilter(lambda: now)

    def record(text: str = "again") -> logging.LogRecord:
        return logging.LogRecord("gateway", logging.INFO, "", 0, text, (), None)

    assert [repeat.filter(record()) for _ in range(15)] == [True] * 10 + [False] * 5
    assert repeat.filter(record("something else"))
    now = 1.0
    following = record()
    assert repeat.filter(following)
    assert following.__dict__["suppressed"] == 5


ROWS = {
    "bayeux_sessions": "gauge",
    "bayeux_connections": "gauge",
    "bayeux_subscriptions": "gauge",
    "bayeux_channels": "gauge",
    "bayeux_handshakes": "counter",
    "bayeux_session_ends": "counter",
    "bayeux_messages_received": "counter",
    "bayeux_messages_delivered": "counter",
    "bayeux_messages_dropped": "counter",
    "bayeux_bytes_received": "counter",
    "bayeux_bytes_sent": "counter",
    "bayeux_delivery_seconds": "histogram",
    "bayeux_request_seconds": "histogram",
    "bayeux_queue_messages": "histogram",
    "bayeux_queue_bytes": "histogram",
    "bayeux_rejected": "counter",
    "process_loop_lag_seconds": "histogram",
    "process_open_fds": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_tasks": "gauge",
    "build_info": "gauge",
    "config_version": "gauge",
}


@pytest.mark.spec("OPS-50")
async def test_metrics_exist_and_follow_what_happens(serve: Serve) -> None:
    served = await serve()
    async with served.client(user="Agent1") as client, await client.subscribe("/v2/me/interactions") as own:
        await served.publish_to("Agent1", "/v2/me/interactions", {})
        await anext(own)
        page = (await served.get("/metrics", internal=True)).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert {name: families[name].type for name in ROWS} == ROWS
    values = {(s.name, *sorted(s.labels.items())): s.value for family in families.values() for s in family.samples}
    websocket = ("transport", "websocket")
    assert values["bayeux_sessions", websocket, ("worker", "0")] == 1
    assert values["bayeux_subscriptions", ("worker", "0")] == 1
    assert values["bayeux_handshakes_total", ("result", "successful"), websocket] == 1
    assert values["bayeux_messages_delivered_total", websocket] == 1
    assert values["bayeux_delivery_seconds_count", ("scope", "local")] == 1
    assert values["bayeux_bytes_sent_total", websocket] > 100
    assert values["bayeux_request_seconds_count", ("request", "/meta/subscribe")] == 1


@pytest.mark.spec("OPS-50")
async def test_no_label_names_a_user_a_session_or_a_channel(serve: Serve) -> None:
    served = await serve()
    async with served.client(user="Agent1") as client, await client.subscribe("/v2/me/CANARY", "/CANARY/**"):
        await client.publish("/CANARY/x", "CANARY")
        page = (await served.get("/metrics", internal=True)).body.decode()
        assert client.client_id is not None
        assert client.client_id not in page
    assert "CANARY" not in page
    assert "Agent1" not in page


@pytest.mark.spec("OPS-50")
async def test_openmetrics_is_spoken_to_who_asks(serve: Serve) -> None:
    served = await serve()
    answer = await served.get("/metrics", internal=True, headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


@pytest.mark.spec("OPS-51")
async def test_health_remembers_since_when_an_answer_is_the_same() -> None:
    now = 0.0
    health = Health(LoopLag(), clock=lambda: now)
    assert not health.ready()[0]
    now = 5.0
    health.is_started = True
    ok, report = health.ready()
    assert ok
    assert report["checks"][0]["since"] == "1970-01-01T00:00:05.000+00:00"
    now = 9.0
    assert health.ready()[1]["checks"][0]["since"] == "1970-01-01T00:00:05.000+00:00"


@pytest.mark.spec("OPS-51", "OPS-72")
@pytest.mark.expected_logs("ERROR gateway.store.database_thread: .*the disk is full", "begins anew: .*the disk is full")
async def test_a_store_without_space_makes_the_gateway_unready(serve: Serve) -> None:
    served = await serve(["backplane.grace=1ms"])
    center, health = served.gateway.center, served.gateway.health
    assert center is not None
    store = center.store
    assert isinstance(store, SqliteStore)
    large = Changes(writes=[Write("large", {"text": "x" * 500_000}, 0)])
    assert health.ready()[0]
    await limit_pages(store, 1)

    def why() -> str:
        (check,) = [each for each in health.ready()[1]["checks"] if each["name"] == "store"]
        return "" if check["ok"] else check["detail"]

    async with asyncio.timeout(60):
        # What is small still fits, and says that all is well.
        while "the disk is full; free some space" not in why():
            with pytest.raises(Unavailable):
                await store.room("contact").commit(large)
            await asyncio.sleep(0.05)
    await limit_pages(store, 1_000_000)
    await store.room("contact").commit(large)
    assert health.ready()[0]


@pytest.mark.spec("OPS-47", "OPS-51")
@pytest.mark.expected_logs("the event loop is late")
async def test_a_late_loop_is_measured_told_once_and_makes_the_gateway_unready() -> None:
    lag = LoopLag()
    health = Health(lag)
    health.is_started = True
    lag.seconds = 0.2
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("gateway.observe.loop_lag")
    logger.addHandler(handler)
    level, logger.level = logger.level, logging.INFO
    for now in (0.0, LATE_FOR - 0.1, LATE_FOR, LATE_FOR + 1):
        lag._judge(now)
    lag.seconds = 0.0
    lag._judge(LATE_FOR + 2)
    logger.removeHandler(handler)
    logger.level = level
    assert told == ["the event loop is late", "the event loop keeps up again"]

    lag.start()
    time.sleep(0.02)  # noqa: ASYNC251 (somebody blocks the loop)
    assert lag.now >= 0.0
    lag._due -= 1.5
    assert not health.ready()[0]
    assert health.live()[0]
    lag.stop()


@pytest.mark.spec("OPS-52")
async def test_a_session_is_two_lines_without_its_secrets(serve: Serve, logs: Callable[[str], io.StringIO]) -> None:
    stream = logs("json")
    served = await serve()
    client: BayeuxClient = served.client(user="Agent1")
    async with client, await client.subscribe("/v2/me"):
        client_id = client.client_id
        await served.publish_to("Agent1", "/v2/me", "CANARY")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    sessions = [line for line in lines if line["event"].startswith("session_")]
    assert [line["event"] for line in sessions] == ["session_begins", "session_ends"]
    assert sessions[0]["session"] == sessions[1]["session"]
    assert (sessions[1]["reason"], sessions[1]["user"]) == ("disconnect", "Agent1")
    assert client_id is not None
    for secret in (client_id, "CANARY", "$argon2id$"):
        assert secret not in stream.getvalue()
