"""What to ask an Aave V3 market (core-v3 1.19), in three steps of which only the last is repeated.

`listing` finds its parts and reserves, `facts` what never changes about those that matter, `observe` their state. A
market that no longer fits its facts (an account uses another reserve, or e-mode, or a reserve another rate strategy)
is answered with errors.Retry: ask for the listing again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper import errors
from keeper.model import Failed, Question, Read
from keeper.protocols import wire
from keeper.protocols.aave_v3 import AaveV3Market, Account, Category
from keeper.protocols.aave_v3_math import RateCurve
from keeper.protocols.aave_v3_reserve import Configuration, Reserve
from keeper.units import RAY, Address, Hash, Timestamp

NOBODY = Address("0x" + "00" * 20)
_RESERVE_WORDS = 15


RESERVE_DATA_UPDATED = Hash(
    "0x" + keccak(text="ReserveDataUpdated(address,uint256,uint256,uint256,uint256,uint256)").hex()
)


def updated_rates(data: bytes) -> tuple[float, float]:
    """What supplying earns and borrowing costs a year, from the event's data; ValueError when it is not one."""
    liquidity, _, variable, _, _ = wire.words(data, 5)
    return liquidity / RAY, variable / RAY


@dataclass(frozen=True, slots=True)
class Listing:
    """A market's own parts, every asset it lists, and which reserves (as a bitmap) and e-modes the accounts use."""

    pool: Address
    provider: Address
    assets: tuple[Address, ...]
    accounts: tuple[Address, ...]
    used: int
    categories: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReserveFacts:
    """Where a reserve's parts are; `index` is its number in the market."""

    asset: Address
    index: int
    a_token: Address
    stable_debt_token: Address
    variable_debt_token: Address
    strategy: Address


@dataclass(frozen=True, slots=True)
class AaveV3Facts:
    """What is read of a market, and where. `categories` are e-modes and their price sources; NOBODY stands for none."""

    pool: Address
    oracle: Address
    sentinel: Address
    accounts: tuple[Address, ...]
    reserves: tuple[ReserveFacts, ...]
    categories: tuple[tuple[int, Address], ...]


def listing(pool: Address, accounts: Sequence[Address]) -> Question[Listing]:
    """Asks a market what it lists. The answer raises errors.BadInput when `pool` is no Aave V3 pool."""

    def build(answers: Sequence[Any]) -> Listing:
        provider, assets, *uses = wire.recognised(answers, pool, "an Aave V3 pool")
        used = 0
        for bitmap in uses[0::2]:
            used |= bitmap
        return Listing(pool, provider, assets, tuple(accounts), used, tuple(sorted({*uses[1::2]} - {0})))

    reads = [
        Read(pool, wire.calldata("ADDRESSES_PROVIDER()"), wire.address),
        Read(pool, wire.calldata("getReservesList()"), _decode_addresses),
    ]
    for account in accounts:
        reads.append(Read(pool, wire.calldata("getUserConfiguration(address)", account), wire.uint))
        reads.append(Read(pool, wire.calldata("getUserEMode(address)", account), wire.uint))
    return Question(tuple(reads), build)


def facts(listed: Listing, assets: Sequence[Address]) -> Question[AaveV3Facts]:
    """Asks where the parts of `assets` are, and of every reserve that the accounts use.

    The answer raises errors.BadInput when the market does not list one of `assets`, errors.Retry when a read failed.
    """

    def build(answers: Sequence[Any]) -> AaveV3Facts:
        oracle, sentinel, *found = wire.answered(answers, f"the Aave V3 pool {listed.pool}")
        reserves = tuple(_facts_of(asset, words) for asset, words in zip(listed.assets, found, strict=False))
        sources = tuple((n, data[3]) for n, data in zip(listed.categories, found[len(reserves) :], strict=True))
        missing = set(assets) - set(listed.assets)
        if missing:
            raise errors.BadInput(
                f"the Aave V3 pool {listed.pool} does not list {', '.join(sorted(missing))}: check the vault's tokens"
            )
        kept = tuple(r for r in reserves if r.asset in assets or listed.used >> 2 * r.index & 3)
        return AaveV3Facts(listed.pool, oracle, sentinel, listed.accounts, kept, sources)

    provider, pool = listed.provider, listed.pool
    reads = (
        Read(provider, wire.calldata("getPriceOracle()"), wire.address),
        Read(provider, wire.calldata("getPriceOracleSentinel()"), wire.address),
        *(_reserve_data(pool, asset) for asset in listed.assets),
        *(_category_data(pool, index) for index in listed.categories),
    )
    return Question(reads, build)


