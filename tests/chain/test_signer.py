"""A key comes from a private keystore file, signs exactly what was asked, and is never seen."""

import copy
import json
import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.chain.node import Node, word
from keeper.chain.signer import (
    SECP256K1_HALF_ORDER,
    Signer,
    from_descriptor,
    open_keystore,
    prompted,
    refuse_key_in,
    verify,
    world_key,
)
from keeper.errors import BadInput, Halt
from keeper.model import Transaction
from keeper.units import Address, Gas, Wei, address

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first, published
OWNER = Address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")
OTHER = Address("0x70997970c51812dc3a010c7d01b50e0d17dc79c8")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TRANSACTION = Transaction(31337, 0, OTHER, Wei(0), b"\x12\x34", Gas(60_000), Wei(3 * 10**9), Wei(10**9))


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    keystore: dict[str, Any] = Account.encrypt(KEY, "correct horse", kdf="scrypt", iterations=2)
    return keystore


@pytest.fixture
def keystore(stored: dict[str, Any], tmp_path: Path) -> Path:
    return _written(tmp_path / "key.json", stored)


def _written(path: Path, stored: Any, mode: int = 0o600) -> Path:
    path.write_text(stored if isinstance(stored, str) else json.dumps(stored))
    path.chmod(mode)
    return path


def _never() -> str:
    pytest.fail("the passphrase was asked for")


def test_a_keystore_signs_what_a_node_takes(keystore: Path, node: Node) -> None:
    signer = open_keystore(keystore, lambda: "correct horse", OWNER)
    raw, tx_hash = signer.sign(TRANSACTION)
    assert node.send("eth_sendRawTransaction", ["0x" + raw.hex()], word) == tx_hash


def test_the_key_is_never_seen(keystore: Path) -> None:
    signer = open_keystore(keystore, lambda: "correct horse", OWNER)
    assert f"{signer!r} {signer}" == f"Signer({OWNER}, key hidden) " * 1 + f"Signer({OWNER}, key hidden)"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave the process"):
            leave(signer)
    assert not hasattr(signer, "__dict__")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o777])
def test_a_file_open_to_others_is_refused_before_the_passphrase(keystore: Path, mode: int) -> None:
    keystore.chmod(mode)
    with pytest.raises(BadInput, match=rf"has mode 0{mode:o}, open to others; expected 0600: chmod 600"):
        open_keystore(keystore, _never, OWNER)
    for private in (0o600, 0o400):
        keystore.chmod(private)
        assert stat.S_IMODE(keystore.stat().st_mode) == private
        assert open_keystore(keystore, lambda: "correct horse", OWNER).address == OWNER


def test_a_wrong_passphrase_is_one_sentence_without_it(keystore: Path) -> None:
    with pytest.raises(BadInput, match=r"the passphrase does not open the keystore .*key\.json$") as caught:
        open_keystore(keystore, lambda: "wrong horse", OWNER)
    assert "wrong horse" not in str(caught.value)


def test_anothers_keystore_is_refused_before_the_passphrase(keystore: Path) -> None:
    with pytest.raises(BadInput, match=f"holds the key of {OWNER}, expected {OTHER}"):
        open_keystore(keystore, _never, OTHER)


