"""The contracts' arithmetic laid open (tests/solidity/Exposed.sol), compiled once and run in process."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyrevm import EVM, BlockEnv, CfgEnv, Env

from keeper import abi
from keeper.world import calls

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "0x00000000000000000000000000000000000000ad"
NOW = 1_700_000_000
DEEP = os.environ.get("KEEPER_DEEP") == "1"


@dataclass
class Exposed:
    """One EVM and the artefacts to deploy in it."""

    evm: Any
    artefacts: Path
    now: int = NOW

    def deploy(self, contract: str, types: str = "()", *values: Any) -> str:
        """Of Exposed.sol, or else one that is shipped; `types` of its constructor."""
        built = self.artefacts / f"{contract}.json"
        if built.exists():
            code = bytes.fromhex(json.loads(built.read_text())["bytecode"]["object"][2:])
        else:
            code = abi.load(contract).creation
        address: str = self.evm.deploy(ADMIN, code + calls.arguments(types, *values))
        return address.lower()

    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.evm.set_block_env(BlockEnv(timestamp=self.now, number=1))

    def send(self, to: str, function: str, *values: Any, returns: str = "()") -> Any:
        """A transaction's answer: the value itself when there is one, a tuple otherwise."""
        answer = bytes(self.evm.message_call(ADMIN, to, calls.encode(function, *values)))
        decoded = calls.decode(returns, answer)
        return decoded[0] if len(decoded) == 1 else decoded


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exposed")
    command = [ROOT / "scripts/forge", "build", "--out", folder / "out", "--cache-path", folder / "cache"]
    command.append(ROOT / "tests/solidity/Exposed.sol")
    plain = {"FOUNDRY_OPTIMIZER": "false"}  # what is compared is what is computed, and it compiles sooner
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | plain)
    return folder / "out" / "Exposed.sol"


@pytest.fixture
def exposed(artefacts: Path) -> Exposed:
    unlimited = CfgEnv(limit_contract_code_size=2**20)
    evm = EVM(env=Env(cfg=unlimited, block=BlockEnv(timestamp=NOW, number=1)), gas_limit=2**40)
    return Exposed(evm, artefacts)


@pytest.fixture(scope="session")
def vectors() -> Callable[[int], int]:
    """How many vectors a test draws: so many, and ten times as many deep."""
    return lambda count: count * 10 if DEEP else count
