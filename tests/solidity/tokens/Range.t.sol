// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Markets} from "../Markets.sol";
import {RangeWorld} from "../RangeWorld.sol";
import {Entries, Entry} from "./Entries.sol";

/// @notice A range in which one of the two tokens is odd.
contract RangeTokensTest is RangeWorld, Entries {
    function _newToken(string memory symbol, uint8 decimals) internal override(Markets, Entries) returns (WorldToken) {
        return Entries._newToken(symbol, decimals);
    }

    function _open() internal override {
        _openRange();
        _fillRange();
        usdc.mint(bob, 1_000_000e6);
        weth.mint(bob, 1_000e18);
    }

    function _entries() internal view override returns (Entry[] memory entries) {
        entries = new Entry[](6);
        entries[0] = Entry(bob, abi.encodeCall(vault.deposit, (1e16, bob, _most())));
        entries[1] = Entry(alice, abi.encodeCall(vault.redeemInKind, (1e16, alice, alice, new uint256[](2))));
        entries[2] = Entry(keeper, abi.encodeCall(vault.rebalance, (_order(), _noLegs(), _round(HALF))));
        entries[3] = Entry(
            keeper,
            abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V3, address(pool), usdc, 1_000e6)), _round(HALF)))
        );
        entries[4] = Entry(
            keeper,
            abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V3, address(pool), weth, 1e18)), _round(HALF)))
        );
        uint256[] memory others = new uint256[](2);
        others[0] = vault.FORGO();
        entries[5] = Entry(alice, abi.encodeCall(vault.redeemInKind, (1e16, alice, alice, others)));
    }

    function _target() internal view override returns (address) {
        return address(vault);
    }

    /// @dev What a leaver could not be paid waits in the pool, and is the vault's all the same.
    function _accounted() internal view override returns (uint256) {
        (int24 lower, int24 upper,) = vault.range();
        (,,, uint128 owed0, uint128 owed1) = pool.positions(keccak256(abi.encodePacked(address(vault), lower, upper)));
        uint256 waits = pool.token0() == address(usdc) ? owed0 : owed1;
        return waits > vault.holdings()[0] ? 0 : vault.holdings()[0] - waits;
    }

    function _state() internal view override returns (bytes32) {
        (int24 lower, int24 upper, uint128 liquidity) = vault.range();
        return keccak256(abi.encode(vault.holdings(), lower, upper, liquidity, vault.totalSupply(), guard.epoch()));
    }

    function _all() internal pure override returns (uint256) {
        return 0x3f;
    }

    /// @dev An exit takes what it pays out of the pool first, and counts it.
    function _outTo() internal pure override returns (uint256) {
        return 0;
    }

    /// @dev Whoever forgoes it leaves with the other one: F-51.
    function _neither() internal pure override returns (uint256) {
        return 0x20;
    }
}
