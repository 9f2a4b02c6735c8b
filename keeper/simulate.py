"""A plan in, the exact state it leads to at a given time out; and what came of it against what was predicted."""

from keeper.model import Outcome, Plan, Prediction, Snapshot
from keeper.units import Address, Timestamp


def simulate(snapshot: Snapshot, vault: Address, plan: Plan, timestamp: Timestamp) -> Prediction:
    """Replay `plan` in exact integers at `timestamp`, nobody else trading in between.

    Raises errors.Refusal or errors.Unquotable where the chain would revert.
    """
    return snapshot.vault(vault).after(snapshot, plan, timestamp)


def differences(predicted: Prediction, outcome: Outcome) -> tuple[str, ...]:
    """Each place where the chain did something else than predicted, in words; empty when they agree to the wei.

    `predicted` must be made for the block's own timestamp, since debt accrues.
    """
    if outcome.status != "done":
        return (f"the intent ended as {outcome.status}: {outcome.reason}",)
    found = []
    for name, expected, actual in (
        ("net asset value before", predicted.nav_before, outcome.nav_before),
        ("net asset value after", predicted.nav_after, outcome.nav_after),
        ("legs", len(predicted.fills), len(outcome.fills)),
    ):
        if expected != actual:
            found.append(f"{name}: predicted {expected}, found {actual}")
    for number, (expected_fill, fill) in enumerate(zip(predicted.fills, outcome.fills, strict=False), 1):
        if (expected_fill.amount_in, expected_fill.amount_out) != (fill.amount_in, fill.amount_out):
            found.append(
                f"leg {number}: predicted {expected_fill.amount_in} for {expected_fill.amount_out}, "
                f"found {fill.amount_in} for {fill.amount_out}"
            )
    return tuple(found)
