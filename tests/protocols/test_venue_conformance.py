"""What every venue adapter must satisfy: refusals first, then the laws of a pool that keeps a fee and rounds."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keeper import errors
from keeper.model import Venue
from keeper.protocols import uniswap_v3
from keeper.protocols.uniswap_v2 import UniswapV2Pair
from keeper.protocols.uniswap_v3 import UniswapV3Pool
from keeper.protocols.uniswap_v3_math import sqrt_at_tick_up
from keeper.units import Address, Ppm

POOL, TOKEN_0, TOKEN_1 = (Address("0x" + f"{n:02x}" * 20) for n in (0x99, 0x0A, 0x0B))
ROUNDING = 40
"""Raw units that the roundings of two swaps over some dozens of stretches may make, at the liquidities drawn here."""
FLOAT = 1e-9


@st.composite
def pairs(draw: st.DrawFn) -> UniswapV2Pair:
    reserves = st.integers(10**6, 10**30)
    return UniswapV2Pair(POOL, (TOKEN_0, TOKEN_1), (draw(reserves), draw(reserves)))


@st.composite
def pools(draw: st.DrawFn) -> UniswapV3Pool:
    """One to eight positions round a price, gaps and liquidity outside the price allowed."""
    fee, spacing = draw(st.sampled_from([(100, 1), (500, 10), (3_000, 60), (10_000, 200)]))
    tick = draw(st.integers(-60_000, 60_000))
    here = tick // spacing
    nets: dict[int, int] = {}
    liquidity = 0
    for _ in range(draw(st.integers(1, 8))):
        low = here + draw(st.integers(-60, 40))
        high = low + draw(st.integers(1, 80))
        depth = draw(st.integers(10**6, 2**80))
        nets[low] = nets.get(low, 0) + depth
        nets[high] = nets.get(high, 0) - depth
        liquidity += depth if low * spacing <= tick < high * spacing else 0
    word_from, word_to = uniswap_v3.window_words(tick, spacing)
    return UniswapV3Pool(
        pool=POOL,
        tokens=(TOKEN_0, TOKEN_1),
        fee_ppm=Ppm(fee),
        tick_spacing=spacing,
        sqrt_price_x96=draw(st.integers(sqrt_at_tick_up(tick), sqrt_at_tick_up(tick + 1) - 1)),
        tick=tick,
        liquidity=liquidity,
        word_from=word_from,
        word_to=word_to,
        ticks=tuple((n * spacing, net) for n, net in sorted(nets.items()) if net),
    )


every_venue = pytest.mark.parametrize("venues", [pairs(), pools()], ids=["uniswap_v2", "uniswap_v3"])
sides = st.sampled_from([(TOKEN_0, TOKEN_1), (TOKEN_1, TOKEN_0)])
fractions = st.floats(1e-9, 1.0)


def _amount(venue: Venue, token: Address, fraction: float) -> int:
    """A part of what the pool takes before its output is worth nothing, or its window ends; none: not a case."""
    depth = venue.best_input(token, venue.mid(token) * 1e-6) if venue.mid(token) else venue.best_input(token, 0.0)
    amount = int(depth * fraction)
    assume(amount > 0)
    assume(_quotable(venue, token, amount))
    return amount


def _slack(venue: Venue, token: Address) -> int:
    """What roundings may make of the output: a unit of input lost is worth `mid` units of it."""
    return ROUNDING + int(ROUNDING * venue.mid(token))


def _quotable(venue: Venue, token: Address, amount: int) -> bool:
    """No for an amount beyond the window, or so small that a V2 pair gives nothing for it."""
    try:
        venue.quote(token, amount)
    except errors.Unquotable:
        return False
    return True


@every_venue
@given(data=st.data())
def test_nothing_in_and_nothing_out_are_refused(venues, data):
    venue = data.draw(venues)
    for amount in (0, -1):
        with pytest.raises(errors.Unquotable):
            venue.quote(TOKEN_0, amount)
        with pytest.raises(errors.Unquotable):
            venue.after(TOKEN_0, amount)
        with pytest.raises(errors.Unquotable):
            venue.quote_out(TOKEN_1, amount)


@every_venue
@given(data=st.data())
def test_a_token_the_pool_does_not_trade_is_refused(venues, data):
    venue = data.draw(venues)
    for ask in (venue.quote, venue.after, venue.quote_out):
        with pytest.raises(errors.Unquotable, match=f"{POOL} trades {TOKEN_0} and {TOKEN_1}, asked for {POOL}"):
            ask(POOL, 10**6)


@every_venue
@given(data=st.data())
def test_more_than_there_is_is_refused(venues, data):
    venue = data.draw(venues)
    for token in venue.tokens:
        with pytest.raises(errors.Unquotable, match="asked to take"):
            venue.quote(token, 2**254)
        with pytest.raises(errors.Unquotable, match="asked for"):
            venue.quote_out(token, 2**254)


@every_venue
@given(data=st.data(), side=sides, fraction=fractions)
def test_a_fill_says_what_was_asked_and_keeps_its_fee(venues, data, side, fraction):
    venue = data.draw(venues)
    amount = _amount(venue, side[0], fraction)
    fill = venue.quote(side[0], amount)
    assert (fill.pool, fill.token_in, fill.token_out, fill.amount_in) == (venue.pool, *side, amount)
    assert amount * venue.fee * (1 - FLOAT) <= fill.fee_raw <= amount * venue.fee + ROUNDING + amount * FLOAT


@every_venue
@given(data=st.data(), side=sides, fraction=fractions, part=fractions)
def test_more_in_never_gives_less_out(venues, data, side, fraction, part):
    venue = data.draw(venues)
    more = _amount(venue, side[0], fraction)
    less = max(1, int(more * part))
    try:
        smaller = venue.quote(side[0], less).amount_out
    except errors.Unquotable:
        return
    assert smaller <= venue.quote(side[0], more).amount_out


@every_venue
@given(data=st.data(), side=sides, fraction=fractions, part=fractions)
def test_a_swap_in_two_parts_gives_no_more_than_in_one(venues, data, side, fraction, part):
    """Concavity, through `after`: the second part meets the worse price that the first has left."""
    venue = data.draw(venues)
    whole = _amount(venue, side[0], fraction)
    first = int(whole * part)
    assume(0 < first < whole)
    try:
        parts = venue.quote(side[0], first).amount_out
        parts += venue.after(side[0], first).quote(side[0], whole - first).amount_out
    except errors.Unquotable:
        return
    assert parts <= venue.quote(side[0], whole).amount_out + _slack(venue, side[0])


@every_venue
@given(data=st.data(), side=sides, fraction=fractions)
def test_there_and_back_never_gains(venues, data, side, fraction):
    venue = data.draw(venues)
    amount = _amount(venue, side[0], fraction)
    out = venue.quote(side[0], amount).amount_out
    assume(out > 0)
    try:
        back = venue.after(side[0], amount).quote(side[1], out).amount_out
    except errors.Unquotable:
        return
    assert back <= amount


@every_venue
@given(data=st.data(), side=sides, fraction=fractions)
def test_the_least_input_for_an_output_buys_it(venues, data, side, fraction):
    venue = data.draw(venues)
    amount = _amount(venue, side[0], fraction)
    out = venue.quote(side[0], amount).amount_out
    assume(out > 0)
    last = venue.after(side[0], amount).mid(side[0])
    assume(last > 0.0)
    fill = venue.quote_out(side[1], out)
    assert fill.amount_out == out
    # A unit of output lost to rounding costs 1 / `last` units of input.
    assert fill.amount_in <= amount + ROUNDING + int(ROUNDING / last)
    assert venue.quote(side[0], fill.amount_in).amount_out >= out - _slack(venue, side[0])


@every_venue
@given(data=st.data(), side=sides, fraction=fractions)
def test_no_swap_beats_the_mid_price_less_the_fee(venues, data, side, fraction):
    venue = data.draw(venues)
    assume(venue.mid(side[0]) > 0.0)
    amount = _amount(venue, side[0], fraction)
    best = amount * venue.mid(side[0]) * (1.0 - venue.fee)
    assert venue.quote(side[0], amount).amount_out <= best * (1.0 + FLOAT)


@every_venue
@given(data=st.data(), side=sides)
def test_a_small_swap_gets_the_mid_price_less_the_fee(venues, data, side):
    venue = data.draw(venues)
    assume(venue.mid(side[0]) > 0.0)
    small = venue.best_input(side[0], venue.mid(side[0]) * (1.0 - venue.fee) * (1.0 - 1e-4))
    assume(small > 10**4)
    got = venue.quote(side[0], small).amount_out
    assert got >= small * venue.mid(side[0]) * (1.0 - venue.fee) * (1.0 - 1e-3) - ROUNDING


@every_venue
@given(data=st.data(), side=sides, depth=st.floats(0.2, 1.0), part=fractions)
def test_best_input_is_where_the_last_unit_still_buys_the_price(venues, data, side, depth, part):
    """By concavity: every unit below it buys at least the price, every unit above at most."""
    venue = data.draw(venues)
    mid = venue.mid(side[0])
    assume(mid > 0.0)
    price = mid * (1.0 - venue.fee) * depth
    best = venue.best_input(side[0], price)
    assume(best > 10**4 and _quotable(venue, side[0], best))
    whole, step = venue.quote(side[0], best).amount_out, max(1, int(best * part))
    slack = _slack(venue, side[0]) + FLOAT * (whole + price * best)
    if _quotable(venue, side[0], best - step):
        assert whole - venue.quote(side[0], best - step).amount_out >= price * step - slack
    if _quotable(venue, side[0], best + step):
        assert venue.quote(side[0], best + step).amount_out - whole <= price * step + slack


@every_venue
@given(data=st.data(), side=sides)
def test_no_input_is_best_above_the_pools_price(venues, data, side):
    venue = data.draw(venues)
    assume(venue.mid(side[0]) > 0.0)
    assert venue.best_input(side[0], venue.mid(side[0]) * (1.0 + FLOAT)) == 0


@every_venue
@given(data=st.data(), side=sides, fraction=fractions)
def test_the_stretches_together_are_the_pool(venues, data, side, fraction):
    """Taken one after another from the price on, the stretches give what the pool gives, within float error."""
    venue = data.draw(venues)
    amount = _amount(venue, side[0], fraction)
    found = venue.lower()
    bounds, depths = found.stretches.bounds, found.stretches.liquidity
    assert all(low < high for low, high in pairwise(bounds))
    assert bounds[found.at] * (1.0 - FLOAT) <= found.root <= bounds[found.at + 1] * (1.0 + FLOAT)
    down = side[0] == TOKEN_0
    left, got, root = amount * (1.0 - venue.fee), 0.0, found.root
    for k in range(found.at, -1, -1) if down else range(found.at, len(depths)):
        top, end = (root, bounds[k]) if down else (1.0 / root, 1.0 / bounds[k + 1])
        if depths[k]:
            taken = min(left, max(0.0, depths[k] * (1.0 / end - 1.0 / top)))
            got += taken * top * depths[k] / (depths[k] / top + taken)
            left -= taken
        root = bounds[k] if down else bounds[k + 1]
    assert left <= ROUNDING + FLOAT * amount
    out = venue.quote(side[0], amount).amount_out
    price = found.root**2 if down else found.root**-2  # its mid is 0.0 where no liquidity is at the price
    # What is left of the input by rounding would have bought no more than at the pool's price.
    assert abs(got - out) <= ROUNDING * (1.0 + price) + FLOAT * out
