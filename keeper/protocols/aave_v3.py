"""Aave V3 (core-v3 1.19): an account's health and what each action leaves behind, equal to the chain's to the wei.

Refusals carry Aave's own error number as their code. Left out, and refused where they would matter: borrowing in
isolation mode, stable-rate debt of an account, credit delegation, and liquidations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from keeper import errors
from keeper.model import MarketAction
from keeper.protocols import aave_v3_math as aave
from keeper.protocols.aave_v3_reserve import Reserve
from keeper.units import BPS, RAY, UINT256_MAX, WAD, Address, Bps, Timestamp, Wad

LIQUIDITY = "LIQUIDITY"
"""Code of a refusal where the chain runs out of the token itself: its revert depends on the token."""
ISOLATION = "ISOLATION"
"""Code of a refusal that is the keeper's own: it does not follow debt in isolation mode."""


@dataclass(frozen=True, slots=True)
class Category:
    """An e-mode category; bps. `price` is that of its own price source, 0 when it has none."""

    index: int
    loan_to_value: int
    threshold: int
    bonus: int
    price_source: Address
    price: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the market knows of an account. `uses` is its bitmap: two bits a reserve, borrowing and collateral.

    `scaled` is (supply, variable debt) in the order of the market's reserves.
    """

    address: Address
    uses: int
    category: int
    scaled: tuple[tuple[int, int], ...]

    def borrows(self, reserve: Reserve) -> bool:
        return bool(self.uses >> 2 * reserve.index & 1)

    def pledges(self, reserve: Reserve) -> bool:
        """Whether its supply of `reserve` is collateral."""
        return bool(self.uses >> 2 * reserve.index & 2)


class AccountData(NamedTuple):
    """As Pool.getUserAccountData answers: base currency units, bps, and the health factor in wads."""

    collateral: int
    debt: int
    available_borrows: int
    threshold: int
    loan_to_value: int
    health_factor: int


class _Health(NamedTuple):
    collateral: int
    debt: int
    loan_to_value: int
    threshold: int
    health_factor: int
    any_without_ltv: bool


@dataclass(frozen=True, slots=True)
class AaveV3Market:
    """The reserves and accounts followed, at one block; the flash premiums in bps, the second a share of the first."""

    pool: Address
    reserves: tuple[Reserve, ...]
    accounts: tuple[Account, ...]
    categories: tuple[Category, ...]
    flash_total: int
    flash_to_protocol: int
    borrow_allowed: bool
    """What the market's price oracle sentinel says, if it has one."""

    def health_factor(self, account: Address, timestamp: Timestamp) -> Wad:
        return Wad(_health(self, self._account(account), timestamp).health_factor)

    def account_data(self, account: Address, timestamp: Timestamp) -> AccountData:
        """What Pool.getUserAccountData answers at `timestamp`."""
        health = _health(self, self._account(account), timestamp)
        most = aave.percent_mul_half_up(health.collateral, health.loan_to_value)
        return AccountData(
            health.collateral,
            health.debt,
            max(0, most - health.debt),
            health.threshold,
            health.loan_to_value,
            health.health_factor,
        )

    def collateral(self, account: Address, asset: Address, timestamp: Timestamp) -> int:
        at, reserve = self._reserve(asset)
        return _supply(reserve, self._account(account).scaled[at][0], timestamp)

    def debt(self, account: Address, asset: Address, timestamp: Timestamp) -> int:
        at, reserve = self._reserve(asset)
        return _debt(reserve, self._account(account).scaled[at][1], timestamp)

    def liquidation_threshold(self, account: Address, asset: Address) -> Bps:
        _, reserve = self._reserve(asset)
        own, category = reserve.configuration.threshold, self._category(self._account(account), reserve)
        return Bps(category.threshold if category and own else own)

    def loan_to_value(self, account: Address, asset: Address) -> Bps:
        _, reserve = self._reserve(asset)
        own, category = reserve.configuration.loan_to_value, self._category(self._account(account), reserve)
        return Bps(category.loan_to_value if category and own else own)

    def liquidation_bonus(self, account: Address, asset: Address) -> Bps:
        _, reserve = self._reserve(asset)
        category = self._category(self._account(account), reserve)
        return Bps(max(0, (category.bonus if category else reserve.configuration.bonus) - BPS))

    def available(self, asset: Address) -> int:
        """The reserve's cash; 0 when it is paused or inactive. A frozen reserve still returns what was supplied."""
        _, reserve = self._reserve(asset)
        return reserve.cash if reserve.configuration.active and not reserve.configuration.paused else 0

    def price(self, asset: Address) -> int:
        """The oracle's price of the asset; an account in e-mode may be valued at its category's instead."""
        return _priced(self._reserve(asset)[1].price, asset)

    def rates(self, asset: Address) -> tuple[float, float]:
        reserve = self._reserve(asset)[1]
        return reserve.liquidity_rate / RAY, reserve.variable_rate / RAY

    def flash_premium(self, amount_raw: int) -> int:
        return aave.percent_mul_half_up(amount_raw, self.flash_total)

    def shocked(self, prices: Mapping[Address, float], borrowing: Mapping[Address, float]) -> "AaveV3Market":
        """A category's own price, where it has one, stays: it is of no one asset."""
        return replace(
            self,
            reserves=tuple(
                replace(
                    one,
                    price=round(one.price * prices.get(one.asset, 1.0)),
                    variable_rate=round(borrowing[one.asset] * RAY) if one.asset in borrowing else one.variable_rate,
                )
                for one in self.reserves
            ),
        )

    def after(self, action: MarketAction, timestamp: Timestamp) -> "AaveV3Market":
        """The market once `action` is done. Raises errors.Refusal with Aave's error number when it would revert.

        An amount of 2**256 - 1 withdraws or repays all. A flash loan is settled: what happens inside its callback
        comes first, each as an action of its own, and the loan last, as on the chain.
        """
        at, reserve = self._reserve(action.asset)
        return _VERBS[action.verb](self, at, reserve.accrued(timestamp), action, timestamp)

    def _account(self, address: Address) -> Account:
        for account in self.accounts:
            if account.address == address:
                return account
        raise errors.Refusal("UNREAD", f"the account {address} was not read from the market {self.pool}")

    def _reserve(self, asset: Address) -> tuple[int, Reserve]:
        for at, reserve in enumerate(self.reserves):
            if reserve.asset == asset:
                return at, reserve
        raise errors.Refusal("UNREAD", f"the asset {asset} was not read from the market {self.pool}")

    def _category(self, account: Account, reserve: Reserve) -> Category | None:
        """The account's e-mode category when the reserve is in it too."""
        if account.category == 0 or reserve.configuration.category != account.category:
            return None
        return next(category for category in self.categories if category.index == account.category)


