"""What every vault kind says the same way: its orders' identity, its legs on the wire, its limits against a mandate."""

from collections.abc import Sequence

from eth_utils.crypto import keccak

from keeper.model import Drift, GuardState, Leg, LeverageMove, Limits, Mandate, Order, Plan, Quantity, RangeMove, Reason
from keeper.protocols import wire
from keeper.units import BPS, Address, Hash, Timestamp

ORDER = "(bytes32,uint64,uint64,bytes32,uint256)"
LEVERAGE_MOVE = "(bool,bool,bool,uint256,uint256)"
LEGS = "(uint8,address,address,uint256,uint256)[]"
RANGE_MOVE = "(int24,int24,uint128)"
NO_HASH = Hash("0x" + 64 * "0")
_NO_MOVE = LeverageMove(False, False, False, 0, 0)


def plan_hash(plan: Plan) -> bytes:
    """keccak256 of the legs and the move, as they go on the wire: what the plan does, not why."""
    move = plan.move
    after = range_move(move) if isinstance(move, RangeMove) else leverage_move(move or _NO_MOVE)
    return keccak(_with_legs((), plan.legs, after))


def order(
    chain_id: int, vault: Address, guard: GuardState, plan: Plan, deadline: Timestamp, min_nav_after: int
) -> Order:
    """An order for `plan` at the guard's epoch.

    intentId = keccak256(abi.encode(chainId, vault, epoch, planHash, deadline)): the same plan made again, after an
    earlier intent was cancelled or failed, is another intent (K-3).
    """
    identity = wire.packed((chain_id, vault, guard.epoch, int.from_bytes(plan_hash(plan), "big"), deadline))
    intent = Hash("0x" + keccak(identity).hex())
    return Order(intent, guard.epoch, deadline, NO_HASH, min_nav_after)


def calldata(signature: str, order: Order, legs: Sequence[Leg], move: Sequence[int] = ()) -> bytes:
    """A call of `rebalance`: as ABI-encoding the order, the legs and the words of the move after the selector.

    By hand, since a general encoder takes as long as the search for the legs; the calldata policy decodes it with one.
    """
    state = int(order.expected_state_hash, 16)
    first = (int(order.intent_id, 16), order.expected_epoch, order.deadline, state, order.min_nav_after)
    return wire.selector(signature) + _with_legs(first, legs, move)


def _with_legs(before: Sequence[int], legs: Sequence[Leg], after: Sequence[int]) -> bytes:
    """ABI words: static ones on either side of where the legs begin, how many they are, and five words each."""
    start = wire.WORD * (len(before) + 1 + len(after))
    each = [word for leg in legs for word in (leg.adapter, leg.pool, leg.token_in, leg.amount_in, leg.min_out)]
    return wire.packed((*before, start, *after, len(legs), *each))


def leverage_move(move: LeverageMove) -> tuple[int, ...]:
    return move.lever, move.flash, move.urgent, move.debt_amount, move.collateral_amount


def range_move(move: RangeMove) -> tuple[int, ...]:
    return move.tick_lower, move.tick_upper, move.min_liquidity


def drift_of(quantities: tuple[Quantity, ...]) -> Drift:
    """The quantity furthest out, in units of the half-band on its side."""

    def distance(q: Quantity) -> float:
        return (q.value - q.target) / ((q.high if q.value > q.target else q.low) - q.target)

    worst = max(quantities, key=distance)
    return Drift(distance(worst), worst.name, quantities)


def common_faults(mandate: Mandate, kind: str, limits: Limits, venues: Sequence[Address]) -> list[Reason]:
    """Where a mandate is not about this vault, or wider than the vault's limits, whatever its kind."""
    faults = []
    if mandate.kind != kind:
        faults.append(
            Reason("M-kind", f"{mandate.name}: the mandate says kind {mandate.kind!r}, the vault is {kind!r}")
        )
    if mandate.max_loss > limits.max_loss:
        faults.append(
            Reason(
                "M-max_loss",
                f"{mandate.name}: max_loss_bps is {mandate.max_loss}, the vault allows {limits.max_loss}; "
                "a mandate may only tighten the vault's limits",
            )
        )
    if mandate.max_turnover is not None and mandate.max_turnover > limits.max_turnover:
        faults.append(
            Reason(
                "M-max_turnover",
                f"{mandate.name}: max_turnover is {mandate.max_turnover / BPS:.2%}, the vault allows "
                f"{limits.max_turnover / BPS:.2%}; a mandate may only tighten the vault's limits",
            )
        )
    unused = [pool for pool, _ in mandate.venue_limits if pool not in (mandate.venues or venues)]
    if unused:
        faults.append(
            Reason("M-venue_limits", f"{mandate.name}: venue {unused[0]} has a limit but may not be used; remove it")
        )
    unknown = [pool for pool in mandate.venues if pool not in venues]
    if unknown:
        faults.append(
            Reason("M-venues", f"{mandate.name}: venue {unknown[0]} is not on the vault's allow-list; remove it")
        )
    return faults
