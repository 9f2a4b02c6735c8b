"""Reads the protocols' published bytecode out of node_modules, and the project's own out of keeper/abi."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from keeper.chain.anvil import node_modules
from keeper.errors import Halt
from keeper.units import Address

ABI = Path(__file__).resolve().parents[1] / "abi"

_V2_CORE = "@uniswap/v2-core/build"
_V2_PERIPHERY = "@uniswap/v2-periphery/build"
_V3_CORE = "@uniswap/v3-core/artifacts/contracts"
_V3_PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"
_AAVE = "@aave/core-v3/artifacts/contracts"
_AAVE_LOGIC = f"{_AAVE}/protocol/libraries/logic"

AAVE_LIBRARIES = (
    "SupplyLogic",
    "BorrowLogic",
    "LiquidationLogic",
    "EModeLogic",
    "BridgeLogic",
    "PoolLogic",
    "ConfiguratorLogic",
    "FlashLoanLogic",
)
"""Linked into Aave's contracts, and FlashLoanLogic to BorrowLogic: deployed in this order."""

PUBLISHED = {
    "WETH9": f"{_V2_PERIPHERY}/WETH9.json",
    "UniswapV2Factory": f"{_V2_CORE}/UniswapV2Factory.json",
    "UniswapV2Router02": f"{_V2_PERIPHERY}/UniswapV2Router02.json",
    "UniswapV3Factory": f"{_V3_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json",
    "SwapRouter": f"{_V3_PERIPHERY}/SwapRouter.sol/SwapRouter.json",
    "Quoter": f"{_V3_PERIPHERY}/lens/Quoter.sol/Quoter.json",
    "QuoterV2": f"{_V3_PERIPHERY}/lens/QuoterV2.sol/QuoterV2.json",
    "TickLens": f"{_V3_PERIPHERY}/lens/TickLens.sol/TickLens.json",
    "NFTDescriptor": f"{_V3_PERIPHERY}/libraries/NFTDescriptor.sol/NFTDescriptor.json",
    "NonfungibleTokenPositionDescriptor": (
        f"{_V3_PERIPHERY}/NonfungibleTokenPositionDescriptor.sol/NonfungibleTokenPositionDescriptor.json"
    ),
    "NonfungiblePositionManager": f"{_V3_PERIPHERY}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
    **{library: f"{_AAVE_LOGIC}/{library}.sol/{library}.json" for library in AAVE_LIBRARIES},
    **{
        contract: f"{_AAVE}/{folder}/{contract}.sol/{contract}.json"
        for contract, folder in (
            ("PoolAddressesProvider", "protocol/configuration"),
            ("ACLManager", "protocol/configuration"),
            ("Pool", "protocol/pool"),
            ("PoolConfigurator", "protocol/pool"),
            ("DefaultReserveInterestRateStrategy", "protocol/pool"),
            ("AToken", "protocol/tokenization"),
            ("StableDebtToken", "protocol/tokenization"),
            ("VariableDebtToken", "protocol/tokenization"),
            ("AaveOracle", "misc"),
            ("AaveProtocolDataProvider", "misc"),
        )
    },
}
"""Where below node_modules each protocol publishes the contracts deployed here."""

OWN = ("WorldToken", "WorldFeed", "Guard", "BasketVault", "LeverageVault", "RangeVault")
"""The project's own contracts deployed here, in keeper/abi."""

_VIEM_CONSTANTS = "viem/_cjs/constants/contracts.js"


def path(relative: str) -> Path:
    """A file inside the first node_modules folder that holds it. Raises Halt when none does."""
    for folder in node_modules():
        if (folder / relative).is_file():
            return folder / relative
    raise Halt(f"found no node_modules/{relative}, which the local world deploys; run `npm ci` in the project")


def creation_code(contract: str, libraries: dict[str, Address] | None = None) -> bytes:
    """The creation bytecode of a published or own contract, its libraries' addresses filled in (by library name).

    Raises Halt when a library it needs is missing.
    """
    return _link(contract, _artefact(contract), libraries or {})


def multicall_creation_code() -> bytes:
    """Multicall3's creation bytecode, as viem publishes it."""
    found = re.search(r"multicall3Bytecode = '0x([0-9a-f]+)'", path(_VIEM_CONSTANTS).read_text())
    if found is None:
        raise Halt(f"node_modules/{_VIEM_CONSTANTS} has no multicall3Bytecode; install the locked viem with `npm ci`")
    return bytes.fromhex(found.group(1))


def files() -> list[Path]:
    """Every file that a build reads, in a fixed order."""
    own = [ABI / f"{contract}.json" for contract in OWN]
    return [*map(path, PUBLISHED.values()), path(_VIEM_CONSTANTS), *own]


@cache
def _artefact(contract: str) -> Any:
    source = path(PUBLISHED[contract]) if contract in PUBLISHED else ABI / f"{contract}.json"
    return json.loads(source.read_text())


def _link(name: str, artefact: Any, libraries: dict[str, Address]) -> bytes:
    # hardhat writes the bytecode at the top, truffle and solc below `evm`.
    code: str = artefact.get("bytecode") if isinstance(artefact.get("bytecode"), str) else ""
    code = (code or artefact["evm"]["bytecode"]["object"]).removeprefix("0x")
    for references in artefact.get("linkReferences", {}).values():
        for library, places in references.items():
            if library not in libraries:
                raise Halt(f"{name} needs the library {library}; it was given {sorted(libraries)}")
            for place in places:
                start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                code = code[:start] + libraries[library].removeprefix("0x") + code[end:]
    return bytes.fromhex(code)
