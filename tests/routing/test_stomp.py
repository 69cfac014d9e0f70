"""The bus on a real ActiveMQ, seen by other programs: Java's JMS client, and plain STOMP clients."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import stompman

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.broker import Broker
from gateway.routing.bus.bus import GENERAL, BusMessage
from gateway.routing.bus.stomp import StompBus
from gateway.routing.bus.stomp_connection import BrokerAway, StompConnection
from tests.support.activemq import PASSWORD, USER, ActiveMq, activemq, has_activemq
from tests.support.buses import eventually, ids, received
from tests.support.ports import HOST, free_port
from tests.support.redis_server import certificate

pytestmark = pytest.mark.skipif(not has_activemq(), reason="there is no ActiveMQ here")

_PREFIXES = count()


@pytest.fixture(scope="module")
def broker() -> Iterator[ActiveMq]:
    with activemq() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """Of queues that no other test uses."""
    return f"test{next(_PREFIXES)}."


@pytest.fixture
async def bus(broker: ActiveMq, prefix: str) -> AsyncIterator[StompBus]:
    async with opened(broker.address, prefix=prefix) as bus:
        yield bus


@asynccontextmanager
async def opened(*brokers: Broker, prefix: str) -> AsyncIterator[StompBus]:
    bus = StompBus(brokers, node="one", prefix=f"/queue/{prefix}")
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def stranger(broker: ActiveMq) -> AsyncIterator[stompman.Client]:
    """Another program, by stompman's own client."""
    server = stompman.ConnectionParameters(host=HOST, port=broker.port, login=USER, passcode=PASSWORD)
    async with stompman.Client([server]) as client:
        yield client


def message(number: int, **fields: object) -> BusMessage:
    usual = {"type": "Login", "body": b'{"AgentId":"Agent1"}', "id": f"id-{number}", "key": "agent:Agent1"}
    return BusMessage(**{**usual, **fields})  # type: ignore[arg-type]


@pytest.mark.spec("MRE-12", "MRE-131", "MRE-132", "MRE-134")
async def test_java_sees_a_text_message_with_its_jms_headers(broker: ActiveMq, bus: StompBus, prefix: str) -> None:
    sent = message(
        1,
        body='{"AgentId":"Zoë"}'.encode(),
        correlation="c-1",
        reply_to="ChatServer.node1",
        producer="chat-server@node1",
        time="2026-01-15T09:29:58.000Z",
        expires=4102444800.125,
    )
    await bus.send(GENERAL, sent)
    shown = await asyncio.to_thread(broker.browse, f"{prefix}General")
    said = dict(re.findall(r"^JMS_(?:HEADER|CUSTOM|BODY)_FIELD:(\S+) = (.*)$", shown, re.MULTILINE))
    expected = {
        "JMSText": '{"AgentId":"Zoë"}',
        "JMSType": "Login",
        "JMSCorrelationID": "c-1",
        "JMSReplyTo": f"{prefix}ChatServer.node1",
        "JMSXGroupID": "agent:Agent1",
        "JMSExpiration": "4102444800125",
        "JMSDeliveryMode": "persistent",
        "msgId": "id-1",
        "key": "agent:Agent1",
        "producer": "chat-server@node1",
        "ts": "2026-01-15T09:29:58.000Z",
        "mreVersion": "1",
    }
    assert {name: said.get(name) for name in expected} == expected


@pytest.mark.spec("MRE-133")
@pytest.mark.parametrize("as_bytes", [True, False])
async def test_what_others_send_is_read_as_text_or_bytes(
    broker: ActiveMq, bus: StompBus, prefix: str, as_bytes: bool
) -> None:
    consumer = await bus.consumer(GENERAL, "comm-server", "one")
    async with stranger(broker) as client:
        headers = {"type": "Login", "JMSXGroupID": "agent:Agent1"}
        await client.send(b'{"a":1}', f"/queue/{prefix}General", headers=headers, add_content_length=as_bytes)
    (delivery,) = await received(consumer, 1)
    assert (delivery.message.type, delivery.message.body) == ("Login", b'{"a":1}')
    assert delivery.message.id.startswith("ID:"), "who gives no id is known by the broker's"
    await consumer.acknowledge(delivery)
    await consumer.close()


@pytest.mark.spec("MRE-135")
async def test_a_nack_is_the_end_of_a_message(broker: ActiveMq, bus: StompBus, prefix: str) -> None:
    """Why we never send one: the broker does not give it again, as one might expect."""
    await bus.send(GENERAL, message(1))
    dead: list[str] = []

    async def refuse(frame: stompman.AckableMessageFrame) -> None:
        await frame.nack()

    async def keep(frame: stompman.AckableMessageFrame) -> None:
        dead.append(dict(frame.headers)["msgId"])  # type: ignore[arg-type]
        await frame.ack()

    async with stranger(broker) as client:
        first = await client.subscribe_with_manual_ack(f"/queue/{prefix}General", refuse)
        second = await client.subscribe_with_manual_ack("/queue/ActiveMQ.DLQ", keep)
        await eventually(lambda: dead == ["id-1"])
        await first.unsubscribe()
        await second.unsubscribe()


