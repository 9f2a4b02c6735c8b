"""A vault at a block, its problem and a tier of urgency in, the plans of its kind within that tier's limits out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keeper.model import Forecast, Mandate, Plan, Problem, RangeProblem, Snapshot, Vault, Venue, WeightProblem
from keeper.plan import limits
from keeper.plan.basket import Sizes
from keeper.plan.health import plan_health
from keeper.plan.limits import UNDER, Limit
from keeper.plan.position import Bounds, Rescuing
from keeper.plan.range_ import plan_range
from keeper.plan.route import Market, opener
from keeper.plan.weights import plan_weights
from keeper.units import Address, Bps, Gas

FLASH_GAS = Gas(180_000)
"""What Aave's flashLoanSimple adds; the rehearsal measures."""


@dataclass(frozen=True, slots=True)
class Pools:
    """What a tier asks of pools: least output under a leg's quote, and distance from the oracle's price."""

    most_slippage: Bps
    most_deviation: Bps


def plans(
    snapshot: Snapshot,
    vault: Vault,
    mandate: Mandate,
    problem: Problem,
    forecast: Forecast,
    asked: Pools,
    share: float,
    urgent: bool,
) -> tuple[Plan, ...]:
    """Plans that sell at most `share` of what the vault's turnover limits allow, in order of preference.

    When `urgent`, one: `share` of the way to the target, whatever turnover that is.
    """
    base = vault.tokens[0]
    price = snapshot.round(base.address).price_x36 / 1e36
    open_market = market_of(snapshot, vault, mandate, problem, asked, urgent)
    least, unit = mandate.min_trade * 10**base.decimals * price, 10**base.decimals * price
    gross = vault.gross(snapshot, snapshot.head.timestamp) * price
    rules = limits.turnover(snapshot, vault, mandate, gross)
    assets = tuple((t, limits.of_token(snapshot, t, most, UNDER)) for t, most in mandate.max_trade)
    sizes = Sizes(_least(rules) * share, least, gross, vault.gas, unit, assets, rules)
    if isinstance(problem, WeightProblem):
        return plan_weights(problem, forecast, mandate, open_market, sizes)
    pair = limits.pair(snapshot, vault, mandate, _pools(vault, mandate))
    sizes = replace(sizes, turnover=min(sizes.turnover, _least(pair)), rules=(*rules, *pair))
    if isinstance(problem, RangeProblem):
        return plan_range(problem, forecast, mandate, open_market, sizes)
    if urgent:
        bounds = Bounds(math.inf, 0.0, vault.gas, FLASH_GAS, Rescuing(share))
    else:
        scale = problem.collateral_price / price
        told = tuple(rule.scaled(scale) for rule in sizes.rules)
        bounds = Bounds(sizes.turnover * scale, least * scale, vault.gas, FLASH_GAS, None, unit * scale, told)
    return plan_health(problem, forecast, mandate, open_market, bounds)


def market_of(
    snapshot: Snapshot, vault: Vault, mandate: Mandate, problem: Problem, asked: Pools, urgent: bool
) -> Callable[[], Market]:
    """A function that gives the pools which the vault and its mandate allow, for a problem of the vault."""
    base, pools = vault.tokens[0], _pools(vault, mandate)
    if isinstance(problem, RangeProblem):
        snapshot = _with(snapshot, problem.venue)  # the legs meet the pool without the vault's own liquidity
    price = snapshot.round(base.address).price_x36 / 1e36
    caps = (
        ()
        if urgent
        else tuple((p, max(most - 1, 0.5) * price * UNDER) for p, most in mandate.venue_limits if p in pools)
    )
    gas_price = snapshot.head.base_fee + mandate.lanes.of(urgent).tip
    slippage, deviation = asked.most_slippage, asked.most_deviation
    data_price = snapshot.data_price if mandate.data_price is None else mandate.data_price
    return opener(snapshot, pools, base.address, gas_price, slippage, data_price, caps, deviation)


def _pools(vault: Vault, mandate: Mandate) -> tuple[Address, ...]:
    return tuple(p for p in vault.venues if not mandate.venues or p in mandate.venues)


def most_sold(snapshot: Snapshot, vault: Vault, mandate: Mandate) -> float:
    """By one action of housekeeping, whatever token it is: raw units of the base asset."""
    price = snapshot.round(vault.tokens[0].address).price_x36 / 1e36
    gross = vault.gross(snapshot, snapshot.head.timestamp) * price
    return _least(limits.turnover(snapshot, vault, mandate, gross)) / price


def _least(rules: Sequence[Limit]) -> float:
    return min((rule.most for rule in rules), default=math.inf)


def _with(snapshot: Snapshot, venue: Venue) -> Snapshot:
    return replace(snapshot, venues=tuple(venue if v.pool == venue.pool else v for v in snapshot.venues))
