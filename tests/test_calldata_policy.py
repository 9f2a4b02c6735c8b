"""The last look before a signature: what the manifest allows passes, and every single departure is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper.calldata_policy import CANCEL_GAS, Manifest, Pool, examine, examine_cancel
from keeper.model import Cost, Leg, LeverageMove, Order, Plan, RangeMove, Transaction
from keeper.units import Address, Bps, Gas, Hash, PriceX36, Timestamp, Wei
from keeper.vaults.basket import BasketVault
from keeper.vaults.leverage import LeverageVault
from keeper.vaults.range_vault import RangeVault

VAULT = Address("0x" + "aa" * 20)
USD, ETH, MID, UNPRICED = (Address("0x" + digit * 40) for digit in "1234")
DIRECT, IN_MID, MID_OUT, IN_ODD, ODD_OUT = (Address("0x" + digit * 40) for digit in "56789")
INTENT = Hash("0x" + "cd" * 32)
NOW = Timestamp(1_700_000_000)
ALL = 2**256 - 1
ORDER_TYPE, LEGS_TYPE = "(bytes32,uint64,uint64,bytes32,uint256)", "(uint8,address,address,uint256,uint256)[]"
MOVE_TYPE = "(bool,bool,bool,uint256,uint256)"
TYPES = {"basket": [ORDER_TYPE, LEGS_TYPE], "leverage": [ORDER_TYPE, LEGS_TYPE, MOVE_TYPE]}
TYPES["range"] = [ORDER_TYPE, LEGS_TYPE, "(int24,int24,uint128)"]

MANIFEST = Manifest(
    chain_id=1,
    vault=VAULT,
    kind="basket",
    intent_id=INTENT,
    epoch=7,
    now=NOW,
    min_nav_after=1_000,
    pools=(
        Pool(DIRECT, 2, (USD, ETH)),
        Pool(IN_MID, 1, (MID, USD)),
        Pool(MID_OUT, 2, (ETH, MID)),
        Pool(IN_ODD, 2, (UNPRICED, USD)),
        Pool(ODD_OUT, 2, (UNPRICED, ETH)),
    ),
    prices=((USD, PriceX36(10**36)), (ETH, PriceX36(2_000 * 10**36)), (MID, PriceX36(5 * 10**35))),
    max_discount=Bps(100),
    max_fee=Wei(50 * 10**9),
    max_gas=Gas(2_000_000),
)
ORDER: tuple[Any, ...] = (bytes.fromhex("cd" * 32), 7, NOW + 600, bytes(32), 1_000)
# 2,000,000 raw USD buy 1,000 raw ETH at the oracle's prices; a discount of 1 % leaves 990.
DIRECT_LEG = (2, DIRECT, USD, 2_000_000, 990)


RANGE = (-200, 400, 5)


def _data(order: tuple[Any, ...] = ORDER, legs: Any = (DIRECT_LEG,), kind: str = "basket", move: Any = None) -> bytes:
    selector = keccak(text=f"rebalance({','.join(TYPES[kind])})")[:4]
    move = {"basket": [], "leverage": [move or (True, False, False, 2_000_000, 0)], "range": [move or RANGE]}[kind]
    return selector + encode(TYPES[kind], [order, list(legs), *move])


def _transaction(data: bytes) -> Transaction:
    return Transaction(1, 3, VAULT, Wei(0), data, Gas(500_000), Wei(50 * 10**9), Wei(10**9))


GOOD = _transaction(_data())


def _spread(data: bytes) -> bytes:
    """The same arguments, with a word of padding between the order and the legs: it decodes alike."""
    at_offset, at_legs = 4 + 5 * 32, 4 + 6 * 32
    assert int.from_bytes(data[at_offset:at_legs], "big") == 6 * 32
    return data[:at_offset] + (7 * 32).to_bytes(32, "big") + bytes(32) + data[at_legs:]


def _ids(transaction: Transaction, manifest: Manifest = MANIFEST) -> list[str]:
    reasons = examine(transaction, manifest)
    assert all(reason.sentence and reason.id.startswith("K-34.") for reason in reasons)
    return [reason.id.removeprefix("K-34.") for reason in reasons]


def _legs(*legs: tuple[Any, ...]) -> list[str]:
    return _ids(_transaction(_data(legs=legs)))


@pytest.mark.parametrize(
    "move",
    [
        (True, False, False, 1_000_000_000, 0),
        (True, True, False, 1_999_999, 0),
        (True, False, False, 2_000_000, 7),
        (False, False, False, 0, 1_999_999),
        (False, False, False, 0, 2**256 - 1),
        (False, False, False, 5, 2_000_000),
        (False, True, False, 1_001, 2_000_000),
    ],
)
def test_a_move_that_is_not_what_its_legs_need_is_seen(move: tuple[bool, bool, bool, int, int]) -> None:
    leverage = replace(MANIFEST, kind="leverage")
    assert _ids(_transaction(_data(kind="leverage", move=move)), leverage) == ["move"]
    for idle in ((True, False, False, 10**9, 0), (True, True, False, 10**9, 0), (False, False, False, 0, 10**9)):
        assert _ids(_transaction(_data(legs=(), kind="leverage", move=idle)), leverage) == ["move"]


def test_a_de_levering_move_that_fits_its_legs_passes() -> None:
    leverage = replace(MANIFEST, kind="leverage")
    for move in (
        (False, False, False, 0, 2_000_000),
        (False, True, False, 1_000, 2_000_000),
    ):
        assert _ids(_transaction(_data(kind="leverage", move=move)), leverage) == []


def test_a_rescue_is_one_only_where_it_was_meant() -> None:
    calm = replace(MANIFEST, kind="leverage")
    pressed = replace(calm, urgent=True)
    rescue, housekeeping = (
        _transaction(_data(kind="leverage", move=(False, True, u, 1_000, 2_000_000))) for u in (True, False)
    )
    assert _ids(rescue, pressed) == _ids(housekeeping, calm) == []
    assert _ids(rescue, calm) == _ids(housekeeping, pressed) == ["urgent"]
    levering = _transaction(_data(kind="leverage", move=(True, False, True, 2_000_000, 0)))
    assert _ids(levering, pressed) == ["move"]
    assert _ids(GOOD, replace(MANIFEST, urgent=True)) == ["urgent"]


PULL = ["(uint8,address,address,uint256,uint256)[]", "(bool,bool,bool,uint256,uint256)", "address"]


def _pull(
    move: tuple[Any, ...] = (False, True, True, 1_000, 2_010_000), to: Address = VAULT, **changes: Any
) -> list[str]:
    manifest = replace(MANIFEST, kind="ripcord", urgent=True, reward=Bps(50), reward_to=VAULT, **changes)
    legs = [(2, DIRECT, USD, 2_000_000, 990)]
    selector = keccak(text=f"pullRipcord({','.join(PULL)})")[:4]
    return _ids(_transaction(selector + encode(PULL, [legs, move, to])), manifest)


def test_a_pull_of_the_ripcord_frees_its_reward_and_no_more_and_pays_whom_it_should() -> None:
    assert _pull() == _pull((False, True, True, 1_000, 2_000_000)) == []
    assert _pull((False, True, True, 1_000, 2_010_001)) == _pull((False, True, True, 1_000, 1_999_999)) == ["move"]
    assert _pull((True, True, True, 1_000, 0)) == ["move", "move"]
    assert _pull((False, True, False, 1_000, 2_010_000)) == ["urgent"]
    assert _pull(to=ETH) == ["reward"]
    assert _pull(pools=()) == ["pool"]
    assert _ids(GOOD, replace(MANIFEST, kind="ripcord")) == ["selector"]


def test_a_part_sold_by_amount_leaves_the_rest_to_the_leg_that_sells_all() -> None:
    first = (1, IN_MID, USD, 2_000_000, 3_960_000)
    part = (2, MID_OUT, MID, 2_000_000, 495)
    assert _legs(first, part, (2, MID_OUT, MID, 2**256 - 1, 491)) == []
    assert _legs(first, part, (2, MID_OUT, MID, 2**256 - 1, 480)) == ["bound"]


def test_what_the_manifest_allows_passes() -> None:
    assert _ids(GOOD) == []
    leverage = replace(MANIFEST, kind="leverage")
    assert _ids(_transaction(_data(kind="leverage")), leverage) == []
    assert _ids(_transaction(_data(legs=(), kind="leverage", move=(True, False, False, 0, 0))), leverage) == []


def test_a_range_is_one_and_ends_with_something_in_it() -> None:
    manifest = replace(MANIFEST, kind="range")
    assert _ids(_transaction(_data(kind="range")), manifest) == []
    assert _ids(_transaction(_data(kind="range", move=(400, 400, 5))), manifest) == ["range"]
    assert _ids(_transaction(_data(kind="range", move=(-200, 400, 0))), manifest) == ["range"]
    assert _ids(_transaction(_data(kind="leverage")), manifest) == ["selector"]
    assert _ids(GOOD, replace(MANIFEST, kind="gallery")) == ["selector"]


def test_what_the_vaults_encode_is_what_the_policy_decodes() -> None:
    order = Order(INTENT, 7, Timestamp(NOW + 600), Hash("0x" + "00" * 32), 1_000)
    plan = Plan(
        (Leg(2, DIRECT, USD, 2_000_000, 990),), LeverageMove(True, False, False, 2_000_000, 0), Cost(), Cost(), ""
    )
    for kind, vault in (("basket", BasketVault), ("leverage", LeverageVault)):
        assert object.__new__(vault).encode(order, plan) == _data(kind=kind)
    ranged = replace(plan, move=RangeMove(*RANGE))
    assert object.__new__(RangeVault).encode(order, ranged) == _data(kind="range")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chain_id": 2}, "chain"),
        ({"to": USD}, "target"),
        ({"value": Wei(1)}, "value"),
        ({"max_fee": Wei(50 * 10**9 + 1)}, "fee"),
        ({"tip": Wei(50 * 10**9 + 1)}, "tip"),
        ({"tip": Wei(-1)}, "tip"),
        ({"gas": Gas(2_000_001)}, "gas"),
        ({"gas": Gas(0)}, "gas"),
        ({"nonce": -1}, "nonce"),
    ],
)
def test_every_field_of_the_envelope_is_held(change: dict[str, Any], name: str) -> None:
    assert _ids(replace(GOOD, **change)) == [name]


def test_the_limits_themselves_are_allowed() -> None:
    assert _ids(replace(GOOD, gas=Gas(2_000_000), tip=Wei(50 * 10**9), nonce=0)) == []
    assert _ids(replace(GOOD, tip=Wei(0), gas=Gas(1))) == []


@pytest.mark.parametrize("data", [b"", b"\x40\x8a", bytes(4), _data(kind="leverage")])
def test_another_function_is_refused(data: bytes) -> None:
    assert _ids(_transaction(data)) == ["selector"]


@pytest.mark.parametrize(
    "bend",
    [
        lambda d: d[:4],
        lambda d: d[:-1],
        lambda d: d[:-32],
        lambda d: d + bytes(1),
        lambda d: d + bytes(32),
        _spread,
    ],
)
def test_calldata_in_any_but_its_usual_form_is_refused(bend: Callable[[bytes], bytes]) -> None:
    assert "calldata" in _ids(_transaction(bend(GOOD.data)))


@given(st.integers(4, len(GOOD.data) - 1), st.integers(1, 255))
def test_no_byte_of_a_bound_order_changes_unseen(at: int, flip: int) -> None:
    """Only the state hash (checked by the vault), a tighter nav and amounts within bounds may differ."""
    bent = bytearray(GOOD.data)
    bent[at] ^= flip
    word = (at - 4) // 32
    if _ids(_transaction(bytes(bent))) == []:
        assert word in {2, 3, 4, 10, 11}, "deadline, state hash, minimum nav, amount in, minimum out"


@pytest.mark.parametrize(
    ("position", "value", "name"),
    [
        (0, bytes.fromhex("ce" * 32), "intent"),
        (1, 6, "epoch"),
        (1, 8, "epoch"),
        (2, NOW, "deadline"),
        (2, NOW + 601, "deadline"),
        (4, 999, "nav"),
    ],
)
def test_every_field_of_the_order_is_held(position: int, value: Any, name: str) -> None:
    order = (*ORDER[:position], value, *ORDER[position + 1 :])
    assert _ids(_transaction(_data(order))) == [name]


def test_the_orders_limits_themselves_are_allowed() -> None:
    for position, value in ((2, NOW + 1), (2, NOW + 600), (3, b"\xff" * 32), (4, 10**30)):
        assert _ids(_transaction(_data((*ORDER[:position], value, *ORDER[position + 1 :])))) == []


@pytest.mark.parametrize(
    ("leg", "name"),
    [
        ((2, VAULT, USD, 2_000_000, 990), "pool"),
        ((1, DIRECT, USD, 2_000_000, 990), "adapter"),
        ((2, DIRECT, MID, 2_000_000, 990), "token"),
        ((2, DIRECT, USD, 2_000_000, 989), "bound"),
        ((2, DIRECT, ETH, 1_000, 1_979_999), "bound"),
        ((2, IN_ODD, UNPRICED, 5, 10**9), "price"),
        ((2, DIRECT, USD, ALL, 990), "amount"),
    ],
)
def test_every_field_of_a_leg_is_held(leg: tuple[Any, ...], name: str) -> None:
    assert _legs(leg) == [name]


def test_both_ways_of_a_pool_are_allowed_down_to_the_bound() -> None:
    assert _legs((2, DIRECT, USD, 2_000_000, 990)) == []
    assert _legs((2, DIRECT, ETH, 1_000, 1_980_000)) == []
    assert _legs((2, DIRECT, ETH, 1_000, 10**12)) == []


def test_nothing_for_something_is_refused() -> None:
    assert "min_out" in _legs((2, DIRECT, USD, 1, 0))
    assert _legs((2, DIRECT, USD, 0, 1)) == ["amount"]


def test_at_most_sixteen_legs() -> None:
    assert _legs(*[DIRECT_LEG] * 16) == []
    assert _legs(*[DIRECT_LEG] * 17) == ["legs"]


def test_a_route_is_bound_from_end_to_end() -> None:
    # 2,000,000 USD to 4,000,000 MID to 1,000 ETH: one discount on the way, two at the end (980.1).
    through = (1, IN_MID, USD, 2_000_000, 3_960_000)
    assert _legs(through, (2, MID_OUT, MID, ALL, 981)) == []
    assert _legs(through, (2, MID_OUT, MID, ALL, 980)) == ["bound"]
    assert _legs((1, IN_MID, USD, 2_000_000, 3_959_999), (2, MID_OUT, MID, ALL, 981)) == ["bound"]


def test_a_route_through_a_token_without_a_price_is_bound_at_its_end() -> None:
    into = (2, IN_ODD, USD, 1_000_000, 1)
    assert _legs(into, into, (2, ODD_OUT, UNPRICED, ALL, 981)) == []
    assert _legs(into, into, (2, ODD_OUT, UNPRICED, ALL, 980)) == ["bound"]
    assert _legs(into) == ["price"], "it would be left over"
    assert _legs(into, (2, ODD_OUT, UNPRICED, 5, 981)) == ["price", "price"], "its worth cannot be known"
    assert _legs((2, ODD_OUT, UNPRICED, ALL, 981), into) == ["amount", "price"], "nothing was bought yet"
    assert _legs(into, (2, ODD_OUT, UNPRICED, ALL, 500), (2, ODD_OUT, UNPRICED, ALL, 1)) == ["amount"], "sold already"


@given(st.integers(1, 10**30), st.integers(0, 300), st.integers(1, 10**30), st.integers(1, 10**30))
def test_the_bound_is_exact(amount: int, discount: int, price_in: int, price_out: int) -> None:
    manifest = replace(
        MANIFEST, prices=((USD, PriceX36(price_in)), (ETH, PriceX36(price_out))), max_discount=Bps(discount)
    )
    least = -(-amount * price_in * (10_000 - discount) // (price_out * 10_000))
    if not 1 < least < ALL:
        return
    for min_out, expected in ((least, []), (least - 1, ["bound"])):
        assert _ids(_transaction(_data(legs=[(2, DIRECT, USD, amount, min_out)])), manifest) == expected


def test_all_reasons_are_given_at_once() -> None:
    order = (bytes(32), 0, 0, bytes(32), 0)
    bad = replace(_transaction(_data(order, [(9, VAULT, USD, 0, 0)])), value=Wei(1), chain_id=5)
    assert _ids(bad) == ["chain", "value", "intent", "epoch", "deadline", "nav", "pool"]


@given(st.binary(max_size=600))
def test_any_bytes_are_answered_with_reasons(data: bytes) -> None:
    assert _ids(_transaction(GOOD.data[:4] + data))


# cancelling

CANCEL = Transaction(1, 3, USD, Wei(0), b"", Gas(CANCEL_GAS), Wei(50 * 10**9), Wei(10**9))


def _cancel_ids(transaction: Transaction) -> list[str]:
    reasons = examine_cancel(transaction, USD, 1, Wei(50 * 10**9))
    return [reason.id.removeprefix("K-34.") for reason in reasons]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chain_id": 2}, "chain"),
        ({"to": VAULT}, "target"),
        ({"value": Wei(1)}, "value"),
        ({"data": b"\x00"}, "calldata"),
        ({"gas": Gas(CANCEL_GAS + 1)}, "gas"),
        ({"max_fee": Wei(50 * 10**9 + 1)}, "fee"),
    ],
)
def test_a_cancellation_pays_nothing_to_oneself(change: dict[str, Any], name: str) -> None:
    assert _cancel_ids(CANCEL) == []
    assert _cancel_ids(replace(CANCEL, **change)) == [name]


def test_a_route_is_bound_to_the_unit() -> None:
    even = replace(MANIFEST, prices=((USD, PriceX36(1)), (ETH, PriceX36(1))))
    into = (2, IN_ODD, USD, 10_000, 1)
    for min_out, expected in ((9_801, []), (9_800, ["bound"])):
        data = _data(legs=[into, (2, ODD_OUT, UNPRICED, ALL, min_out)])
        assert _ids(_transaction(data), even) == expected


def test_a_reason_says_what_was_found_and_what_may_be() -> None:
    (short,) = examine(_transaction(_data(legs=[(2, DIRECT, USD, 2_000_000, 950)])), MANIFEST)
    assert short.sentence == (
        "leg 0 accepts 500.0 bps less than the worth of what it sells at the oracle's prices, at most 100 may be"
    )
    (other,) = examine(_transaction(b"\x01\x02\x03\x04\x05"), MANIFEST)
    assert other.sentence == "calls 0x01020304, expected the entry point of a basket vault, 0x408a318c"
    assert CANCEL_GAS == 21_000, "Ethereum's price of a transfer"
