"""The vendor's requests, byte for byte but for ids of this run; the answers and notices that are printed with them.

What is printed has to be in the answer; more may be (ERR-2, DN-2a). Ids, dates and the place of the gateway are not
part of the contract.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.push.provider_parts import apple_key
from tests.scenarios.apps import App
from tests.scenarios.conftest import OpenTown, Town
from tests.scenarios.house import PATIENCE, Plan
from tests.support.certificates import certified
from tests.support.http2_server import Said, http2_server

FOLDER = Path(__file__).parent.parent / "samples" / "gms"
USER = "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673"
CHAT_DELAY = "369-166652d2-aed6-443c-9781-6bdff370f9a9"
VOICE_DELAY = "369-90f389cf-ae63-46ec-a3f7-7b76c0522e2f"
CHAT_NOW = "369-01d32409-b4bb-4884-b266-02d8216fe5e3"
BOND = "1231241234"
"""The diagram's instance."""
BOND_DATA = "788887"
HERE = "http://localhost:8080"
"""Where the samples' gateway is."""
NEVER_THE_SAME = frozenset({"_expiration_time", "id"})

SECTIONS = """
[services.chat-delay]
_type = "ors"
_service = "callback"
_media_type = "chat"
_call_direction = "USERORIGINATED"
_wait_for_agent = "true"
_wait_for_user_confirm = "true"
_target = "SimpleChatInQueue@StatServer.GA"
_urs_virtual_queue = "SimpleChatInQueue"
_default_country = "SG"
_attach_udata = "gms_storage_id"

[services.chat-immediate]
_type = "ors"
_service = "callback"
_media_type = "chat"
_call_direction = "USERORIGINATED"
_wait_for_agent = "false"
_wait_for_user_confirm = "false"
_target = "SimpleChatInQueue@StatServer.GA"
_urs_virtual_queue = "SimpleChatInQueue"

[services.voice-userorig-immediate]
_type = "ors"
_service = "callback"
_media_type = "voice"
_call_direction = "USERORIGINATED"
_wait_for_agent = "false"
_wait_for_user_confirm = "false"
_mandatory_customer_lookup_keys = "-"
_target = "SimpleChatInQueue@StatServer.GA"
_urs_virtual_queue = "SimpleChatInQueue"
_resource_group = "Calls"

[services.voice-userorig-delay]
_type = "ors"
_service = "callback"
_media_type = "voice"
_call_direction = "USERORIGINATED"
_wait_for_agent = "true"
_wait_for_user_confirm = "true"
_target = "SimpleChatInQueue@StatServer.GA"
_urs_virtual_queue = "SimpleChatInQueue"
_resource_group = "Calls"

[services.iPhoneService]
_type = "built-in"
_name = "request-interaction"
_ttl = "7200"
_provide_code = "false"
_resource_group = "iPhoneService"

[resources.Calls]
Key1 = "6504663205"

[resources.iPhoneService]
Key1 = "1-800-1234"

[patterns.Callback_exceptions]
exception1 = "555.*"
ex2 = "123.*"
ex3 = "a"
ddd = "12345"
"""


class Samples:
    """Sends them to one gateway, as those of one run."""

    def __init__(self, town: Town) -> None:
        self.origin = town.house.nodes[0].origin
        self.ids: dict[str, str] = {HERE: self.origin}
        """What the vendor's ids are in this run."""

    async def send(self, name: str) -> Any:
        """A request as it stands there; its answer has what the sample prints."""
        sample = (FOLDER / f"{name}.request.http").read_bytes()
        status, headers, body = await self._exchange(self._of_this_run(sample))
        assert status == 200, (name, status, body)
        if not body:
            return None
        assert headers["content-type"] == ["application/json;charset=UTF-8"]  # once (G-15)
        return json.loads(body)

    def expect(self, answer: Any, name: str) -> None:
        """Whether an answer, or a notice, has what a sample prints."""
        printed = self._named(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))
        missing = list(_lacking(printed, answer, ""))
        assert not missing, (name, missing, answer)

    def _of_this_run(self, sample: bytes) -> bytes:
        head, _, body = sample.partition(b"\r\n\r\n")
        for theirs, ours in self.ids.items():
            if theirs != HERE:
                head, body = head.replace(theirs.encode(), ours.encode()), body.replace(theirs.encode(), ours.encode())
        place = urlsplit(self.origin).netloc.encode()
        head = head.replace(b"localhost:8080", place)
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        return head + b"\r\n\r\n" + body

    def _named(self, printed: Any) -> Any:
        text = json.dumps(printed)
        for theirs, ours in self.ids.items():
            text = text.replace(theirs, ours)
        return json.loads(text)

    async def _exchange(self, request: bytes) -> tuple[int, Mapping[str, list[str]], bytes]:
        parts = urlsplit(self.origin)
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers: dict[str, list[str]] = {}
                for line in head[1:]:
                    field, _, value = line.partition(":")
                    headers.setdefault(field.strip().lower(), []).append(value.strip())
                (length,) = headers.get("content-length", ["0"])
                return int(head[0].split()[1]), headers, await reader.readexactly(int(length))
            finally:
                writer.close()
                await writer.wait_closed()


