"""Deploys Uniswap V2 and V3 from their published bytecode, and opens pools with realistic depth at given prices."""

import math
from dataclasses import dataclass
from fractions import Fraction

from keeper.model import Token
from keeper.units import Address
from keeper.world import artefacts, calls
from keeper.world.batch import Batch
from keeper.world.content import OBSERVATIONS, POOLS, SPECS, PoolSpec
from keeper.world.depth import Range, amounts, ranges
from keeper.world.roles import ROLES
from keeper.world.tokens import approve
from keeper.world.world import UNISWAP_V2, UNISWAP_V3, Pool, UniswapV2, UniswapV3

FOREVER = 2**256 - 1
MINTS_PER_CALL = 24
GAS_PER_MINT = 700_000


@dataclass(frozen=True, slots=True)
class _Side:
    """One token of a pool; `usd` prices one raw unit."""

    token: Token
    usd: Fraction


def deploy_v2(batch: Batch, weth: Address) -> UniswapV2:
    """Queues the factory and Router02."""
    admin = ROLES["admin"]
    factory = batch.deploy(
        "Uniswap V2 factory",
        admin,
        artefacts.creation_code("UniswapV2Factory") + calls.arguments("(address)", admin),
    )
    router = batch.deploy(
        "Uniswap V2 router",
        admin,
        artefacts.creation_code("UniswapV2Router02") + calls.arguments("(address,address)", factory, weth),
    )
    return UniswapV2(factory, router)


def deploy_v3(batch: Batch, weth: Address) -> UniswapV3:
    """Queues the factory (0.01 % tier enabled), router, both quoters, tick lens and position manager."""
    admin = ROLES["admin"]
    factory = batch.deploy("Uniswap V3 factory", admin, artefacts.creation_code("UniswapV3Factory"))
    batch.send(admin, factory, "enableFeeAmount(uint24,int24)", 100, 1)
    descriptor_library = batch.deploy("NFTDescriptor", admin, artefacts.creation_code("NFTDescriptor"))
    descriptor = batch.deploy(
        "position descriptor",
        admin,
        artefacts.creation_code("NonfungibleTokenPositionDescriptor", libraries={"NFTDescriptor": descriptor_library})
        + calls.arguments("(address,bytes32)", weth, b"ETH".ljust(32, b"\0")),
    )
    at_factory = calls.arguments("(address,address)", factory, weth)
    manager_arguments = calls.arguments("(address,address,address)", factory, weth, descriptor)
    return UniswapV3(
        factory=factory,
        router=batch.deploy("SwapRouter", admin, artefacts.creation_code("SwapRouter") + at_factory),
        quoter=batch.deploy("Quoter", admin, artefacts.creation_code("Quoter") + at_factory),
        quoter_v2=batch.deploy("QuoterV2", admin, artefacts.creation_code("QuoterV2") + at_factory),
        position_manager=batch.deploy(
            "position manager", admin, artefacts.creation_code("NonfungiblePositionManager") + manager_arguments
        ),
        tick_lens=batch.deploy("TickLens", admin, artefacts.creation_code("TickLens")),
    )


def open_pools(batch: Batch, tokens: tuple[Token, ...], v2: UniswapV2, v3: UniswapV3) -> tuple[Pool, ...]:
    """Creates every pool of the content at its starting price, with its depth, and mines. The lp owns it all."""
    approve(batch, "lp", tokens, (v2.router, v3.position_manager))
    for spec in POOLS:
        sides = _sides(spec, tokens)
        if spec.kind == UNISWAP_V2:
            _add_v2_liquidity(batch, spec, sides, v2)
        else:
            _add_v3_liquidity(batch, spec, sides, v3)
    batch.flush()
    pools = tuple(_opened(batch, spec, _sides(spec, tokens), v2, v3) for spec in POOLS)
    for pool in pools:
        if pool.kind == UNISWAP_V3:
            batch.send(
                ROLES["lp"],
                pool.address,
                "increaseObservationCardinalityNext(uint16)",
                OBSERVATIONS,
                gas=OBSERVATIONS * 25_000,
            )
    return pools


def sqrt_price_x96_down(price: Fraction) -> int:
    """floor(sqrt(price) * 2**96) of a price in raw token1 per raw token0."""
    return math.isqrt((price.numerator << 192) // price.denominator)


def _sides(spec: PoolSpec, tokens: tuple[Token, ...]) -> tuple[_Side, _Side]:
    """The pool's tokens in the order of their addresses, which is Uniswap's."""
    pair = sorted(
        (token for token in tokens if token.symbol in (spec.symbol_a, spec.symbol_b)),
        key=lambda token: int(token.address, 16),
    )
    side0, side1 = (_Side(token, SPECS[token.symbol].usd / 10**token.decimals) for token in pair)
    return side0, side1


def _add_v2_liquidity(batch: Batch, spec: PoolSpec, sides: tuple[_Side, _Side], v2: UniswapV2) -> None:
    half = Fraction(round(spec.shape.value_usd), 2)
    amount0, amount1 = (int(half / side.usd) for side in sides)
    batch.send(
        ROLES["lp"],
        v2.router,
        "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)",
        *(side.token.address for side in sides),
        amount0,
        amount1,
        0,
        0,
        ROLES["lp"],
        FOREVER,
        gas=5_000_000,
    )


def _add_v3_liquidity(batch: Batch, spec: PoolSpec, sides: tuple[_Side, _Side], v3: UniswapV3) -> None:
    side0, side1 = sides
    price = side0.usd / side1.usd
    batch.send(
        ROLES["lp"],
        v3.position_manager,
        "createAndInitializePoolIfNecessary(address,address,uint24,uint160)",
        side0.token.address,
        side1.token.address,
        spec.fee,
        sqrt_price_x96_down(price),
        gas=8_000_000,
    )
    crowd = ranges(spec.shape, math.log(price) / math.log(1.0001), _spacing(spec.fee))
    mints = [_mint(span, spec.fee, sides) for span in crowd]
    for start in range(0, len(mints), MINTS_PER_CALL):
        chunk = mints[start : start + MINTS_PER_CALL]
        batch.send(
            ROLES["lp"], v3.position_manager, "multicall(bytes[])", chunk, gas=len(chunk) * GAS_PER_MINT + 100_000
        )


def _mint(span: Range, fee: int, sides: tuple[_Side, _Side]) -> bytes:
    side0, side1 = sides
    amount0, amount1 = amounts(span, math.sqrt(side0.usd / side1.usd), float(side0.usd), float(side1.usd))
    tokens = (side0.token.address, side1.token.address)
    return calls.encode(
        "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
        (*tokens, fee, span.lower, span.upper, amount0, amount1, 0, 0, ROLES["lp"], FOREVER),
    )


def _opened(batch: Batch, spec: PoolSpec, sides: tuple[_Side, _Side], v2: UniswapV2, v3: UniswapV3) -> Pool:
    pair = (sides[0].token.address, sides[1].token.address)
    symbols = (sides[0].token.symbol, sides[1].token.symbol)
    if spec.kind == UNISWAP_V2:
        address = calls.view(batch.url, v2.factory, "getPair(address,address)", "(address)", *pair)
        return Pool(spec.kind, Address(address), *symbols, spec.fee, 0)
    address = calls.view(batch.url, v3.factory, "getPool(address,address,uint24)", "(address)", *pair, spec.fee)
    return Pool(spec.kind, Address(address), *symbols, spec.fee, _spacing(spec.fee))


def _spacing(fee: int) -> int:
    return {100: 1, 500: 10, 3_000: 60, 10_000: 200}[fee]
