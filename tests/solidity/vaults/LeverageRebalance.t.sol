// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HoldingTooSmall} from "../../../contracts/guard/Ledger.sol";
import {CallbackUnexpected, ExternalCallFailed, OutputTooSmall} from "../../../contracts/guard/Swaps.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {HealthLimits, IKeeperVault, Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {BorrowedUnsold, MoveInvalid} from "../../../contracts/vaults/LeverageVault.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The keeper's entry point of a levered vault: the refusals that a basket does not have, then what it does.
contract LeverageRebalanceTest is LeverageWorld {
    function setUp() public {
        _openLeverage(0);
        _fillLeverage();
    }

    // refusals

    function test_refuses_AnyoneButAKeeper() public {
        Order memory order = _order();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotKeeper.selector, alice));
        vault.rebalance(order, _buyLegs(1e6), _leverMove(1e6, true));
    }

    function test_C14_refuses_AnotherState() public {
        Order memory order = _order();
        order.expectedStateHash = vault.stateHash();
        _act(_leverMove(1_000e6, true), _buyLegs(1_000e6));
        _pass(300);
        order.expectedEpoch = guard.epoch();
        order.deadline += 300;
        bytes32 moved = vault.stateHash();
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.StateMismatch.selector, moved, order.expectedStateHash));
        vault.rebalance(order, _buyLegs(1e6), _leverMove(1e6, true));
    }

    /// @dev Interest alone does not change the state a plan was made at.
    function test_stateHash_DoesNotMoveWithTime() public {
        bytes32 before = vault.stateHash();
        (, uint256 debt) = vault.position();
        vm.warp(block.timestamp + 600);
        (, uint256 grown) = vault.position();
        assertGt(grown, debt);
        assertEq(vault.stateHash(), before);
    }

    function test_refuses_AMoveThatContradictsItself() public {
        LeverageMove[4] memory moves = [
            LeverageMove({lever: true, flash: true, urgent: false, debtAmount: 0, collateralAmount: 0}),
            LeverageMove({lever: true, flash: false, urgent: false, debtAmount: 1e6, collateralAmount: 1}),
            LeverageMove({lever: false, flash: true, urgent: false, debtAmount: 0, collateralAmount: 1e18}),
            LeverageMove({lever: false, flash: false, urgent: false, debtAmount: 1, collateralAmount: 1e18})
        ];
        for (uint256 i; i < moves.length; ++i) {
            _refused(moves[i], new Leg[](0), abi.encodeWithSelector(MoveInvalid.selector));
        }
    }

    function test_C11_refuses_TurnoverAboveAHalfOfGrossAssets() public {
        (uint256 collateral,) = vault.position();
        Limits memory tight = _limits();
        tight.maxTurnoverBps = 2_000;
        tight.maxLossBps = 100;
        _tighten(tight);
        uint256 most = (collateral + vault.holdings()[0]) * 2_000 / 10_000;
        _refused(
            _deleverMove(0, most + 1, false),
            _sellLegs(most + 1),
            abi.encodeWithSelector(IGuardErrors.TurnoverTooLarge.selector, most + 1, most)
        );
    }

    function test_C33_refuses_ToLeverBelowTheFloor() public {
        HealthLimits memory next = _healthLimits();
        next.floor = 2.4e18;
        vm.prank(curator);
        guard.setHealthLimits(next);
        (bool ok, bytes memory reason) = _try(_leverMove(20_000e6, false), _buyLegs(20_000e6));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.HealthFactorTooLow.selector);
        assertLt(_word(reason, 0), next.floor);
        assertEq(_word(reason, 1), next.floor);
    }

    function test_refuses_ToBorrowMoreThanAaveLends() public {
        (bool ok, bytes memory reason) = _try(_leverMove(1_000_000e6, false), _buyLegs(1e6));
        assertFalse(ok);
        assertEq(
            reason,
            abi.encodeWithSelector(
                ExternalCallFailed.selector, address(aave), abi.encodeWithSignature("Error(string)", "36")
            )
        );
    }

    function test_C33_refuses_ToDeleverAboveTheCeiling() public {
        (bool ok, bytes memory reason) = _try(_deleverMove(0, 40e18, false), _sellLegs(40e18));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.HealthFactorTooHigh.selector);
        assertEq(_word(reason, 1), CEILING);
    }

    function test_C33_refuses_ADeleverThatDoesNotStrengthen() public {
        // Collateral leaves for the idle side and no debt is paid.
        (bool ok, bytes memory reason) = _try(_deleverMove(0, 1e18, false), new Leg[](0));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.HealthFactorNotRaised.selector);
        // Nothing happens at all.
        uint256 health = vault.healthFactor();
        _refused(
            _deleverMove(0, 0, false),
            new Leg[](0),
            abi.encodeWithSelector(IGuardErrors.HealthFactorNotRaised.selector, health, health)
        );
    }

    function test_refuses_AFlashLoanThatCannotBeReturned() public {
        // 10 WETH do not pay 40,000 dollars back.
        (bool ok, bytes memory reason) = _try(_deleverMove(40_000e6, 10e18, true), _sellLegs(10e18));
        assertFalse(ok);
        assertEq(bytes4(reason), HoldingTooSmall.selector);
        assertEq(_word(reason, 2), 40_000e6 + 36e6);
    }

    /// @dev A refusal inside the flash loan comes through Aave as itself.
    function test_C40_passesOn_ATypedErrorThroughTheFlashLoan() public {
        Leg[] memory legs = _buyLegs(10_000e6);
        legs[0].minOut = 4e18;
        (bool ok, bytes memory reason) = _try(_leverMove(10_000e6, true), legs);
        assertFalse(ok);
        assertEq(bytes4(reason), OutputTooSmall.selector);
    }

    function test_C33_refuses_APausedReserveWhole() public {
        configurator.setReservePause(address(usdc), true);
        bytes32 before = vault.stateHash();
        (bool ok, bytes memory reason) = _try(_deleverMove(10_000e6, 4e18, true), _sellLegs(4e18));
        assertFalse(ok);
        assertEq(bytes4(reason), ExternalCallFailed.selector);
        assertEq(vault.stateHash(), before);
    }

    function test_C32_refuses_AnUnsolicitedFlashLoan() public {
        bytes memory params = abi.encode(new Leg[](0), _leverMove(1e6, true));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(this)));
        vault.executeOperation(address(usdc), 1e6, 0, address(vault), params);
        // From the lender, but for somebody else.
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(aave)));
        aave.flashLoanSimple(address(vault), address(usdc), 1e6, params, 0);
        // From the lender in the vault's name, but the vault waits for none.
        vm.prank(address(aave));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(aave)));
        vault.executeOperation(address(usdc), 1e6, 0, address(vault), params);
    }

    function test_refuses_AnInsolventVault() public {
        feeds[address(weth)].pushRound(900e8);
        vm.expectPartialRevert(IGuardErrors.Insolvent.selector);
        vault.nav();
        (bool ok, bytes memory reason) = _try(_deleverMove(0, 1e18, false), _sellLegs(1e18));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.Insolvent.selector);
        assertEq(vault.totalAssets(), 0);
        assertEq(vault.maxDeposit(alice), 0);
    }

    /// @dev What only a keeper, the curator after a day, or a pool in flight may call is refused to every other role; see
    /// Roles.t.sol for the guard's and the basket's functions.
    function test_C1_everyRoleIsRefusedWhatIsNotItsOwn() public {
        address[5] memory callers = [owner, curator, sentinel, alice, keeper];
        bytes[4] memory calls = [
            abi.encodeCall(vault.rebalance, (_order(), _buyLegs(1e6), _leverMove(1e6, true))),
            abi.encodeCall(vault.setFees, (0, 0)),
            abi.encodeCall(vault.executeOperation, (address(usdc), 1, 0, address(vault), "")),
            abi.encodeCall(vault.uniswapV3SwapCallback, (1, -1, ""))
        ];
        for (uint256 i; i < 5; ++i) {
            bytes4[4] memory refusals = [
                IGuardErrors.NotKeeper.selector,
                callers[i] == curator ? IGuardErrors.NotSubmitted.selector : IGuardErrors.NotCurator.selector,
                CallbackUnexpected.selector,
                CallbackUnexpected.selector
            ];
            for (uint256 j; j < 4; ++j) {
                if (callers[i] == keeper && j == 0) continue;
                vm.prank(callers[i]);
                (bool ok, bytes memory reason) = address(vault).call(calls[j]);
                assertFalse(ok);
                assertEq(bytes4(reason), refusals[j]);
            }
            // Nobody's while the vault is healthy, whoever asks.
            LeverageMove memory move = _urgentMove(1_000e6, 1e18);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGuardErrors.NotUrgent.selector);
            vault.pullRipcord(_sellLegs(1e18), move, callers[i]);
        }
    }

    // levering

    function test_lever_WithoutDebtSuppliesIdleCollateral() public {
        _deposit(bob, 10e18);
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 nav = vault.nav();
        _act(_leverMove(0, false), new Leg[](0));
        (uint256 after_, uint256 debtAfter) = vault.position();
        assertApproxEqAbs(after_, collateral + 10e18, 2);
        assertEq(debtAfter, debt);
        assertEq(vault.holdings()[0], 0);
        assertApproxEqAbs(vault.nav(), nav, 2);
    }

    function test_lever_SuppliesBelowTheFloorToo() public {
        _deposit(bob, 10e18);
        feeds[address(weth)].pushRound(1_400e8);
        uint256 health = vault.healthFactor();
        assertLt(health, FLOOR);
        _act(_leverMove(0, false), new Leg[](0));
        assertGt(vault.healthFactor(), health);
        assertLt(vault.healthFactor(), FLOOR);
    }

    function testFuzz_lever_ByFlashLoan(uint256 amount) public {
        amount = bound(amount, 1e6, 140_000e6);
        _deposit(bob, 20e18);
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 idle = vault.holdings()[0];
        uint256 bought = _quote(address(usdc), amount);
        _act(_leverMove(amount, true), _buyLegs(amount));
        (uint256 now_, uint256 owed) = vault.position();
        assertApproxEqAbs(now_, collateral + idle + bought, 2, "all collateral is supplied");
        assertApproxEqAbs(owed, debt + amount + _premium(amount), 2, "debt grows by the loan and its premium");
        _requireClean();
        assertGe(vault.healthFactor(), FLOOR);
        assertEq(vault.nav(), _navByHand());
    }

    function testFuzz_lever_ByBorrowing(uint256 amount) public {
        amount = bound(amount, 1e6, 100_000e6);
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 bought = _quote(address(usdc), amount);
        _act(_leverMove(amount, false), _buyLegs(amount));
        (uint256 now_, uint256 owed) = vault.position();
        assertApproxEqAbs(now_, collateral + bought, 2);
        assertApproxEqAbs(owed, debt + amount, 2);
        _requireClean();
    }

    /// @dev Debt that lies idle costs interest outside of every budget: a stolen key could let it run.
    function test_C8_refuses_ToBorrowWhatItDoesNotSell() public {
        bytes memory unsold = abi.encodeWithSelector(BorrowedUnsold.selector, 1_000e6);
        _refused(_leverMove(10_000e6, true), _buyLegs(9_000e6), unsold);
        _refused(_leverMove(10_000e6, false), _buyLegs(9_000e6), unsold);
        _refused(_leverMove(1_000e6, false), new Leg[](0), unsold);
    }

    // de-levering

    function testFuzz_delever_ByFlashLoan(uint256 amount) public {
        amount = bound(amount, 1_000e6, 20_000e6);
        (uint256 collateral, uint256 debt) = vault.position();
        (uint256 health, uint256 idle) = (vault.healthFactor(), vault.holdings()[0]);
        uint256 sold = amount * 1e12 / 2_960; // enough for the premium and the pool
        uint256 bought = _quote(address(weth), sold);
        _act(_deleverMove(amount, sold, true), _sellLegs(sold));
        (uint256 now_, uint256 owed) = vault.position();
        assertApproxEqAbs(now_, collateral - sold, 2);
        assertApproxEqAbs(owed, debt + _premium(amount) - bought, 2, "the surplus repays more debt");
        assertEq(vault.holdings()[0], idle);
        assertEq(vault.holdings()[1], 0, "no idle debt token");
        assertGt(vault.healthFactor(), health);
        _requireClean();
    }

    function testFuzz_delever_ByWithdrawing(uint256 sold) public {
        sold = bound(sold, 1e15, 8e18);
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 bought = _quote(address(weth), sold);
        _act(_deleverMove(0, sold, false), _sellLegs(sold));
        (uint256 now_, uint256 owed) = vault.position();
        assertApproxEqAbs(now_, collateral - sold, 2);
        assertApproxEqAbs(owed, debt - bought, 2);
        _requireClean();
    }

    /// @dev The debt of the mined block is not known when the plan is made: a loan above it closes the position, and
    /// what is over stays idle.
    function test_delever_ToNoDebt() public {
        (, uint256 debt) = vault.position();
        uint256 sold = debt * 102 / 100 * 1e12 / 3_000;
        _act(_deleverMove(debt + 100e6, type(uint256).max, true), _sellLegs(sold));
        (uint256 collateral, uint256 owed) = vault.position();
        assertEq(owed, 0);
        assertEq(collateral, 0);
        assertGt(vault.holdings()[0], 90e18);
        assertGt(vault.holdings()[1], 0);
        assertEq(vault.healthFactor(), type(uint256).max);
        assertEq(vault.nav(), _navByHand());
        _requireClean();
    }

    function test_rebalance_TellsOnce() public {
        Order memory order = _order();
        uint256 nav = vault.nav();
        vm.expectEmit(true, true, false, false, address(vault));
        emit IKeeperVault.IntentExecuted(order.intentId, order.expectedEpoch + 1, nav, 0);
        vm.prank(keeper);
        vault.rebalance(order, _buyLegs(1_000e6), _leverMove(1_000e6, true));
        assertEq(guard.epoch(), order.expectedEpoch + 1);
    }

    /// @dev Value moves only by what the pool and the flash loan cost, and the budget is charged exactly that.
    function testFuzz_C7_rebalance_ChargesTheLoss(uint256 amount) public {
        amount = bound(amount, 1e6, 100_000e6);
        (uint256 nav, uint256 budget) = (vault.nav(), vault.guardState().lossBudget);
        _act(_leverMove(amount, true), _buyLegs(amount));
        uint256 loss = nav - vault.nav();
        assertEq(vault.guardState().lossBudget, Math.min(budget - loss, vault.nav() / 100));
    }

    // helpers of these tests

    function _refused(LeverageMove memory move, Leg[] memory legs, bytes memory reason) private {
        Order memory order = _order();
        vm.prank(keeper);
        vm.expectRevert(reason);
        vault.rebalance(order, legs, move);
    }

    function _try(LeverageMove memory move, Leg[] memory legs) private returns (bool, bytes memory) {
        Order memory order = _order();
        vm.prank(keeper);
        return address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
    }

    function _tighten(Limits memory next) private {
        vm.prank(curator);
        guard.setLimits(next);
    }

    /// @dev What the pool pays, from its own code, without the trade.
    function _quote(address tokenIn, uint256 amount) private returns (uint256 out) {
        uint256 snapshot = vm.snapshotState();
        bool usdcIn = tokenIn == address(usdc);
        uint256 before = usdcIn ? weth.balanceOf(address(this)) : usdc.balanceOf(address(this));
        if (usdcIn) _push(v3UsdcWeth, usdc, amount);
        else _push(v3UsdcWeth, weth, amount);
        out = (usdcIn ? weth.balanceOf(address(this)) : usdc.balanceOf(address(this))) - before;
        vm.revertToState(snapshot);
    }

    function _premium(uint256 amount) private pure returns (uint256) {
        return (amount * FLASH_PREMIUM_BPS + 5_000) / 10_000;
    }

    function _navByHand() private view returns (uint256) {
        (uint256 collateral, uint256 debt) = vault.position();
        uint256[] memory idle = vault.holdings();
        uint256 assets = idle[0] + collateral + Math.mulDiv(idle[1], _priceX(usdc), _priceX(weth));
        return assets - Math.mulDiv(debt, _priceX(usdc), _priceX(weth), Math.Rounding.Ceil);
    }

    /// @dev Balances are what is accounted for, and nobody may spend them.
    function _requireClean() private view {
        assertEq(weth.balanceOf(address(vault)), vault.holdings()[0]);
        assertEq(usdc.balanceOf(address(vault)), vault.holdings()[1]);
        assertEq(weth.allowance(address(vault), address(aave)), 0);
        assertEq(usdc.allowance(address(vault), address(aave)), 0);
    }

    function _word(bytes memory reason, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(reason, add(0x24, mul(i, 0x20))))
        }
    }
}
