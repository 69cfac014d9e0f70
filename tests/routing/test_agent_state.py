"""An agent's state is computed, and its changes are those of the table."""

from __future__ import annotations

import random

import pytest

from gateway.routing.agent_state import MEANINGS, TRANSITIONS, AgentState, Standing, may_become, state_of
from gateway.routing.task_state import MEANINGS as TASK_MEANINGS
from gateway.routing.task_state import OWNER_COMMANDS, TaskState

spec = pytest.mark.spec
RESERVED, ACTIVE, PAUSED, WRAP_UP = TaskState.RESERVED, TaskState.ACTIVE, TaskState.PAUSED, TaskState.WRAP_UP
READY = Standing(signed_in=True, wants_ready=True)
RESTS = Standing(signed_in=True, wants_ready=False)


@spec("MRE-61")
@pytest.mark.parametrize(
    ("standing", "legs", "state"),
    [
        (Standing(signed_in=False, wants_ready=True), [ACTIVE], "LOGOUT"),
        (Standing(signed_in=True, wants_ready=True, known=False), [ACTIVE], "UNKNOWN"),
        (Standing(signed_in=True, wants_ready=False, interrupted=True), [], "INTERRUPTED"),
        (RESTS, [], "NOT_READY"),
        (RESTS, [RESERVED], "PENDING_NOT_READY"),
        (RESTS, [WRAP_UP], "PENDING_NOT_READY"),
        (READY, [], "READY"),
        (READY, [RESERVED, RESERVED], "RESERVED"),
        (READY, [RESERVED, ACTIVE], "ACTIVE"),
        (READY, [PAUSED], "ACTIVE"),
        (READY, [ACTIVE, WRAP_UP], "BUSY"),
        (READY, [RESERVED, WRAP_UP], "WORK_READY"),
        (READY, [WRAP_UP, WRAP_UP], "WORK_READY"),
    ],
)
def test_state_follows_from_what_he_wants_and_has(standing: Standing, legs: list[TaskState], state: str) -> None:
    assert state_of(standing, legs, 2) == state


@spec("MRE-61", "MRE-62")
@pytest.mark.parametrize("most", [1, 2, 3])
def test_whatever_happens_the_state_changes_as_the_table_allows(most: int) -> None:
    """Offers, answers, ends and commands by lot; RONA wants NOT_READY and ends its leg in one change."""
    lots = random.Random(most)
    seen = set()
    for _ in range(300):
        legs: list[TaskState] = []
        wants_ready, state = False, AgentState.NOT_READY
        for _ in range(60):
            match lots.choice(["ready", "rest", "offer", "pull", "ring out", "move"]):
                case "ready":
                    wants_ready = True
                case "rest":
                    wants_ready = False
                case "offer" if state in ("READY", "ACTIVE") and len(legs) < most and RESERVED not in legs:
                    legs.append(RESERVED)
                case "pull":
                    legs.append(ACTIVE)
                case "ring out" if RESERVED in legs:
                    legs.remove(RESERVED)
                    wants_ready = False
                case "move" if legs:
                    leg = legs.pop(lots.randrange(len(legs)))
                    following = lots.choice([to for source, to in OWNER_COMMANDS if source is leg])
                    legs += [following] if following not in (TaskState.QUEUED, TaskState.CLOSED) else []
                case _:
                    continue
            after = state_of(Standing(True, wants_ready), legs, most)
            if after is not state:
                assert may_become(state, after), f"{state} to {after}"
                seen.add((state, after))
            state = after
    assert len(seen) >= 20


@spec("MRE-62")
def test_anybody_signed_in_may_become_unknown() -> None:
    assert {state for state in AgentState if may_become(state, AgentState.UNKNOWN)} == set(AgentState) - {
        AgentState.LOGOUT,
        AgentState.UNKNOWN,
    }


@spec("MRE-60", "MRE-70")
def test_every_state_has_a_row_and_a_meaning() -> None:
    assert TRANSITIONS.keys() == MEANINGS.keys() == set(AgentState)
    assert TASK_MEANINGS.keys() == set(TaskState)
