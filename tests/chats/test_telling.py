"""What stands in nobody's way: entries that cannot be told, and interactions of nobody's service."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.callback.events import News
from tests.chats.conftest import OpenHouse
from tests.chats.test_comet import talking


@pytest.mark.spec("SM-70")
@pytest.mark.expected_logs("defect in telling a customer")
async def test_defect_in_one_chat_keeps_nobody_waiting(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()
    broken, agent = await talking(house, "alice")
    customer, _ = await talking(house, "bob")
    news = house.callbacks.news

    async def fails(id: str, event: News, **more: Any) -> None:
        if id == broken.id:
            raise ValueError("broken")
        await news(id, event, **more)

    monkeypatch.setattr(house.callbacks, "news", fails)
    await broken.goes()
    await agent.perform(customer.interaction, "SendMessage", text="Next")
    await customer.has_heard("Next")


async def test_chat_that_came_by_no_service_is_told_to_nobody(open_house: OpenHouse) -> None:
    house = await open_house()
    agent = await house.ready()
    chat = await house.chat()
    await agent.told("Invited", chat)
    await house.say(chat, "Hello")
    assert await house.center.store.room("contact").outbox("customer") == []
    reading = await house.center.customers.reading(chat)
    assert reading is not None and len(reading.entries) == 2
