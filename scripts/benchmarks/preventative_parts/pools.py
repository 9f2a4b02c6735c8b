"""A price and a depth in, a Uniswap V3 pool of 0.05 % with that much liquidity far to both sides of it out."""

from math import isqrt

from keeper.protocols import uniswap_v3_math as v3
from keeper.protocols.uniswap_v3 import UniswapV3Pool, window_words
from keeper.units import Address, Ppm
from tests.scene import USDC, Token

SPACING = 10
FAR = 20_000
"""Ticks: a price seven times lower or higher."""


def pool(address: Address, token: Token, usd: float, depth: float) -> UniswapV3Pool:
    """USDC against `token` at `usd`, as deep as a constant product of `depth` dollars a side."""
    square = (10**token.decimals << 192) * 10**8 // (round(usd * 10**8) * 10**USDC.decimals)
    root = isqrt(square)
    liquidity = round(depth * 10**USDC.decimals) * root >> 96
    tick = v3.tick_at_sqrt_down(root)
    centre = tick // SPACING * SPACING
    words = window_words(centre, SPACING)
    return UniswapV3Pool(
        pool=address,
        tokens=(USDC.address, token.address),
        fee_ppm=Ppm(500),
        tick_spacing=SPACING,
        sqrt_price_x96=root,
        tick=tick,
        liquidity=liquidity,
        word_from=words[0] - 10,
        word_to=words[1] + 10,
        ticks=((centre - FAR, liquidity), (centre + FAR, -liquidity)),
    )
