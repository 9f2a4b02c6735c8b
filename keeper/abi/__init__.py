"""The contracts' shipped artefacts: a name in, its ABI and bytecode out. Written by scripts/artifacts."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Artefact:
    """`creation` is the bytecode to deploy, without constructor arguments; `runtime` what then lies on the chain."""

    abi: tuple[dict[str, Any], ...]
    creation: bytes
    runtime: bytes


@cache
def load(name: str) -> Artefact:
    """The artefact of a contract, such as "BasketVault". Raises FileNotFoundError when none is shipped."""
    stored = json.loads(files(__package__).joinpath(f"{name}.json").read_text())
    return Artefact(
        abi=tuple(stored["abi"]),
        creation=bytes.fromhex(stored["bytecode"][2:]),
        runtime=bytes.fromhex(stored["deployedBytecode"][2:]),
    )
