"""What to offer for gas: a base fee and a lane in, an offer out that lasts a while and never exceeds the lane's cap."""

from dataclasses import dataclass

from keeper.errors import Retry
from keeper.model import Lane
from keeper.units import Wei

MAX_MULTIPLE = 5
"""K-13: a bump offers at most so many times what would be offered afresh, once it is above CALM_WEI."""
CALM_WEI = 100 * 10**9


@dataclass(frozen=True, slots=True)
class Offer:
    """Wei a unit of gas, as EIP-1559 names them: the most to pay in all, and the most of it for the proposer."""

    max_fee: Wei
    tip: Wei


def offer(base_fee: Wei, lane: Lane) -> Offer:
    """Twice the base fee and the tip (it lasts six full blocks), at most the lane's cap. Raises Retry when that is low.

    A rescue gives up its tip before it gives up its place: it waits only while the base fee alone exceeds the cap.
    """
    tip, cap = lane.tip, lane.max_gas_price
    if lane.name == "urgent":
        tip = Wei(max(0, min(tip, cap - base_fee)))
    if base_fee + tip > cap:
        raise Retry(
            f"gas costs {_gwei(base_fee)} gwei and a tip of {_gwei(tip)}, the {lane.name} lane allows {_gwei(cap)} in "
            "all: nothing was signed, wait for it to fall or raise its cap in [gas]"
        )
    return Offer(Wei(min(2 * base_fee + tip, cap)), tip)


def bumped(old: Offer, base_fee: Wei, lane: Lane) -> Offer | None:
    """An offer that replaces `old` on every client, and suits today's fees; None when that exceeds what is allowed.

    Geth wants both fields 10 % higher; we raise them by an eighth, rounded up (K-11). Allowed are the lane's cap and,
    above 100 gwei, five times what would be offered afresh (K-13): a bidding war with ourselves ends somewhere.
    """
    fresh = 2 * base_fee + lane.tip
    most = min(lane.max_gas_price, max(CALM_WEI, MAX_MULTIPLE * fresh))
    new_tip = Wei(max(_raised_up(old.tip), lane.tip))
    new_fee = Wei(max(_raised_up(old.max_fee), min(2 * base_fee + new_tip, most), new_tip))
    return Offer(new_fee, new_tip) if new_fee <= most else None


def _raised_up(fee: int) -> int:
    return max(-(-fee * 9 // 8), fee + 1)


def _gwei(fee: int) -> str:
    return f"{fee / 10**9:.3g}"
