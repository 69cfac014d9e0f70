"""What ``check-queue-position`` answers.

Source: SV-30, SV-31, G-20, TH-5, TH-10, TH-12.
"""

from __future__ import annotations

from typing import Any

from gateway.callback.instance import Instance
from gateway.callback.states import Step
from gateway.callback.threshold import QueueReport, Verdict, not_reached


def answer(instance: Instance, report: QueueReport) -> dict[str, Any]:
    """The place of an instance that is in the queue, after it has received the ``Poll`` with that report."""
    verdict = _verdict(instance, report)
    return {
        "_id": instance.id,
        "_position": report.position,
        "_total_waiting": report.total,
        "_eta": "n/a" if report.eta is None else report.eta,
        **({} if report.eta is None else {"ewt": report.eta}),
        "_agent_ready_threshold_passed": verdict.reached,
        "_agent_ready_threshold_passed_reason": verdict.reason,
    }


def _verdict(instance: Instance, report: QueueReport) -> Verdict:
    """Once reached it stays so, for its first reason, until the customer answers or is given up (TH-10)."""
    if instance.near_because:
        return Verdict(True, instance.near_because)
    settings = instance.settings
    verdict = settings.eta_pos_threshold.judge(report, settings.threshold_when_eta_unknown)
    if verdict.reached and instance.step is Step.WAIT_AGENT:
        return not_reached(report)  # the poll would have moved it on, had it counted (TH-12)
    return verdict
