"""Calldata and the identity of an order, against a general ABI encoder."""

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper.model import ALL_RECEIVED, GuardState, Leg, LeverageMove, Move, Order, Plan, RangeMove
from keeper.model.plan import Cost
from keeper.units import Address, Hash, Timestamp
from keeper.vaults import common

WORDS = st.integers(0, 2**256 - 1)
STAMPS = st.integers(0, 2**64 - 1)
ADDRESSES = st.integers(0, 2**160 - 1).map(lambda n: Address(f"0x{n:040x}"))
HASHES = WORDS.map(lambda n: Hash(f"0x{n:064x}"))
LEGS = st.lists(
    st.builds(Leg, st.integers(0, 255), ADDRESSES, ADDRESSES, WORDS | st.just(ALL_RECEIVED), WORDS), max_size=16
).map(tuple)
ORDERS = st.builds(Order, HASHES, STAMPS, STAMPS.map(Timestamp), HASHES, WORDS)
TICKS = st.integers(-(2**23), 2**23 - 1)
MOVES: st.SearchStrategy[Move | None] = st.one_of(
    st.none(),
    st.builds(
        LeverageMove,
        lever=st.booleans(),
        flash=st.booleans(),
        urgent=st.booleans(),
        debt_amount=WORDS,
        collateral_amount=WORDS,
    ),
    st.builds(RangeMove, TICKS, TICKS, st.integers(0, 2**128 - 1)),
)


def words_of(move: Move) -> tuple[str, tuple[int, ...]]:
    if isinstance(move, RangeMove):
        return common.RANGE_MOVE, (move.tick_lower, move.tick_upper, move.min_liquidity)
    return common.LEVERAGE_MOVE, (move.lever, move.flash, move.urgent, move.debt_amount, move.collateral_amount)


def plain(legs: tuple[Leg, ...]) -> list[tuple[int | str, ...]]:
    return [(leg.adapter, leg.pool, leg.token_in, leg.amount_in, leg.min_out) for leg in legs]


@given(ORDERS, LEGS, MOVES)
def test_calldata_is_the_abis(order: Order, legs: tuple[Leg, ...], move: Move | None) -> None:
    state, intent = (bytes.fromhex(h[2:]) for h in (order.expected_state_hash, order.intent_id))
    kinds: list[str] = [common.ORDER, common.LEGS]
    values: list[object] = [
        (intent, order.expected_epoch, order.deadline, state, order.min_nav_after),
        plain(legs),
    ]
    moved: tuple[int, ...] = ()
    if move is not None:
        kind, moved = words_of(move)
        kinds, values = [*kinds, kind], [*values, moved]
    expected = encode(kinds, values)
    assert common.calldata("f()", order, legs, moved) == keccak(text="f()")[:4] + expected


@given(LEGS, MOVES, STAMPS, ADDRESSES, STAMPS.map(Timestamp))
def test_an_order_is_known_by_what_it_does(
    legs: tuple[Leg, ...], move: Move | None, epoch: int, vault: Address, deadline: Timestamp
) -> None:
    kind, moved = words_of(move if move is not None else LeverageMove(False, False, False, 0, 0))
    guard = GuardState(epoch, False, Timestamp(0), 0, 0)
    found = common.order(31_337, vault, guard, Plan(legs, move, Cost(), Cost(), ""), deadline, 5)
    plan_hash = keccak(encode([common.LEGS, kind], [plain(legs), moved]))
    kinds = ["uint256", "address", "uint64", "bytes32", "uint64"]
    assert found.intent_id == "0x" + keccak(encode(kinds, [31_337, vault, epoch, plan_hash, deadline])).hex()
    assert (found.expected_epoch, found.deadline, found.min_nav_after) == (epoch, deadline, 5)
