// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../contracts/guard/Guard.sol";
import {Venue} from "../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, TokenFeed} from "../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../contracts/vaults/BasketVault.sol";
import {WorldFeed} from "../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {BasketWorld} from "./BasketWorld.sol";

/// @notice A basket of any token with WETH, half and half, and a pool of the two. A unit of the token is a dollar.
abstract contract OddWorld is BasketWorld {
    address internal oddPool;

    /// @param odd As if it were a plain one: what it does instead is the test's matter.
    function _openOver(WorldToken odd) internal {
        _openMarkets();
        feeds[address(odd)] = new WorldFeed("odd", 8, 1e8);
        oddPool = _poolV3(_deployV3Factory(), odd, weth, 500, 50_000_000);
        WorldToken[] memory tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (odd, weth);
        GuardSetup memory setup = _guardSetup(tokens);
        TokenFeed[] memory plain = setup.feeds;
        setup.feeds = new TokenFeed[](5);
        for (uint256 i; i < 4; ++i) {
            setup.feeds[i] = plain[i];
        }
        setup.feeds[4] = TokenFeed(address(odd), _feed(odd));
        setup.venues = new Venue[](1);
        setup.venues[0] = Venue(V3, oddPool);
        guard = new Guard(setup);
        vault = new BasketVault(_shareSetup(address(guard)), _halves(), DRIFT_BAND_BPS);
    }

    function _halves() private pure returns (uint16[] memory weights) {
        weights = new uint16[](2);
        (weights[0], weights[1]) = (5_000, 5_000);
    }
}
