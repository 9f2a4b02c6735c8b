// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {Markets} from "../Markets.sol";
import {Entries, Entry} from "./Entries.sol";

/// @notice A levered vault whose debt is odd.
contract LeverageTokensTest is LeverageWorld, Entries {
    function _newToken(string memory symbol, uint8 decimals) internal override(Markets, Entries) returns (WorldToken) {
        return Entries._newToken(symbol, decimals);
    }

    function _open() internal override {
        _openLeverage(0);
        _fillLeverage();
        _deposit(bob, 7e18);
        _pass(1 hours);
        weth.mint(bob, 100e18);
        usdc.mint(alice, 1_000_000e6);
    }

    function _entries() internal view override returns (Entry[] memory entries) {
        entries = new Entry[](8);
        entries[0] = Entry(bob, abi.encodeCall(vault.deposit, (1e18, bob)));
        entries[1] = Entry(bob, abi.encodeCall(vault.withdraw, (1e17, bob, bob)));
        entries[2] = Entry(alice, abi.encodeCall(vault.redeemInKind, (1e18, alice, alice, _zeros())));
        entries[3] = _rebalance(true, 1_000e6, 0, false, _buyLegs(1_000e6));
        entries[4] = _rebalance(true, 1_000e6, 0, true, _buyLegs(1_000e6));
        entries[5] = _rebalance(false, 0, 4e17, false, _sellLegs(4e17));
        entries[6] = _rebalance(false, 1_000e6, 4e17, true, _sellLegs(4e17));
        entries[7] = _rebalance(true, 0, 0, false, new Leg[](0)); // supplies what is idle
    }

    function _rebalance(bool lever, uint256 debt, uint256 collateral, bool flash, Leg[] memory legs)
        private
        view
        returns (Entry memory)
    {
        return Entry(
            keeper,
            abi.encodeCall(
                vault.rebalance,
                (_order(), legs, lever ? _leverMove(debt, flash) : _deleverMove(debt, collateral, flash))
            )
        );
    }

    function _target() internal view override returns (address) {
        return address(vault);
    }

    function _accounted() internal view override returns (uint256) {
        return vault.holdings()[1];
    }

    function _state() internal view override returns (bytes32) {
        (uint256 collateral, uint256 debt) = vault.position();
        return keccak256(abi.encode(vault.holdings(), collateral, debt, vault.totalSupply(), guard.epoch()));
    }

    function _all() internal pure override returns (uint256) {
        return 0xff;
    }

    function _outTo() internal pure override returns (uint256) {
        return 0;
    }

    function _neither() internal pure override returns (uint256) {
        return 0x83;
    }
}
