"""A vault's settings and the tokens found on chain in, its mandate out."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from keeper.config.faults import meant
from keeper.config.settings import Config, PolicySettings, VaultSettings, gwei
from keeper.errors import BadInput
from keeper.model import (
    Calendar,
    Chunks,
    Continuous,
    DynamicBand,
    Gates,
    Goal,
    HealthGoal,
    Mandate,
    Periodic,
    Policy,
    Preventative,
    RangeGoal,
    Threshold,
    Token,
    WeightGoal,
    Window,
)
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
        policy=_policy(policy),
        horizon_s=policy.horizon,
        risk_aversion=policy.risk_aversion,
        max_loss=Bps(policy.max_loss_bps),
        max_slippage=Bps(policy.max_slippage_bps),
        data_price=None if (stated := config.gas.l1_data_gwei_per_byte) is None else float(gwei(stated)),
        lanes=config.lanes,
        deadline_s=policy.deadline_s,
        min_trade=policy.min_trade,
        volatility_priors=tuple(
            (_token(vault, "policy.volatility", one, tokens), sigma) for one, sigma in policy.volatility.items()
        ),
        venues=policy.venues or (),
        max_turnover=None if policy.max_turnover is None else _bps(policy.max_turnover),
        max_trade=_most(vault, tokens),
        venue_limits=tuple((pool, _raw(most, tokens[0])) for pool, most in policy.venue_limits.items()),
        blackouts=tuple(Window(_second(b.start), _second(b.end), b.reason, b.rescues) for b in policy.blackouts),
        gates=_gates(policy),
        chunks=Chunks(policy.max_chunks, policy.refill, policy.confirmations),
    )


_POLICIES: dict[str, type[Policy]] = {
    "threshold": Threshold,
    "calendar": Calendar,
    "periodic": Periodic,
    "continuous": Continuous,
    "dynamic": DynamicBand,
    "preventative": Preventative,
}


def _policy(said: PolicySettings) -> Policy:
    """What the file leaves open is as the value's own defaults have it."""
    lower = said.act_above and min(Preventative().stop_below, said.act_above / 2)
    stated: dict[str, Any] = {
        "settle": said.settle,
        "every_s": said.every,
        "act_above": said.act_above,
        "stop_below": said.stop_below or lower,
        "stress": said.stress,
    }
    return _POLICIES[said.kind](**{key: value for key, value in stated.items() if value is not None})


def _gates(said: PolicySettings) -> Gates:
    stated: dict[str, Any] = {"gas_wait_s": said.gas_wait, "gas_unless": said.gas_unless}
    return Gates(
        release=said.release,
        min_gain=said.min_gain,
        payback_s=said.payback,
        gas_below=None if said.gas_below_gwei is None else gwei(said.gas_below_gwei),
        **{key: value for key, value in stated.items() if value is not None},
    )


def _goal(vault: VaultSettings, tokens: Sequence[Token], on_chain: Sequence[tuple[Address, Bps]] | None) -> Goal:
    if vault.health is not None:
        wish = vault.health
        return HealthGoal(_wad(wish.low), _wad(wish.target), _wad(wish.high), wish.tolerance, wish.react)
    if vault.range is not None:
        wanted = vault.range
        return RangeGoal(
            _bps(wanted.half_width),
            _bps(wanted.trigger),
            _bps(wanted.idle),
            _bps(wanted.narrowest or 0.0),
            _bps(wanted.widest or 0.0),
        )
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


def _most(vault: VaultSettings, tokens: Sequence[Token]) -> tuple[tuple[Address, int], ...]:
    by_address = {token.address: token for token in tokens}
    said = [(_token(vault, "policy.max_trade", one, tokens), most) for one, most in vault.policy.max_trade.items()]
    return tuple((token, _raw(most, by_address[token])) for token, most in said)


def _raw(whole: float, token: Token) -> int:
    return int(Decimal(repr(whole)) * 10**token.decimals)


def _bps(value: float) -> Bps:
    return Bps(round(value * BPS))


def _wad(value: float) -> Wad:
    return Wad(int(Decimal(repr(value)) * WAD))


def _second(when: datetime) -> Timestamp:
    return Timestamp(int(when.timestamp()))
