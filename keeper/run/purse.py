"""The keeper's account in, how many rescues it can pay out: housekeeping must never leave a rescue without gas."""

from dataclasses import dataclass

from keeper.chain.account import balance
from keeper.chain.node import Node
from keeper.model import HealthGoal, Lane, Mandate
from keeper.units import Address, Gas, Wei

RESCUE_GAS = Gas(1_500_000)
"""A large rescue, flash loan included: for counting how many a balance pays."""
RESERVED = 3
"""K-39: housekeeping stops while the account could pay fewer rescues than this at their cap."""
FEW = 10
"""K-39: fewer is a warning."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What the account holds, and how many rescues that pays at the highest price of their lane."""

    account: Address
    balance: Wei
    rescues: int

    @property
    def sentence(self) -> str:
        return (
            f"{self.account} holds {self.balance / 10**18:,.4f} of the gas token, enough for {self.rescues:,} rescues "
            "at their highest price"
        )

    @property
    def warning(self) -> str:
        """Empty while there is enough."""
        if self.rescues >= FEW:
            return ""
        waits = f"; housekeeping waits until there is enough for {RESERVED}" if self.rescues < RESERVED else ""
        return f"{self.sentence}; fund it{waits}"


def look(node: Node, account: Address, lane: Lane) -> Purse:
    """Raises Retry when the node does not say."""
    return counted(account, balance(node, account), lane)


def counted(account: Address, balance: Wei, lane: Lane) -> Purse:
    """Of a balance that is known."""
    return Purse(account, balance, balance // (RESCUE_GAS * lane.max_gas_price))


def needed(mandates: tuple[Mandate, ...]) -> bool:
    """Whether anything could need a rescue."""
    return any(isinstance(mandate.goal, HealthGoal) for mandate in mandates)
