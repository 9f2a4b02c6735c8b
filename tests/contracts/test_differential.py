"""The contracts' arithmetic against exact arithmetic in Python: not a wei apart, unless it says so.

The models here are written from the formulas, in integers and fractions; where the keeper has the same function, it is
compared as well.
"""

import random
from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Any

import pytest

from keeper.protocols import uniswap_v3_math, uniswap_v3_range
from keeper.world import calls
from tests.contracts.conftest import NOW, Exposed

VECTORS = 1_000
DAY = 86_400
BPS = 10_000
Q96 = 2**96
MAX_TICK = 887_272
FEED = "(address,uint32,int256,int256)"
HEALTH = (125 * 10**16, 3 * 10**18, 115 * 10**16, 105 * 10**16, 150, 2_500, 50)
LIMITS = (30, 100, 100, 100, 2_500, 10_000, 300)
NOBODY = "0x" + "00" * 20
SHARE_FUNCTIONS = (
    "convertToShares",
    "convertToAssets",
    "previewDeposit",
    "previewMint",
    "previewWithdraw",
    "previewRedeem",
)

Count = Callable[[int], int]


def spread(draw: random.Random, bits: int) -> int:
    """Any size is as likely as any other; 0 and the largest are in it."""
    return draw.choice((0, 1, 2**bits - 1, *(draw.randrange(2 ** draw.randrange(1, bits + 1)) for _ in range(12))))


# the guard's arithmetic


