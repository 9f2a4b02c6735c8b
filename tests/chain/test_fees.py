"""What is offered for gas lasts, replaces what it must, and never exceeds its cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.chain.fees import CALM_WEI, MAX_MULTIPLE, Offer, bumped, offer
from keeper.errors import Retry
from keeper.model import Lane
from keeper.units import Wei

fees = st.integers(0, 10**12).map(Wei)


def normal(cap: int, tip: int = 0) -> Lane:
    return Lane("normal", Wei(cap), Wei(tip), 48)


def urgent(cap: int, tip: int = 0) -> Lane:
    return Lane("urgent", Wei(cap), Wei(tip), 24)


@given(fees, fees, fees)
def test_an_offer_covers_the_block_and_keeps_to_its_cap(base: Wei, tip: Wei, cap: Wei) -> None:
    if base + tip > cap:
        with pytest.raises(Retry, match=r"the normal lane allows .*nothing was signed"):
            offer(base, normal(cap, tip))
        return
    made = offer(base, normal(cap, tip))
    assert made.tip == tip
    assert base + tip <= made.max_fee <= cap
    assert made.max_fee in (cap, 2 * base + tip)


@given(fees, fees, fees)
def test_a_rescue_gives_up_its_tip_before_its_place(base: Wei, tip: Wei, cap: Wei) -> None:
    if base > cap:
        with pytest.raises(Retry, match=r"the urgent lane allows .*nothing was signed"):
            offer(base, urgent(cap, tip))
        return
    made = offer(base, urgent(cap, tip))
    assert base + made.tip <= made.max_fee <= cap
    assert made.tip == tip or base + made.tip == cap


@given(fees, fees, fees, fees, fees)
def test_a_bump_replaces_on_every_client_within_what_is_allowed(
    fee: Wei, tip: Wei, base: Wei, market: Wei, cap: Wei
) -> None:
    old = Offer(Wei(max(fee, tip)), tip)
    new = bumped(old, base, urgent(cap, market))
    most = min(cap, max(CALM_WEI, MAX_MULTIPLE * (2 * base + market)))
    if new is None:
        assert max(-(-old.max_fee * 9 // 8), old.max_fee + 1, market, -(-old.tip * 9 // 8)) > most
        return
    for before, after in ((old.max_fee, new.max_fee), (old.tip, new.tip)):
        assert after > before
        assert after * 100 >= before * 110, "geth's rule, F-23"
    assert new.tip >= market
    assert new.tip <= new.max_fee <= most


def test_a_bidding_war_with_ourselves_ends_at_five_times_a_fresh_offer() -> None:
    gwei = 10**9
    lane = urgent(10_000 * gwei, 2 * gwei)
    held, bids = Offer(Wei(90 * gwei), Wei(2 * gwei)), 0
    while (more := bumped(held, Wei(20 * gwei), lane)) is not None:
        held, bids = more, bids + 1
    assert bids > 5
    assert 5 * 42 * gwei * 8 // 9 < held.max_fee <= 5 * 42 * gwei
    assert bumped(held, Wei(40 * gwei), lane) is not None, "dearer gas allows more"


def test_an_eighth_is_rounded_up() -> None:
    assert bumped(Offer(Wei(9), Wei(1)), Wei(0), normal(100)) == Offer(Wei(11), Wei(2))
    assert bumped(Offer(Wei(8), Wei(0)), Wei(0), normal(9)) == Offer(Wei(9), Wei(1))
    assert bumped(Offer(Wei(8), Wei(0)), Wei(0), normal(8)) is None
    assert bumped(Offer(Wei(8), Wei(4)), Wei(50), normal(200, 10)) == Offer(Wei(110), Wei(10))
