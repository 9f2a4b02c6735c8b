"""A keystore file and its passphrase in, transactions signed and checked out; the key itself is never shown."""

import getpass
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import rlp  # type: ignore[import-untyped]  # it states no types
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]  # the same

from keeper.errors import BadInput, Halt
from keeper.model import Transaction
from keeper.units import Address, Hash, address

SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""The largest s of a signature that Ethereum takes (EIP-2)."""
MAX_PASSPHRASE_BYTES = 4_096
_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


class Signer:
    """Signs for one address. It cannot be printed, copied into a file or sent to another process."""

    __slots__ = ("__account", "address")

    def __init__(self, account: LocalAccount) -> None:
        self.__account = account
        self.address: Address = address(account.address)

    def __repr__(self) -> str:
        return f"Signer({self.address}, key hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer does not leave the process it was opened in")

    def sign(self, transaction: Transaction) -> tuple[bytes, Hash]:
        """The signed bytes and their hash, checked by `verify`."""
        raw = bytes(self.__account.sign_transaction(_fields(transaction)).raw_transaction)
        return raw, verify(raw, transaction, self.address)


def verify(raw: bytes, asked: Transaction, sender: Address) -> Hash:
    """The hash of signed bytes that are exactly the transaction asked for, signed by `sender`.

    Raises Halt when any field differs, when another key signed, or when s is not the low one (K-35). Decoded by
    EIP-1559's own definition, apart from the library that signs.
    """
    *found, parity, r, s = _items(raw)
    for (name, wanted), item in zip(_unsigned(asked), found, strict=True):
        if item != wanted:
            raise Halt(f"the signer changed {name}: expected {_shown(wanted)}, found {_shown(item)}")
    if int.from_bytes(s, "big") > SECP256K1_HALF_ORDER:
        raise Halt("the signature's s is the high one, which Ethereum refuses")
    digest = keccak(b"\x02" + rlp.encode(found))
    try:
        v, r_number, s_number = (int.from_bytes(part, "big") for part in (parity, r, s))
        signature = Signature(vrs=(v, r_number, s_number))
        signer = signature.recover_public_key_from_msg_hash(digest).to_address()
    except (BadSignature, ValidationError) as error:
        raise Halt(f"the signer returned no valid signature: {error}") from error
    if signer != sender:
        raise Halt(f"the transaction is signed by {signer}, expected {sender}")
    return Hash("0x" + keccak(raw).hex())


def _items(raw: bytes) -> list[Any]:
    """The twelve items of a signed EIP-1559 transaction: nine of the payload, then parity, r and s."""
    try:
        if raw[:1] != b"\x02":
            raise ValueError("its type is not 2")
        items = rlp.decode(raw[1:])
        if not isinstance(items, list) or len(items) != 12 or not all(isinstance(part, bytes) for part in items[9:]):
            raise ValueError("it is no list of twelve items")
        if rlp.encode(items) != raw[1:] or any(part[:1] == b"\0" for part in items[9:]):
            raise ValueError("it is not in the canonical form")
    except (ValueError, RLPException) as error:
        raise Halt(f"the signer returned bytes that are no signed transaction: {error}") from error
    return items


def _unsigned(transaction: Transaction) -> list[tuple[str, Any]]:
    """The nine items of the payload, in EIP-1559's order; integers big-endian without leading zeros."""
    return [
        ("chain id", _big_endian(transaction.chain_id)),
        ("nonce", _big_endian(transaction.nonce)),
        ("tip", _big_endian(transaction.tip)),
        ("fee cap", _big_endian(transaction.max_fee)),
        ("gas limit", _big_endian(transaction.gas)),
        ("target", bytes.fromhex(transaction.to[2:])),
        ("value", _big_endian(transaction.value)),
        ("calldata", transaction.data),
        ("access list", []),
    ]


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _shown(item: Any) -> str:
    return f"0x{item[:40].hex()}" if isinstance(item, bytes) else repr(item)[:80]


