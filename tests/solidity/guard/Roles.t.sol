// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Worth} from "../../../contracts/guard/Guard.sol";
import {Lent} from "../../../contracts/guard/Rescue.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Feed, HealthLimits, Leg, Limits, Order, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Construction} from "../Construction.sol";

/// @notice Who may call what, what waits a day, what is configured and what is refused.
contract RolesTest is BasketWorld, Construction {
    uint256 private constant OWNER = 1;
    uint256 private constant CURATOR = 2;
    uint256 private constant KEEPER = 4;
    uint256 private constant SENTINEL = 8;

    struct Row {
        bytes data;
        uint256 allowed;
        bytes4 refusal;
    }

    function setUp() public {
        _openBasket();
        _fillBasket();
    }

    // the matrix

    /// @dev Every state-changing function of the guard and of the vault's configuration, for every role and a stranger.
    function test_C1_matrix() public {
        address[5] memory callers = [owner, curator, keeper, sentinel, alice];
        Row[] memory rows = _guardRows();
        for (uint256 i; i < rows.length; ++i) {
            for (uint256 j; j < callers.length; ++j) {
                _requireCell(address(guard), rows[i], callers[j], (rows[i].allowed >> j) & 1 == 1);
            }
        }
        rows = _vaultRows();
        for (uint256 i; i < rows.length; ++i) {
            for (uint256 j; j < callers.length; ++j) {
                _requireCell(address(vault), rows[i], callers[j], (rows[i].allowed >> j) & 1 == 1);
            }
        }
    }

    function _guardRows() private view returns (Row[] memory rows) {
        rows = new Row[](21);
        bytes memory submission = abi.encodeCall(guard.addKeeper, (bob));
        uint256 above = OWNER | CURATOR | SENTINEL;
        rows[0] = Row(abi.encodeCall(guard.offerOwnership, (bob)), OWNER, IGuardErrors.NotOwner.selector);
        rows[1] = Row(abi.encodeCall(guard.acceptOwnership, ()), 0, IGuardErrors.NotPendingOwner.selector);
        rows[2] = Row(abi.encodeCall(guard.setCurator, (bob)), OWNER, IGuardErrors.NotOwner.selector);
        rows[3] = Row(abi.encodeCall(guard.setSentinel, (bob, true)), OWNER, IGuardErrors.NotOwner.selector);
        rows[4] = Row(abi.encodeCall(guard.unpause, ()), OWNER, IGuardErrors.NotOwner.selector);
        rows[5] = Row(abi.encodeCall(guard.submit, (submission)), CURATOR, IGuardErrors.NotCurator.selector);
        rows[6] = Row(submission, 0, IGuardErrors.NotCurator.selector);
        rows[7] = Row(abi.encodeCall(guard.setFeed, (address(weth), _feed(weth))), 0, IGuardErrors.NotCurator.selector);
        rows[8] = Row(abi.encodeCall(guard.addVenue, (Venue(V3, bob))), 0, IGuardErrors.NotCurator.selector);
        rows[9] = Row(abi.encodeCall(guard.setLimits, (_limits())), CURATOR, IGuardErrors.NotCurator.selector);
        rows[10] = Row(abi.encodeCall(guard.revoke, ("")), 0, IGuardErrors.NotSentinel.selector);
        rows[11] = Row(abi.encodeCall(guard.pause, ()), above, IGuardErrors.NotSentinel.selector);
        rows[12] = Row(abi.encodeCall(guard.removeKeeper, (bob)), above, IGuardErrors.NotSentinel.selector);
        rows[13] = Row(abi.encodeCall(guard.removeVenue, (v3LinkWeth)), above, IGuardErrors.NotSentinel.selector);
        rows[14] = Row(abi.encodeCall(guard.useUp, (curator, "")), 0, IGuardErrors.NotVault.selector);
        rows[15] = Row(
            abi.encodeCall(guard.admit, (keeper, _order(), 0, bytes32(0), false, 0)), 0, IGuardErrors.NotVault.selector
        );
        rows[16] = Row(abi.encodeCall(guard.weigh, (new Leg[](0), Worth(1, 0, 1))), 0, IGuardErrors.NotVault.selector);
        rows[18] = Row(abi.encodeCall(guard.abdicate, (bytes4(0))), 0, IGuardErrors.NotCurator.selector);
        rows[19] = Row(abi.encodeCall(guard.admitRipcord, (0, 0)), 0, IGuardErrors.NotVault.selector);
        HealthLimits memory health = HealthLimits(2e18, 3e18, 1e18, 1e18, 0, 100, 0);
        rows[20] = Row(abi.encodeCall(guard.setHealthLimits, (health)), 0, IGuardErrors.NotCurator.selector);
        rows[17] = Row(
            abi.encodeCall(guard.settle, (new Leg[](0), Worth(1, 0, 1), Lent(false, 0, 0, 0, 0))),
            0,
            IGuardErrors.NotVault.selector
        );
    }

    function _vaultRows() private view returns (Row[] memory rows) {
        rows = new Row[](3);
        rows[0] = Row(abi.encodeCall(vault.rebalance, (_order(), _goodLegs())), KEEPER, IGuardErrors.NotKeeper.selector);
        rows[1] = Row(abi.encodeCall(vault.setFees, (1, 1)), 0, IGuardErrors.NotCurator.selector);
        rows[2] =
            Row(abi.encodeCall(vault.setWeights, (_weights(10_000, 0, 0), 1)), 0, IGuardErrors.NotCurator.selector);
    }

    function _requireCell(address target, Row memory row, address caller, bool allowed) private {
        (, bytes memory outcome) = address(this).call(abi.encodeCall(this.attempt, (target, row.data, caller)));
        (bool ok, bytes memory reason) = abi.decode(outcome, (bool, bytes));
        assertEq(ok, allowed, string.concat(vm.getLabel(caller), " ", vm.toString(bytes4(row.data))));
        bool hasRole = (row.refusal == IGuardErrors.NotCurator.selector && caller == curator)
            || (row.refusal == IGuardErrors.NotSentinel.selector && caller != keeper && caller != alice);
        // Whoever has the role and yet may not, has not waited.
        if (!ok) assertEq(bytes4(reason), hasRole ? IGuardErrors.NotSubmitted.selector : row.refusal);
    }

    /// @dev Reverts with what the call answered: nothing of it stays.
    function attempt(address target, bytes calldata data, address caller) external {
        vm.prank(caller);
        (bool ok, bytes memory reason) = target.call(data);
        bytes memory outcome = abi.encode(ok, reason);
        assembly ("memory-safe") {
            revert(add(outcome, 0x20), mload(outcome))
        }
    }

    // the timelock

    function test_C4_timelock_HoldsADay() public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (bob));
        vm.startPrank(curator);
        guard.submit(data);
        uint256 at = block.timestamp + DAY;
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.AlreadySubmitted.selector, guard.addKeeper.selector));
        guard.submit(data);
        vm.warp(at - 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.TimelockPending.selector, at - 1, at));
        guard.addKeeper(bob);
        vm.warp(at);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.addKeeper.selector));
        guard.addKeeper(alice); // another call than the submitted one
        uint64 epoch = guard.epoch();
        guard.addKeeper(bob);
        assertTrue(vault.isKeeper(bob));
        assertEq(guard.epoch(), epoch + 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.addKeeper.selector));
        guard.addKeeper(bob); // once
        vm.stopPrank();
    }

    function test_C4_timelock_CanBeRevokedByASentinel() public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (bob));
        vm.prank(curator);
        guard.submit(data);
        vm.prank(sentinel);
        guard.revoke(data);
        vm.warp(block.timestamp + DAY);
        vm.prank(curator);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.addKeeper.selector));
        guard.addKeeper(bob);
    }

    /// @dev A power given up is nobody's any more: what was submitted of it dies, and nothing new comes of a submission.
    function test_C4_abdicate_IsForEver() public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (bob));
        bytes memory giveUp = abi.encodeCall(guard.abdicate, (guard.addKeeper.selector));
        vm.startPrank(curator);
        guard.submit(giveUp);
        guard.submit(data);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardErrors.TimelockPending.selector, block.timestamp, block.timestamp + DAY)
        );
        guard.abdicate(guard.addKeeper.selector);
        vm.warp(block.timestamp + DAY);
        uint64 epoch = guard.epoch();
        guard.abdicate(guard.addKeeper.selector);
        assertTrue(guard.isAbdicated(guard.addKeeper.selector));
        assertEq(guard.epoch(), epoch + 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.CallAbdicated.selector, guard.addKeeper.selector));
        guard.addKeeper(bob);
        guard.submit(abi.encodeCall(guard.addKeeper, (alice)));
        vm.warp(block.timestamp + DAY);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.CallAbdicated.selector, guard.addKeeper.selector));
        guard.addKeeper(alice);
        vm.stopPrank();
    }

    function test_C4_abdicate_CoversTheVaultsOwnConfiguration() public {
        vm.startPrank(curator);
        guard.submit(abi.encodeCall(guard.abdicate, (vault.setFees.selector)));
        guard.submit(abi.encodeCall(vault.setFees, (0, 0)));
        vm.warp(block.timestamp + DAY);
        guard.abdicate(vault.setFees.selector);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.CallAbdicated.selector, vault.setFees.selector));
        vault.setFees(0, 0);
        vm.stopPrank();
    }

    /// @dev Everything a sentinel may call leaves what the vault has, and owes, where it is.
    function test_C5_sentinel_MovesNothing() public {
        bytes[4] memory calls = [
            abi.encodeCall(guard.removeVenue, (v3LinkWeth)),
            abi.encodeCall(guard.removeKeeper, (keeper)),
            abi.encodeCall(guard.pause, ()),
            abi.encodeCall(guard.revoke, (abi.encodeCall(guard.addKeeper, (bob))))
        ];
        vm.prank(curator);
        guard.submit(abi.encodeCall(guard.addKeeper, (bob)));
        (bytes memory held, uint256 nav) = (abi.encode(vault.holdings()), vault.nav());
        for (uint256 i; i < 4; ++i) {
            vm.prank(sentinel);
            (bool ok,) = address(guard).call(calls[i]);
            assertTrue(ok);
            assertEq(abi.encode(vault.holdings()), held);
            assertEq(vault.nav(), nav);
            for (uint256 j; j < 3; ++j) {
                assertEq(_basketTokens()[j].balanceOf(address(vault)), vault.holdings()[j]);
            }
        }
    }

    function test_C4_timelock_CoversTheVaultsOwnConfiguration() public {
        bytes memory data = abi.encodeCall(vault.setWeights, (_weights(5_000, 5_000, 0), 50));
        vm.startPrank(curator);
        guard.submit(data);
        vm.warp(block.timestamp + DAY);
        uint64 epoch = guard.epoch();
        vault.setWeights(_weights(5_000, 5_000, 0), 50);
        vm.stopPrank();
        assertEq(vault.weights()[1], 5_000);
        assertEq(vault.driftBandBps(), 50);
        assertEq(guard.epoch(), epoch + 1);
    }

    // configuration

    function test_owner_HandsOverInTwoSteps() public {
        vm.prank(owner);
        guard.offerOwnership(bob);
        assertEq(vault.owner(), owner);
        vm.prank(bob);
        guard.acceptOwnership();
        assertEq(vault.owner(), bob);
        assertEq(guard.pendingOwner(), address(0));
    }

    function test_C4_limits_TightenAtOnceAndWidenAfterADay() public {
        Limits memory next = _limits();
        next.maxLossBps = 20;
        next.cooldown = 600;
        uint64 epoch = guard.epoch();
        vm.prank(curator);
        guard.setLimits(next);
        assertEq(vault.limits().maxLossBps, 20);
        assertEq(guard.epoch(), epoch + 1);
        Limits[7] memory wider;
        for (uint256 i; i < 7; ++i) {
            wider[i] = vault.limits();
        }
        ++wider[0].maxLossBps;
        ++wider[1].maxGainBps;
        ++wider[2].dailyLossBps;
        ++wider[3].maxDeviationBps;
        ++wider[4].maxTurnoverBps;
        ++wider[5].dailyTurnoverBps;
        --wider[6].cooldown;
        for (uint256 i; i < 7; ++i) {
            vm.prank(curator);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.setLimits.selector));
            guard.setLimits(wider[i]);
        }
    }

    function test_C4_limits_HaveHardMaxima() public {
        Limits[7] memory wide;
        for (uint256 i; i < 7; ++i) {
            wide[i] = _limits();
        }
        (wide[0].maxLossBps, wide[1].maxGainBps, wide[2].dailyLossBps, wide[3].maxDeviationBps) = (301, 501, 501, 1_001);
        (wide[4].maxTurnoverBps, wide[5].dailyTurnoverBps, wide[6].cooldown) = (10_001, 50_001, 86_401);
        uint256[7] memory most = [uint256(300), 500, 500, 1_000, 10_000, 50_000, 86_400];
        for (uint256 i; i < 7; ++i) {
            GuardSetup memory setup = _guardSetup(_basketTokens());
            setup.limits = wide[i];
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.LimitTooWide.selector, most[i] + 1, most[i]));
            this.construct(setup);
        }
    }

    function test_venue_NeedsAFeedForBothTokens() public {
        address factory = _deployV2Factory();
        bool[2] memory seen;
        // Strangers on either side of USDC's address.
        for (uint256 i; !seen[0] || !seen[1]; ++i) {
            WorldToken stranger = new WorldToken("NEW", "NEW", 18);
            feeds[address(stranger)] = feeds[address(usdc)];
            seen[address(stranger) < address(usdc) ? 0 : 1] = true;
            address pair = _pairV2(factory, usdc, stranger, 1_000);
            _refusedVenue(Venue(V2, pair), abi.encodeWithSelector(IGuardErrors.FeedMissing.selector, address(stranger)));
        }
    }

    function test_venue_IsRefusedTwiceAndUnknown() public {
        _refusedVenue(Venue(V3, v3UsdcWeth), abi.encodeWithSelector(IGuardErrors.VenueRepeated.selector, v3UsdcWeth));
        _refusedVenue(Venue(3, v3UsdcWeth), abi.encodeWithSelector(IGuardErrors.AdapterUnknown.selector, 3));
    }

    function test_venue_TheSeventeenthIsRefused() public {
        address factory = _deployV3Factory();
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.venues = new Venue[](17);
        uint256 count;
        for (uint256 i; i < 6; ++i) {
            (WorldToken a, WorldToken b) = _pairAt(i);
            for (uint256 j; j < 3 && count < 17; ++j) {
                setup.venues[count++] = Venue(V3, _poolV3(factory, a, b, [uint24(500), 3_000, 10_000][j], 1_000));
            }
        }
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueCountTooLarge.selector, 17, 16));
        this.construct(setup);
    }

    function test_venues_AfterARemoval() public {
        vm.prank(sentinel);
        guard.removeVenue(v3UsdcWeth);
        Venue[] memory left = vault.venues();
        assertEq(left.length, 4);
        for (uint256 i; i < 4; ++i) {
            assertNotEq(left[i].pool, v3UsdcWeth);
        }
        // It can come back, after a day.
        bytes memory data = abi.encodeCall(guard.addVenue, (Venue(V3, v3UsdcWeth)));
        vm.startPrank(curator);
        guard.submit(data);
        vm.warp(block.timestamp + DAY);
        guard.addVenue(Venue(V3, v3UsdcWeth));
        assertEq(vault.venues()[4].pool, v3UsdcWeth);
    }

    function test_guard_RefusesBadTokens() public {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.tokens[2] = address(usdc);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.TokenRepeated.selector, address(usdc)));
        this.construct(setup);
        setup.tokens[2] = bob;
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.FeedMissing.selector, bob));
        this.construct(setup);
        setup.tokens = new address[](9);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.TokenCountInvalid.selector, 9, 8));
        this.construct(setup);
    }

    function test_guard_BindsOnce() public {
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.AlreadyBound.selector, address(vault)));
        this.construct(_shareSetup(address(guard)), _weights(10_000, 0, 0), 0);
    }

    function test_pause_IsInstantAndAdvancesTheEpoch() public {
        uint64 epoch = guard.epoch();
        vm.prank(sentinel);
        guard.pause();
        assertTrue(vault.guardState().paused);
        vm.prank(owner);
        guard.unpause();
        assertFalse(vault.guardState().paused);
        assertEq(guard.epoch(), epoch + 2);
    }

    function test_views_AreTheGuards() public view {
        assertEq(vault.owner(), owner);
        assertEq(vault.curator(), curator);
        assertTrue(vault.isKeeper(keeper));
        assertFalse(vault.isKeeper(alice));
        assertTrue(vault.isSentinel(sentinel));
        assertEq(abi.encode(vault.feedOf(address(link))), abi.encode(_feed(link)));
        assertEq(abi.encode(vault.limits()), abi.encode(_limits()));
        assertEq(vault.venues().length, 5);
        assertEq(vault.tokens().length, 3);
        assertEq(vault.kind(), "basket");
    }

    function _refusedVenue(Venue memory venue, bytes memory reason) private {
        vm.startPrank(curator);
        guard.submit(abi.encodeCall(guard.addVenue, (venue)));
        vm.warp(block.timestamp + DAY);
        vm.expectRevert(reason);
        guard.addVenue(venue);
        vm.stopPrank();
    }

    function _pairAt(uint256 i) private view returns (WorldToken, WorldToken) {
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        return i < 3 ? (all[0], all[i + 1]) : i < 5 ? (all[1], all[i - 1]) : (all[2], all[3]);
    }
}
