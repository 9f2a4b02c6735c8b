"""A vault's settings and the tokens found on chain in, its mandate out."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from keeper.config.faults import meant
from keeper.config.settings import Config, VaultSettings
from keeper.errors import BadInput
from keeper.model import Goal, HealthGoal, Mandate, RangeGoal, Threshold, Token, WeightGoal, Window
from keeper.units import BPS, WAD, Address, Bps, Timestamp, Wad


def mandate(
    vault: VaultSettings,
    config: Config,
    tokens: Sequence[Token],
    on_chain_weights: Sequence[tuple[Address, Bps]] | None = None,
) -> Mandate:
    """The mandate of one vault, once its tokens are known.

    Without weights in the file `on_chain_weights` hold. Raises BadInput when a symbol names no token, or two.
    """
    policy = vault.policy
    return Mandate(
        vault=vault.address,
        kind=vault.kind,
        name=vault.name,
        goal=_goal(vault, tokens, on_chain_weights),
        policy=Threshold(policy.settle),
        horizon_s=policy.horizon,
        risk_aversion=policy.risk_aversion,
        max_loss=Bps(policy.max_loss_bps),
        max_slippage=Bps(policy.max_slippage_bps),
        max_gas_price=config.max_gas_price,
        priority_fee=config.priority_fee,
        deadline_s=policy.deadline_s,
        min_trade=policy.min_trade,
        volatility_priors=tuple(
            (_token(vault, "policy.volatility", one, tokens), sigma) for one, sigma in policy.volatility.items()
        ),
        venues=policy.venues,
        blackouts=tuple(Window(_second(b.start), _second(b.end), b.reason) for b in policy.blackouts),
    )


def _goal(vault: VaultSettings, tokens: Sequence[Token], on_chain: Sequence[tuple[Address, Bps]] | None) -> Goal:
    if vault.health is not None:
        return HealthGoal(_wad(vault.health.low), _wad(vault.health.target), _wad(vault.health.high))
    if vault.range is not None:
        wanted = vault.range
        return RangeGoal(_bps(wanted.half_width), _bps(wanted.trigger), _bps(wanted.idle))
    assert vault.band is not None
    if vault.weights is not None:
        weights = [(_token(vault, "weights", one, tokens), Bps(round(w * BPS))) for one, w in vault.weights.items()]
    elif on_chain is not None:
        weights = list(on_chain)
    else:
        raise BadInput(f"vault[{vault.name}].weights: missing, and the chain states none; add them")
    return WeightGoal(tuple(weights), Bps(round(vault.band * BPS)))


def _token(vault: VaultSettings, key: str, named: str, tokens: Sequence[Token]) -> Address:
    wanted = named.lower() if named[:2] in ("0x", "0X") else named
    found = [t.address for t in tokens if wanted in (t.address, t.symbol)]
    symbols = [t.symbol for t in tokens]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(
            f"vault[{vault.name}].{key}: {len(found)} tokens are called {named!r}; write the address instead"
        )
    raise BadInput(
        f"vault[{vault.name}].{key}: found {named!r}, expected one of {', '.join(symbols)}{meant(named, symbols)}"
    )


def _bps(value: float) -> Bps:
    return Bps(round(value * BPS))


def _wad(value: float) -> Wad:
    return Wad(int(Decimal(repr(value)) * WAD))


def _second(when: datetime) -> Timestamp:
    return Timestamp(int(when.timestamp()))
