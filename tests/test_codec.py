"""What is written is read back equal, and what does not fit is refused with the path to it."""

import dataclasses
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Union

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keeper import model
from keeper.codec import MODEL, Codec, canonical, text_hash
from keeper.model import Cost, Deferred, Forecast, GuardState, Head, Limits, Plan, Snapshot, State, Token, Touch
from keeper.units import Address, Bps, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class Inside:
    """A class that no registry names: found through the field that declares it."""

    ticks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """As an adapter's venue: it has every member of the protocol, some of them as fields."""

    pool: Address
    tokens: tuple[Address, Address]
    inside: Inside
    state: Literal["open", "closed", 3] = "open"

    adapter = 1
    fee = 0.003
    gas = 1

    def _nothing(self, *_: Any) -> Any: ...

    mid = quote = quote_out = after = gas_of = best_input = lower = _nothing


@dataclass(frozen=True, slots=True)
class Code:
    code: bytes
    maybe: bytes | None


CODEC = Codec({"pool": Pool, "Code": Code} | MODEL)

a_text = st.text(max_size=8)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers() | st.integers(-(2**300), 2**300),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: a_text,
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    type(None): st.none(),
}


def values(hint: Any, depth: int = 4) -> st.SearchStrategy[Any]:
    """Values of a declared type; independent of the codec's own reading of it."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if hint in (model.Venue,):
        return values(Pool, depth)
    if getattr(hint, "_is_protocol", False):
        return st.nothing()
    if origin is tuple and arguments[-1] is Ellipsis:
        one = values(arguments[0], depth - 1)
        return st.just(()) if one.is_empty or depth < 0 else st.lists(one, max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument, depth - 1) for argument in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, type(int | str)):
        return st.one_of(*(values(argument, depth - 1) for argument in arguments))
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{f.name: values(hints[f.name], depth - 1) for f in dataclasses.fields(hint)})


@pytest.mark.parametrize("tag", sorted(CODEC.classes))
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_every_class_is_read_back_equal(tag: str, data: st.DataObject) -> None:
    kind = CODEC.classes[tag]
    value = data.draw(values(kind))
    text = CODEC.dumps(value)
    assert CODEC.loads(kind, text) == value
    assert CODEC.dumps(CODEC.loads(kind, text)) == text, "one value has one text"
    assert json.loads(text)["$"] == tag


def test_the_model_is_covered_but_for_what_must_not_be_read_back() -> None:
    dataclasses_of_model = {n for n in model.__all__ if dataclasses.is_dataclass(getattr(model, n)) and n != "Policy"}
    assert dataclasses_of_model - set(MODEL) == {"Read", "Question", "Cleared", "Lowered", "Stretches"}
    with pytest.raises(ValueError, match="value: expected Any, found 'Cleared'"):
        CODEC.decode(Any, {"$": "Cleared"})  # type: ignore[arg-type]


HEAD = Head(model_number := typing.cast(Any, 7), typing.cast(Any, "0x" + "ab" * 32), Timestamp(9), Wei(2**200))


def test_the_text_is_canonical_and_names_the_value() -> None:
    text = b'{"$":"Head","base_fee":%d,"hash":"0x%s","number":7,"timestamp":9}' % (2**200, b"ab" * 32)
    assert CODEC.dumps(HEAD) == text
    assert CODEC.content_hash(HEAD) == text_hash(text)
    # The hash is SHA-256 itself: sha256("") is a published constant.
    assert text_hash(b"") == "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("number", [0.1, 1e-7, 5e-324, 1.7976931348623157e308, 2.0, -0.0, 1 / 3])
def test_a_float_keeps_every_bit(number: float) -> None:
    back = CODEC.loads(Touch, CODEC.dumps(Touch("x", number, 0.5))).barrier
    assert back.hex() == number.hex()


def test_an_integer_where_a_float_is_declared_is_that_float() -> None:
    assert CODEC.dumps(Cost(fees=1)) == CODEC.dumps(Cost(fees=1.0))
    back = CODEC.decode(Cost, {"$": "Cost", "fees": 1})
    assert (back, type(back.fees)) == (Cost(fees=1.0), float)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_both_ways(number: float) -> None:
    with pytest.raises(ValueError, match=r"cost\.gas: expected a finite float"):
        CODEC.dumps(Plan((), None, Cost(gas=number), Cost(), ""))
    with pytest.raises(ValueError, match="is no JSON number"):
        CODEC.loads(Touch, f'{{"$":"Touch","barrier":{json.dumps(number)},"probability":0.5,"quantity":""}}'.encode())


STATE = State(typing.cast(Address, "0x" + "11" * 20), True, Deferred(Timestamp(5), "blackout"))


def _changed(change: Callable[[dict[str, Any]], object]) -> Any:
    tree = CODEC.encode(STATE)
    change(tree)
    return tree


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.update(acting=1), "acting: expected bool, found 1"),
        (lambda t: t.update(failures=True), "failures: expected int, found True"),
        (lambda t: t.update(failures="1"), "failures: expected int, found '1'"),
        (lambda t: t.update(failures=1.0), "failures: expected int, found 1.0"),
        (lambda t: t.update(vault=None), "vault: expected str, found None"),
        (lambda t: t.update(open_intents="ab"), "open_intents: expected a list, found 'ab'"),
        (lambda t: t.update(open_intents=["a", "b", 3]), r"open_intents\[2\]: expected str, found 3"),
        (lambda t: t["deferred"].update(until="5"), r"deferred\.until: expected int, found '5'"),
        (lambda t: t["deferred"].pop("until"), r"deferred\.until: Deferred needs this field"),
        (lambda t: t.update(deferred={"$": "Head"}), r"deferred: expected .*Deferred \| None, found \{'\$': 'Head'\}"),
        (lambda t: t.update(typo=1), "typo: State has no such field"),
        (lambda t: t.update({"$": "Stat"}), "value: expected State, found 'Stat'"),
        (lambda t: t.pop("$"), "value: expected State, found None"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(change: Callable[[dict[str, Any]], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        CODEC.decode(State, _changed(change))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"\xff"', b'{"$":"State"'])
def test_what_is_no_value_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        CODEC.loads(State, text)


def test_a_field_with_a_default_may_be_missing() -> None:
    assert CODEC.decode(State, {"$": "State", "vault": STATE.vault}) == State(STATE.vault)


@pytest.mark.parametrize("text", ["", "0x0", "0xzz", "abcd", "0x 12", "0x12\n34", 12])
def test_bytes_are_whole(text: Any) -> None:
    with pytest.raises(ValueError, match="code: expected bytes"):
        CODEC.decode(Code, {"$": "Code", "code": text, "maybe": None})


def test_a_wrong_value_is_refused_when_written() -> None:
    with pytest.raises(ValueError, match="failures: expected int, found '1'"):
        CODEC.dumps(replace(STATE, failures=typing.cast(int, "1")))
    with pytest.raises(ValueError, match="expected a tuple, found"):
        CODEC.dumps(replace(STATE, open_intents=typing.cast(Any, [])))


def test_a_protocol_takes_any_class_with_its_members_and_no_other() -> None:
    zero = typing.cast(Address, "0x" + "00" * 20)
    pool = Pool(zero, (zero, zero), Inside(((-5, 7), (3, -7))), 3)
    native = model.Round(zero, zero, 1, 2, 8, Timestamp(1), typing.cast(Any, 3))
    snapshot = Snapshot(1, HEAD, (), (pool,), (), (), (), native)
    assert CODEC.loads(Snapshot, CODEC.dumps(snapshot)) == snapshot
    assert CODEC.encode(snapshot)["venues"][0]["$"] == "pool"
    with pytest.raises(ValueError, match=r"^venues\[0\]: expected Venue, found Token"):
        CODEC.dumps(replace(snapshot, venues=(typing.cast(Any, Token(zero, "X", 6)),)))
    tree = CODEC.encode(snapshot)
    tree["venues"][0]["$"] = "Token"
    with pytest.raises(ValueError, match=r"^venues\[0\]: expected Venue, found 'Token'"):
        CODEC.decode(Snapshot, tree)


def test_a_type_that_json_cannot_hold_is_refused_at_once() -> None:
    @dataclass(frozen=True, slots=True)
    class Loose:
        anything: dict[str, int]

    with pytest.raises(TypeError, match="cannot be written as JSON"):
        Codec({"Loose": Loose})


def test_two_classes_do_not_share_a_tag() -> None:
    other = dataclasses.make_dataclass("Inside", [("x", int)])
    holder = dataclasses.make_dataclass("Holder", [("x", other)])
    with pytest.raises(TypeError, match="two classes are called Inside"):
        Codec({"pool": Pool, "holder": holder})


def test_protocols_of_the_model_are_told_apart() -> None:
    class Empty(Protocol): ...

    assert Codec({"pool": Pool} | MODEL)._implementing(model.Venue) == {"pool"}
    assert CODEC._implementing(model.Vault) == set()
    assert CODEC._implementing(Empty) == set(CODEC.classes)


def test_canonical_text_does_not_depend_on_the_order_of_fields() -> None:
    assert canonical({"b": 1, "a": [1, 2.5, "é"]}) == b'{"a":[1,2.5,"\\u00e9"],"b":1}'
    assert canonical({"a": [1, 2.5, "é"], "b": 1}) == canonical({"b": 1, "a": [1, 2.5, "é"]})


def test_values_of_a_tuple_type_need_no_class() -> None:
    limits = tuple(Limits(*([Bps(i)] * 6), 300) for i in range(3))
    kind = tuple[Limits, ...]
    assert CODEC.loads(kind, CODEC.dumps(limits, kind)) == limits
    assert CODEC.loads(Forecast, CODEC.dumps(Forecast("ewma", 60, (), ()))) == Forecast("ewma", 60, (), ())
    with pytest.raises(ValueError, match=r"^\[1\]: expected Limits, found GuardState"):
        CODEC.dumps((limits[0], GuardState(1, False, Timestamp(0), 0, 0)), kind)


def test_what_older_journals_hold_is_read_with_defaults() -> None:
    """Values written before policies had kinds, gates, parts and reasons."""
    zero = "0x" + "00" * 20
    state = {"$": "State", "vault": zero, "acting": True, "deferred": {"$": "Deferred", "until": 5, "reason": "gas"}}
    assert CODEC.decode(State, state).progress is None
    decision = {"$": "Decision", "verdict": {"$": "Refused", "reasons": []}, "state": state}
    told = CODEC.decode(model.Decision, decision | {"drift": None, "forecast": None})
    assert (told.why, told.chance) == ("", None)
    assert CODEC.decode(model.Threshold, {"$": "Threshold", "settle": "edge"}) == model.Threshold("edge")
    goal = CODEC.decode(model.HealthGoal, {"$": "HealthGoal", "low": 15, "target": 18, "high": 22})
    assert goal.tolerance == 0.0
    assert not CODEC.decode(model.Window, {"$": "Window", "start": 1, "end": 2, "reason": "x"}).rescues
    lane = {"$": "Lane", "name": "normal", "max_gas_price": 1, "tip": 0, "resubmit_s": 12}
    mandate = {"$": "Mandate", "vault": zero, "kind": "leverage", "name": "x", "goal": CODEC.encode(goal)}
    mandate |= {"policy": {"$": "Threshold", "settle": "edge"}, "horizon_s": 1, "risk_aversion": 2.0, "max_loss": 1}
    mandate |= {"max_slippage": 1, "deadline_s": 300, "min_trade": 0.0}
    mandate |= {"lanes": {"$": "Lanes", "normal": lane, "urgent": lane | {"name": "urgent"}}}
    read = CODEC.decode(model.Mandate, mandate)
    assert (read.gates, read.chunks) == (model.Gates(), model.Chunks())
