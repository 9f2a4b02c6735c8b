"""What is in the local world: one frozen value that names every contract, token, pool, feed and account."""

from dataclasses import dataclass
from typing import TypeVar

from keeper.model import Token
from keeper.units import Address, Hash

CHAIN_ID = 31337

GENESIS_TIMESTAMP = 1_767_225_600
"""2026-01-01T00:00:00Z. Fixed, so that the genesis block, and with it the world's identity, never changes."""

GENESIS_BASE_FEE = 2_000_000_042
"""Wei. Unusual on purpose: another local chain with this chain id and this timestamp still has another genesis."""

GENESIS_HASH = Hash("0xa217be4216768f6abcbc0c38c81ddfcd1a256e53c7c30d8ce9c5a4e524789002")
"""Hash of the genesis block that anvil makes of the numbers above (and of HARDFORK)."""

HARDFORK = "osaka"
BLOCK_SECONDS = 12
GAS_LIMIT = 60_000_000

UNISWAP_V2 = "uniswap_v2"
UNISWAP_V3 = "uniswap_v3"


K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Pool:
    """A Uniswap pool; tokens by symbol. `fee` in ppm (V2: always 3,000); `tick_spacing` is 0 for V2."""

    kind: str
    address: Address
    token0: str
    token1: str
    fee: int
    tick_spacing: int

    @property
    def name(self) -> str:
        """Such as `WBTC/WETH uniswap_v3 3000`."""
        return f"{self.token0}/{self.token1} {self.kind} {self.fee}"


@dataclass(frozen=True, slots=True)
class Feed:
    """A Chainlink-shaped feed of one token in US dollars."""

    symbol: str
    address: Address
    decimals: int
    description: str


@dataclass(frozen=True, slots=True)
class Vault:
    """One of the project's own vaults, at work: `kind` as the contract names it."""

    name: str
    kind: str
    address: Address


@dataclass(frozen=True, slots=True)
class UniswapV2:
    factory: Address
    router: Address


@dataclass(frozen=True, slots=True)
class UniswapV3:
    factory: Address
    router: Address
    quoter: Address
    quoter_v2: Address
    position_manager: Address
    tick_lens: Address


@dataclass(frozen=True, slots=True)
class Reserve:
    """One token that Aave lends, and Aave's tokens of it."""

    symbol: str
    a_token: Address
    stable_debt_token: Address
    variable_debt_token: Address
    rate_strategy: Address


@dataclass(frozen=True, slots=True)
class AaveV3:
    provider: Address
    pool: Address
    configurator: Address
    acl_manager: Address
    oracle: Address
    data_provider: Address
    reserves: tuple[Reserve, ...]


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was deployed, by name. Symbols are those of the tokens; roles those of `keeper.world.roles`."""

    chain_id: int
    genesis_hash: Hash
    multicall: Address
    tokens: tuple[Token, ...]
    feeds: tuple[Feed, ...]
    uniswap_v2: UniswapV2
    uniswap_v3: UniswapV3
    pools: tuple[Pool, ...]
    aave: AaveV3
    accounts: tuple[tuple[str, Address], ...]
    vaults: tuple[Vault, ...] = ()

    def token(self, symbol: str) -> Token:
        """Raises KeyError when the world has no such token."""
        return _one(symbol, {token.symbol: token for token in self.tokens})

    def feed(self, symbol: str) -> Feed:
        """The feed of a token; `ETH`, the gas token, is priced by WETH's."""
        return _one("WETH" if symbol == "ETH" else symbol, {feed.symbol: feed for feed in self.feeds})

    def pool(self, symbol_a: str, symbol_b: str, fee: int | None = None) -> Pool:
        """The V3 pool of two tokens (in either order) with a fee in ppm, or the V2 pair when no fee is named."""
        kind = UNISWAP_V2 if fee is None else UNISWAP_V3
        wanted = (kind, frozenset((symbol_a, symbol_b)), fee or 3_000)
        return _one(wanted, {(pool.kind, frozenset((pool.token0, pool.token1)), pool.fee): pool for pool in self.pools})

    def reserve(self, symbol: str) -> Reserve:
        """Raises KeyError when Aave does not lend the token."""
        return _one(symbol, {reserve.symbol: reserve for reserve in self.aave.reserves})

    def vault(self, name: str) -> Vault:
        """`basket`, `leverage` or `range`. Raises KeyError when the world has no such vault."""
        return _one(name, {vault.name: vault for vault in self.vaults})

    def account(self, role: str) -> Address:
        """Raises KeyError when the world knows no such role."""
        return _one(role, dict(self.accounts))


@dataclass(frozen=True, slots=True)
class RunningWorld:
    """A node at `url` that holds `world`, or what has become of it since."""

    url: str
    world: World


def is_world(chain_id: int, genesis_hash: str) -> bool:
    """Whether a chain is this world (or a fork of it): the only place where its published keys may sign."""
    return chain_id == CHAIN_ID and genesis_hash.lower() == GENESIS_HASH


def _one(key: K, table: dict[K, V]) -> V:
    if key not in table:
        raise KeyError(f"the world has no {key!r}; it has {', '.join(map(str, table))}")
    return table[key]
