"""What to offer for gas: a base fee and a tip in, an offer out that lasts a while and never exceeds its cap."""

from dataclasses import dataclass

from keeper.errors import Retry
from keeper.units import Wei


@dataclass(frozen=True, slots=True)
class Offer:
    """Wei a unit of gas, as EIP-1559 names them: the most to pay in all, and the most of it for the proposer."""

    max_fee: Wei
    tip: Wei


def offer(base_fee: Wei, tip: Wei, cap: Wei) -> Offer:
    """Twice the base fee and the tip (it lasts six full blocks), at most `cap`. Raises Retry when `cap` is too low."""
    if base_fee + tip > cap:
        raise Retry(
            f"gas costs {_gwei(base_fee)} gwei and a tip of {_gwei(tip)}, the mandate allows {_gwei(cap)} in all: "
            "nothing was signed, wait for it to fall or raise max_gas_price"
        )
    return Offer(Wei(min(2 * base_fee + tip, cap)), tip)


def bumped(old: Offer, base_fee: Wei, tip: Wei, cap: Wei) -> Offer | None:
    """An offer that replaces `old` on every client, and suits today's fees; None when that exceeds `cap`.

    Geth wants both fields 10 % higher; we raise them by an eighth, rounded up (K-11).
    """
    new_tip = Wei(max(_raised_up(old.tip), tip))
    new_fee = Wei(max(_raised_up(old.max_fee), min(2 * base_fee + new_tip, cap), new_tip))
    return Offer(new_fee, new_tip) if new_fee <= cap else None


def _raised_up(fee: int) -> int:
    return max(-(-fee * 9 // 8), fee + 1)


def _gwei(fee: int) -> str:
    return f"{fee / 10**9:.3g}"