@pytest.mark.spec("MRE-136")
async def test_a_program_can_ask_for_some_types(broker: ActiveMq, bus: StompBus, prefix: str) -> None:
    given: list[str] = []

    async def keep(frame: stompman.AckableMessageFrame) -> None:
        given.append(dict(frame.headers)["type"])  # type: ignore[arg-type]
        await frame.ack()

    async with stranger(broker) as client:
        headers = {"selector": "JMSType = 'Login' OR JMSType = 'Connect'"}
        subscription = await client.subscribe_with_manual_ack(f"/queue/{prefix}General", keep, headers=headers)
        for number, kind in enumerate(("Connect", "Task", "Login", "Task")):
            await bus.send(GENERAL, message(number, type=kind))
        await eventually(lambda: given == ["Connect", "Login"])
        await subscription.unsubscribe()


@pytest.mark.spec("MRE-134")
async def test_several_consumers_share_keys_not_messages(broker: ActiveMq, bus: StompBus, prefix: str) -> None:
    given: list[tuple[str, int]] = []

    async def keep(frame: stompman.AckableMessageFrame, consumer: int) -> None:
        given.append((dict(frame.headers)["key"], consumer))  # type: ignore[arg-type]
        await frame.ack()

    async with stranger(broker) as client:
        subscriptions = [
            await client.subscribe_with_manual_ack(
                f"/queue/{prefix}General", lambda frame, number=number: keep(frame, number)
            )
            for number in (1, 2)
        ]
        await bus.send(GENERAL, *(message(number, key=f"agent:{number % 4}") for number in range(40)))
        await eventually(lambda: len(given) == 40)
        for subscription in subscriptions:
            await subscription.unsubscribe()
    assert len({consumer for _, consumer in given}) == 2
    assert len(set(given)) == 4, "each key has one consumer"


@pytest.mark.spec("MRE-138")
async def test_a_nul_in_a_body_is_refused(bus: StompBus) -> None:
    with pytest.raises(ValueError, match="NUL"):
        await bus.send(GENERAL, message(1, body=b"\0"))


@pytest.mark.spec("MRE-120", "MRE-137", "MRE-139")
@pytest.mark.expected_logs("is lost", "cannot be reached")
async def test_a_broker_that_died_has_all_it_gave_a_receipt_for(prefix: str) -> None:
    with activemq() as broker:
        async with opened(broker.address, prefix=prefix) as bus:
            consumer = await bus.consumer(GENERAL, "comm-server", "one")
            await bus.send(GENERAL, message(1), message(2), message(3))
            first, *_ = await received(consumer, 3)
            await consumer.acknowledge(first)
            await asyncio.to_thread(broker.kill)
            with pytest.raises(Unavailable):
                await asyncio.wait_for(consumer.receive(), 10)
            await consumer.close()
            await asyncio.to_thread(broker.start)
            consumer = await until_there(bus)
            await bus.send(GENERAL, message(4))
            again = await received(consumer, 3)
            assert ids(again) == ["id-2", "id-3", "id-4"]
            await consumer.acknowledge(*again)
            await consumer.close()


async def until_there(bus: StompBus) -> object:
    """A consumer, as soon as the broker is back."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await bus.consumer(GENERAL, "comm-server", "one")
            except Unavailable:
                await asyncio.sleep(0.1)


@pytest.mark.spec("MRE-137")
@pytest.mark.expected_logs("cannot be reached")
async def test_the_next_broker_is_used_where_one_is_away(broker: ActiveMq, prefix: str) -> None:
    away = Broker(HOST, free_port())
    async with opened(away, broker.address, prefix=prefix) as bus:
        await bus.send(GENERAL, message(1))


@pytest.mark.spec("MRE-116", "MRE-137")
async def test_a_refused_log_in_is_told_without_the_password(broker: ActiveMq) -> None:
    wrong = Broker(HOST, broker.port, USER, "wrong-s3cret")
    with pytest.raises(BrokerAway, match="refuses the log-in") as refused:
        await StompConnection.open(wrong)
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(wrong)


@asynccontextmanager
async def behind_tls(folder: Path, port: int) -> AsyncIterator[int]:
    """A port that speaks TLS, with the certificate in the folder, before one that does not."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
        except OSError:
            pass  # the other side has gone
        writer.transport.abort()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await asyncio.start_server(accept, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.spec("MRE-137")
@pytest.mark.expected_logs("cannot be reached")
async def test_a_broker_behind_tls_must_show_a_certificate_that_is_trusted(
    broker: ActiveMq, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate(tmp_path)
    async with behind_tls(tmp_path, broker.port) as port:
        secure = replace(broker.address, port=port, tls=True)
        with pytest.raises(BrokerAway, match="certificate"):
            await StompConnection.open(secure)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        async with opened(secure, prefix=prefix) as bus:
            await bus.send(GENERAL, message(1))
