"""Plans that lose more than one action may in, the caps under which the least lossy would pass out."""

import math
from collections.abc import Sequence

from keeper.model import Limits, Mandate, Prediction, Reason
from keeper.plan.infeasible.words import reason
from keeper.units import BPS


def too_lossy(mandate: Mandate, limits: Limits, replayed: int, lossy: Sequence[Prediction]) -> tuple[Reason, ...]:
    """The least change to the mandate's cap and the vault's own; nothing where no plan is too lossy.

    `replayed` is the part of the vault's cap, in per cent, that a plan may be predicted to lose.
    """
    if not lossy:
        return ()
    least = min((one.nav_before - one.nav_after) * BPS / one.nav_before for one in lossy)
    own, cap = math.ceil(least), math.ceil(least * 100 / replayed)
    change = [f"raise max_loss_bps to {own}"] if mandate.max_loss < own else []
    if limits.max_loss < cap:
        change.append(f"let the vault's curator raise the limit on one action's loss to {cap} bps")
    found = f"the least that is worth a trade would lose {least:.2f} bps of the vault's value"
    return (reason("P-loss", mandate, f"{found}; {' and '.join(change)}, or allow cheaper pools"),)