def _priced(price: int, asset: Address) -> int:
    """The price itself; Refusal C-17 where the market's oracle gave none: the market reverts there too."""
    if price == 0:
        raise errors.Refusal("C-17", f"the lending market's oracle has no price of {asset}")
    return price


def _supply(reserve: Reserve, scaled: int, timestamp: Timestamp) -> int:
    return aave.ray_mul_half_up(scaled, reserve.income_index(timestamp))


def _debt(reserve: Reserve, scaled: int, timestamp: Timestamp) -> int:
    return aave.ray_mul_half_up(scaled, reserve.debt_index(timestamp)) if scaled else 0


def _health(market: AaveV3Market, account: Account, timestamp: Timestamp) -> _Health:
    """GenericLogic.calculateUserAccountData: each position valued and rounded down, averages rounded down."""
    collateral = debt = weighted_ltv = weighted_threshold = 0
    any_without_ltv = False
    for reserve, (supplied, borrowed) in zip(market.reserves, account.scaled, strict=True):
        pledged, owed = account.pledges(reserve), account.borrows(reserve)
        if not (pledged or owed):
            continue
        own, category = reserve.configuration, market._category(account, reserve)
        price = _priced(category.price if category and category.price else reserve.price, reserve.asset)
        if pledged and own.threshold:
            value = _supply(reserve, supplied, timestamp) * price // own.unit
            collateral += value
            weighted_threshold += value * (category or own).threshold
            weighted_ltv += value * (category or own).loan_to_value if own.loan_to_value else 0
            any_without_ltv = any_without_ltv or not own.loan_to_value
        if owed:
            debt += _debt(reserve, borrowed, timestamp) * price // own.unit
    loan_to_value = weighted_ltv // collateral if collateral else 0
    threshold = weighted_threshold // collateral if collateral else 0
    health = aave.wad_div_half_up(aave.percent_mul_half_up(collateral, threshold), debt) if debt else UINT256_MAX
    return _Health(collateral, debt, loan_to_value, threshold, health, any_without_ltv)


def _after_supply(
    market: AaveV3Market, at: int, reserve: Reserve, action: MarketAction, timestamp: Timestamp
) -> AaveV3Market:
    amount, account = action.amount_raw, market._account(action.account)
    _require_open(reserve, amount)
    if reserve.configuration.frozen:
        raise errors.Refusal("28", f"the reserve of {reserve.asset} is frozen: it takes no supply")
    cap, total = reserve.configuration.supply_cap, reserve.supplied(timestamp) + amount
    if cap and total > cap:
        raise errors.Refusal("51", f"{total} of {reserve.asset} would be supplied, the supply cap is {cap}")
    minted = aave.ray_div_half_up(amount, reserve.liquidity_index)
    if minted == 0:
        raise errors.Refusal("24", f"{amount} of {reserve.asset} is too little to supply")
    supplied, borrowed = account.scaled[at]
    if supplied == 0 and _becomes_collateral(market, account, reserve):
        account = replace(account, uses=account.uses | 2 << 2 * reserve.index)
    after = reserve.moved(timestamp, cash=amount, scaled_supply=minted)
    return _with(market, at, after, account, (supplied + minted, borrowed))


