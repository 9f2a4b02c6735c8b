// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

/// @notice Deploys protocols from the bytecode that their authors published, libraries linked.
abstract contract Artefacts is Test {
    string private constant V2 = "node_modules/@uniswap/v2-core/build/";
    string private constant V3 = "node_modules/@uniswap/v3-core/artifacts/contracts/";
    string private constant AAVE = "node_modules/@aave/core-v3/artifacts/";

    function _deployV2Factory() internal returns (address) {
        return _create(_hexOf(string.concat(V2, "UniswapV2Factory.json"), "0x"), abi.encode(address(this)));
    }

    function _deployV3Factory() internal returns (address) {
        return _create(_hexOf(string.concat(V3, "UniswapV3Factory.sol/UniswapV3Factory.json"), ""), "");
    }

    /// @param source Such as "contracts/protocol/pool/Pool.sol"; the contract's name is the file's.
    function _deployAave(string memory source, string memory name, bytes memory arguments) internal returns (address) {
        return _create(_hexOf(_aavePath(source, name), ""), arguments);
    }

    /// @param libraries Sources of the libraries the contract is linked with, and `at`, where they are.
    function _deployAaveLinked(
        string memory source,
        string memory name,
        bytes memory arguments,
        string[] memory libraries,
        address[] memory at
    ) internal returns (address) {
        string memory code = _hexOf(_aavePath(source, name), "");
        for (uint256 i; i < libraries.length; ++i) {
            code = vm.replace(code, _placeholder(libraries[i]), vm.replace(vm.toString(at[i]), "0x", ""));
        }
        return _create(code, arguments);
    }

    function _aavePath(string memory source, string memory name) private pure returns (string memory) {
        return string.concat(AAVE, source, "/", name, ".json");
    }

    /// @dev solc's: 34 hexadecimal digits of the hash of the library's full name.
    function _placeholder(string memory library_) private pure returns (string memory) {
        bytes memory digits = bytes(vm.toString(keccak256(bytes(library_))));
        bytes memory kept = new bytes(34);
        for (uint256 i; i < 34; ++i) {
            kept[i] = digits[i + 2];
        }
        return string.concat("__$", string(kept), "$__");
    }

    function _hexOf(string memory path, string memory prefix) private view returns (string memory) {
        return string.concat(prefix, vm.parseJsonString(vm.readFile(path), ".bytecode"));
    }

    function _create(string memory code, bytes memory arguments) private returns (address made) {
        bytes memory creation = bytes.concat(vm.parseBytes(code), arguments);
        assembly ("memory-safe") {
            made := create(0, add(creation, 0x20), mload(creation))
        }
        require(made != address(0), "the published bytecode did not deploy");
    }
}
