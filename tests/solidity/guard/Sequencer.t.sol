// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Sequencer} from "../../../contracts/guard/Sequencer.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";

/// @notice A levered vault on an L2: while its sequencer is down, and for an hour after, only what takes risk away passes.
contract SequencerTest is LeverageWorld {
    WorldFeed private uptime;

    function setUp() public {
        _openAave();
        // Up since long ago: the answer is 0, and the round began then.
        uptime = new WorldFeed("sequencer", 0, 0);
        uptime.pushRoundAt(0, block.timestamp - 3_600);
        _openVault(0);
        _fillLeverage();
    }

    function _leverageGuard(WorldToken collateral) internal view override returns (GuardSetup memory setup) {
        setup = super._leverageGuard(collateral);
        setup.sequencer = address(uptime);
    }

    // what the feed may say

    function test_C20_refuses_WhileDown() public {
        uptime.pushRound(1);
        _refused(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp));
        uptime.pushRound(-1);
        _refused(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp));
        uptime.pushRoundAt(1, block.timestamp - 3_601); // down for long is down
        _refused(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp - 3_601));
    }

    /// @dev A round of the first second is one, and without a sequencer there is none to wait for.
    function test_C20_demand_OnAClockThatJustBegan() public {
        uptime.pushRoundAt(0, 1);
        guard.pricesX();
        vm.warp(3_600);
        Sequencer.demand(address(0));
        assertTrue(Sequencer.isSafe(address(0)));
    }

    function test_C20_refuses_ForAnHourAfter() public {
        uptime.pushRound(0);
        uint256 until = block.timestamp + 3_600;
        _refused(abi.encodeWithSelector(IGuardErrors.SequencerJustUp.selector, block.timestamp, until));
        vm.warp(until - 1);
        _refused(abi.encodeWithSelector(IGuardErrors.SequencerJustUp.selector, until - 1, until));
        vm.warp(until);
        guard.pricesX();
        assertEq(guard.pricesXOrNone().length, 2);
    }

    function test_C20_refuses_AnAnswerThatIsNone() public {
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.SequencerUnreadable.selector, address(uptime));
        uptime.pushRoundAt(0, 0); // a round that has not started
        _refused(reason);
        uptime.pushRoundAt(0, block.timestamp + 1);
        _refused(reason);
        uptime.setDown(true);
        _refused(reason);
        bytes memory question = abi.encodeCall(uptime.latestRoundData, ());
        bytes memory answer = abi.encode(1, 0, 1, 1, 1);
        vm.mockCallRevert(address(uptime), question, answer);
        _refused(reason);
        vm.clearMockedCalls();
        assembly ("memory-safe") {
            mstore(answer, 159)
        }
        vm.mockCall(address(uptime), question, answer);
        _refused(reason);
        vm.clearMockedCalls();
        bytes memory code = address(uptime).code;
        vm.etch(address(uptime), "");
        _refused(reason);
        vm.etch(address(uptime), code); // a revert does not bring it back
    }

    // what passes

    function test_C20_theBaseDoorIsClosed() public {
        uptime.pushRound(1);
        assertTrue(vault.valuationStale());
        assertEq(vault.maxDeposit(alice) + vault.maxMint(alice) + vault.maxRedeem(alice) + vault.maxWithdraw(alice), 0);
        weth.mint(bob, 1e18);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp));
        vault.deposit(1e18, bob);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp));
        vault.redeem(1, alice, alice);
    }

    function test_C20_leveringIsRefusedAndDeleveringIsNot() public {
        uptime.pushRound(0);
        Order memory order = _order();
        vm.prank(keeper);
        vm.expectPartialRevert(IGuardErrors.SequencerJustUp.selector);
        vault.rebalance(order, _buyLegs(1_000e6), _leverMove(1_000e6, true));
        uint256 health = vault.healthFactor();
        _act(_deleverMove(1_000e6, 0.34e18, true), _sellLegs(0.34e18));
        assertGt(vault.healthFactor(), health);
    }

    function test_C20_rescuesAndExitsInKindPass() public {
        _fallTo(_answerAt(1.04e18));
        uptime.pushRound(1);
        (, uint256 debt) = vault.position();
        uint256 sold = (debt / 10) * 1e20 * 1_005 / 1_000 / uint256(_answer());
        LeverageMove memory move = _urgentMove(debt / 10, sold);
        vault.pullRipcord(_sellLegs(sold), move, bob);
        _act(move, _sellLegs(sold));
        usdc.mint(alice, 1_000_000e6);
        uint256 shares = vault.balanceOf(alice) / 2;
        vm.prank(alice);
        vault.redeemInKind(shares, alice, alice, _zeros());
    }

    function _answer() private view returns (int256 answer) {
        (, answer,,,) = feeds[address(weth)].latestRoundData();
    }

    function _refused(bytes memory reason) private {
        vm.expectRevert(reason);
        guard.pricesX();
        assertEq(guard.pricesXOrNone().length, 0);
        guard.pricesXToDerisk();
    }
}