def _lacking(printed: Any, answer: Any, path: str) -> Any:
    """Where the answer is not what is printed."""
    if isinstance(printed, dict):
        for key, value in printed.items():
            if not isinstance(answer, dict) or key not in answer:
                yield f"{path}/{key}"
            elif key not in NEVER_THE_SAME:
                yield from _lacking(value, answer[key], f"{path}/{key}")
    elif isinstance(printed, list):
        if not isinstance(answer, list) or len(answer) != len(printed):
            yield path
        else:
            for n, value in enumerate(printed):
                yield from _lacking(value, answer[n], f"{path}/{n}")
    elif isinstance(printed, str) and printed.startswith("{"):
        yield from _lacking(json.loads(printed), json.loads(answer), path)
    elif isinstance(printed, str) and isinstance(answer, str):
        if printed.split() != answer.split():
            yield f"{path}: {answer!r} is not {printed!r}"
    elif type(printed) is not type(answer) or printed != answer:
        yield f"{path}: {answer!r} is not {printed!r}"


@pytest.fixture
async def town(open_town: OpenTown) -> Town:
    return await open_town(Plan(sections=SECTIONS, settings=("server.enabled=true",)))


@pytest.fixture
def samples(town: Town) -> Samples:
    return Samples(town)


@pytest.mark.spec("G-4", "G-14", "CB-1", "CB-2", "DN-2", "DN-4", "PN-2", "PN-3", "PN-5", "IN-1", "IN-4", "IN-8", "TH-6")
async def test_a_delayed_chat(town: Town, samples: Samples) -> None:
    """Requests 1 to 8: as nobody can tell how long it takes, the customer is told at once that an agent is near."""
    other = App(samples.origin, "another")
    app = App(samples.origin, USER)
    await app.listen()
    await other.start("chat-delay", _customer_number="91234567", _default_country="SG")

    created = await samples.send("01-chat-delay-create")
    app.instance = samples.ids[CHAT_DELAY] = created["_id"]
    samples.expect(created, "01-chat-delay-create.response")
    samples.expect(await app.agent_available(), "01-chat-delay-create.push")
    samples.expect(await samples.send("03-check-queue-position"), "03-check-queue-position.response")
    samples.expect(await samples.send("02-chat-delay-connect"), "02-chat-delay-connect.response")
    samples.expect(await samples.send("04-ixn-chat-comet"), "04-ixn-chat-comet.response")
    await app.entry("Notice.Joined", "has joined the session")

    samples.expect(await samples.send("05-internal-notification"), "05-internal-notification.response")
    poked = await app.until(lambda told: told["tag"] == f"service.message.{app.instance}")
    samples.expect(poked["message"], "05-internal-notification.push-message")
    samples.expect(await samples.send("06-retrieve-notifications"), "06-retrieve-notifications.response")
    samples.expect(await samples.send("07-agent-notification"), "07-agent-notification.response")
    samples.expect(await samples.send("08-retrieve-agent-notifications"), "08-retrieve-agent-notifications.response")
    await app.go_away()


@pytest.mark.spec("IN-5", "IN-10")
async def test_notices_of_who_is_not_pushed_any(town: Town, samples: Samples) -> None:
    """Requests 5 and 6, for an instance without a device."""
    app = App(samples.origin, USER)
    app_dialog = await app.post("/service/callback/chat-delay", _customer_number="91234567")
    samples.ids[CHAT_DELAY] = app_dialog["_id"]
    await samples.send("05-internal-notification")
    samples.expect(await samples.send("06-retrieve-notifications"), "06-retrieve-notifications.response.no-push")
    samples.expect(await samples.send("06-retrieve-notifications"), "06-retrieve-notifications.response")


