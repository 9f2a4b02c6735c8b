"""A transaction about to be signed and what it may be in; every reason not to sign it out.

The last look before a key is touched (K-34). It decodes the calldata again, from the contract's signature alone, and
shares no code with whatever planned or encoded it: one mistake must not pass twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from keeper.model import Reason, Transaction
from keeper.units import BPS, Address, Bps, Gas, Hash, PriceX36, Timestamp, Wei

MAX_DEADLINE_S = 600
"""C-12: the contract takes no deadline further away than this from its block's time."""
MAX_LEGS = 16
"""C-37."""
CANCEL_GAS = 21_000
"""What a transfer of nothing costs; a cancellation needs no more."""
_REST = 2**256 - 1
"""A leg's amountIn that spends what earlier legs of the action bought."""

_NO_REWARD = Bps(0)

_ORDER = "(bytes32,uint64,uint64,bytes32,uint256)"
_LEGS = "(uint8,address,address,uint256,uint256)[]"
_MOVE = "(bool,bool,bool,uint256,uint256)"
_RANGE = "(int24,int24,uint128)"
_ENTRY: dict[str, tuple[bytes, list[str]]] = {
    # keccak of rebalance(...) with these arguments; the tests compute them anew
    "basket": (bytes.fromhex("408a318c"), [_ORDER, _LEGS]),
    "leverage": (bytes.fromhex("c54eb80e"), [_ORDER, _LEGS, _MOVE]),
    "ripcord": (bytes.fromhex("111dc14f"), [_LEGS, _MOVE, "address"]),  # of a levered vault: pullRipcord
    "range": (bytes.fromhex("5b1aa2a9"), [_ORDER, _LEGS, _RANGE]),
}


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool that legs may use."""

    address: Address
    adapter: int
    tokens: tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the next transaction to a vault may be. `now` is the time of the block the plan was made at.

    `max_discount` is how far a leg's min_out may lie below the worth of its amount_in at `prices`, pool fee included;
    a chain of legs through other tokens is allowed it once for each leg. `max_fee` is wei a unit of gas.
    """

    chain_id: int
    vault: Address
    kind: str
    intent_id: Hash
    epoch: int
    now: Timestamp
    min_nav_after: int
    pools: tuple[Pool, ...]
    prices: tuple[tuple[Address, PriceX36], ...]
    max_discount: Bps
    max_fee: Wei
    max_gas: Gas
    urgent: bool = False
    """Whether it may be, and must be, a rescue of the urgent tier."""
    reward: Bps = _NO_REWARD
    """What a pull of the ripcord may free besides what it sells, a part of it, for `reward_to`."""
    reward_to: Address | None = None


@dataclass(frozen=True, slots=True)
class _Leg:
    number: int
    adapter: int
    pool: Address
    token_in: Address
    amount_in: int
    min_out: int


def examine(transaction: Transaction, manifest: Manifest) -> tuple[Reason, ...]:
    """Every way in which the transaction is not what the manifest allows; empty: it may be signed."""
    envelope = _envelope(transaction, manifest.chain_id, manifest.vault, manifest.max_fee, manifest.max_gas)
    reasons = [Reason(f"K-34.{name}", sentence) for name, sentence in envelope]
    if manifest.kind not in _ENTRY:
        return (
            *reasons,
            Reason("K-34.selector", f"is for a vault of kind {manifest.kind!r}, which has no entry point"),
        )
    selector, types = _ENTRY[manifest.kind]
    if transaction.data[:4] != selector:
        found = f"0x{transaction.data[:4].hex()}"
        sentence = f"calls {found}, expected the entry point of a {manifest.kind} vault, 0x{selector.hex()}"
        return (*reasons, Reason("K-34.selector", sentence))
    try:
        arguments = decode(types, transaction.data[4:])
        exact = encode(types, arguments) == transaction.data[4:]
    except (DecodingError, EncodingError, OverflowError, ValueError) as error:
        return (*reasons, Reason("K-34.calldata", f"the calldata cannot be decoded: {error}"))
    if not exact:
        reasons.append(
            Reason("K-34.calldata", "the calldata holds more than its arguments, or not in their usual form")
        )
    inside = _pull(arguments, manifest) if manifest.kind == "ripcord" else _rebalance(arguments, manifest)
    return (*reasons, *(Reason(f"K-34.{name}", sentence) for name, sentence in inside))


