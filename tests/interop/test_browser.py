"""What only a browser does: cookies, other origins, several tabs, page reloads.

The client is npm ``cometd`` in headless Chromium.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.browser import Browser
from tests.interop.service import Service, Site

BOTH = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


@pytest.mark.spec("COOK-1", "COOK-2", "COOK-3", "HS-10", "WS-32")
@BOTH
async def test_gives_the_browser_a_cookie_that_scripts_cannot_read(
    chrome: Browser, service: Service, transport: str
) -> None:
    tab = await chrome.open(service.page)
    await tab.open(service.url, transports=[transport])
    await tab.connected()
    cookie = await chrome.cookie("BAYEUX_BROWSER")
    assert cookie is not None
    assert len(cookie["value"]) >= 22
    assert cookie["value"].isalnum()
    assert {"httpOnly": True, "sameSite": "Lax", "secure": False, "path": "/", "expires": -1}.items() <= cookie.items()
    assert await tab.evaluate("() => document.cookie") == ""


@pytest.mark.spec("COOK-3", "COOK-4", "SEC-42")
@pytest.mark.expected_logs("402 because it sent no BAYEUX_BROWSER cookie")
async def test_a_client_id_without_the_cookie_is_worth_nothing(chrome: Browser, service: Service) -> None:
    tab = await chrome.open(service.page)
    await tab.open(service.url, transports=["long-polling"])
    await tab.connected()
    (session,) = service.server.sessions
    stolen = [{"channel": "/chat", "clientId": session.client_id, "id": "1", "data": "mine now"}]
    cookie = await tab.evaluate(POST, {"url": service.url, "body": stolen})
    bare = await tab.evaluate(POST, {"url": service.url, "body": stolen, "credentials": "omit"})
    assert cookie["body"][0]["successful"]
    assert bare["body"][0]["error"] == "402::session_unknown"


# Several tabs


@pytest.mark.spec("COOK-10", "COOK-11", "LP-11")
@pytest.mark.parametrize("service_options", [{"multi_session_interval": 0.1, "timeout": 1.0}])
async def test_only_one_tab_holds_a_poll_and_the_others_poll_now_and_then(chrome: Browser, service: Service) -> None:
    first, second = await chrome.open(service.page), await chrome.open(service.page)
    await first.open(service.url, transports=["long-polling"])
    await first.subscribe("/news")
    await service.holds_a_connect()
    await second.open(service.url, transports=["long-polling"])
    await second.subscribe("/news")
    while not (advice := (await second.hear("connect")).get("advice", {})).get("multiple-clients"):
        pass
    assert advice == {"multiple-clients": True, "reconnect": "retry", "interval": 100, "timeout": 1000}

    service.server.publish("/news", "to both tabs")
    assert (await first.message())["data"] == "to both tabs"
    assert (await second.message())["data"] == "to both tabs"

    await first.close()
    while "multiple-clients" in (await second.hear("connect")).get("advice", {"multiple-clients": ...}):
        pass
    service.server.publish("/news", "to the one left")
    assert (await second.message())["data"] == "to the one left"


@pytest.mark.spec("COOK-6", "COOK-10")
async def test_every_tab_has_a_socket(chrome: Browser, service: Service) -> None:
    tabs = [await chrome.open(service.page) for _ in range(3)]
    for tab in tabs:
        await tab.open(service.url, transports=["websocket"])
        await tab.subscribe("/news")
    service.server.publish("/news", "to all")
    assert [(await tab.message())["data"] for tab in tabs] == ["to all"] * 3
    assert not any("multiple-clients" in reply.get("advice", {}) for tab in tabs for reply in tab.heard("connect"))


# Page reload


@pytest.mark.spec("WS-16", "WS-14", "WS-32", "SES-8")
@BOTH
async def test_a_reloaded_page_continues_its_session(chrome: Browser, service: Service, transport: str) -> None:
    """With the client's reload extension; what was published while the page loaded is not lost."""
    tab = await chrome.open(service.page)
    await tab.open(service.url, transports=[transport])
    await tab.subscribe("/news")
    await tab.connected()
    await service.holds_a_connect()
    (session,) = service.server.sessions
    await tab.ask("prepareReload")
    await service.held_connects_are_gone()
    service.server.publish("/news", "while reloading")
    await tab.reload()
    await tab.listen("/news")
    await tab.open(service.url, transports=[transport])
    assert (await tab.message())["data"] == "while reloading"
    assert list(service.server.sessions) == [session]


@pytest.mark.spec("SES-8", "COOK-13")
@BOTH
async def test_a_reloaded_page_without_memory_starts_anew(chrome: Browser, service: Service, transport: str) -> None:
    """The first page's connect must not block the second's."""
    tab = await chrome.open(service.page)
    await tab.open(service.url, transports=[transport])
    await tab.connected()
    await service.holds_a_connect()
    await tab.reload()
    tab.heard("connect")
    await tab.open(service.url, transports=[transport])
    await tab.subscribe("/news")
    service.server.publish("/news", "to the new page")
    assert (await tab.message())["data"] == "to the new page"
    assert not any("multiple-clients" in reply.get("advice", {}) for reply in tab.heard("connect"))


# Other origins


@pytest.mark.spec("CORS-1", "CORS-2", "CORS-3", "WS-3", "SEC-30")
@BOTH
async def test_a_page_of_an_allowed_origin_may_connect(chrome: Browser, site: Site, transport: str) -> None:
    async with Service(allowed_origins=(site.origin,)) as service:
        tab = await chrome.open(site.page)
        await tab.open(service.url, transports=[transport])
        assert await tab.connected() == transport
        await tab.subscribe("/news")
        service.server.publish("/news", "across origins")
        assert (await tab.message())["data"] == "across origins"
        assert (await tab.disconnect())["successful"]