@pytest.mark.spec("CB-4", "SM-31", "DN-3", "DN-4")
async def test_calls_and_chats_at_once(town: Town, samples: Samples) -> None:
    """Requests 9 and 12."""
    call = await samples.send("09-voice-userorig-immediate-create")
    samples.ids["369-00000000-0000-4000-8000-000000000001"] = call["_id"]
    samples.expect(call, "09-voice-userorig-immediate-create.response.inferred")
    assert int(call["_expiration_time"]) in (29, 30)
    chat = await samples.send("12-chat-immediate-create")
    samples.ids[CHAT_NOW] = chat["_id"]
    samples.expect(chat, "12-chat-immediate-create.response")


@pytest.mark.spec("CB-2", "SM-21", "SM-24", "DN-3", "PN-6", "NT-15")
async def test_a_delayed_call_of_an_iphone(
    open_town: OpenTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests 10 and 11; what the device is told goes to Apple, for which a server of HTTP/2 stands here."""
    trust = certified("localhost", speech=("h2",))
    (tmp_path / "trusted.pem").write_text(trust.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    key, _ = apple_key(tmp_path)
    async with http2_server(lambda _: Said(), trust.server) as apple:
        provider = {**key, "apple.host": f"https://localhost:{apple.port}"}
        lines = "".join(f"{json.dumps(name)} = {json.dumps(text)}\n" for name, text in provider.items())
        push = f'[push]\nenabled = ["comet", "ios"]\nallow_private_addresses = true\n[push.providers.default]\n{lines}'
        town = await open_town(Plan(sections=SECTIONS + push))
        samples = Samples(town)
        created = await samples.send("10-voice-userorig-delay-create")
        samples.ids[VOICE_DELAY] = created["_id"]
        samples.expect(created, "10-voice-userorig-delay-create.response")
        async with asyncio.timeout(PATIENCE):
            while not apple.asked:  # noqa: ASYNC110 (another process asks)
                await asyncio.sleep(0.05)
        (told,) = apple.asked
        samples.expect(json.loads(told.body), "10-voice-userorig-delay-create.push")
        assert told.headers[":path"] == f"/3/device/{USER}"
        samples.expect(
            await samples.send("11-voice-userorig-delay-connect"), "11-voice-userorig-delay-connect.response"
        )


@pytest.mark.spec("G-2", "RI-1", "RI-9", "PT-1", "PT-2", "ST-1")
async def test_a_number_a_pattern_and_a_storage(town: Town, samples: Samples) -> None:
    """Requests 13 to 15."""
    for name in ("13-iphoneservice-create", "13-iphoneservice-create.new-base"):
        number = await samples.send(name)
        samples.ids["369-00000000-0000-4000-8000-000000000002"] = number["_id"]
        samples.expect(number, "13-iphoneservice-create.response.inferred")
    samples.expect(await samples.send("14-patterns-group"), "14-patterns-group.response.inferred")
    samples.expect(await samples.send("15-storage-create"), "15-storage-create.response.inferred")


@pytest.mark.spec("G-3", "CB-1", "DN-2", "NT-9", "NT-10", "CH1-3", "CH1-9", "CH1-11", "ST-5", "ST-15")
async def test_the_requests_of_the_diagram(town: Town, samples: Samples) -> None:
    """Requests 20, 25, 26, 28, 29 and 32, which are JSON."""
    app = App(samples.origin, "jbond")
    await app.listen()
    created = await samples.send("20-seq-create")
    app.instance = samples.ids[BOND] = created["_id"]
    samples.expect(created, "20-seq-create.response")
    await app.subscribe(f"service.agentavailable.{app.instance}")
    assert (await app.ask("check-queue-position"))["_agent_ready_threshold_passed"]
    await samples.send("25-seq-publish")
    action = "get-dialog-user-confirmation-provide_code-false"
    assert (await app.agent_available())["message"] == {"_id": app.instance, "_action": action}
    samples.expect(await samples.send("26-seq-connect"), "26-seq-connect.response")
    samples.expect(await samples.send("28-seq-ixn-chat"), "28-seq-ixn-chat.response")
    agent = await town.desk("Agent1", "chat")
    samples.ids[BOND_DATA] = (await agent.invited())["userData"]["GMS_UserData"]
    stored = await samples.send("29-seq-storage-get")
    assert {name: stored[name] for name in ("userId", "language", "longitude")} == {
        "userId": "jamesbond",
        "language": "French",
        "longitude": "2.4544",
    }
    assert (await samples.send("32-seq-disconnect"))["chatIxnState"] == "DISCONNECTED"
    await app.until(lambda told: told["message"].get("chatIxnState") == "DISCONNECTED")
    await app.go_away()
