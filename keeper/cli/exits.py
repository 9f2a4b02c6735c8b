"""What a process says by its exit code."""

from collections.abc import Iterable

from keeper.model import Reason, Refused
from keeper.run import Report

DONE = 0
RETRY = 1
BAD_INPUT = 2
REFUSED = 3
UNKNOWN = 4
HALTED = 5
OPERATORS = ("C-1", "K-39")


def of_reasons(reasons: Iterable[Reason]) -> int:
    """A mandate's own faults (M-...), a key without the role (C-1) or without gas (K-39) are the operator's to mend."""
    return BAD_INPUT if all(reason.id.startswith("M-") or reason.id in OPERATORS for reason in reasons) else REFUSED


def of_report(report: Report) -> int:
    if report.outcome is not None:
        return {"done": DONE, "unknown": UNKNOWN, "sent": UNKNOWN}.get(report.outcome.status, REFUSED)
    for judged in (report.decision.verdict, report.cleared):
        if isinstance(judged, Refused):
            return of_reasons(judged.reasons)
    return DONE


def of_reports(reports: Iterable[Report]) -> int:
    """The gravest of several."""
    return max(map(of_report, reports), default=DONE)
