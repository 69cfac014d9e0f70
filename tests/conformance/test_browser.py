"""Section 16: the browser cookie, and several tabs of one browser."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.conformance.conftest import Guests, Target
from tests.conformance.conversation import (
    REHANDSHAKE,
    RETRY,
    UNKNOWN,
    Browser,
    Client,
    LongPolling,
    event,
    failure,
    set_cookie,
    success,
)
from tests.support.wire import WAIT

spec = pytest.mark.spec


class TestCookie:
    @spec("COOK-1", "COOK-2", "SEC-37", "HS-10")
    async def test_cookie_and_its_attributes(self, guests: Guests, target: Target) -> None:
        """Random, for the whole site, not for scripts, not for other sites' posts; Secure exactly under TLS."""
        values = set()
        for _ in range(5):
            client = guests.long_polling()
            reply = await client.post([client.handshake_message()])
            cookie = set_cookie(reply, "BAYEUX_BROWSER")
            assert re.fullmatch("[A-Za-z0-9]{22,64}", cookie.value)
            assert cookie["path"] == "/"
            assert cookie["httponly"] is True
            assert cookie["samesite"] == "Lax"
            assert bool(cookie["secure"]) is target.is_tls
            assert (cookie["domain"], cookie["max-age"], cookie["expires"]) == ("", "", "")
            values.add(cookie.value)
        assert len(values) == 5

    @spec("COOK-2")
    @pytest.mark.profile("other-cookie")
    async def test_attributes_are_options(self, guests: Guests) -> None:
        client = guests.long_polling()
        reply = await client.post([client.handshake_message()])
        (line,) = reply.every("set-cookie")
        assert line.startswith("BUN=")
        attributes = {each.strip().lower() for each in line.split(";")[1:]} - {"secure"}
        assert attributes == {"domain=localhost", "path=/cometd", "max-age=3600", "samesite=strict"}
        client.client_id = reply.json[0]["clientId"]
        assert await client.is_known()

    @spec("COOK-2", "CORS-5", "SEC-37")
    @pytest.mark.profile("cross-site")
    async def test_cross_site_mode(self, guests: Guests) -> None:
        client = guests.long_polling()
        reply = await client.post([client.handshake_message()])
        (line,) = reply.every("set-cookie")
        assert {"samesite=none", "secure", "partitioned"} <= {each.strip().lower() for each in line.split(";")[1:]}

    @spec("COOK-3", "WSEC-1", "CN-21")
    @pytest.mark.parametrize(
        "cookie", [None, "", "another", "BAYEUX_BROWSER=", "BAYEUX_BROWSER=0123456789abcdefghijklmnop"]
    )
    async def test_stolen_client_id_is_of_no_use_without_the_cookie(self, guests: Guests, cookie: str | None) -> None:
        """402 for everything; the owner's session goes on."""
        owner = guests.long_polling()
        await owner.ready()
        thief = guests.long_polling()
        thief.client_id = owner.client_id
        if cookie:
            name, _, value = cookie.partition("=")
            thief.browser[name] = value
        for request in (
            thief.message("/service/conformance/x"),
            thief.message("/meta/subscribe", subscription="/x"),
            thief.message("/meta/disconnect"),
        ):
            (reply,) = await thief.exchange(request)
            assert reply["error"] == UNKNOWN
            assert "advice" not in reply
        connect = thief.connect_message()
        assert await thief.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        assert await owner.is_known()

    @spec("COOK-3")
    async def test_cookie_of_another_session_is_of_no_use(self, guests: Guests) -> None:
        owner, other = guests.long_polling(), guests.long_polling()
        await owner.ready()
        await other.ready()
        (reply,) = await other.exchange(other.message("/meta/disconnect", clientId=owner.client_id))
        assert reply["error"] == UNKNOWN
        assert await owner.is_known()

    @spec("COOK-3")
    async def test_one_browser_may_have_several_sessions(self, guests: Guests) -> None:
        browser = Browser()
        tabs = [guests.long_polling(browser) for _ in range(3)]
        for tab in tabs:
            await tab.ready()
        assert len({tab.client_id for tab in tabs}) == 3
        for tab in tabs:
            assert await tab.is_known()

    @spec("COOK-5")
    @pytest.mark.parametrize("value", ["abcdefgh", "A1b2C3d4" * 8])
    async def test_value_of_the_client_is_kept_if_it_could_be_ours(self, guests: Guests, value: str) -> None:
        client = guests.long_polling(Browser(BAYEUX_BROWSER=value))
        reply = await client.post([client.handshake_message()])
        assert not reply.every("set-cookie")
        client.client_id = reply.json[0]["clientId"]
        assert await client.is_known()

    @spec("COOK-5")
    @pytest.mark.parametrize("value", ["abcdefg", "x" * 65, "abc-defgh", "abcdefgh<b>", "abcdefgh%41", ""])
    async def test_value_that_could_not_be_ours_is_replaced(self, guests: Guests, value: str) -> None:
        client = guests.long_polling(Browser(BAYEUX_BROWSER=value))
        reply = await client.post([client.handshake_message()])
        cookie = set_cookie(reply, "BAYEUX_BROWSER")
        assert re.fullmatch("[A-Za-z0-9]{22,64}", cookie.value)
        client.client_id = reply.json[0]["clientId"]
        assert await client.is_known()

    @spec("COOK-1")
    async def test_cookie_is_found_among_others(self, guests: Guests) -> None:
        client = guests.long_polling()
        await client.ready()
        mine = client.browser["BAYEUX_BROWSER"]
        client.browser.clear()
        client.browser.update(
            {"a": "1", "XBAYEUX_BROWSER": "x" * 26, "BAYEUX_BROWSER": mine, "BAYEUX_BROWSER2": "y" * 26}
        )
        assert await client.is_known()

    @spec("NEG-4", "COOK-3")
    async def test_session_of_a_socket_is_unknown_over_http_without_the_cookie(self, guests: Guests) -> None:
        socket = await guests.websocket()
        await socket.ready()
        client = guests.long_polling()
        connect = client.connect_message(clientId=socket.client_id)
        assert await client.exchange(connect) == [failure(connect, UNKNOWN, advice=REHANDSHAKE)]
        assert await socket.is_known()

    @spec("COOK-4", "NEG-4")
    @pytest.mark.profile("trusting")
    async def test_client_id_alone_is_enough_where_options_say_so(self, guests: Guests) -> None:
        """For programs without cookies, and for a session that comes over from a socket."""
        client = guests.long_polling()
        await client.ready()
        client.browser.clear()
        assert await client.is_known()
        socket = await guests.websocket()
        await socket.ready()
        client.client_id = socket.client_id
        client.browser.clear()
        assert await client.is_known()


