"""An in-process EVM with the protocols' deployed bytecode: the oracle that the adapters are measured against."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from pyrevm import EVM, AccountInfo, BlockEnv, Env

from keeper.model import Failed, Question
from keeper.protocols.lens import LENS

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "node_modules"
ADMIN = "0x00000000000000000000000000000000000000ad"
START = 1_700_000_000
DEEP = os.environ.get("KEEPER_DEEP") == "1"


class Reverted(Exception):
    """The call reverted; the message is what the EVM says."""


@dataclass
class Chain:
    """One EVM; every call is a transaction of its own, so storage is cold at its start as it is on a chain."""

    Reverted: ClassVar[type[Exception]] = Reverted

    evm: Any = field(default_factory=lambda: EVM(env=Env(block=BlockEnv(timestamp=START, number=1))))
    timestamp: int = START
    gas_used: int = 0

    def deploy(self, artifact: Path, types: str = "", *arguments: Any, links: dict[str, str] | None = None) -> str:
        """Deploys an npm or forge artefact's bytecode with constructor arguments, library addresses filled in."""
        built = json.loads((MODULES / artifact).read_text())
        code = built["bytecode"] if isinstance(built["bytecode"], str) else built["bytecode"]["object"]
        code = code.removeprefix("0x")
        for libraries in built.get("linkReferences", {}).values():
            for name, places in libraries.items():
                for place in places:
                    at = place["start"] * 2
                    code = code[:at] + (links or {})[name].removeprefix("0x").lower() + code[at + 40 :]
        data = bytes.fromhex(code) + encode(_split(types), arguments)
        address: str = self.evm.deploy(ADMIN, data)
        return address.lower()

    def send(self, to: str, signature: str, *arguments: Any, caller: str = ADMIN, value: int = 0) -> bytes:
        """A transaction that must not revert (Reverted otherwise); its return data."""
        return self.raw(to, call(signature, *arguments), caller, value)

    def raw(self, to: str, data: bytes, caller: str = ADMIN, value: int = 0) -> bytes:
        try:
            answer = self.evm.message_call(caller, to, data, value)
        except RuntimeError as error:
            raise Reverted(str(error)) from error
        self.gas_used = self.evm.result.gas_used
        return bytes(answer)

    def view(self, to: str, signature: str, returns: str, *arguments: Any) -> Any:
        """A static call's decoded answer: the value itself when there is one, a tuple when there are several."""
        answer = bytes(self.evm.message_call(ADMIN, to, call(signature, *arguments), is_static=True))
        return self.view_result(answer, returns)

    def view_result(self, data: bytes, returns: str) -> Any:
        """Return data of `send` decoded: the value itself when there is one, a tuple when there are several."""
        values = decode(_split(returns), data)
        return values[0] if len(values) == 1 else values

    def ask(self, question: Question[Any]) -> Any:
        """What the question's reads amount to, read here and now; a read that reverts or does not decode is Failed."""
        answers: list[Any] = []
        for read in question.reads:
            try:
                answer = bytes(self.evm.message_call(ADMIN, read.target, read.calldata, is_static=True))
                answers.append(read.decode(answer))
            except (RuntimeError, ValueError) as error:
                answers.append(Failed(str(error)))
        return question.build(answers)

    def wait(self, seconds: int) -> None:
        self.timestamp += seconds
        self.evm.set_block_env(BlockEnv(timestamp=self.timestamp, number=1))

    def token(self, decimals: int, symbol: str = "TKN") -> str:
        """A plain mintable ERC-20 of `decimals`."""
        artifact = AAVE / "mocks/tokens/MintableERC20.sol/MintableERC20.json"
        return self.deploy(artifact, "string,string,uint8", symbol, symbol, decimals)


AAVE = Path("@aave/core-v3/artifacts/contracts")


def call(signature: str, *arguments: Any) -> bytes:
    """Calldata of a function given by its canonical signature."""
    name = signature.index("(")
    return keccak(text=signature)[:4] + encode(_split(signature[name + 1 : -1]), arguments)


def _split(types: str) -> list[str]:
    """Top-level types of a comma-separated list; tuples keep their commas."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(types + ","):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(types[start:at])
            start = at + 1
    return [part for part in parts if part]


@pytest.fixture(scope="session")
def deep() -> bool:
    """Whether the long profile was asked for (KEEPER_DEEP=1)."""
    return DEEP


@pytest.fixture(scope="session")
def make_chain() -> Callable[[], Chain]:
    """Makes an empty chain with the keeper's lens in place."""
    lens = bytes.fromhex(json.loads((ROOT / "keeper/abi/KeeperLens.json").read_text())["deployedBytecode"][2:])

    def make() -> Chain:
        chain = Chain()
        chain.evm.insert_account_info(LENS, AccountInfo(code=lens))
        return chain

    return make
