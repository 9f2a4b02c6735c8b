// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Markets} from "../Markets.sol";
import {Entries, Entry} from "./Entries.sol";

/// @notice A basket whose base asset is odd.
contract BasketTokensTest is BasketWorld, Entries {
    function _newToken(string memory symbol, uint8 decimals) internal override(Markets, Entries) returns (WorldToken) {
        return Entries._newToken(symbol, decimals);
    }

    function _open() internal override {
        _openBasket();
        _fillBasket();
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            tokens[i].mint(bob, _usd(tokens[i], 1_000_000));
        }
    }

    function _entries() internal view override returns (Entry[] memory entries) {
        entries = new Entry[](11);
        entries[0] = Entry(bob, abi.encodeCall(vault.deposit, (1_000e6, bob)));
        entries[1] = Entry(bob, abi.encodeCall(vault.mint, (1_000e18, bob)));
        entries[2] = Entry(bob, abi.encodeCall(vault.depositInKind, (1_000e18, bob, _most())));
        entries[3] = Entry(alice, abi.encodeCall(vault.withdraw, (1_000e6, alice, alice)));
        entries[4] = Entry(alice, abi.encodeCall(vault.redeem, (1_000e18, alice, alice)));
        entries[5] = Entry(alice, abi.encodeCall(vault.redeemInKind, (1_000e18, alice, alice, _zeros())));
        entries[6] =
            Entry(keeper, abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V3, v3UsdcWeth, usdc, 1_000e6)))));
        entries[7] = Entry(keeper, abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V3, v3UsdcWeth, weth, 1e18)))));
        entries[8] = Entry(keeper, abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V2, v2UsdcWbtc, wbtc, 1e6)))));
        entries[9] = Entry(keeper, abi.encodeCall(vault.rebalance, (_order(), _legs(_leg(V3, v3WbtcWeth, wbtc, 1e6)))));
        uint256[] memory others = _zeros();
        others[0] = vault.FORGO();
        entries[10] = Entry(alice, abi.encodeCall(vault.redeemInKind, (1_000e18, alice, alice, others)));
    }

    function _target() internal view override returns (address) {
        return address(vault);
    }

    function _accounted() internal view override returns (uint256) {
        return vault.holdings()[0];
    }

    function _state() internal view override returns (bytes32) {
        return keccak256(abi.encode(vault.holdings(), vault.totalSupply(), guard.epoch(), vault.nav()));
    }

    function _all() internal pure override returns (uint256) {
        return 0x7ff;
    }

    function _outTo() internal pure override returns (uint256) {
        return 0x038;
    }

    function _neither() internal pure override returns (uint256) {
        return 0x600;
    }
}
