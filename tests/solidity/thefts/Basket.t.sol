// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPoolV3} from "../../../contracts/interfaces/External.sol";
import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {console} from "forge-std/console.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What the stolen keys take from a basket by the best attacks we know, each as a part of C-8's bound
/// B (1 + T / day). The thief has the keeper's key, money without end, and is the pools' only other provider: all that the
/// vault loses is his.
contract BasketTheftTest is BasketWorld {
    uint160 private fair;

    function setUp() public {
        _openBasket();
        _fillBasket();
        _toRoot(v3UsdcWeth, _fairRoot());
    }

    /// @dev T-1: front-runs his own rebalance in every cooldown of a day, back and forth inside the drift band.
    function test_T1_SandwichesHisOwnRebalances() public {
        (uint256 before, uint256 start) = (vault.nav(), block.timestamp);
        for (uint256 i; i < 288; ++i) {
            _sandwich(i % 2 == 0, 90_000);
            _pass(300);
        }
        _report("T-1 sandwiches for a day", before - vault.nav(), before / 100, vm.getBlockTimestamp() - start);
    }

    /// @dev T-2: takes the budget as fast as he can, waits until it is full again, and takes it again.
    function test_T2_TakesTheBudgetOnEitherSideOfItsRefill() public {
        (uint256 before, uint256 start) = (vault.nav(), block.timestamp);
        _drain();
        _pass(DAY - 4_800); // the second drain takes sixteen cooldowns
        _drain();
        _report("T-2 either side of a refill", before - vault.nav(), before / 100, vm.getBlockTimestamp() - start);
    }

    /// @dev T-3: buys budget with a deposit in kind of ten times the vault, takes it, and leaves: his shares bear theirs.
    function test_T3_BuysBudgetWithADeposit() public {
        (uint256 before, uint256 start) = (_aliceHas(), block.timestamp);
        _drain();
        uint256 shares = vault.totalSupply() * 10;
        _fund(bob);
        vm.prank(bob);
        vault.depositInKind(shares, bob, _most());
        for (uint256 i; i < 10; ++i) {
            _sandwich(i % 2 == 0, 990_000);
            _pass(300);
        }
        vm.prank(bob);
        vault.redeemInKind(shares, bob, bob, _zeros());
        uint256 taken = before - _aliceHas();
        _report("T-3 budget bought with a deposit", taken, before / 100, vm.getBlockTimestamp() - start);
    }

    /// @dev T-4: gives the vault ten million for a budget that is a part of what it has.
    function test_T4_GivesFirst() public {
        (uint256 before, uint256 start) = (vault.nav(), block.timestamp);
        usdc.mint(address(vault), 10_000_000e6);
        _drain();
        _report("T-4 a gift, then the budget", before - vault.nav(), before / 100, vm.getBlockTimestamp() - start);
    }

    /// @dev T-5: knows the next round (C-41): in by the base asset before it, out in kind after it. The entry fee is what
    /// he pays; a feed lags by its deviation threshold, half a per cent, at most.
    function test_T5_KnowsTheNextRound() public {
        uint256 assets = 500_000e6;
        uint256 shares = _deposit(bob, assets);
        feeds[address(weth)].pushRound(3_015e8);
        feeds[address(wbtc)].pushRound(60_300e8);
        uint256[] memory none = _zeros();
        _pass(2 * uint256(HEARTBEAT));
        vm.prank(bob);
        uint256[] memory out = vault.redeemInKind(shares, bob, bob, none);
        uint256 worth = out[0] + Math.mulDiv(out[1], _priceX(weth), _priceX(usdc))
            + Math.mulDiv(out[2], _priceX(wbtc), _priceX(usdc));
        console.log("T-5 a known round: in", assets, "out", worth);
        assertLe(worth, assets, "C-41: nobody gains by a round he knows");
    }

    // the thief

    function _fairRoot() private view returns (uint160) {
        (WorldToken t0, WorldToken t1) = address(usdc) < address(weth) ? (usdc, weth) : (weth, usdc);
        return uint160(Math.sqrt(Math.mulDiv(_priceX(t0), 1 << 192, _priceX(t1))));
    }

    /// @dev Pushes the pool against the vault as far as it may be after the trade, trades, and brings it back.
    function _sandwich(bool sell, uint256 dollars) private returns (bool ok) {
        WorldToken tokenIn = sell ? weth : usdc;
        dollars = Math.min(dollars, vault.guardState().turnoverBudget / 1e6 * 99 / 100);
        if (dollars == 0) return false;
        bool zeroForOne = address(tokenIn) == IPoolV3(v3UsdcWeth).token0();
        for (uint256 ppm = 4_800; ppm > 0; ppm -= 400) {
            uint256 root = _fairRoot();
            root = zeroForOne ? root * (1e6 - ppm) / 1e6 : root * (1e6 + ppm) / 1e6;
            uint256 id = vm.snapshotState();
            _toRoot(v3UsdcWeth, uint160(root));
            ok = _try(_legs(_leg(V3, v3UsdcWeth, tokenIn, _usd(tokenIn, dollars))));
            _toRoot(v3UsdcWeth, _fairRoot());
            if (ok) return true;
            vm.revertToState(id);
        }
    }

    /// @dev As much as passes in sixteen cooldowns.
    function _drain() private {
        for (uint256 i; i < 16; ++i) {
            for (uint256 dollars = 95_000; dollars > 5_000; dollars = dollars * 2 / 3) {
                if (_sandwich(i % 2 == 0, dollars)) break;
            }
            _pass(300);
        }
    }

    function _try(Leg[] memory legs) private returns (bool ok) {
        Order memory order = _order();
        vm.prank(keeper);
        (ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, legs)));
    }

    function _fund(address who) private {
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < tokens.length; ++i) {
            tokens[i].mint(who, _usd(tokens[i], 100_000_000));
        }
    }

    function _aliceHas() private view returns (uint256) {
        return Math.mulDiv(vault.nav(), vault.balanceOf(alice), vault.totalSupply());
    }

    function _report(string memory what, uint256 taken, uint256 budget, uint256 elapsed) private pure {
        uint256 bound = budget + budget * elapsed / DAY;
        console.log(what, "takes, permille of the bound:", taken * 1_000 / bound);
        assertGt(taken, bound / 20, "an attack that takes nothing shows nothing");
        assertLe(taken, bound + 1_000, "C-8: more than the bound");
    }
}
