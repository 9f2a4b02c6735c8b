// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IKeeperVault, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Vm} from "forge-std/Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What a basket's rebalance does: to its holdings, its value, its budgets and its log.
contract BasketRebalanceTest is BasketWorld {
    function setUp() public {
        _openBasket();
        _fillBasket();
    }

    function test_C13_rebalance_TellsAndAdvances() public {
        Order memory order = _order();
        uint256 nav = vault.nav();
        vm.recordLogs();
        _rebalance(order, _goodLegs());
        assertEq(guard.epoch(), order.expectedEpoch + 1);
        assertEq(vault.guardState().lastActionAt, block.timestamp);
        assertEq(vault.guardState().epoch, order.expectedEpoch + 1);
        _requireIntent(order, nav, vault.nav());
    }

    /// @dev Amounts, budgets and value after any allowed trade: what left is what was asked, what came is what the pool
    /// paid, what it cost is what the budget was charged.
    function testFuzz_rebalance_AccountsForEveryToken(uint256 amount, bool v2) public {
        _deposit(bob, 200_000e6); // too much of the base asset: buying is what the weights ask for
        amount = bound(amount, 1e6, 100_000e6);
        uint256[] memory before = vault.holdings();
        (uint256 nav, uint256 budget) = (vault.nav(), vault.guardState().lossBudget);
        _rebalance(_legs(v2 ? _leg(V2, v2UsdcWbtc, usdc, amount) : _leg(V3, v3UsdcWeth, usdc, amount)));
        uint256[] memory now_ = vault.holdings();
        assertEq(now_[0], before[0] - amount);
        assertEq(now_[1] > before[1], !v2);
        assertEq(now_[2] > before[2], v2);
        for (uint256 i; i < 3; ++i) {
            assertEq(_basketTokens()[i].balanceOf(address(vault)), now_[i], "holdings are balances");
        }
        assertEq(vault.nav(), _navByHand(now_));
        uint256 loss = nav - vault.nav();
        assertLe(loss, nav * 30 / 10_000);
        assertEq(vault.guardState().lossBudget, Math.min(budget - loss, vault.nav() / 100));
        assertEq(usdc.allowance(address(vault), v3UsdcWeth), 0);
    }

    /// @dev What a leg sells of the vault's tokens is charged to the day's turnover, its value rounded up.
    function testFuzz_C11_rebalance_ChargesTheTurnover(uint256 amount) public {
        amount = bound(amount, 1e13, 10e18);
        uint256 budget = vault.guardState().turnoverBudget;
        _rebalance(_legs(_leg(V3, v3UsdcWeth, weth, amount)));
        uint256 sold = Math.mulDiv(amount, _priceX(weth), _priceX(usdc), Math.Rounding.Ceil);
        assertEq(vault.guardState().turnoverBudget, Math.min(budget - sold, vault.nav()));
    }

    /// @dev In any trade through any pools, tokens go from the vault to the pools and from the pools to the vault.
    function testFuzz_C3_tokensGoNowhereElse(uint256 amount, uint8 path) public {
        amount = bound(amount, 1e6, 100_000e6);
        Leg[] memory legs = path % 3 == 0
            ? _legs(_leg(V3, v3UsdcWeth, usdc, amount))
            : path % 3 == 1
                ? _legs(_leg(V2, v2UsdcWbtc, usdc, amount), _leg(V3, v3WbtcWeth, wbtc, 1e4))
                : _linkLegs(amount, type(uint256).max);
        Order memory order = _order();
        vm.prank(keeper);
        vm.recordLogs();
        (bool ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, legs)));
        vm.assume(ok);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 moved;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != keccak256("Transfer(address,address,uint256)")) continue;
            address[2] memory ends =
                [address(uint160(uint256(logs[i].topics[1]))), address(uint160(uint256(logs[i].topics[2])))];
            for (uint256 j; j < 2; ++j) {
                bool own = ends[j] == address(vault);
                for (uint256 k; k < legs.length; ++k) {
                    own = own || ends[j] == legs[k].pool;
                }
                assertTrue(own);
            }
            ++moved;
        }
        assertEq(moved, 2 * legs.length);
    }

    function test_rebalance_ThroughAnIntermediateToken() public {
        _deposit(bob, 50_000e6);
        uint256[] memory before = vault.holdings();
        _rebalance(_linkLegs(10_000e6, type(uint256).max));
        uint256[] memory now_ = vault.holdings();
        assertEq(now_[0], before[0] - 10_000e6);
        assertApproxEqRel(now_[1] - before[1], 3.333e18, 0.01e18);
        assertEq(link.balanceOf(address(vault)), 0);
    }

    function test_rebalance_SplitOverTwoPoolsOfTwoKinds() public {
        _deposit(bob, 100_000e6);
        uint256[] memory before = vault.holdings();
        _rebalance(_legs(_leg(V2, v2UsdcWbtc, usdc, 30_000e6), _leg(V3, v3WbtcWeth, wbtc, 10e6)));
        uint256[] memory now_ = vault.holdings();
        assertEq(now_[0], before[0] - 30_000e6);
        assertGt(now_[1], before[1]);
        assertGt(now_[2], before[2]);
    }

    /// @dev Neither a gain nor a donation buys budget, and a full day gives it all back.
    function test_C7_lossBudget_RefillsLinearlyToItsCapacity() public {
        _rebalance(_legs(_leg(V2, v2UsdcWbtc, wbtc, 50e6)));
        uint256 capacity = vault.nav() / 100;
        uint256 left = vault.guardState().lossBudget;
        assertLt(left, capacity);
        _pass(DAY / 1_000);
        assertEq(vault.guardState().lossBudget, Math.min(left + capacity * (DAY / 1_000) / DAY, capacity));
        usdc.mint(address(vault), 1_000_000e6);
        assertEq(vault.nav(), _navByHand(vault.holdings()));
        _pass(DAY);
        assertEq(vault.guardState().lossBudget, capacity);
    }

    /// @dev A deposit brings its own part of the budget and no more; an exit takes its part away.
    function testFuzz_C7_lossBudget_IsPerShare(uint256 deposited, uint256 exited) public {
        _rebalance(_legs(_leg(V2, v2UsdcWbtc, wbtc, 50e6)));
        uint256 left = vault.guardState().lossBudget;
        uint256 shares = _deposit(bob, bound(deposited, 1e6, 1e15));
        uint256 supply = vault.totalSupply();
        assertApproxEqRel(vault.guardState().lossBudget, left * supply / (supply - shares), 1e10);
        shares = bound(exited, 1, vault.balanceOf(bob));
        vm.prank(bob);
        vault.redeemInKind(shares, bob, bob, _zeros());
        uint256 mine = Math.mulDiv(left, vault.totalSupply(), supply - vault.balanceOf(bob) - shares);
        assertLe(vault.guardState().lossBudget, mine + 1, "nobody's budget grew");
    }

    function test_guardState_HasNoBudgetWithoutPrices() public {
        feeds[address(weth)].setDown(true);
        assertEq(vault.guardState().lossBudget, 0);
        assertEq(vault.guardState().turnoverBudget, 0);
        assertEq(vault.guardState().epoch, guard.epoch());
    }

    // helpers of these tests

    function _navByHand(uint256[] memory holdings) private view returns (uint256) {
        return holdings[0] + Math.mulDiv(holdings[1], _priceX(weth), _priceX(usdc))
            + Math.mulDiv(holdings[2], _priceX(wbtc), _priceX(usdc));
    }

    function _requireIntent(Order memory order, uint256 navBefore, uint256 navAfter) private {
        bool found;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IKeeperVault.IntentExecuted.selector) continue;
            found = true;
            assertEq(logs[i].topics[1], order.intentId);
            assertEq(uint256(logs[i].topics[2]), order.expectedEpoch + 1);
            assertEq(logs[i].data, abi.encode(navBefore, navAfter));
        }
        assertTrue(found);
    }
}
