"""What an ASGI server has to itself, so that no application can keep the rule: cases that the door ``asgi`` leaves out.

Each has its reason. Names are those of a case, or of a case and how its parameters begin.
"""

from __future__ import annotations

_HEAD = "the server reads the head of a request, and bounds its size and its time"
_FRAMES = "the server reads the frames, and answers pings itself"
_WRITES = "the server keeps what a client does not read, and an application hears nothing of it"

OWNED: dict[str, str] = {
    "test_malformed_request_gets_one_refusal_and_a_close[asgi-no version": _HEAD,
    "test_malformed_request_gets_one_refusal_and_a_close[asgi-version 2.0": _HEAD,
    "test_malformed_request_gets_one_refusal_and_a_close[asgi-version 0.9": _HEAD,
    "test_malformed_request_gets_one_refusal_and_a_close[asgi-absolute form of another host": _HEAD,
    "test_head_is_bounded": _HEAD,
    "test_head_without_end_is_bounded": _HEAD,
    "test_head_that_does_not_end": _HEAD,
    "test_body_that_does_not_come": "an application cannot close a connection without an answer",
    "test_connection_between_two_requests": "connections are the server's",
    "test_poll_that_does_not_read_its_answer_is_aborted": _WRITES,
    "test_first_frame_may_come_with_the_upgrade_request": "uvicorn forgets what comes in one packet with the upgrade",
    "test_number_of_fragments_is_bounded": _FRAMES,
    "test_flood_of_pings_closes": _FRAMES,
    "test_server_pings_and_drops_who_does_not_answer": _FRAMES,
    "test_reasons_are_short_ascii": "the server closes for a message that is too long, with a reason of its own",
}


def reason_to_leave_out(case: str) -> str | None:
    """Why this case, by name and parameters, is not for the door; None if it is."""
    return OWNED.get(case.partition("[")[0]) or next(
        (reason for name, reason in OWNED.items() if "[" in name and case.startswith(name)), None
    )