@pytest.mark.spec("CORS-6", "WS-3", "SEC-30")
@BOTH
async def test_a_page_of_another_origin_is_refused(
    chrome: Browser, service: Service, site: Site, transport: str
) -> None:
    tab = await chrome.open(site.page)
    failed = await tab.ask("openOnce", url=service.url, transports=[transport])
    assert not failed["successful"]
    assert len(service.server.sessions) == 0


SCRIPTS = {"transports": ("websocket", "long-polling", "callback-polling")}


@pytest.mark.spec("JP-1", "JP-2", "JP-4", "JP-5", "JP-7", "SEC-32", "CN-3")
async def test_a_page_of_an_allowed_origin_may_poll_by_scripts(chrome: Browser, site: Site) -> None:
    async with Service(**SCRIPTS, allowed_origins=(site.origin,), timeout=2.0) as service:
        tab = await chrome.open(site.page)
        await tab.open(service.url, transports=["callback-polling"])
        assert await tab.connected() == "callback-polling"
        await tab.subscribe("/news")
        await service.holds_a_connect()
        for data in ("across origins", "</script><script>\u2028", {"n": [1, None]}):
            service.server.publish("/news", data)
            assert (await tab.message())["data"] == data
        assert (await tab.publish("/news", "back"))["successful"]
        assert (await tab.message())["data"] == "back"
        assert (await tab.disconnect())["successful"]
        assert len(service.server.sessions) == 0


@pytest.mark.spec("SEC-32", "SEC-30", "JP-7")
@pytest.mark.parametrize("policy", ["strict-origin-when-cross-origin", "no-referrer"])
async def test_a_page_of_another_origin_gets_no_script(chrome: Browser, site: Site, policy: str) -> None:
    """Not even one that hides where it is from, in a browser that has a session here."""
    async with Service(**SCRIPTS, allowed_origins=("http://app.example",), timeout=2.0) as service:
        own = await chrome.open(service.page)
        await own.open(service.url, transports=["callback-polling"])
        assert await own.connected() == "callback-polling"
        foreign = await chrome.open(site.page)
        assert await foreign.evaluate(LOAD_SCRIPT, {"url": service.url, "policy": policy}) == "error"
        assert len(service.server.sessions) == 1


LOAD_SCRIPT = """({url, policy}) => new Promise((resolve) => {
    const script = document.createElement("script");
    const message = JSON.stringify([{channel: "/meta/handshake", version: "1.0"}]);
    window.stolen = () => resolve("called");
    script.referrerPolicy = policy;
    script.onload = () => resolve("loaded");
    script.onerror = () => resolve("error");
    script.src = `${url}?jsonp=stolen&message=${encodeURIComponent(message)}`;
    document.head.append(script);
})"""

POST = """async ({url, body, headers, method, credentials}) => {
    try {
        const answer = await fetch(url, {
            method: method ?? "POST",
            credentials: credentials ?? "include",
            headers: {"Content-Type": "application/json", ...headers},
            body: method === "GET" ? undefined : JSON.stringify(body),
        });
        return {status: answer.status, body: await answer.json().catch(() => null)};
    } catch (error) {
        return {refused: String(error)};
    }
}"""

HANDSHAKE = [{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}]


@pytest.mark.spec("CORS-1", "CORS-3", "SEC-31")
@pytest.mark.parametrize(
    ("request_headers", "allowed_headers", "passes"),
    [
        ({}, (), True),
        ({"Content-Type": "application/json;charset=UTF-8"}, (), True),
        ({"Content-Type": "text/plain"}, (), True),
        ({"Authorization": "Basic eDp5", "X-Requested-With": "XMLHttpRequest", "Pragma": "no-cache"}, (), True),
        ({"X-Own": "1"}, (), False),
        ({"X-Own": "1"}, ("X-Own",), True),
    ],
)
async def test_preflight_lets_the_named_headers_through(
    chrome: Browser, site: Site, request_headers: dict[str, str], allowed_headers: tuple[str, ...], passes: bool
) -> None:
    async with Service(allowed_origins=(site.origin,), allowed_headers=allowed_headers) as service:
        tab = await chrome.open(site.page)
        answer = await tab.evaluate(POST, {"url": service.url, "body": HANDSHAKE, "headers": request_headers})
        assert (answer.get("status") == 200) is passes, answer
        assert len(service.server.sessions) == int(passes)


@pytest.mark.spec("CORS-1", "CORS-6", "SEC-30", "SEC-31")
@pytest.mark.parametrize(
    ("allowed", "passes"),
    [
        ((), False),
        (("any",), True),
        (("http://localhost",), False),
        (("https://localhost:{port}",), False),
        (("http://127.0.0.1:{port}",), False),
        (("http://localhost:{port}",), True),
        (("http://example.org", "http://localhost:{port}"), True),
    ],
)
@pytest.mark.expected_logs("any.*origin|origin.*any|allowed_origins")
async def test_the_browser_reads_answers_only_for_allowed_origins(
    chrome: Browser, site: Site, allowed: tuple[str, ...], passes: bool
) -> None:
    """A request that needs no pre-flight arrives all the same; it must not make a session."""
    origins = tuple(origin.replace("{port}", str(site.port)) for origin in allowed)
    async with Service(allowed_origins=origins) as service:
        tab = await chrome.open(site.page)
        for headers in ({}, {"Content-Type": "text/plain"}):
            request: dict[str, Any] = {"url": service.url, "body": HANDSHAKE, "headers": headers}
            answer = await tab.evaluate(POST, request)
            assert (answer.get("status") == 200) is passes, answer
        assert len(service.server.sessions) == (2 if passes else 0)
