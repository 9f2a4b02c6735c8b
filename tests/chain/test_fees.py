"""What is offered for gas lasts, replaces what it must, and never exceeds its cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.chain.fees import Offer, bumped, offer
from keeper.errors import Retry
from keeper.units import Wei

fees = st.integers(0, 10**12).map(Wei)


@given(fees, fees, fees)
def test_an_offer_covers_the_block_and_keeps_to_its_cap(base: Wei, tip: Wei, cap: Wei) -> None:
    if base + tip > cap:
        with pytest.raises(Retry, match=r"the mandate allows .*nothing was signed"):
            offer(base, tip, cap)
        return
    made = offer(base, tip, cap)
    assert made.tip == tip
    assert base + tip <= made.max_fee <= cap
    assert made.max_fee in (cap, 2 * base + tip)


@given(fees, fees, fees, fees, fees)
def test_a_bump_replaces_on_every_client_within_the_cap(fee: Wei, tip: Wei, base: Wei, market: Wei, cap: Wei) -> None:
    old = Offer(Wei(max(fee, tip)), tip)
    new = bumped(old, base, market, cap)
    if new is None:
        assert max(-(-old.max_fee * 9 // 8), old.max_fee + 1, market, -(-old.tip * 9 // 8)) > cap
        return
    for before, after in ((old.max_fee, new.max_fee), (old.tip, new.tip)):
        assert after > before
        assert after * 100 >= before * 110, "geth's rule, F-23"
    assert new.tip >= market
    assert new.tip <= new.max_fee <= cap


def test_an_eighth_is_rounded_up() -> None:
    assert bumped(Offer(Wei(9), Wei(1)), Wei(0), Wei(0), Wei(100)) == Offer(Wei(11), Wei(2))
    assert bumped(Offer(Wei(8), Wei(0)), Wei(0), Wei(0), Wei(9)) == Offer(Wei(9), Wei(1))
    assert bumped(Offer(Wei(8), Wei(0)), Wei(0), Wei(0), Wei(8)) is None
    assert bumped(Offer(Wei(8), Wei(4)), Wei(50), Wei(10), Wei(200)) == Offer(Wei(110), Wei(10))
