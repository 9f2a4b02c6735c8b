"""What a chain says: blocks, prices, limits, pools and lending markets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from keeper.units import Address, BlockNumber, Bps, Gas, Hash, PriceX36, Timestamp, Wad, Wei


@dataclass(frozen=True, slots=True)
class Token:
    address: Address
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Head:
    """A block by hash. `base_fee` is the block's own, in wei a unit of gas."""

    number: BlockNumber
    hash: Hash
    timestamp: Timestamp
    base_fee: Wei


@dataclass(frozen=True, slots=True)
class Round:
    """A feed's latest answer for `token`, raw with `decimals`, and the vault's own bounds on it.

    `problem` says why the answer cannot be used, and is empty when it can.
    """

    token: Address
    feed: Address
    round_id: int
    answer: int
    decimals: int
    updated_at: Timestamp
    price_x36: PriceX36
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """A vault's on-chain limits, as `IKeeperVault.Limits` states them."""

    max_loss: Bps
    max_gain: Bps
    daily_loss: Bps
    max_deviation: Bps
    max_turnover: Bps
    daily_turnover: Bps
    cooldown_s: int


@dataclass(frozen=True, slots=True)
class Rescue:
    """When a levered vault may be rescued, and what that may cost, as `IKeeperVault.HealthLimits` states it.

    Below `urgent` the keeper may, below `ripcord` anyone may, `chunk` of the debt at a time and for `reward` of what is
    repaid. A rescue may lose `most_loss` of the debt it repays, and `budget_raw`, raw units of the base asset, at the
    snapshot's block; None where the contract does not say, since it gives no value of the vault.
    """

    urgent: Wad
    ripcord: Wad
    most_loss: Bps
    budget_raw: int | None
    chunk: Bps
    reward: Bps


@dataclass(frozen=True, slots=True)
class GuardState:
    """The on-chain guard's memory at the snapshot's block; budgets in raw units of the vault's base asset."""

    epoch: int
    paused: bool
    last_action_at: Timestamp
    loss_budget_raw: int
    turnover_budget_raw: int


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Where a pool's liquidity lies, whatever its price: `liquidity[k]` from root price `bounds[k]` to `bounds[k + 1]`.

    Root prices, rising, are of token 0 in token 1, raw, in floats. On the way from root price a down to b, within one
    stretch of liquidity L, the pool takes L (1/b - 1/a) of token 0, net of the fee, and gives L (a - b) of token 1; on
    the way up the reverse. Told apart by identity: a pool that only moved keeps its own.
    """

    bounds: tuple[float, ...]
    liquidity: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lowered:
    """A pool for the routing kernel: its stretches, the one that the price is in, and the root price there."""

    stretches: Stretches
    at: int
    root: float


@dataclass(frozen=True, slots=True)
class Fill:
    """What one exact-input swap did: raw amounts; `fee_raw` is the part of `amount_in` kept as fee."""

    pool: Address
    token_in: Address
    token_out: Address
    amount_in: int
    amount_out: int
    fee_raw: int


class Venue(Protocol):
    """A pool of two tokens, frozen at one block. Amounts are raw integers, exact to the wei of the deployed code."""

    @property
    def adapter(self) -> int: ...
    @property
    def pool(self) -> Address: ...
    @property
    def tokens(self) -> tuple[Address, Address]: ...
    @property
    def fee(self) -> float:
        """Fraction of the input."""
        ...

    @property
    def gas(self) -> Gas:
        """What a small swap adds to a rebalance."""
        ...

    def gas_of(self, fill: Fill) -> Gas:
        """What the swap that was quoted as `fill` adds to a rebalance, with all that it meets on its way."""
        ...

    def mid(self, token_in: Address) -> float:
        """Marginal raw output per raw input before the fee; 0.0 when the pool is empty."""
        ...

    def quote(self, token_in: Address, amount_in: int) -> Fill:
        """Exact-input swap. Raises errors.Unquotable when the pool cannot take all of `amount_in`."""
        ...

    def quote_out(self, token_out: Address, amount_out: int) -> Fill:
        """Exact-output swap: the least input. Raises errors.Unquotable when the pool cannot give it."""
        ...

    def after(self, token_in: Address, amount_in: int) -> "Venue":
        """The pool once the swap is done. Raises errors.Unquotable as `quote` does."""
        ...

    def best_input(self, token_in: Address, price: float) -> int:
        """Largest input whose last unit still buys `price` raw output per raw input, fee included; 0 when none does."""
        ...

    def lower(self) -> Lowered | None:
        """The pool as stretches of constant liquidity.

        None of one that holds nothing, or is of another shape: the planner then asks for `best_input`, hundreds of
        times, and takes it as constant product between the answers.
        """
        ...


MarketVerb = Literal["supply", "withdraw", "borrow", "repay", "flash"]


@dataclass(frozen=True, slots=True)
class MarketAction:
    """One call to a lending market by `account`; `amount_raw` of `asset`. A flash loan moves only its premium."""

    verb: MarketVerb
    account: Address
    asset: Address
    amount_raw: int


class Market(Protocol):
    """A lending market, frozen at one block; interest accrues with the timestamp it is asked at."""

    @property
    def pool(self) -> Address: ...

    def health_factor(self, account: Address, timestamp: Timestamp) -> Wad:
        """Exactly what the market answers at `timestamp`; 2**256 - 1 without debt."""
        ...

    def collateral(self, account: Address, asset: Address, timestamp: Timestamp) -> int:
        """Raw supplied balance, interest included."""
        ...

    def debt(self, account: Address, asset: Address, timestamp: Timestamp) -> int:
        """Raw variable debt, interest included."""
        ...

    def liquidation_threshold(self, account: Address, asset: Address) -> Bps: ...
    def loan_to_value(self, account: Address, asset: Address) -> Bps: ...
    def liquidation_bonus(self, account: Address, asset: Address) -> Bps:
        """What a liquidator receives beyond the debt repaid."""
        ...

    def available(self, asset: Address) -> int:
        """Raw units of `asset` that the market can lend or return now; 0 when it is paused or frozen for that."""
        ...

    def price(self, asset: Address) -> int:
        """The market's own oracle price, in its own base units per whole token."""
        ...

    def rates(self, asset: Address) -> tuple[float, float]:
        """What supplying earns and borrowing costs now, a year, as simple fractions; 0.0 where there is none."""
        ...

    def flash_premium(self, amount_raw: int) -> int:
        """Raw units due on top of a flash loan, rounded as the market rounds."""
        ...

    def shocked(self, prices: Mapping[Address, float], borrowing: Mapping[Address, float]) -> "Market":
        """The market at other prices, factors of its own, and other rates of variable debt, fractions a year."""
        ...

    def after(self, action: MarketAction, timestamp: Timestamp) -> "Market":
        """The market once `action` is done. Raises errors.Refusal with the market's reason when it would revert."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A vault's feed of `token`. An answer at or beyond a bound, or older than heartbeat + 10 %, is refused."""

    token: Address
    aggregator: Address
    heartbeat_s: int
    min_answer: int
    max_answer: int
