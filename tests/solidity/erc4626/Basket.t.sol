// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {OddWorld} from "../OddWorld.sol";
import {Erc4626Properties} from "./Erc4626Properties.sol";

/// @notice A basket of a token with so many decimals and WETH, both fees charged.
abstract contract BasketErc4626 is OddWorld, Erc4626Properties {
    uint8 private immutable DECIMALS;

    constructor(uint8 decimals) {
        DECIMALS = decimals;
    }

    function setUp() public {
        asset = new WorldToken("BASE", "BASE", DECIMALS);
        _openOver(asset);
        (shares, warden) = (vault, guard);
        most = 10 ** (DECIMALS + 7);
        address[2] memory users = [alice, bob];
        for (uint256 i; i < 2; ++i) {
            asset.mint(users[i], i == 0 ? most : 0);
            vm.prank(users[i]);
            asset.approve(address(vault), type(uint256).max);
        }
        vm.prank(alice);
        vault.deposit(most / 10, alice);
        _rebalance(_legs(_leg(V3, oddPool, asset, most / 50)));
        feeds[address(weth)].pushRound(3_017e8); // a share is worth an odd amount
        _settle();
    }

    function _settle() internal override {
        _pass(1 hours);
        feeds[address(asset)].pushRound(1e8);
    }

    function _setFeedDown(bool down) internal override {
        feeds[address(weth)].setDown(down);
    }
}

contract BasketErc4626With6Test is BasketErc4626(6) {}

contract BasketErc4626With8Test is BasketErc4626(8) {}

contract BasketErc4626With18Test is BasketErc4626(18) {}
