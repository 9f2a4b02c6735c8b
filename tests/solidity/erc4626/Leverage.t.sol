// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, ShareSetup, TokenFeed} from "../../../contracts/interfaces/Setup.sol";
import {LendingSetup, LeverageVault} from "../../../contracts/vaults/LeverageVault.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {Erc4626Properties} from "./Erc4626Properties.sol";

/// @notice Collateral with so many decimals against USDC debt on Aave, both fees charged, some of it idle.
abstract contract LeverageErc4626 is LeverageWorld, Erc4626Properties {
    uint8 private immutable DECIMALS;
    address private pair;

    constructor(uint8 decimals) {
        DECIMALS = decimals;
    }

    function setUp() public {
        _openAave();
        asset = new WorldToken("BASE", "BASE", DECIMALS);
        feeds[address(asset)] = new WorldFeed("BASE", 8, 3_000e8);
        _listToo(asset, 8_000, 8_250, 10_500);
        pair = _poolV3(_deployV3Factory(), asset, usdc, 500, 50_000_000);
        guard = new Guard(_setup());
        vault = new LeverageVault(ShareSetup(address(guard), "L", "L", 50, 20), LendingSetup(address(aave), 0));
        (shares, warden) = (vault, guard);
        most = 10 ** (DECIMALS + 4);
        address[2] memory users = [alice, bob];
        for (uint256 i; i < 2; ++i) {
            asset.mint(users[i], i == 0 ? most : 0);
            vm.startPrank(users[i]);
            asset.approve(address(vault), type(uint256).max);
            usdc.approve(address(vault), type(uint256).max);
            vm.stopPrank();
        }
        vm.prank(alice);
        vault.deposit(most / 100, alice);
        _act(_leverMove(75_000e6, true), _legs(_leg(V3, pair, usdc, 75_000e6)));
        _settle();
        vm.prank(alice);
        vault.deposit(most / 30, alice); // idle
        feeds[address(asset)].pushRound(3_017e8); // a share is worth an odd amount
        _settle();
    }

    function _setup() private returns (GuardSetup memory setup) {
        setup = _leverageGuard(asset);
        TokenFeed[] memory plain = setup.feeds;
        setup.feeds = new TokenFeed[](5);
        for (uint256 i; i < 4; ++i) {
            setup.feeds[i] = plain[i];
        }
        setup.feeds[4] = TokenFeed(address(asset), _feed(asset));
        setup.venues = new Venue[](1);
        setup.venues[0] = Venue(V3, pair);
    }

    function _settle() internal override {
        _pass(1 hours);
        (, int256 answer,,,) = feeds[address(asset)].latestRoundData();
        feeds[address(asset)].pushRound(answer);
    }

    function _setFeedDown(bool down) internal override {
        feeds[address(usdc)].setDown(down);
    }
}

contract LeverageErc4626With6Test is LeverageErc4626(6) {}

contract LeverageErc4626With8Test is LeverageErc4626(8) {}

contract LeverageErc4626With18Test is LeverageErc4626(18) {}