def _after_withdraw(
    market: AaveV3Market, at: int, reserve: Reserve, action: MarketAction, timestamp: Timestamp
) -> AaveV3Market:
    account = market._account(action.account)
    supplied, borrowed = account.scaled[at]
    balance = _supply(reserve, supplied, timestamp)
    amount = balance if action.amount_raw == UINT256_MAX else action.amount_raw
    if amount > balance:
        raise errors.Refusal("32", f"{amount} of {reserve.asset} was asked for, {balance} is supplied")
    _require_open(reserve, amount)
    _require_cash(reserve, amount)
    burned = aave.ray_div_half_up(amount, reserve.liquidity_index)
    if burned == 0:
        raise errors.Refusal("25", f"{amount} of {reserve.asset} is too little to withdraw")
    pledged = account.pledges(reserve)
    if pledged and amount == balance:
        account = replace(account, uses=account.uses & ~(2 << 2 * reserve.index))
    after = reserve.moved(timestamp, cash=-amount, scaled_supply=-burned)
    result = _with(market, at, after, account, (supplied - burned, borrowed))
    if pledged and account.uses & _ANY_BORROWING:
        health = _health(result, result._account(account.address), timestamp)
        _require_health(health.health_factor, at_least=WAD)
        if health.any_without_ltv and reserve.configuration.loan_to_value:
            raise errors.Refusal("57", "collateral with a loan-to-value of 0 must be withdrawn first")
    return result


def _after_borrow(
    market: AaveV3Market, at: int, reserve: Reserve, action: MarketAction, timestamp: Timestamp
) -> AaveV3Market:
    amount, account = action.amount_raw, market._account(action.account)
    _require_borrowable(market, reserve, account, amount, timestamp)
    health = _health(_with(market, at, reserve, account, account.scaled[at]), account, timestamp)
    _require_cover(market, reserve, account, amount, health)
    minted = aave.ray_div_half_up(amount, reserve.variable_index)
    if minted == 0:
        raise errors.Refusal("24", f"{amount} of {reserve.asset} is too little to borrow")
    _require_cash(reserve, amount)
    supplied, borrowed = account.scaled[at]
    account = replace(account, uses=account.uses | 1 << 2 * reserve.index)
    after = reserve.moved(timestamp, cash=-amount, scaled_debt=minted)
    return _with(market, at, after, account, (supplied, borrowed + minted))


def _after_repay(
    market: AaveV3Market, at: int, reserve: Reserve, action: MarketAction, timestamp: Timestamp
) -> AaveV3Market:
    account = market._account(action.account)
    _require_open(reserve, action.amount_raw)
    supplied, borrowed = account.scaled[at]
    debt = _debt(reserve, borrowed, timestamp)
    if debt == 0:
        raise errors.Refusal("39", f"{account.address} owes no {reserve.asset}")
    amount = min(action.amount_raw, debt)
    burned = aave.ray_div_half_up(amount, reserve.variable_index)
    if burned == 0:
        raise errors.Refusal("25", f"{amount} of {reserve.asset} is too little to repay")
    if amount == debt:
        account = replace(account, uses=account.uses & ~(1 << 2 * reserve.index))
    after = reserve.moved(timestamp, cash=amount, scaled_debt=-burned)
    return _with(market, at, after, account, (supplied, borrowed - burned))


def _after_flash(
    market: AaveV3Market, at: int, reserve: Reserve, action: MarketAction, timestamp: Timestamp
) -> AaveV3Market:
    _require_open(reserve, max(1, action.amount_raw))  # a loan of nothing is a loan to the market
    if not reserve.configuration.flash:
        raise errors.Refusal("91", f"flash loans of {reserve.asset} are disabled")
    _require_cash(reserve, action.amount_raw)
    premium = market.flash_premium(action.amount_raw)
    to_protocol = aave.percent_mul_half_up(premium, market.flash_to_protocol)
    try:
        spread = reserve.with_premium(premium, to_protocol)
    except ZeroDivisionError:
        raise errors.Refusal(LIQUIDITY, f"nobody supplies {reserve.asset}: its flash premium has no receiver") from None
    reserves = (*market.reserves[:at], spread.moved(timestamp, cash=premium), *market.reserves[at + 1 :])
    return replace(market, reserves=reserves)