def observe(facts: AaveV3Facts) -> Question[AaveV3Market]:
    """Asks a known market for its state. The answer raises errors.Retry when a read failed or the facts are stale."""
    pool = facts.pool
    own = _answered(
        pool,
        (
            Read(pool, wire.calldata("FLASHLOAN_PREMIUM_TOTAL()"), wire.uint),
            Read(pool, wire.calldata("FLASHLOAN_PREMIUM_TO_PROTOCOL()"), wire.uint),
        ),
    )
    parts: tuple[Question[Any], ...] = (
        own,
        _sentinel(facts),
        wire.joined([_category(facts, index, source) for index, source in facts.categories]),
        wire.joined([_reserve(facts, known) for known in facts.reserves]),
        wire.joined([_account(facts, account) for account in facts.accounts]),
    )
    whole = wire.joined(parts)

    def build(answers: Sequence[Any]) -> AaveV3Market:
        (total, to_protocol), allowed, categories, reserves, accounts = whole.build(answers)
        return AaveV3Market(pool, reserves, accounts, categories, total, to_protocol, allowed)

    return Question(whole.reads, build)


def _sentinel(facts: AaveV3Facts) -> Question[bool]:
    if facts.sentinel == NOBODY:
        return Question((), lambda _: True)
    asked = _answered(facts.pool, (Read(facts.sentinel, wire.calldata("isBorrowAllowed()"), wire.uint),))
    return Question(asked.reads, lambda answers: bool(asked.build(answers)[0]))


def _category(facts: AaveV3Facts, index: int, source: Address) -> Question[Category]:
    priced = () if source == NOBODY else (_price(facts, source),)
    asked = _answered(facts.pool, (_category_data(facts.pool, index), *priced))

    def build(answers: Sequence[Any]) -> Category:
        (loan_to_value, threshold, bonus, source_now), *price = asked.build(answers)
        if source_now != source:
            raise _stale(facts.pool, f"the price source of e-mode category {index} is another")
        return Category(index, loan_to_value, threshold, bonus, source, price[0] if price else 0)

    return Question(asked.reads, build)


def _reserve(facts: AaveV3Facts, known: ReserveFacts) -> Question[Reserve]:
    reads = (
        _reserve_data(facts.pool, known.asset),
        Read(known.a_token, wire.calldata("scaledTotalSupply()"), wire.uint),
        Read(known.variable_debt_token, wire.calldata("scaledTotalSupply()"), wire.uint),
        Read(known.stable_debt_token, wire.calldata("getSupplyData()"), wire.uints(4)),
        Read(known.asset, wire.calldata("balanceOf(address)", known.a_token), wire.uint),
        Read(known.strategy, wire.calldata("OPTIMAL_USAGE_RATIO()"), wire.uint),
        Read(known.strategy, wire.calldata("getBaseVariableBorrowRate()"), wire.uint),
        Read(known.strategy, wire.calldata("getVariableRateSlope1()"), wire.uint),
        Read(known.strategy, wire.calldata("getVariableRateSlope2()"), wire.uint),
    )
    asked = _answered(facts.pool, reads)

    def build(answers: Sequence[Any]) -> Reserve:
        *found, price = answers
        words, supply, debt, (principal, _, stable_rate, stable_at), cash, *curve = asked.build(found)
        if _facts_of(known.asset, words) != known:
            raise _stale(facts.pool, f"the reserve of {known.asset} has another rate strategy")
        configuration, income, income_rate, debt_index, debt_rate, _, updated_at = words[:7]
        treasury, unbacked = words[12:14]
        return Reserve(
            asset=known.asset,
            index=known.index,
            a_token=known.a_token,
            variable_debt_token=known.variable_debt_token,
            configuration=Configuration(configuration),
            curve=RateCurve(*curve),
            liquidity_index=income,
            liquidity_rate=income_rate,
            variable_index=debt_index,
            variable_rate=debt_rate,
            updated_at=Timestamp(updated_at),
            accrued_to_treasury=treasury,
            unbacked=unbacked,
            scaled_supply=supply,
            scaled_debt=debt,
            stable_principal=principal,
            stable_rate=stable_rate,
            stable_updated_at=Timestamp(stable_at),
            cash=cash,
            price=0 if isinstance(price, Failed) else price,
        )

    return Question((*asked.reads, _price(facts, known.asset)), build)


