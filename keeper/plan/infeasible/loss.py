"""Plans that lose more than one action may in, what would let the least lossy, or a smaller one, pass out."""

import math
from collections.abc import Sequence

from keeper.model import Limits, Mandate, Prediction, Reason
from keeper.plan.infeasible.words import SMALL, reason
from keeper.plan.limits import down
from keeper.units import BPS


def eased(
    mandate: Mandate,
    limits: Limits,
    replayed: int,
    lossy: Sequence[Prediction],
    leg: float | None = None,
    what: str = "the least that is worth a trade",
) -> tuple[Reason, ...]:
    """The least change to the caps, the mandate's and the vault's own, or to min_trade; nothing where neither helps.

    `replayed` is the part of the vault's cap, in per cent, that a plan may be predicted to lose; a smaller plan that
    passes but for min_trade sells `leg`, in units of the base asset. `what` names the plans.
    """
    smaller = [f"lower min_trade to {down(leg)}"] if leg else []
    if not lossy:
        sentence = f"a smaller trade passes, and is under min_trade; {smaller[0]}" if smaller else ""
        return (reason(SMALL, mandate, sentence),) if sentence else ()
    least = min((one.nav_before - one.nav_after) * BPS / one.nav_before for one in lossy)
    own, cap = math.ceil(least), math.ceil(least * 100 / replayed)
    change = [f"raise max_loss_bps to {own}"] if mandate.max_loss < own else []
    if limits.max_loss < cap:
        change.append(f"let the vault's curator raise the limit on one action's loss to {cap} bps")
    found = f"{what} would lose {least:.2f} bps of the vault's value"
    ways = ", or ".join([*smaller, *([" and ".join(change)] if change else []), "allow cheaper pools"])
    return (reason("P-loss", mandate, f"{found}; {ways}"),)