def examine_cancel(transaction: Transaction, sender: Address, chain_id: int, max_fee: Wei) -> tuple[Reason, ...]:
    """As `examine`, of a transaction that only spends a nonce: nothing, paid to oneself."""
    envelope = _envelope(transaction, chain_id, sender, max_fee, Gas(CANCEL_GAS))
    reasons = [Reason(f"K-34.{name}", sentence) for name, sentence in envelope]
    if transaction.data:
        reasons.append(Reason("K-34.calldata", f"a cancellation carries {len(transaction.data)} bytes, expected none"))
    return tuple(reasons)


_Found = Iterator[tuple[str, str]]
"""Name and sentence of every rule that is broken."""


def _rebalance(arguments: tuple[Any, ...], manifest: Manifest) -> _Found:
    legs = [_Leg(i, *leg) for i, leg in enumerate(arguments[1])]
    yield from _order(arguments[0], manifest)
    yield from _legs(legs, manifest)
    urgent = bool(arguments[2][2]) if manifest.kind == "leverage" else False
    if urgent != manifest.urgent:
        yield "urgent", f"is {_tier(urgent)}, expected {_tier(manifest.urgent)}"
    if manifest.kind == "range":
        yield from _range(*arguments[2])
    if manifest.kind == "leverage":
        yield from _move(legs, manifest, *arguments[2])


def _pull(arguments: tuple[Any, ...], manifest: Manifest) -> _Found:
    """A pull of the ripcord has no order: its legs, its move, and who is paid."""
    legs = [_Leg(i, *leg) for i, leg in enumerate(arguments[0])]
    yield from _legs(legs, manifest)
    yield from _move(legs, manifest, *arguments[1])
    if not arguments[1][2]:
        yield "urgent", "pulls the ripcord without urgency, which the contract refuses"
    if arguments[2] != manifest.reward_to:
        yield "reward", f"pays its reward to {arguments[2]}, expected {manifest.reward_to}"


def _envelope(t: Transaction, chain_id: int, to: Address, max_fee: Wei, max_gas: Gas) -> _Found:
    if t.chain_id != chain_id:
        yield "chain", f"is for chain {t.chain_id}, expected {chain_id}"
    if t.to != to:
        yield "target", f"goes to {t.to}, expected {to}"
    if t.value != 0:
        yield "value", f"carries {t.value} wei, expected none"
    if t.max_fee > max_fee:
        yield "fee", f"offers {t.max_fee} wei a unit of gas, at most {max_fee} may be"
    if not 0 <= t.tip <= t.max_fee:
        yield "tip", f"tips {t.tip} wei a unit of gas, expected 0 to the fee cap {t.max_fee}"
    if not 0 < t.gas <= max_gas:
        yield "gas", f"has a gas limit of {t.gas}, at most {max_gas} may be"
    if t.nonce < 0:
        yield "nonce", f"has nonce {t.nonce}"


def _order(order: tuple[Any, ...], manifest: Manifest) -> _Found:
    intent_id, epoch, deadline, _state_hash, min_nav_after = order
    if intent_id != bytes.fromhex(manifest.intent_id[2:]):
        yield "intent", f"names intent 0x{intent_id.hex()}, expected {manifest.intent_id}"
    if epoch != manifest.epoch:
        yield "epoch", f"expects epoch {epoch}, the vault is at {manifest.epoch}"
    if not manifest.now < deadline <= manifest.now + MAX_DEADLINE_S:
        yield "deadline", f"has deadline {deadline}, expected {MAX_DEADLINE_S} s or less after {manifest.now}"
    if min_nav_after < manifest.min_nav_after:
        yield "nav", f"accepts a net asset value of {min_nav_after} after it, at least {manifest.min_nav_after} must be"


def _range(lower: int, upper: int, min_liquidity: int) -> _Found:
    """What can be said of a range without its pool: it is one, and it must end with something in it."""
    if lower >= upper:
        yield "range", f"moves to the ticks {lower} to {upper}, which are no range"
    if min_liquidity == 0:
        yield "range", "accepts no liquidity at all in its range"