def _account(facts: AaveV3Facts, account: Address) -> Question[Account]:
    own = (
        Read(facts.pool, wire.calldata("getUserConfiguration(address)", account), wire.uint),
        Read(facts.pool, wire.calldata("getUserEMode(address)", account), wire.uint),
    )
    holdings = tuple(
        read
        for known in facts.reserves
        for read in (
            Read(known.a_token, wire.calldata("scaledBalanceOf(address)", account), wire.uint),
            Read(known.variable_debt_token, wire.calldata("scaledBalanceOf(address)", account), wire.uint),
            Read(known.stable_debt_token, wire.calldata("principalBalanceOf(address)", account), wire.uint),
        )
    )
    asked = _answered(facts.pool, own + holdings)

    def build(answers: Sequence[Any]) -> Account:
        uses, category, *held = asked.build(answers)
        if uses & ~sum(3 << 2 * known.index for known in facts.reserves):
            raise _stale(facts.pool, f"{account} uses another reserve")
        if category and category not in {index for index, _ in facts.categories}:
            raise _stale(facts.pool, f"{account} is in another e-mode category")
        for known, principal in zip(facts.reserves, held[2::3], strict=True):
            if principal:
                raise errors.BadInput(
                    f"{account} owes {known.asset} at the stable rate, which the keeper does not follow: "
                    "swap that debt to the variable rate"
                )
        return Account(account, uses, category, tuple(zip(held[0::3], held[1::3], strict=True)))

    return Question(asked.reads, build)


def _answered(pool: Address, reads: tuple[Read, ...]) -> Question[Sequence[Any]]:
    return Question(reads, lambda answers: wire.answered(answers, f"the Aave V3 pool {pool}"))


def _stale(pool: Address, what: str) -> errors.Retry:
    return errors.Retry(f"the Aave V3 pool {pool} has changed since it was looked up: {what}; look it up again")


def _facts_of(asset: Address, words: tuple[int, ...]) -> ReserveFacts:
    index = words[7]
    a_token, stable_debt_token, variable_debt_token, strategy = (wire.word_to_address(word) for word in words[8:12])
    return ReserveFacts(asset, index, a_token, stable_debt_token, variable_debt_token, strategy)


def _price(facts: AaveV3Facts, asset: Address) -> Read:
    return Read(facts.oracle, wire.calldata("getAssetPrice(address)", asset), wire.uint)


def _reserve_data(pool: Address, asset: Address) -> Read:
    return Read(pool, wire.calldata("getReserveData(address)", asset), wire.uints(_RESERVE_WORDS))


def _category_data(pool: Address, index: int) -> Read:
    return Read(pool, wire.calldata("getEModeCategoryData(uint8)", index), _decode_category)


def _decode_category(data: bytes) -> tuple[int, int, int, Address]:
    """Loan-to-value, threshold, bonus, price source; the label behind them is left out."""
    if len(data) < 7 * wire.WORD:
        raise ValueError(f"expected an e-mode category, found {len(data)} bytes")
    loan_to_value, threshold, bonus, source = wire.words(data[wire.WORD : 5 * wire.WORD], 4)
    return loan_to_value, threshold, bonus, wire.word_to_address(source)


def _decode_addresses(data: bytes) -> tuple[Address, ...]:
    try:
        (found,) = decode(["address[]"], data)
    except DecodingError as error:
        raise ValueError(f"expected a list of addresses, found {len(data)} bytes: {error}") from error
    return tuple(Address(each.lower()) for each in found)