def test_a_keystore_that_misstates_its_address_is_refused(stored: dict[str, Any], tmp_path: Path) -> None:
    path = _written(tmp_path / "key.json", stored | {"address": OTHER[2:]})
    with pytest.raises(BadInput, match=f"holds the key of {OWNER}, expected {OTHER}"):
        open_keystore(path, lambda: "correct horse", OTHER)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", KEY, '{"version": 3}', '{"version": 1, "crypto": {}}', "\ud800".encode("utf-8", "surrogatepass")],
)
def test_what_is_no_keystore_is_refused(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    with pytest.raises(BadInput, match=r"key\.json (is no keystore file of version 3|cannot be read)") as caught:
        open_keystore(path, _never, OWNER)
    assert KEY[2:] not in str(caught.value)


@pytest.mark.parametrize("missing", ["ciphertext", "kdf", "kdfparams", "mac"])
def test_a_damaged_keystore_is_refused(stored: dict[str, Any], tmp_path: Path, missing: str) -> None:
    damaged = copy.deepcopy(stored)
    del damaged["crypto"][missing]
    with pytest.raises(BadInput, match=r"key\.json"):
        open_keystore(_written(tmp_path / "key.json", damaged), lambda: "correct horse", OWNER)


def test_a_missing_keystore_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no keystore at .*key\.json"):
        open_keystore(tmp_path / "key.json", _never, OWNER)


@pytest.mark.parametrize("written", [b"correct horse\n", b"correct horse", b"correct horse\r\n"])
def test_the_passphrase_comes_from_a_descriptor(keystore: Path, written: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, written)
    os.close(writer)
    assert open_keystore(keystore, lambda: from_descriptor(reader), OWNER).address == OWNER
    with pytest.raises(BadInput, match=f"file descriptor {reader} gives no passphrase"):
        from_descriptor(reader)  # closed once read


def test_an_endless_descriptor_is_refused() -> None:
    with open("/dev/zero", "rb") as zeros, pytest.raises(BadInput, match="more than 4096 bytes"):
        from_descriptor(os.dup(zeros.fileno()))


def test_without_a_terminal_there_is_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", nobody)
    with pytest.raises(BadInput, match="no terminal to ask for the passphrase"):
        prompted()


def test_the_published_key_signs_on_the_world_only() -> None:
    assert world_key(KEY, lambda: True).address == OWNER
    with pytest.raises(BadInput, match="on the local world only"):
        world_key(KEY, lambda: False)


@pytest.mark.parametrize("word", [KEY, KEY[2:], f"--key={KEY}", KEY.upper().replace("X", "x")])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(BadInput, match="the command line holds the keeper's private key") as caught:
        refuse_key_in(["run", word], OWNER)
    assert KEY[2:10] not in str(caught.value).lower()
    refuse_key_in(["run", word], OTHER)
    refuse_key_in(["journal", "0x" + "00" * 32, "0x" + "ff" * 32, "0x" + "ab" * 32], OWNER)


# what a signer must return


class _Bent:
    """A signer's account that signs something other than it was asked."""

    address = OWNER

    def __init__(self, bend: Callable[[dict[str, Any]], dict[str, Any]], key: str = KEY) -> None:
        self._bend, self._account = bend, Account.from_key(key)

    def sign_transaction(self, fields: dict[str, Any]) -> Any:
        return self._account.sign_transaction(self._bend(dict(fields)))


@pytest.mark.parametrize(
    ("name", "bend"),
    [
        ("chain id", {"chainId": 1}),
        ("nonce", {"nonce": 1}),
        ("target", {"to": bytes.fromhex(OWNER[2:])}),
        ("value", {"value": 1}),
        ("calldata", {"data": b"\x12\x35"}),
        ("gas limit", {"gas": 60_001}),
        ("fee cap", {"maxFeePerGas": 3 * 10**9 + 1}),
        ("tip", {"maxPriorityFeePerGas": 0}),
        ("access list", {"accessList": [{"address": OTHER, "storageKeys": []}]}),
    ],
)
def test_a_changed_field_halts(name: str, bend: dict[str, Any]) -> None:
    with pytest.raises(Halt, match=f"the signer changed {name}: expected"):
        Signer(_Bent(lambda fields: fields | bend)).sign(TRANSACTION)  # type: ignore[arg-type]


def test_another_type_of_transaction_halts() -> None:
    def legacy(fields: dict[str, Any]) -> dict[str, Any]:
        kept = {name: fields[name] for name in ("chainId", "nonce", "to", "value", "data", "gas")}
        return kept | {"gasPrice": 3 * 10**9}

    with pytest.raises(Halt, match="no signed transaction"):
        Signer(_Bent(legacy)).sign(TRANSACTION)  # type: ignore[arg-type]


def test_another_key_halts() -> None:
    with pytest.raises(Halt, match=f"is signed by {OTHER}, expected {OWNER}"):
        Signer(
            _Bent(lambda fields: fields, "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")  # type: ignore[arg-type]
        ).sign(TRANSACTION)


def test_a_high_s_halts() -> None:
    import rlp

    raw, _ = world_key(KEY, lambda: True).sign(TRANSACTION)
    *fields, parity, r, s = rlp.decode(raw[1:])
    high = ORDER - int.from_bytes(s, "big")
    flipped = 1 - int.from_bytes(parity, "big")
    malleated = b"\x02" + rlp.encode([*fields, flipped, r, high])
    assert address(Account.recover_transaction(malleated)) == OWNER, "the same sender, as a valid signature"
    assert high > SECP256K1_HALF_ORDER
    with pytest.raises(Halt, match="s is the high one"):
        verify(malleated, TRANSACTION, OWNER)


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xff" * 40])
def test_nonsense_halts(raw: bytes) -> None:
    with pytest.raises(Halt, match="no signed transaction"):
        verify(raw, TRANSACTION, OWNER)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_bit_of_a_signed_transaction_can_change(data: st.DataObject) -> None:
    raw, _ = world_key(KEY, lambda: True).sign(TRANSACTION)
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    bent = bytearray(raw)
    bent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Halt):
        verify(bytes(bent), TRANSACTION, OWNER)


def test_a_parity_of_zero_is_written_as_nothing() -> None:
    signer = world_key(KEY, lambda: True)
    signed = (replace(TRANSACTION, nonce=nonce) for nonce in range(64))
    even = next(one for one in signed if signer.sign(one)[0][-67] == 0x80)
    raw = signer.sign(even)[0]
    with pytest.raises(Halt, match="not in the canonical form"):
        verify(raw[:-67] + b"\0" + raw[-66:], even, OWNER)


@pytest.mark.parametrize("chain", [1, 10**18])
def test_the_chain_is_inside_the_signature(chain: int) -> None:
    signer = world_key(KEY, lambda: True)
    raw, _ = signer.sign(replace(TRANSACTION, chain_id=chain))
    with pytest.raises(Halt, match="the signer changed chain id"):
        verify(raw, TRANSACTION, OWNER)
