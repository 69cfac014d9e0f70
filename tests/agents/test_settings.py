"""What the configuration says, as the chat side and the other roles are told."""

from __future__ import annotations

import pytest

from gateway.agents.settings import Settings, routing_plan
from gateway.config import ConfigurationWrong
from gateway.config.loading import Sources, load


def config(*settings: str) -> Sources:
    return Sources(flags={"profile": "development"}, settings=settings)


@pytest.mark.spec("MRE-65", "MRE-90", "MRE-150")
def test_plan_has_what_is_configured() -> None:
    agents = '[{"name": "Agent1", "mrds": ["chat=1"], "attributes": ["english=7", "vip", "trainee=false"]}]'
    plan = routing_plan(load(config(f"mre.agents={agents}", "rona.exclude_for=7s")).config)
    assert (plan.most_tasks("Agent1", "chat"), plan.most_tasks("Agent1", "email")) == (1, 0)
    assert (plan.most_tasks("Agent2", "chat"), plan.most_tasks("Agent2", "email")) == (3, 5)
    assert plan.agents["Agent1"].attributes == {"english": 7, "vip": True, "trainee": False}
    assert (plan.accept_timeout("chat", "SimpleChatInQueue"), plan.rona_exclude_for) == (30.0, 7.0)


@pytest.mark.spec("AG-72")
def test_nickname_is_the_first_name_or_else_the_users() -> None:
    rules = Settings.of(load(config()).config).rules
    assert (rules.nickname("Agent1"), rules.nickname("Robot")) == ("First", "Robot")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('mre.agents=[{"name": "A", "attributes": ["english=11"]}]', "english=11"),
        ('mre.agents=[{"name": "A", "mrds": ["fax"]}]', "chat or email"),
        ('mre.queues=[{"name": "Q", "mrd": "chat", "steps": [{"agents": "english >"}]}]', "agents"),
        ('mre.mrds=[{"id": "chat", "default_queue": "SimpleChatInQueue"}]', "SimpleEmailInQueue"),
        ('mre.mrds=[{"id": "chat", "default_queue": "Nowhere"}, {"id": "email"}]', "default_queue"),
        ('mail.mailboxes=[{"address": "a@b", "queue": "SimpleChatInQueue"}]', "email"),
        ('mail.mailboxes=[{"address": "nobody", "queue": "SimpleEmailInQueue"}]', "address"),
        ("mre.transport=redis", "redis"),
        ("mre.transport=stomp", "broker"),
        ("agent.lost_after=1s", "presence_grace"),
        ("agent.reasons=Out To Lunch", "OutToLunch"),
    ],
)
def test_what_cannot_be_is_refused_in_words(setting: str, said: str) -> None:
    with pytest.raises(ConfigurationWrong) as wrong:
        load(config(setting))
    assert said in str(wrong.value)
