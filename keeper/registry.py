"""Which adapter speaks for which pool number and vault kind, and the tag of every value they make."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keeper.model import Question, Token, Vault, Venue
from keeper.protocols import aave_v3, uniswap_v2, uniswap_v3, uniswap_v3_past
from keeper.units import Address, Hash
from keeper.vaults import basket, leverage, range_vault
from keeper.vaults.facts import VaultFacts


class Observe(Protocol):
    """Asks a pool, by its facts, for what it is; `was`, as it was last seen, says how much there is to read."""

    def __call__(self, facts: Any, was: Any = None, /) -> Question[Venue]: ...


@dataclass(frozen=True, slots=True)
class VenueAdapter:
    """How to learn what never changes about a pool, and then what it is in a block."""

    name: str
    facts: Callable[[Address], Question[Any]]
    observe: Observe
    stale: Callable[[Any, Any], bool]
    """Whether the facts should be asked for again, given the pool as last observed."""
    topic: Hash
    """Of the event that tells a pool's price after each trade."""
    price: Callable[[bytes], float]
    """Raw token 1 per raw token 0, from that event's data; ValueError when it is not one."""


@dataclass(frozen=True, slots=True)
class VaultAdapter:
    """How to read a kind of vault. `extra` finds the addresses of the kind's own, such as its lending market."""

    observe: Callable[[VaultFacts, Sequence[Token], Address], Question[Vault]]
    extra: Callable[[Address], Question[tuple[Address, ...]]] | None = None


VENUES: dict[int, VenueAdapter] = {
    uniswap_v2.ADAPTER: VenueAdapter(
        "Uniswap V2", uniswap_v2.facts, uniswap_v2.observe, lambda *_: False, uniswap_v2.SYNC, uniswap_v2.sync_price
    ),
    uniswap_v3.ADAPTER: VenueAdapter(
        "Uniswap V3",
        uniswap_v3.facts,
        uniswap_v3.observe,
        uniswap_v3.off_centre,
        uniswap_v3_past.SWAP,
        uniswap_v3_past.swap_price,
    ),
}
VAULTS: dict[str, VaultAdapter] = {
    basket.KIND: VaultAdapter(basket.observe),
    leverage.KIND: VaultAdapter(leverage.observe, leverage.extra),
    range_vault.KIND: VaultAdapter(range_vault.observe),
}
CLASSES: dict[str, type] = {
    "uniswap_v2.pair": uniswap_v2.UniswapV2Pair,
    "uniswap_v3.pool": uniswap_v3.UniswapV3Pool,
    "aave_v3.market": aave_v3.AaveV3Market,
    "vault.basket": basket.BasketVault,
    "vault.leverage": leverage.LeverageVault,
    "vault.range": range_vault.RangeVault,
}
"""Values that implement a protocol of the model, by their tag in the journal."""
