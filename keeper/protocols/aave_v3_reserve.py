"""One reserve of Aave V3 at one block: its configuration, and how interest and transfers change it.

Amounts are raw units of the asset; a scaled amount is one divided by its index when it was minted, so that it grows
without being touched. Indices and rates are rays.
"""

from dataclasses import dataclass, replace

from keeper.protocols import aave_v3_math as aave
from keeper.units import Address, Timestamp


@dataclass(frozen=True, slots=True)
class Configuration:
    """A reserve's bitmap, bit positions as ReserveConfiguration.sol of core-v3 1.19 states them."""

    bits: int

    def _field(self, start: int, width: int) -> int:
        return self.bits >> start & (1 << width) - 1

    @property
    def loan_to_value(self) -> int:
        """Bps."""
        return self._field(0, 16)

    @property
    def threshold(self) -> int:
        """Liquidation threshold in bps; 0: no collateral at all."""
        return self._field(16, 16)

    @property
    def bonus(self) -> int:
        """What a liquidator receives, the debt repaid included, in bps of it."""
        return self._field(32, 16)

    @property
    def unit(self) -> int:
        """Raw units of one token."""
        return int(10 ** self._field(48, 8))

    @property
    def active(self) -> bool:
        return bool(self._field(56, 1))

    @property
    def frozen(self) -> bool:
        return bool(self._field(57, 1))

    @property
    def borrowing(self) -> bool:
        return bool(self._field(58, 1))

    @property
    def paused(self) -> bool:
        return bool(self._field(60, 1))

    @property
    def siloed(self) -> bool:
        """Who borrows it may borrow nothing else."""
        return bool(self._field(62, 1))

    @property
    def flash(self) -> bool:
        return bool(self._field(63, 1))

    @property
    def factor(self) -> int:
        """The treasury's share of the interest, bps."""
        return self._field(64, 16)

    @property
    def borrow_cap(self) -> int:
        """Raw units; 0: none."""
        return self._field(80, 36) * self.unit

    @property
    def supply_cap(self) -> int:
        """Raw units; 0: none."""
        return self._field(116, 36) * self.unit

    @property
    def category(self) -> int:
        """The e-mode category, 0: none."""
        return self._field(168, 8)

    @property
    def debt_ceiling(self) -> int:
        """Not 0: collateral in isolation only."""
        return self._field(212, 40)


@dataclass(frozen=True, slots=True)
class Reserve:
    """A reserve as it was last written, with what surrounds it. `cash` is the underlying that the aToken holds.

    `price` is the market oracle's, in its base currency's units per whole token; 0 when it gave none. Stable debt is
    what others owe: an account followed here has none.
    """

    asset: Address
    index: int
    """Its number in the market, and in an account's bitmap."""
    a_token: Address
    variable_debt_token: Address
    configuration: Configuration
    curve: aave.RateCurve
    liquidity_index: int
    liquidity_rate: int
    variable_index: int
    variable_rate: int
    updated_at: Timestamp
    accrued_to_treasury: int
    unbacked: int
    scaled_supply: int
    scaled_debt: int
    stable_principal: int
    stable_rate: int
    stable_updated_at: Timestamp
    cash: int
    price: int

    def income_index(self, timestamp: Timestamp) -> int:
        """What a scaled supply is multiplied by at `timestamp`."""
        if timestamp == self.updated_at:
            return self.liquidity_index
        return aave.ray_mul_half_up(
            aave.linear_interest(self.liquidity_rate, self._elapsed(timestamp)), self.liquidity_index
        )

    def debt_index(self, timestamp: Timestamp) -> int:
        """What a scaled debt is multiplied by at `timestamp`."""
        if timestamp == self.updated_at:
            return self.variable_index
        return aave.ray_mul_half_up(
            aave.compounded_interest(self.variable_rate, self._elapsed(timestamp)), self.variable_index
        )

    def accrued(self, timestamp: Timestamp) -> "Reserve":
        """The reserve with interest up to `timestamp` written into its indices and the treasury's share set aside."""
        if timestamp == self.updated_at:
            return self
        income = self.income_index(timestamp)
        # Without debt the market leaves the index alone, whatever the stored rate says.
        owed = self.debt_index(timestamp) if self.scaled_debt else self.variable_index
        interest = aave.ray_mul_half_up(self.scaled_debt, owed)
        interest -= aave.ray_mul_half_up(self.scaled_debt, self.variable_index)
        interest += self._stable_debt(timestamp) - self._stable_debt(self.updated_at)
        share = aave.percent_mul_half_up(interest, self.configuration.factor)
        return replace(
            self,
            liquidity_index=income,
            variable_index=owed,
            updated_at=timestamp,
            accrued_to_treasury=self.accrued_to_treasury + aave.ray_div_half_up(share, income),
        )

    def moved(self, timestamp: Timestamp, cash: int, scaled_supply: int = 0, scaled_debt: int = 0) -> "Reserve":
        """The reserve with these changes of its cash and scaled totals, and the rates they lead to.

        Only an accrued reserve may be moved; `cash` is negative when it leaves.
        """
        after = replace(
            self,
            cash=self.cash + cash,
            scaled_supply=self.scaled_supply + scaled_supply,
            scaled_debt=self.scaled_debt + scaled_debt,
        )
        liquidity_rate, variable_rate = aave.rates(
            self.curve,
            after.cash,
            aave.ray_mul_half_up(after.scaled_debt, after.variable_index),
            self._stable_debt(timestamp),
            self.stable_rate,
            self.unbacked,
            self.configuration.factor,
        )
        return replace(after, liquidity_rate=liquidity_rate, variable_rate=variable_rate)

    def supplied(self, timestamp: Timestamp) -> int:
        """What all suppliers and the treasury have: the base of the supply cap."""
        scaled = self.scaled_supply + self.accrued_to_treasury
        return aave.ray_mul_half_up(scaled, self.income_index(timestamp))

    def borrowed(self, timestamp: Timestamp) -> int:
        """What all borrowers owe: the base of the borrow cap."""
        variable = aave.ray_mul_half_up(self.scaled_debt, self.debt_index(timestamp))
        return variable + self._stable_debt(timestamp)

    def with_premium(self, premium: int, to_protocol: int) -> "Reserve":
        """The reserve with a flash loan's premium spread: `to_protocol` for the treasury, the rest over the suppliers.

        Raises ZeroDivisionError, where the chain reverts, when nobody has supplied anything.
        """
        total = aave.ray_mul_half_up(self.scaled_supply, self.liquidity_index)
        total += aave.ray_mul_half_up(self.accrued_to_treasury, self.liquidity_index)
        growth = aave.flash_growth(premium - to_protocol, total)
        index = aave.ray_mul_half_up(growth, self.liquidity_index)
        accrued = self.accrued_to_treasury + aave.ray_div_half_up(to_protocol, index)
        return replace(self, liquidity_index=index, accrued_to_treasury=accrued)

    def _stable_debt(self, timestamp: Timestamp) -> int:
        elapsed = timestamp - self.stable_updated_at
        return aave.ray_mul_half_up(self.stable_principal, aave.compounded_interest(self.stable_rate, elapsed))

    def _elapsed(self, timestamp: Timestamp) -> int:
        if timestamp < self.updated_at:
            raise ValueError(f"{self.asset} was written at {self.updated_at}, asked for the earlier {timestamp}")
        return timestamp - self.updated_at
