// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {HoldingTooSmall, IntermediateLeft} from "../../../contracts/guard/Ledger.sol";
import {CallbackUnexpected, ExternalCallFailed, OutputTooSmall} from "../../../contracts/guard/Swaps.sol";
import {DriftTooLarge, NoLegs} from "../../../contracts/vaults/BasketVault.sol";
import {BasketWorld} from "../BasketWorld.sol";

/// @notice What a basket refuses its keeper, in the order of the checks.
contract BasketRefusalsTest is BasketWorld {
    function setUp() public {
        _openBasket();
        _fillBasket();
    }

    // refusals: the order

    function test_refuses_AnyoneButAKeeper() public {
        address[4] memory others = [owner, curator, sentinel, alice];
        for (uint256 i; i < others.length; ++i) {
            Order memory order = _order();
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotKeeper.selector, others[i]));
            vault.rebalance(order, _goodLegs());
        }
    }

    function test_refuses_WhilePaused() public {
        vm.prank(sentinel);
        guard.pause();
        _refused(_order(), _goodLegs(), abi.encodeWithSelector(IGuardErrors.VaultPaused.selector));
    }

    function test_C12_refuses_AfterTheDeadline() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp - 1);
        _refused(
            order,
            _goodLegs(),
            abi.encodeWithSelector(IGuardErrors.DeadlinePassed.selector, block.timestamp, block.timestamp - 1)
        );
        order.deadline = uint64(block.timestamp);
        _rebalance(order, _goodLegs());
    }

    function test_C12_refuses_ADeadlineTooFarAhead() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp + 601);
        _refused(
            order,
            _goodLegs(),
            abi.encodeWithSelector(IGuardErrors.DeadlineTooFar.selector, block.timestamp + 601, block.timestamp + 600)
        );
    }

    function testFuzz_C13_refuses_AnotherEpoch(uint64 epoch) public {
        Order memory order = _order();
        vm.assume(epoch != order.expectedEpoch);
        uint64 now_ = order.expectedEpoch;
        order.expectedEpoch = epoch;
        _refused(order, _goodLegs(), abi.encodeWithSelector(IGuardErrors.EpochMismatch.selector, now_, epoch));
    }

    function test_C13_refuses_TheSameOrderTwice() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp + 400);
        _rebalance(order, _goodLegs());
        _pass(301);
        _refused(
            order,
            _goodLegs(),
            abi.encodeWithSelector(IGuardErrors.EpochMismatch.selector, order.expectedEpoch + 1, order.expectedEpoch)
        );
    }

    function test_C14_refuses_AnotherState() public {
        Order memory order = _order();
        order.expectedStateHash = vault.stateHash();
        feeds[address(weth)].pushRound(3_000e8);
        bytes32 moved = vault.stateHash();
        assertNotEq(moved, order.expectedStateHash);
        _refused(
            order,
            _goodLegs(),
            abi.encodeWithSelector(IGuardErrors.StateMismatch.selector, moved, order.expectedStateHash)
        );
        order.expectedStateHash = moved;
        _rebalance(order, _goodLegs());
    }

    function test_C14_stateHash_MovesWithHoldings() public {
        bytes32 before = vault.stateHash();
        _deposit(bob, 1e6);
        assertNotEq(vault.stateHash(), before);
    }

    function test_C37_refuses_SeventeenLegs() public {
        _refused(_order(), new Leg[](17), abi.encodeWithSelector(IGuardErrors.TooManyLegs.selector, 17, 16));
    }

    function test_C11_refuses_InsideTheCooldown() public {
        _rebalance(_goodLegs());
        uint256 until = block.timestamp + 300;
        _pass(299);
        _refused(
            _order(), _goodLegs(), abi.encodeWithSelector(IGuardErrors.CoolingDown.selector, block.timestamp, until)
        );
        _pass(1);
        _rebalance(_goodLegs());
    }

    // refusals: prices

    function test_C17_refuses_AnUnusablePrice() public {
        feeds[address(wbtc)].pushRound(0);
        _refused(
            _order(), _goodLegs(), abi.encodeWithSelector(IGuardErrors.PriceNotPositive.selector, address(wbtc), 0)
        );
    }

    function test_C17_refuses_AnUnusablePriceOfAnIntermediateToken() public {
        feeds[address(link)].setDown(true);
        _rebalance(_goodLegs());
        _pass0(301);
        _refused(
            _order(),
            _linkLegs(1_000e6, type(uint256).max),
            abi.encodeWithSelector(IGuardErrors.FeedUnreadable.selector, address(link), address(feeds[address(link)]))
        );
    }

    function test_refuses_AnEmptyVault() public {
        _newBasket();
        _refused(_order(), _goodLegs(), abi.encodeWithSelector(IGuardErrors.EmptyVault.selector));
    }

    // refusals: the legs

    function test_refuses_NoLegs() public {
        _refused(_order(), new Leg[](0), abi.encodeWithSelector(NoLegs.selector));
    }

    function test_C3_refuses_APoolNotAllowed() public {
        address stranger = makeAddr("pool");
        _refusedLeg(
            _leg(V3, stranger, weth, 1e18), abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, stranger)
        );
    }

    function test_C3_refuses_ARemovedPool() public {
        vm.prank(sentinel);
        guard.removeVenue(v3UsdcWeth);
        _refusedLeg(_goodLegs()[0], abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, v3UsdcWeth));
    }

    function test_refuses_AnotherAdapter() public {
        _refusedLeg(
            _leg(V2, v3UsdcWeth, weth, 1e18),
            abi.encodeWithSelector(IGuardErrors.AdapterMismatch.selector, v3UsdcWeth, V2, V3)
        );
    }

    function test_refuses_ATokenThatIsNotThePools() public {
        _refusedLeg(
            _leg(V3, v3UsdcWeth, wbtc, 1e8),
            abi.encodeWithSelector(IGuardErrors.TokenNotInPool.selector, v3UsdcWeth, address(wbtc))
        );
    }

    function test_C10_refuses_APoolAwayFromTheOracle() public {
        _push(v3UsdcWeth, weth, 100e18); // 0.6 % of the pool's depth moves its price by 1.2 %
        (bool ok, bytes memory reason) = _try(_goodLegs());
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
        _push(v3UsdcWeth, usdc, 200_000e6);
        _rebalance(_goodLegs());
    }

    function test_C10_refuses_APairAwayFromTheOracle() public {
        _pushV2(v2UsdcWbtc, wbtc, 5e8);
        (bool ok, bytes memory reason) = _try(_legs(_leg(V2, v2UsdcWbtc, wbtc, 1e6)));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    /// @dev A leg pushes a pool away that the next one brings back: before the first and after the last all is well, and in
    /// between it is not.
    function test_C10_refuses_APoolThatAnEarlierLegPushedAway() public {
        _deposit(bob, 1_000_000e6);
        Limits memory next = _limits();
        next.maxDeviationBps = 50;
        _tighten(next);
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, usdc, 250_000e6), _leg(V3, v3UsdcWeth, weth, 80e18));
        (bool ok, bytes memory reason) = _try(legs);
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
        next.maxDeviationBps = 49;
        _tighten(next);
        legs[0].amountIn = 50_000e6;
        legs[1].amountIn = 16e18;
        (ok,) = _try(legs);
        assertTrue(ok);
    }

    /// @dev The limit is exact: a limit of the pool's distance, rounded up to a basis point, lets the leg pass, and one
    /// basis point less does not.
    function testFuzz_C10_deviation_IsThePoolsToTheBasisPoint(uint256 push, bool up) public {
        push = bound(push, 1_000e6, 240_000e6);
        if (up) _push(v3UsdcWeth, usdc, push);
        else _push(v3UsdcWeth, weth, push * 1e12 / 3_000);
        // Pool: sqrtPrice**2 / 2**192. Oracle: 1e9 / 3 raw WETH for a raw USDC, or the inverse.
        (uint256 m, uint256 n) = address(usdc) < address(weth) ? (uint256(3), uint256(1e9)) : (uint256(1e9), uint256(3));
        (uint256 found, uint256 fair) = (_sqrtPrice(v3UsdcWeth) ** 2 * m, n << 192);
        uint256 distance = found > fair ? found - fair : fair - found;
        uint256 bps = (distance * 10_000 + fair - 1) / fair;
        assertTrue(bps > 0 && bps <= 100);
        Limits memory next = _limits();
        next.maxDeviationBps = uint16(bps);
        _tighten(next);
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, weth, 1e9));
        _rebalance(legs);
        _pass(300);
        next.maxDeviationBps = uint16(bps - 1);
        _tighten(next);
        _refused(
            _order(), legs, abi.encodeWithSelector(IGuardErrors.DeviationTooLarge.selector, v3UsdcWeth, bps, bps - 1)
        );
    }

    function test_refuses_AZeroAmount() public {
        _refusedLeg(_leg(V3, v3UsdcWeth, weth, 0), abi.encodeWithSelector(IGuardErrors.AmountZero.selector, v3UsdcWeth));
    }

    function test_refuses_AllOfAHeldToken() public {
        _refusedLeg(
            _leg(V3, v3UsdcWeth, weth, type(uint256).max),
            abi.encodeWithSelector(IGuardErrors.AmountRequired.selector, address(weth))
        );
    }

    function test_C11_refuses_TooMuchTurnover() public {
        uint256 most = vault.nav() * 2_500 / 10_000;
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, most + 1),
            abi.encodeWithSelector(IGuardErrors.TurnoverTooLarge.selector, most + 1, most)
        );
    }

    function test_C11_refuses_MoreThanTheDaysTurnover() public {
        Limits memory tight = _limits();
        tight.dailyTurnoverBps = 3_000;
        _tighten(tight);
        uint256 part = vault.nav() / 5;
        _rebalance(_legs(_leg(V3, v3UsdcWeth, usdc, part / 2), _leg(V3, v3UsdcWeth, weth, _wethFor(part / 2))));
        _pass(300);
        uint256 left = vault.guardState().turnoverBudget;
        // A day's 30 %, less the fifth, and what 300 s refill.
        assertApproxEqAbs(left, vault.nav() / 10 + vault.nav() * 3 / 10 * 300 / DAY, vault.nav() / 1_000);
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, left + 1),
            abi.encodeWithSelector(IGuardErrors.DailyTurnoverSpent.selector, left + 1, left)
        );
    }

    // refusals: execution

    function test_refuses_ToSpendMoreThanIsHeld() public {
        _rebalance(_legs(_leg(V3, v3UsdcWeth, usdc, 90_000e6)));
        _push(v3UsdcWeth, weth, _wethFor(90_000e6));
        _pass(DAY);
        uint256 held = vault.holdings()[0];
        usdc.mint(address(vault), 1_000e6); // a donation cannot be spent
        _refusedLeg(
            _leg(V3, v3UsdcWeth, usdc, held + 1),
            abi.encodeWithSelector(HoldingTooSmall.selector, address(usdc), held, held + 1)
        );
    }

    function test_refuses_LessThanTheLeastOutput() public {
        Leg[] memory legs = _goodLegs();
        legs[0].minOut = 3_000e6;
        (bool ok, bytes memory reason) = _try(legs);
        assertFalse(ok);
        assertEq(bytes4(reason), OutputTooSmall.selector);
        legs[0].minOut = 2_998e6;
        _rebalance(legs);
    }

    function test_refuses_AnIntermediateTokenLeft() public {
        (bool ok, bytes memory reason) = _try(_linkLegs(1_000e6, 1e18));
        assertFalse(ok);
        assertEq(bytes4(reason), IntermediateLeft.selector);
    }

    function test_refuses_AnIntermediateTokenNotReceived() public {
        link.mint(address(vault), 1e18);
        _refusedLeg(
            _leg(V3, v3LinkWeth, link, 1e18), abi.encodeWithSelector(HoldingTooSmall.selector, address(link), 0, 1e18)
        );
        _refusedLeg(
            _leg(V3, v3LinkWeth, link, type(uint256).max),
            abi.encodeWithSelector(IGuardErrors.AmountZero.selector, v3LinkWeth)
        );
    }

    function test_C40_wraps_APoolsOwnError() public {
        // One raw unit of USDC buys nothing of WBTC: the pair refuses with a string.
        (bool ok, bytes memory reason) = _try(_legs(_leg(V2, v2UsdcWbtc, usdc, 1)));
        assertFalse(ok);
        assertEq(
            reason,
            abi.encodeWithSelector(
                ExternalCallFailed.selector,
                v2UsdcWbtc,
                abi.encodeWithSignature("Error(string)", "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT")
            )
        );
    }

    // refusals: the result

    function test_C10_refuses_ToLeaveAPoolAwayFromTheOracle() public {
        Limits memory tight = _limits();
        tight.maxDeviationBps = 5;
        _tighten(tight);
        // Near the oracle on the way in; 0.1 % of the pool's depth moves it by 20 bps.
        (bool ok, bytes memory reason) = _try(_legs(_leg(V3, v3UsdcWeth, usdc, 50_000e6)));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    function test_refuses_LessNavThanTheOrderAsks() public {
        Order memory order = _order();
        order.minNavAfter = vault.nav();
        vm.prank(keeper);
        (bool ok, bytes memory reason) = address(vault).call(abi.encodeCall(vault.rebalance, (order, _goodLegs())));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.NavBelowMinimum.selector);
        order.minNavAfter -= 3e6; // 5 bps of 3,000 dollars, and the impact
        _rebalance(order, _goodLegs());
    }

    function test_C6_refuses_TooMuchLoss() public {
        Limits memory tight = _limits();
        tight.maxLossBps = 1;
        _tighten(tight);
        uint256 most = vault.nav() / 10_000;
        (bool ok, bytes memory reason) = _try(_legs(_leg(V2, v2UsdcWbtc, usdc, 100_000e6)));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.LossTooLarge.selector);
        assertEq(_word(reason, 1), most);
        assertGt(_word(reason, 0), most);
    }

    function test_C9_refuses_TooMuchGain() public {
        // The pool pays 90 bps more for WETH than the oracle says: a wrong price somewhere.
        Limits memory tight = _limits();
        tight.maxGainBps = 0;
        _tighten(tight);
        _push(v3UsdcWeth, usdc, 220_000e6);
        (bool ok, bytes memory reason) = _try(_goodLegs());
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.GainTooLarge.selector);
    }

    function test_C7_refuses_MoreThanTheDaysLoss() public {
        Limits memory tight = _limits();
        tight.dailyLossBps = 1;
        _tighten(tight);
        uint256 budget = vault.guardState().lossBudget;
        assertApproxEqAbs(budget, vault.nav() / 10_000, 1);
        _rebalance(_legs(_leg(V2, v2UsdcWbtc, wbtc, 30e6))); // 18,000 dollars, 30 bps: about 54
        uint256 left = vault.guardState().lossBudget;
        assertLt(left, budget / 2);
        _pass(300);
        uint256 refilled = vault.guardState().lossBudget;
        assertGt(refilled, left);
        (bool ok, bytes memory reason) = _try(_legs(_leg(V2, v2UsdcWbtc, usdc, 18_000e6)));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DailyLossSpent.selector);
        assertEq(_word(reason, 1), refilled);
    }

    function test_refuses_ToDriftFromTheWeights() public {
        // A tenth of the basket from one token into another is a drift of a fifth.
        uint256 tenth = vault.nav() / 10;
        (bool ok, bytes memory reason) = _try(_legs(_leg(V3, v3UsdcWeth, weth, _wethFor(tenth * 11 / 10))));
        assertFalse(ok);
        assertEq(bytes4(reason), DriftTooLarge.selector);
        assertEq(_word(reason, 1), DRIFT_BAND_BPS);
        // Inside the band it is the keeper's business; beyond it, only the way back is open.
        _deposit(bob, 500_000e6);
        (ok, reason) = _try(_legs(_leg(V3, v3UsdcWeth, weth, 1e18)));
        assertFalse(ok);
        assertEq(bytes4(reason), DriftTooLarge.selector);
        assertGt(_word(reason, 1), DRIFT_BAND_BPS);
        _rebalance(_legs(_leg(V3, v3UsdcWeth, usdc, 3_000e6)));
    }

    function test_C32_refuses_AnUnsolicitedCallback() public {
        vm.prank(v3UsdcWeth);
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, v3UsdcWeth));
        vault.uniswapV3SwapCallback(1, -1, "");
    }

    // helpers of these tests

    function _refused(Order memory order, Leg[] memory legs, bytes memory reason) private {
        vm.prank(keeper);
        vm.expectRevert(reason);
        vault.rebalance(order, legs);
    }

    function _refusedLeg(Leg memory leg, bytes memory reason) private {
        _refused(_order(), _legs(leg), reason);
    }

    function _try(Leg[] memory legs) private returns (bool, bytes memory) {
        Order memory order = _order();
        vm.prank(keeper);
        return address(vault).call(abi.encodeCall(vault.rebalance, (order, legs)));
    }

    function _pass0(uint256 elapsed) private {
        vm.warp(vm.getBlockTimestamp() + elapsed);
    }

    function _word(bytes memory reason, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(reason, add(0x24, mul(i, 0x20))))
        }
    }

    function _sqrtPrice(address pool) private view returns (uint256 sqrtPriceX96) {
        (, bytes memory data) = pool.staticcall(abi.encodeWithSignature("slot0()"));
        return abi.decode(data, (uint256));
    }
}