def _move(
    legs: list[_Leg],
    manifest: Manifest,
    lever: bool,
    flash: bool,
    urgent: bool,
    debt_amount: int,
    collateral_amount: int,
) -> _Found:
    """A move must be what its legs need: debt that buys nothing, or collateral that repays nothing, is a mistake."""
    pools = {pool.address: pool for pool in manifest.pools}
    prices = dict(manifest.prices)
    if lever and urgent:
        yield "move", "levers urgently, only de-levering can be urgent"
    sold: dict[Address, int] = {}
    bought: set[Address] = set()
    for leg in legs:
        if leg.pool not in pools or leg.token_in not in pools[leg.pool].tokens:
            return
        if leg.token_in not in bought:
            sold[leg.token_in] = sold.get(leg.token_in, 0) + leg.amount_in
        bought |= set(pools[leg.pool].tokens) - {leg.token_in}
    if len(sold) > 1:
        yield "move", f"sells {len(sold)} tokens of its own, a levered vault sells one"
        return
    amount = sum(sold.values())
    if lever and (debt_amount, collateral_amount) != (amount, 0):
        yield (
            "move",
            f"borrows {debt_amount} and withdraws {collateral_amount}, its legs sell {amount} of what it borrows",
        )
    if not lever and not sold:
        yield "move", "takes debt off without selling anything"
    if lever or not sold:
        return
    if not amount <= collateral_amount <= amount + amount * manifest.reward // BPS:
        yield "move", f"withdraws {collateral_amount}, its legs sell {amount}"
    if not flash and debt_amount:
        yield "move", f"names {debt_amount} of debt without a flash loan"
    (token,), last = sold, legs[-1]
    out = next(t for t in pools[last.pool].tokens if t != last.token_in)
    if flash and debt_amount * prices.get(out, 0) > amount * prices.get(token, 0):
        yield "move", f"borrows {debt_amount} in a flash, more than the {amount} it sells are worth"


def _tier(urgent: bool) -> str:
    return "a rescue of the urgent tier" if urgent else "housekeeping"


def _legs(legs: list[_Leg], manifest: Manifest) -> _Found:
    if len(legs) > MAX_LEGS:
        yield "legs", f"has {len(legs)} legs, at most {MAX_LEGS} may be"
    pools = {pool.address: pool for pool in manifest.pools}
    prices = dict(manifest.prices)
    bought: dict[Address, tuple[int, int]] = {}
    """By token: what the legs that bought it sold, in quote currency x 10**36, and the most legs on the way to it."""
    for leg in legs:
        name = f"leg {leg.number}"
        pool = pools.get(leg.pool)
        if pool is None:
            yield "pool", f"{name} uses {leg.pool}, which is not on the allow-list"
            continue
        if leg.adapter != pool.adapter:
            yield "adapter", f"{name} uses {leg.pool} by adapter {leg.adapter}, expected {pool.adapter}"
        if leg.token_in not in pool.tokens:
            yield "token", f"{name} sells {leg.token_in}, which {leg.pool} does not trade"
            continue
        token_out = pool.tokens[1 - pool.tokens.index(leg.token_in)]
        if leg.amount_in == 0:
            yield "amount", f"{name} sells nothing"
        if leg.min_out == 0:
            yield "min_out", f"{name} accepts nothing for what it sells"
        if leg.amount_in == _REST:
            if leg.token_in not in bought:
                yield "amount", f"{name} sells all that was bought of {leg.token_in}, and no leg before it bought any"
                continue
            worth, hops = bought.pop(leg.token_in)
        elif leg.token_in in prices:
            worth, hops = leg.amount_in * prices[leg.token_in], 0
            if leg.token_in in bought:  # a part by amount: what a later leg may spend "all" of is the rest
                before, longest = bought.pop(leg.token_in)
                if before > worth:
                    bought[leg.token_in] = before - worth, longest
        else:
            yield "price", f"{name} sells {leg.token_in}, which has no price"
            continue
        earlier, most = bought.get(token_out, (0, 0))
        bought[token_out] = earlier + worth, max(most, hops + 1)
        if token_out in prices:
            yield from _bound(leg, prices[token_out], worth, hops + 1, manifest.max_discount)
    for token in bought:
        if token not in prices:
            yield "price", f"buys {token}, which has no price, and does not sell it again"


def _bound(leg: _Leg, price_out: PriceX36, worth: int, hops: int, discount: Bps) -> _Found:
    """min_out x price >= worth x (1 - discount)^hops, all in integers."""
    if leg.min_out * price_out * BPS**hops < worth * (BPS - discount) ** hops:
        short = 1 - leg.min_out * price_out / worth if worth else 0.0
        yield (
            "bound",
            (
                f"leg {leg.number} accepts {short * BPS:.1f} bps less than the worth of what it sells at the oracle's "
                f"prices, at most {hops * discount} may be"
            ),
        )