def claimed(path: Path) -> Address:
    """Whose key a keystore file says it holds. Raises BadInput when it does not say, as `open_keystore`."""
    try:
        return address("0x" + json.loads(_private_text(path))["address"].lower().removeprefix("0x"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{path} does not say whose key it holds: make it with its address, as geth does") from error


def open_keystore(path: Path, passphrase: Callable[[], str], expected: Address) -> Signer:
    """The signer whose key lies in a keystore v3 file. Raises BadInput, in a sentence without the passphrase.

    `passphrase` is asked only once the file has been found readable, private and of the `expected` address.
    """
    text = _private_text(path)
    try:
        stored = json.loads(text)
        claimed = stored.get("address")
        if stored.get("version") != 3 or "crypto" not in {key.lower() for key in stored}:
            raise ValueError("no version 3 keystore")
    except (ValueError, AttributeError) as error:
        raise BadInput(f"{path} is no keystore file of version 3: make one with `cast wallet import`") from error
    named = "0x" + claimed.lower().removeprefix("0x") if isinstance(claimed, str) else expected
    if named != expected:
        raise BadInput(f"the keystore {path} holds the key of {named}, expected {expected}: name the right one")
    try:
        account = Account.from_key(Account.decrypt(stored, passphrase()))
    except ValueError as error:
        raise BadInput(f"the passphrase does not open the keystore {path}") from error
    except (LookupError, TypeError, AttributeError, NotImplementedError) as error:
        raise BadInput(f"the keystore {path} is damaged or of an unknown kind: make it again") from error
    signer = Signer(account)
    if signer.address != expected:
        raise BadInput(f"the keystore {path} holds the key of {signer.address}, expected {expected}")
    return signer


def world_key(key: str, is_world: Callable[[], bool]) -> Signer:
    """The signer of the local world's published key. Raises BadInput unless `is_world()`: anyone may hold that key."""
    if not is_world():
        raise BadInput("the published test key signs on the local world only: name a keystore file for this chain")
    return Signer(Account.from_key(key))


def prompted() -> str:
    """The passphrase, typed and not shown. Raises BadInput when there is nobody to type."""
    nobody = "there is no terminal to ask for the passphrase: hand it over by --passphrase-fd"
    if not sys.stdin.isatty():
        raise BadInput(nobody)
    try:
        return getpass.getpass("Passphrase of the keeper's keystore: ")
    except (EOFError, OSError) as error:
        raise BadInput(nobody) from error


def from_descriptor(descriptor: int) -> str:
    """The passphrase from an open file descriptor, up to its end and without the last line break. Raises BadInput."""
    text = b""
    try:
        while len(text) <= MAX_PASSPHRASE_BYTES and (more := os.read(descriptor, MAX_PASSPHRASE_BYTES)):
            text += more
        os.close(descriptor)
        passphrase = text.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"file descriptor {descriptor} gives no passphrase: open it for reading, as text") from error
    if len(text) > MAX_PASSPHRASE_BYTES:
        raise BadInput(f"file descriptor {descriptor} gives more than {MAX_PASSPHRASE_BYTES} bytes, no passphrase")
    return passphrase.removesuffix("\n").removesuffix("\r")


def refuse_key_in(words: Iterable[str], owner: Address) -> None:
    """K-41: raises BadInput when one of the command line's words is, or contains, the private key of `owner`."""
    for text in words:
        for found in _KEY.findall(text):
            try:
                holds = address(Account.from_key(bytes.fromhex(found)).address) == owner
            except (ValueError, ValidationError):  # out of the curve's range: no key
                continue
            if holds:
                raise BadInput(
                    "the command line holds the keeper's private key, which every process can read: take that key out "
                    "of use, and keep the new one in a keystore file"
                )


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise BadInput(
                    f"the keystore {path} has mode {mode:04o}, open to others; expected 0600: chmod 600 {path}"
                )
            return file.read()
    except FileNotFoundError:
        raise BadInput(f"there is no keystore at {path}: correct its path, or make it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the keystore {path} cannot be read: {error}") from error


def _fields(transaction: Transaction) -> dict[str, Any]:
    """As eth-account names them."""
    return {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": bytes.fromhex(transaction.to[2:]),
        "value": transaction.value,
        "data": transaction.data,
        "gas": transaction.gas,
        "maxFeePerGas": transaction.max_fee,
        "maxPriorityFeePerGas": transaction.tip,
    }
