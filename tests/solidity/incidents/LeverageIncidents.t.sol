// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CallbackUnexpected, ExternalCallFailed} from "../../../contracts/guard/Swaps.sol";
import {HealthLimits, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {LeverageWorld} from "../LeverageWorld.sol";

/// @notice What failed elsewhere, tried on a levered vault. Each test is seen to fail on the weakened contract that
/// scripts/mutation/weakenings.toml names for it.
contract LeverageIncidentsTest is LeverageWorld {
    address private attacker = makeAddr("attacker");

    function setUp() public {
        _openLeverage(0);
        _fillLeverage();
        usdc.mint(alice, 1_000_000e6);
    }

    /// @dev I-2 Euler: one way of taking collateral out did not ask for the health factor.
    function test_I02_noMoveEndsBelowTheFloor() public {
        HealthLimits memory tight = _healthLimits();
        tight.floor = 2.4e18;
        vm.prank(curator);
        guard.setHealthLimits(tight);
        (bool ok,) = _try(_leverMove(75_000e6, true), _buyLegs(75_000e6)); // Aave itself would lend it
        assertGe(vault.healthFactor(), tight.floor, "I-2: below the floor");
        assertFalse(ok);
        // Collateral taken out, and nothing repaid.
        (ok,) = _try(_deleverMove(0, 2e18, false), new Leg[](0));
        assertFalse(ok, "I-2: collateral left without a repayment");
    }

    /// @dev I-5 Alpha Homora: the borrower's part of the debt was rounded down. Many small exits do not leave a debt.
    function testFuzz_I05_aLeaversDebtIsRoundedUp(uint256 shares) public {
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 supply = vault.totalSupply() + 1e3;
        shares = bound(shares, 1e11, 1e15);
        vm.startPrank(alice);
        for (uint256 i; i < 20; ++i) {
            vault.redeemInKind(shares, alice, alice, _zeros());
        }
        vm.stopPrank();
        (uint256 left, uint256 owed) = vault.position();
        uint256 supplyNow = vault.totalSupply() + 1e3;
        assertLe(owed * supply, debt * supplyNow, "I-5: those who stay owe more for a share");
        assertGe((left + 1) * supply, collateral * supplyNow, "I-5: those who stay have less for a share");
    }

    /// @dev I-24 EFLeverVault: anybody could borrow in the vault's name, and it answered.
    function test_I24_aLoanNobodyAskedForIsNotAnswered() public {
        (uint256 collateral, uint256 debt) = vault.position();
        bytes memory params = abi.encode(new Leg[](0), new address[](0), _deleverMove(0, type(uint256).max, false));
        vm.prank(attacker);
        (bool ok, bytes memory reason) = address(aave)
            .call(abi.encodeCall(aave.flashLoanSimple, (address(vault), address(usdc), 1_000e6, params, 0)));
        assertFalse(ok, "I-24: answered");
        assertEq(reason, abi.encodeWithSelector(CallbackUnexpected.selector, address(aave)));
        vm.prank(attacker);
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, attacker));
        vault.executeOperation(address(usdc), 1, 0, address(vault), params);
        (uint256 now_, uint256 owed) = vault.position();
        assertGe(now_, collateral);
        assertEq(owed, debt);
    }

    /// @dev I-27 BadgerDAO, I-17: what was once approved is taken later. Nothing is left approved.
    function test_I27_nothingStaysApproved() public {
        _act(_leverMove(1_000e6, true), _buyLegs(1_000e6));
        _requireNoAllowance();
        _pass(DAY);
        _act(_deleverMove(1_000e6, 4e17, true), _sellLegs(4e17));
        _requireNoAllowance();
        _pass(DAY);
        _act(_deleverMove(0, 4e17, false), _sellLegs(4e17));
        _requireNoAllowance();
        vm.prank(alice);
        vault.redeemInKind(1e18, alice, alice, _zeros());
        _requireNoAllowance();
    }

    /// @dev I-29 Maker's black Thursday: the keepers did not come, and nobody else could. Here anyone rescues, for a
    /// reward that the rescue itself pays, paused or not.
    function test_I29_anyoneRescuesWhenTheKeeperIsGone() public {
        vm.startPrank(sentinel);
        guard.removeKeeper(keeper);
        guard.pause();
        vm.stopPrank();
        _fallTo(1_260e8);
        uint256 health = vault.healthFactor();
        assertLt(health, RIPCORD);
        (, uint256 debt) = vault.position();
        LeverageMove memory move = _deleverMove(30_000e6, 24.2e18, true);
        move.urgent = true;
        Leg[] memory legs = _sellLegs(23.9e18);
        vm.prank(attacker);
        uint256 reward = vault.pullRipcord(legs, move, attacker);
        assertGt(vault.healthFactor(), health, "I-29: not rescued");
        (, uint256 left) = vault.position();
        assertApproxEqAbs(debt - left, 30_000e6, 100e6);
        assertEq(weth.balanceOf(attacker), reward);
        assertGt(reward, 0.09e18);
        assertLe(reward, 0.12e18, "at most 50 bps of what was repaid");
    }

    /// @dev F-50: a market that refuses makes the action revert whole, and the exit waits; nothing is half done.
    function test_F50_aPausedReserveLeavesNothingHalfDone() public {
        (uint256 collateral, uint256 debt) = vault.position();
        uint64 epoch = guard.epoch();
        configurator.setReservePause(address(weth), true);
        (bool ok, bytes memory reason) = _try(_deleverMove(1_000e6, 4e17, true), _sellLegs(4e17));
        assertFalse(ok);
        assertEq(bytes4(reason), ExternalCallFailed.selector);
        (uint256 now_, uint256 owed) = vault.position();
        assertEq(now_, collateral);
        assertEq(owed, debt);
        assertEq(guard.epoch(), epoch);
    }

    function _requireNoAllowance() private view {
        address[3] memory spenders = [address(aave), v3UsdcWeth, address(guard)];
        for (uint256 i; i < 3; ++i) {
            assertEq(weth.allowance(address(vault), spenders[i]), 0, "I-27: WETH");
            assertEq(usdc.allowance(address(vault), spenders[i]), 0, "I-27: USDC");
        }
    }

    function _try(LeverageMove memory move, Leg[] memory legs) private returns (bool, bytes memory) {
        Order memory order = _order();
        vm.prank(keeper);
        return address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
    }
}