class TestTabs:
    """On a server that holds one connect a browser."""

    @spec("COOK-10", "COOK-11", "CN-12", "ADV-1")
    async def test_second_tab_polls(self, guests: Guests, carol: Client, channel: str) -> None:
        """Answered at once and successfully, with the interval to come back after; its events come too."""
        browser = Browser()
        one, two = guests.long_polling(browser), guests.long_polling(browser)
        await one.ready()
        await two.ready()
        await two.subscribe(channel)
        held = await one.hold()
        request = two.connect_message()
        crowded = {"multiple-clients": True, "reconnect": "retry", "interval": 2000, "timeout": 30000}
        assert await two.exchange(request) == [success(request, advice=crowded)]
        await carol.publish(channel, 1)
        request = two.connect_message()
        came = await two.exchange(request)
        assert came[0] == event(channel, 1)
        assert came[1]["successful"]
        assert not held.is_over

    @spec("COOK-11", "COOK-10")
    async def test_slot_that_becomes_free_is_taken_by_the_next_poll(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """That one is held, and its reply no longer speaks of multiple clients."""
        browser = Browser()
        one, two = guests.long_polling(browser), guests.long_polling(browser)
        await one.ready()
        await two.ready()
        await one.subscribe(f"{channel}/one")
        await two.subscribe(f"{channel}/two")
        first = await one.hold()
        assert (await two.connect())["advice"]["multiple-clients"] is True
        await carol.publish(f"{channel}/one", 1)
        assert (await first.messages())[0] == event(f"{channel}/one", 1)
        second = await two.hold()
        assert not second.is_over
        assert (await one.connect())["advice"]["multiple-clients"] is True
        await carol.publish(f"{channel}/two", 2)
        came = await second.messages()
        assert came == [event(f"{channel}/two", 2), success(second.request, advice=RETRY)]

    @spec("COOK-10", "SES-8")
    async def test_slot_is_free_when_the_connection_closes(self, guests: Guests) -> None:
        browser = Browser()
        one, two = guests.long_polling(browser), guests.long_polling(browser)
        await one.ready()
        await two.ready()
        await one.hold()
        one.drop()
        async with asyncio.timeout(WAIT):
            while (await two.hold()).is_over:  # until the loss is noticed it polls
                pass

    @spec("COOK-10", "DSC-2")
    async def test_slot_is_free_after_a_disconnect(self, guests: Guests) -> None:
        browser = Browser()
        one, two = guests.long_polling(browser), guests.long_polling(browser)
        await one.ready()
        await two.ready()
        held = await one.hold()
        await one.disconnect()
        await held.messages()
        assert not (await two.hold()).is_over

    @spec("COOK-13", "CN-10")
    async def test_second_connect_of_the_same_session_is_not_a_second_tab(
        self, guests: Guests, carol: Client, channel: str
    ) -> None:
        """The old slot is released first; the replacing connect is held."""
        client = guests.long_polling()
        await client.ready()
        await client.subscribe(channel)
        first = await client.hold()
        second = await client.hold()
        assert (await first.answer).status == 500
        assert not second.is_over
        await carol.publish(channel, 1)
        assert await second.messages() == [event(channel, 1), success(second.request)]

    @spec("COOK-10", "CN-12")
    async def test_tabs_of_two_browsers_do_not_count_together(self, guests: Guests) -> None:
        tabs = [guests.long_polling() for _ in range(3)]
        for tab in tabs:
            await tab.ready()
        holds = [await tab.hold() for tab in tabs]
        await tabs[0].barrier()
        assert not any(held.is_over for held in holds)

    @spec("COOK-6", "COOK-10")
    async def test_sockets_need_no_slot(self, guests: Guests) -> None:
        browser = Browser()
        tab = guests.long_polling(browser)
        await tab.ready()
        held = await tab.hold()
        sockets = [await guests.websocket(browser) for _ in range(3)]
        for socket in sockets:
            await socket.ready()
            assert not (await socket.hold()).is_over
        await tab.barrier()
        assert not held.is_over

    @spec("COOK-10", "COOK-11")
    @pytest.mark.profile("two-tabs")
    async def test_number_of_slots_and_interval_are_options(self, guests: Guests) -> None:
        browser = Browser()
        tabs = [guests.long_polling(browser) for _ in range(3)]
        for tab in tabs:
            await tab.ready()
        holds = [await tab.hold() for tab in tabs[:2]]
        advice = (await tabs[2].connect())["advice"]
        assert (advice["multiple-clients"], advice["interval"]) == (True, 1500)
        assert not any(held.is_over for held in holds)

    @spec("COOK-10")
    @pytest.mark.profile("any-number-of-tabs")
    async def test_slots_may_be_unlimited(self, guests: Guests) -> None:
        browser = Browser()
        tabs = [guests.long_polling(browser) for _ in range(5)]
        for tab in tabs:
            await tab.ready()
        holds = [await tab.hold() for tab in tabs]
        await asyncio.gather(*(tab.barrier() for tab in tabs))
        assert not any(held.is_over for held in holds)

    @spec("COOK-11", "SES-5")
    async def test_polling_tab_has_its_interval_to_come_back(self, guests: Guests) -> None:
        """The session knows the interval it was advised: it answers the connect after it."""
        browser = Browser()
        one, two = guests.long_polling(browser), guests.long_polling(browser)
        await one.ready()
        await two.ready()
        await one.hold()
        for _ in range(3):
            reply = await two.connect()
            assert reply["successful"]
            assert reply["advice"]["multiple-clients"] is True
        assert isinstance(one, LongPolling)
