"""The vault's own events are told from everything else that a transaction emits."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.chain.logs import (
    INTENT_EXECUTED,
    LEG_EXECUTED,
    RIPCORD_PULLED,
    Executed,
    Log,
    RipcordPulled,
    executed,
    fills,
    logs,
    ripcords,
)
from keeper.model import Fill
from keeper.units import Address, Hash

VAULT, OTHER, POOL, IN, OUT = (Address("0x" + digit * 40) for digit in "12345")
INTENT = Hash("0x" + "ab" * 32)


def _topic(address: Address) -> Hash:
    return Hash("0x" + "00" * 12 + address[2:])


DONE = Log(VAULT, (INTENT_EXECUTED, INTENT, Hash(f"0x{4:064x}")), encode(["uint256"] * 2, [10**30, 7]))
LEG = Log(VAULT, (LEG_EXECUTED, _topic(POOL), _topic(IN)), encode(["address", "uint256", "uint256"], [OUT, 2**255, 5]))


def test_the_topics_are_the_events_own() -> None:
    assert "0x" + keccak(text="IntentExecuted(bytes32,uint64,uint256,uint256)").hex() == INTENT_EXECUTED
    assert "0x" + keccak(text="LegExecuted(address,address,address,uint256,uint256)").hex() == LEG_EXECUTED
    pulled = keccak(text="RipcordPulled(address,uint64,uint256,uint256,uint256,uint256)").hex()
    assert "0x" + pulled == RIPCORD_PULLED


def test_the_vaults_events_are_decoded() -> None:
    assert executed([LEG, DONE], VAULT) == (Executed(INTENT, 4, 10**30, 7),)
    topics = (RIPCORD_PULLED, _topic(OTHER), Hash(f"0x{9:064x}"))
    pull = Log(VAULT, topics, encode(["uint256"] * 4, [4, 3, 2, 1]))
    assert ripcords([LEG, pull, replace(pull, address=OTHER)], VAULT) == (RipcordPulled(4, 3, 2, 1),)
    assert fills([DONE, LEG, LEG], VAULT) == (Fill(POOL, IN, OUT, 2**255, 5, 0),) * 2


@pytest.mark.parametrize("event", [DONE, LEG], ids=["intent", "leg"])
@pytest.mark.parametrize("bend", ["address", "no topics", "short topics", "other topic", "short data", "long data"])
def test_what_only_looks_like_one_is_not(event: Log, bend: str) -> None:
    bent = {
        "address": replace(event, address=OTHER),
        "no topics": replace(event, topics=()),
        "short topics": replace(event, topics=event.topics[:2]),
        "other topic": replace(event, topics=(INTENT, *event.topics[1:])),
        "short data": replace(event, data=event.data[:-1]),
        "long data": replace(event, data=event.data + bytes(32)),
    }[bend]
    assert (executed([bent], VAULT), fills([bent], VAULT)) == ((), ())


def test_a_nodes_form_is_checked() -> None:
    stated = {"address": VAULT.upper().replace("0X", "0x"), "topics": [INTENT], "data": "0x0102"}
    assert logs([stated]) == (Log(VAULT, (INTENT,), b"\x01\x02"),)
    for change in ({"address": None}, {"topics": "0x"}, {"topics": ["0x12"]}, {"data": "0x1"}, {"data": None}):
        with pytest.raises(ValueError, match=r".+"):
            logs([stated | change])
    with pytest.raises(ValueError, match="expected an array"):
        logs({})