def test_budget(exposed: Exposed, vectors: Count) -> None:
    """Per share: capacity = bps * min(base then, now), available = min(capacity, left + capacity * elapsed / day)."""
    draw, at = random.Random("budget"), exposed.deploy("ExposedLibraries")
    function = "budget((uint128,uint128),uint256,uint256,(uint256,uint256,uint256))"
    for _ in range(vectors(VECTORS)):
        left, base, base_now = spread(draw, 110), spread(draw, 110), spread(draw, 110)
        bps, elapsed = draw.randrange(5 * BPS + 1), draw.choice((0, 1, DAY - 1, DAY, DAY + 1, draw.randrange(3 * DAY)))
        then, now = draw.choice((0, spread(draw, 100))), 1 + spread(draw, 100)
        found = exposed.send(at, function, (left, base), bps, base_now, (then, now, elapsed), returns="(uint256)")
        if then == 0:
            expected = base_now * bps // BPS
        else:
            capacity = min(base * now // then, base_now) * bps // BPS
            expected = min(capacity, left * now // then + capacity * elapsed // DAY)
        assert found == expected


@pytest.mark.parametrize("token_decimals", [0, 2, 6, 8, 18, 24])
@pytest.mark.parametrize("feed_decimals", [8, 18])
def test_price(exposed: Exposed, vectors: Count, token_decimals: int, feed_decimals: int) -> None:
    """C-27: answer / 10**feed decimals a whole token, times 1e36 a raw unit; more than 36 decimals are refused."""
    draw, at = random.Random(f"{token_decimals} {feed_decimals}"), exposed.deploy("ExposedLibraries")
    token = exposed.deploy("WorldToken", "(string,string,uint8)", "T", "T", token_decimals)
    feed = exposed.deploy("WorldFeed", "(string,uint8,int256)", "T", feed_decimals, 1)
    form = (feed, 3_600, 0, 2**127 - 1)
    if token_decimals + feed_decimals > 36:
        with pytest.raises(RuntimeError):
            exposed.send(at, f"priceX(address,{FEED})", token, form)
        return
    for _ in range(vectors(VECTORS // 10)):
        answer = max(1, spread(draw, 126))
        exposed.send(feed, "pushRound(int256)", answer)
        found = exposed.send(at, f"priceX(address,{FEED})", token, form, returns="(uint256)")
        assert found == Fraction(answer * 10**36, 10**feed_decimals * 10**token_decimals)


# ranges, C-35


def exact_amounts(root: int, low: int, high: int, liquidity: int) -> tuple[Fraction, Fraction]:
    """x = L (1/s - 1/high), y = L (s - low), s the root price held inside the band."""
    inside = min(max(root, low), high)
    x = Fraction(liquidity * Q96, inside) - Fraction(liquidity * Q96, high)
    return x, Fraction(liquidity * (inside - low), Q96)


def test_root_at_a_tick(exposed: Exposed, vectors: Count) -> None:
    """The keeper's, which is the pool's; no farther from the exact root than one unit or the pool's part in 2**64."""
    draw, at = random.Random("ticks"), exposed.deploy("ExposedLibraries")
    ticks = [-MAX_TICK, MAX_TICK, 0, 1, -1, *(draw.randint(-MAX_TICK, MAX_TICK) for _ in range(vectors(VECTORS)))]
    for tick in ticks:
        found = exposed.send(at, "rootAt(int24)", tick, returns="(uint160)")
        assert found == uniswap_v3_math.sqrt_at_tick_up(tick)
    for tick in ticks[:50]:
        found = exposed.send(at, "rootAt(int24)", tick, returns="(uint160)")
        exact = isqrt(_power_of_1_0001(tick) * 2**192 >> 256)
        assert abs(found - exact) <= 1 + (exact >> 64)


def _power_of_1_0001(tick: int) -> int:
    """1.0001**tick times 2**256, from 640 binary digits."""
    value = Fraction(10_001, 10_000) if tick >= 0 else Fraction(10_000, 10_001)
    scaled, power, left = 1 << 640, (value.numerator << 640) // value.denominator, abs(tick)
    while left:
        if left & 1:
            scaled = scaled * power >> 640
        power, left = power * power >> 640, left >> 1
    return scaled >> 384


def test_range_amounts(exposed: Exposed, vectors: Count) -> None:
    """Equal to the keeper's to the wei, and the exact ones rounded as named, in all but what the pool itself rounds
    twice: one wei."""
    draw, at = random.Random("amounts"), exposed.deploy("ExposedLibraries")
    for _ in range(vectors(VECTORS)):
        root, lower, upper = _place(draw)
        low, high = (uniswap_v3_math.sqrt_at_tick_up(tick) for tick in (lower, upper))
        liquidity = spread(draw, 100)
        order = "amounts(uint160,int24,int24,uint128)"
        found = exposed.send(at, order, root, lower, upper, liquidity, returns="(uint256,uint256,uint256,uint256)")
        band = uniswap_v3_range.band(lower, upper)
        ours = uniswap_v3_range.amounts_down(root, band, liquidity) + uniswap_v3_range.amounts_up(root, band, liquidity)
        assert found == ours
        x, y = exact_amounts(root, low, high, liquidity)
        assert 0 <= floor(x) - found[0] <= 1
        assert found[1] == floor(y)
        assert 0 <= found[2] - ceil(x) <= 1
        assert found[3] == ceil(y)


def test_range_liquidity(exposed: Exposed, vectors: Count) -> None:
    """Equal to the keeper's; never more than the exact one, nor less by more than its first rounding can cost. Where
    token 0 alone would pay for 2**256 or more, a root price within units of the upper end, the contract refuses."""
    draw, at = random.Random("liquidity"), exposed.deploy("ExposedLibraries")
    for _ in range(vectors(VECTORS)):
        root, lower, upper = _place(draw)
        low, high = (uniswap_v3_math.sqrt_at_tick_up(tick) for tick in (lower, upper))
        amounts = (spread(draw, 90), spread(draw, 90))
        inside = min(max(root, low), high)
        exact = min(
            *([Fraction(amounts[0] * inside * high, Q96 * (high - inside))] if inside < high else []),
            *([Fraction(amounts[1] * Q96, inside - low)] if inside > low else []),
            Fraction(2**200),
        )
        if exact >= 2**128:
            continue
        order = "liquidity(uint160,int24,int24,uint256,uint256)"
        if inside < high and amounts[0] * (inside * high // Q96) // (high - inside) >= 2**256:
            with pytest.raises(RuntimeError, match="4e487b71"):  # Panic(uint256)
                exposed.send(at, order, root, lower, upper, *amounts, returns="(uint128)")
            continue
        found = exposed.send(at, order, root, lower, upper, *amounts, returns="(uint128)")
        assert found == uniswap_v3_range.liquidity_down(root, uniswap_v3_range.band(lower, upper), *amounts)
        slack = Fraction(amounts[0], max(high - inside, 1)) + 1  # inside * high / 2**96 is rounded down first
        assert 0 <= exact - found <= slack


def _place(draw: random.Random) -> tuple[int, int, int]:
    """A range and a root price inside it, beyond it, on an end of it, or one away from an end."""
    lower = draw.randint(-400_000, 399_000)
    upper = lower + draw.choice((1, 10, 60, draw.randint(1, 20_000), 2 * draw.randint(1, 200_000)))
    upper = min(upper, MAX_TICK)
    near = draw.choice((lower, upper, draw.randint(lower, upper), draw.randint(lower - 5_000, upper + 5_000)))
    root = uniswap_v3_math.sqrt_at_tick_up(max(-MAX_TICK, min(MAX_TICK, near))) + draw.choice((0, 0, 1, -1))
    return max(root, 4295128739), lower, upper


@pytest.mark.parametrize("base_first", [True, False])
def test_root_of_prices(exposed: Exposed, vectors: Count, base_first: bool) -> None:
    """sqrt(price0 / price1) * 2**96, rounded down; from a ratio of 2**63 on to 79 binary digits."""
    draw = random.Random("root")
    low, high = "0x" + "01" * 20, "0x" + "02" * 20
    pool = exposed.deploy("TwoTokens", "(address,address)", low, high)
    order = (low, high) if base_first else (high, low)
    at = exposed.deploy("ExposedRoot", "(address,address,address)", pool, *order)
    for _ in range(vectors(VECTORS)):
        prices = tuple(max(1, spread(draw, 160)) for _ in range(2))
        price_0, price_1 = prices if base_first else prices[::-1]
        if price_0 >= price_1 << 126 or price_0 << 160 < price_1:
            continue
        found = exposed.send(at, "rootDown(uint256,uint256)", *prices, returns="(uint160)")
        assert found == uniswap_v3_range.root_at_prices_down(price_0, price_1)
        exact = min(isqrt((price_0 << 192) // price_1), 2**160 - 1)
        if price_0 >> 63 < price_1:
            assert found == exact
        else:
            assert 0 <= exact - found <= exact >> 78


# shares


def _guard(exposed: Exposed, tokens: list[str], feeds: list[str], health: tuple[int, ...]) -> str:
    listed = [(token, (feed, 3_600, 0, 2**127 - 1)) for token, feed in zip(tokens, feeds, strict=True)]
    setup = ("0x" + "0a" * 20, "0x" + "0b" * 20, [], [], tokens, listed, [], LIMITS, health, NOBODY)
    types = (
        f"((address,address,address[],address[],address[],(address,{FEED})[],(uint8,address)[],"
        "(uint16,uint16,uint16,uint16,uint16,uint16,uint32),(uint64,uint64,uint64,uint64,uint16,uint16,uint16),address))"
    )
    return exposed.deploy("Guard", types, setup)


def _priced(exposed: Exposed, decimals: int) -> tuple[str, str]:
    token = exposed.deploy("WorldToken", "(string,string,uint8)", "T", "T", decimals)
    return token, exposed.deploy("WorldFeed", "(string,uint8,int256)", "T", 8, 1)


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_share_arithmetic(exposed: Exposed, vectors: Count, decimals: int) -> None:
    """Conversions, previews and limits of any vault with any fees, from the definition: value + 1 over shares and
    virtual ones, each rounding against whoever asks."""
    draw = random.Random(f"shares {decimals}")
    (base, feed_0), (other, feed_1) = _priced(exposed, decimals), _priced(exposed, 18)
    virtual = 10 ** (18 - decimals if decimals < 15 else 3)
    for entry, exit_ in ((0, 0), (50, 50), (200, 1), (7, 200)):
        guard = _guard(exposed, [base, other], [feed_0, feed_1], (0,) * 7)
        types = "((address,string,string,uint16,uint16),uint16[],uint16)"
        at = exposed.deploy("ExposedBasket", types, (guard, "B", "B", entry, exit_), [5_000, 5_000], 100)
        for _ in range(vectors(VECTORS) // 12):
            answers = [max(1, spread(draw, 60)) for _ in range(2)]
            for feed, answer in zip((feed_0, feed_1), answers, strict=True):
                exposed.send(feed, "pushRound(int256)", answer)
            held, supply = [spread(draw, 80), spread(draw, 80)], spread(draw, 90)
            exposed.send(at, "put(uint256[],uint256)", held, supply)
            exposed.wait(3_600)  # no share is new, and no round old
            ratio = Fraction(answers[1] * 10 ** (28 - 18), answers[0] * 10 ** (28 - decimals))
            value, shares = held[0] + floor(held[1] * ratio) + 1, supply + virtual
            amount = spread(draw, 90)
            before_entry, before_exit = Fraction(BPS, BPS - entry), Fraction(BPS, BPS - exit_)
            net = amount - ceil(Fraction(amount * entry, BPS))
            gross = floor(Fraction(amount * value, shares))
            expected = [
                floor(Fraction(amount * shares, value)),
                gross,
                floor(Fraction(net * shares, value)),
                ceil(ceil(Fraction(amount * value, shares)) * before_entry),
                ceil(Fraction(ceil(amount * before_exit) * shares, value)),
                gross - ceil(Fraction(gross * exit_, BPS)),
            ]
            found = [exposed.send(at, f"{name}(uint256)", amount, returns="(uint256)") for name in SHARE_FUNCTIONS]
            assert found == expected
            mine = floor(Fraction(supply * value, shares))
            mine -= ceil(Fraction(mine * exit_, BPS))
            payable = floor(Fraction(floor(held[0] * before_exit) * shares, value))
            owner = "0x" + "00" * 19 + "01"
            assert exposed.send(at, "maxWithdraw(address)", owner, returns="(uint256)") == min(mine, held[0])
            assert exposed.send(at, "maxRedeem(address)", owner, returns="(uint256)") == min(supply, payable)
            assert exposed.send(at, "nav()", returns="(uint256)") == value - 1


def test_leverage_amounts(exposed: Exposed, vectors: Count) -> None:
    """Value, an exit's part of collateral and of debt, and the urgent budget of any levered vault."""
    draw = random.Random("leverage")
    (collateral, feed_0), (debt, feed_1) = _priced(exposed, 18), _priced(exposed, 6)
    lender = exposed.deploy("StatedLender")
    guard = _guard(exposed, [collateral, debt], [feed_0, feed_1], HEALTH)
    types = "((address,string,string,uint16,uint16),(address,uint8))"
    at = exposed.deploy("ExposedLeverage", types, (guard, "L", "L", 0, 0), (lender, 0))
    solvent = 0
    for _ in range(vectors(VECTORS)):
        answers = [max(1, spread(draw, 60)) for _ in range(2)]
        for feed, answer in zip((feed_0, feed_1), answers, strict=True):
            exposed.send(feed, "pushRound(int256)", answer)
        held, supplied, owed = [spread(draw, 80), spread(draw, 50)], spread(draw, 90), spread(draw, 60)
        supply = spread(draw, 90)
        exposed.send(at, "put(uint256[],uint256)", held, supply)
        exposed.send(lender, "state(uint256,uint256)", supplied, owed)
        ratio, shares = Fraction(answers[1] * 10**22, answers[0] * 10**10), supply + 10**3
        gross, owing = held[0] + supplied + floor(held[1] * ratio), ceil(owed * ratio)
        budget, most = exposed.send(at, "urgentBudget()", returns="(uint256,uint256)")
        assert (budget, most) == (owing * HEALTH[4] // BPS, min(HEALTH[4], 250))
        part = draw.randint(0, supply)
        amounts, pays = exposed.send(at, "previewRedeemInKind(uint256)", part, returns="(uint256[],uint256)")
        out = [floor(Fraction(held[i] * part, shares)) for i in range(2)]
        out[0] += max(0, floor(Fraction(supplied * part, shares)) - 2)
        assert list(amounts) == out
        assert pays == (min(owed, ceil(Fraction(owed * part, shares)) + 2) if owed else 0)
        if owing and owing >= gross:
            with pytest.raises(RuntimeError):
                exposed.send(at, "nav()", returns="(uint256)")
            continue
        solvent += 1
        assert exposed.send(at, "nav()", returns="(uint256)") == gross - owing
    assert solvent > 100


def test_the_clock_stands_still(exposed: Exposed) -> None:
    """What the models above rely on: no round of a feed here is old."""
    _, feed = _priced(exposed, 6)
    answer: Any = exposed.send(feed, "latestTimestamp()", returns="(uint256)")
    assert answer == NOW
    assert calls.signature("nav()")[1] == ()