_VERBS: dict[str, Callable[[AaveV3Market, int, Reserve, MarketAction, Timestamp], AaveV3Market]] = {
    "supply": _after_supply,
    "withdraw": _after_withdraw,
    "borrow": _after_borrow,
    "repay": _after_repay,
    "flash": _after_flash,
}
_ANY_BORROWING = int("01" * 128, 2)
_ANY_COLLATERAL = _ANY_BORROWING << 1


def _with(market: AaveV3Market, at: int, reserve: Reserve, account: Account, scaled: tuple[int, int]) -> AaveV3Market:
    """The market with one reserve and one account's holding of it replaced."""
    changed = replace(account, scaled=(*account.scaled[:at], scaled, *account.scaled[at + 1 :]))
    return replace(
        market,
        reserves=(*market.reserves[:at], reserve, *market.reserves[at + 1 :]),
        accounts=tuple(changed if other.address == account.address else other for other in market.accounts),
    )


def _require_open(reserve: Reserve, amount: int) -> None:
    if amount <= 0:
        raise errors.Refusal("26", f"the amount must be more than 0, found {amount}")
    if not reserve.configuration.active:
        raise errors.Refusal("27", f"the reserve of {reserve.asset} is not active")
    if reserve.configuration.paused:
        raise errors.Refusal("29", f"the reserve of {reserve.asset} is paused")


def _require_cash(reserve: Reserve, amount: int) -> None:
    if amount > reserve.cash:
        raise errors.Refusal(LIQUIDITY, f"the market holds {reserve.cash} of {reserve.asset}, asked for {amount}")


def _require_health(found: int, at_least: int) -> None:
    if found < at_least:
        raise errors.Refusal("35", f"the health factor would be {found / WAD:.6f}, the market demands {at_least / WAD}")


def _require_borrowable(
    market: AaveV3Market, reserve: Reserve, account: Account, amount: int, timestamp: Timestamp
) -> None:
    """The part of ValidationLogic.validateBorrow that asks nothing about the account's health."""
    _require_open(reserve, amount)
    if reserve.configuration.frozen:
        raise errors.Refusal("28", f"the reserve of {reserve.asset} is frozen: it lends nothing")
    if not reserve.configuration.borrowing:
        raise errors.Refusal("30", f"{reserve.asset} cannot be borrowed")
    if not market.borrow_allowed:
        raise errors.Refusal("59", "the market's sentinel does not allow borrowing now")
    cap, total = reserve.configuration.borrow_cap, reserve.borrowed(timestamp) + amount
    if cap and total > cap:
        raise errors.Refusal("50", f"{total} of {reserve.asset} would be borrowed, the borrow cap is {cap}")
    if _isolated(market, account):
        raise errors.Refusal(ISOLATION, f"{account.address} is in isolation mode, in which the keeper does not borrow")
    if account.category and reserve.configuration.category != account.category:
        raise errors.Refusal("58", f"{reserve.asset} is not in the account's e-mode category {account.category}")


def _require_cover(market: AaveV3Market, reserve: Reserve, account: Account, amount: int, health: _Health) -> None:
    """The part of ValidationLogic.validateBorrow that asks whether the account can bear the debt."""
    if health.collateral == 0:
        raise errors.Refusal("34", f"{account.address} has no collateral")
    if health.loan_to_value == 0:
        raise errors.Refusal("57", f"the collateral of {account.address} has a loan-to-value of 0")
    _require_health(health.health_factor, at_least=WAD + 1)
    category = market._category(account, reserve)
    price = _priced(category.price if category and category.price else reserve.price, reserve.asset)
    debt = health.debt + amount * price // reserve.configuration.unit
    needed = aave.percent_div_half_up(debt, health.loan_to_value)
    if needed > health.collateral:
        raise errors.Refusal("36", f"collateral of {needed} would be needed, there is {health.collateral}")
    owed = [other for other in market.reserves if account.borrows(other)]
    alone = owed[0] if len(owed) == 1 and owed[0].configuration.siloed else None
    if owed and (alone.asset != reserve.asset if alone else reserve.configuration.siloed):
        raise errors.Refusal("89", f"{reserve.asset} cannot be owed together with what {account.address} owes")


def _isolated(market: AaveV3Market, account: Account) -> bool:
    """Whether the account's only collateral has a debt ceiling."""
    pledged = [reserve for reserve in market.reserves if account.pledges(reserve)]
    return len(pledged) == 1 and bool(pledged[0].configuration.debt_ceiling)


def _becomes_collateral(market: AaveV3Market, account: Account, reserve: Reserve) -> bool:
    """Whether a first supply is made collateral by itself. Raises errors.Refusal where that hangs on a role."""
    if reserve.configuration.debt_ceiling:
        raise errors.Refusal(
            ISOLATION, f"{reserve.asset} is collateral in isolation only, which the keeper does not use"
        )
    if not reserve.configuration.loan_to_value:
        return False
    return not account.uses & _ANY_COLLATERAL or not _isolated(market, account)
