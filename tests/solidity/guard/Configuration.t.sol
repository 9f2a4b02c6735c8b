// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Charter} from "../../../contracts/guard/Charter.sol";
import {Guard} from "../../../contracts/guard/Guard.sol";
import {Roles} from "../../../contracts/guard/Roles.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Feed, HealthLimits, Limits, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, TokenFeed} from "../../../contracts/interfaces/Setup.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Construction} from "../Construction.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice What each act of configuration does, that it is told (C-39), and that it ends every plan made before it: the
/// epoch goes on by one.
contract ConfigurationTest is BasketWorld, Construction {
    function setUp() public {
        _openBasket();
    }

    // told, and one epoch on

    function test_C39_setFeed() public {
        Feed memory next = _feed(weth);
        next.aggregator = address(new WorldFeed("next", 8, 3_100e8));
        _submit(abi.encodeCall(guard.setFeed, (address(weth), next)));
        _told(address(guard), abi.encodeCall(guard.setFeed, (address(weth), next)), curator);
        assertEq(abi.encode(guard.feedOf(address(weth))), abi.encode(next));
        _requireEvent(Charter.FeedSet.selector, bytes32(uint256(uint160(address(weth)))), abi.encode(next));
    }

    function test_C39_addAndRemoveVenue() public {
        _told(address(guard), abi.encodeCall(guard.removeVenue, (v3LinkWeth)), sentinel);
        _requireEvent(Charter.VenueRemoved.selector, bytes32(uint256(uint160(v3LinkWeth))), "");
        _submit(abi.encodeCall(guard.addVenue, (Venue(V3, v3LinkWeth))));
        _told(address(guard), abi.encodeCall(guard.addVenue, (Venue(V3, v3LinkWeth))), curator);
        _requireEvent(Charter.VenueAdded.selector, bytes32(uint256(uint160(v3LinkWeth))), abi.encode(V3));
        assertEq(guard.venues().length, 5);
    }

    function test_C39_setLimits() public {
        _told(address(guard), abi.encodeCall(guard.setLimits, (_limits())), curator); // as they are: not wider
        _requireEvent(Charter.LimitsSet.selector, 0, abi.encode(_limits()));
    }

    function test_C39_keepers() public {
        _submit(abi.encodeCall(guard.addKeeper, (bob)));
        _told(address(guard), abi.encodeCall(guard.addKeeper, (bob)), curator);
        assertTrue(guard.isKeeper(bob));
        _requireEvent(Roles.KeeperSet.selector, bytes32(uint256(uint160(bob))), abi.encode(true));
        _told(address(guard), abi.encodeCall(guard.removeKeeper, (bob)), sentinel);
        assertFalse(guard.isKeeper(bob));
        _requireEvent(Roles.KeeperSet.selector, bytes32(uint256(uint160(bob))), abi.encode(false));
    }

    function test_C39_people() public {
        _told(address(guard), abi.encodeCall(guard.setCurator, (bob)), owner);
        assertEq(guard.curator(), bob);
        _requireEvent(Roles.CuratorSet.selector, bytes32(uint256(uint160(bob))), "");
        _told(address(guard), abi.encodeCall(guard.setSentinel, (bob, true)), owner);
        assertTrue(guard.isSentinel(bob));
        _requireEvent(Roles.SentinelSet.selector, bytes32(uint256(uint160(bob))), abi.encode(true));
        _told(address(guard), abi.encodeCall(guard.setSentinel, (bob, false)), owner);
        assertFalse(guard.isSentinel(bob));
        vm.prank(owner);
        vm.expectEmit(address(guard));
        emit Roles.OwnershipOffered(bob);
        guard.offerOwnership(bob);
        assertEq(guard.pendingOwner(), bob);
        _told(address(guard), abi.encodeCall(guard.acceptOwnership, ()), bob);
        assertEq(guard.owner(), bob);
        _requireEvent(Roles.OwnerSet.selector, bytes32(uint256(uint160(bob))), "");
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotPendingOwner.selector, bob));
        guard.acceptOwnership(); // once
    }

    function test_C39_abdicate() public {
        bytes memory data = abi.encodeCall(guard.abdicate, (guard.addKeeper.selector));
        _submit(data);
        _told(address(guard), data, curator);
        _requireEvent(Roles.Abdicated.selector, bytes32(guard.addKeeper.selector), "");
    }

    /// @dev Whoever was there from the start was told as well, and so were the feeds, pools and limits.
    function test_C39_constructor() public {
        vm.recordLogs();
        new Guard(_guardSetup(_basketTokens()));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32[] memory told = new bytes32[](logs.length);
        for (uint256 i; i < logs.length; ++i) {
            told[i] = logs[i].topics[0];
        }
        bytes32[14] memory expected;
        (expected[0], expected[1]) = (Roles.OwnerSet.selector, Roles.CuratorSet.selector);
        (expected[2], expected[3]) = (Roles.KeeperSet.selector, Roles.SentinelSet.selector);
        for (uint256 i; i < 4; ++i) {
            expected[4 + i] = Charter.FeedSet.selector;
        }
        for (uint256 i; i < 5; ++i) {
            expected[8 + i] = Charter.VenueAdded.selector;
        }
        expected[13] = Charter.LimitsSet.selector;
        assertEq(abi.encodePacked(told), abi.encodePacked(expected));
        assertEq(logs[0].topics[1], bytes32(uint256(uint160(owner))));
        assertEq(logs[1].topics[1], bytes32(uint256(uint160(curator))));
    }

    function test_C39_pausing() public {
        _told(address(guard), abi.encodeCall(guard.pause, ()), sentinel);
        assertTrue(guard.paused());
        _requireEvent(Roles.PausedSet.selector, 0, abi.encode(true));
        _told(address(guard), abi.encodeCall(guard.unpause, ()), owner);
        assertFalse(guard.paused());
        _requireEvent(Roles.PausedSet.selector, 0, abi.encode(false));
    }

    function test_C39_theVaultsOwn() public {
        _submit(abi.encodeCall(vault.setFees, (7, 9)));
        _told(address(vault), abi.encodeCall(vault.setFees, (7, 9)), curator);
        assertEq(vault.entryFeeBps(), 7);
        assertEq(vault.exitFeeBps(), 9);
    }

    // the timelock, to the second

    function test_C4_submission_IsToldWithItsTime() public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (bob));
        vm.prank(curator);
        vm.expectEmit(address(guard));
        emit Roles.Submitted(guard.addKeeper.selector, data, block.timestamp + DAY);
        guard.submit(data);
        assertEq(guard.executableAt(keccak256(data)), block.timestamp + DAY);
        vm.prank(curator);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.AlreadySubmitted.selector, guard.addKeeper.selector));
        guard.submit(data);
        vm.prank(sentinel);
        vm.expectEmit(address(guard));
        emit Roles.Revoked(guard.addKeeper.selector, data);
        guard.revoke(data);
        assertEq(guard.executableAt(keccak256(data)), 0);
        vm.prank(sentinel);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.addKeeper.selector));
        guard.revoke(data);
    }

    // what a guard is not constructed with

    function test_constructor_RefusesNobodyAndNothing() public {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.owner = address(0);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ZeroAddress.selector));
        this.construct(setup);
        (setup.owner, setup.curator) = (owner, address(0));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ZeroAddress.selector));
        this.construct(setup);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.ZeroAddress.selector));
        guard.setCurator(address(0));
        setup.curator = curator;
        setup.tokens = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.TokenCountInvalid.selector, 0, 8));
        this.construct(setup);
    }

    function test_constructor_TakesEightTokensAndSixteenPools() public {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.tokens = new address[](8);
        setup.feeds = new TokenFeed[](8);
        for (uint256 i; i < 8; ++i) {
            WorldToken token = _token("EACH", 18, 1e8);
            setup.tokens[i] = address(token);
            setup.feeds[i] = TokenFeed(address(token), _feed(token));
        }
        setup.venues = new Venue[](16);
        address factory = _deployV3Factory();
        for (uint256 i; i < 16; ++i) {
            (address a, address b) = (setup.tokens[i % 8], setup.tokens[(i + 1 + i / 8) % 8]);
            setup.venues[i] = Venue(V3, _poolV3(factory, WorldToken(a), WorldToken(b), 500, 1_000));
        }
        Guard full = new Guard(setup);
        assertEq(full.tokens().length, 8);
        assertEq(full.venues().length, 16);
        assertEq(full.owner(), owner);
        assertEq(full.curator(), curator);
        assertTrue(full.isKeeper(keeper));
        assertTrue(full.isSentinel(sentinel));
        assertEq(abi.encode(full.limits()), abi.encode(_limits()));
    }

    function test_limits_AtTheirMaximaAreTaken() public {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.limits = Limits(300, 500, 500, 1_000, 10_000, 50_000, 86_400);
        assertEq(abi.encode(new Guard(setup).limits()), abi.encode(setup.limits));
    }

    // pools

    function test_C10_requireNear() public {
        guard.requireNear(v3UsdcWeth);
        guard.requireNear(v2UsdcWbtc);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, bob));
        guard.requireNear(bob);
        _push(v3UsdcWeth, weth, 200e18);
        (bool ok, bytes memory reason) = address(guard).call(abi.encodeCall(guard.requireNear, (v3UsdcWeth)));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
        vm.prank(sentinel);
        guard.removeVenue(v2UsdcWbtc);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, v2UsdcWbtc));
        guard.requireNear(v2UsdcWbtc);
        vm.prank(sentinel);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, v2UsdcWbtc));
        guard.removeVenue(v2UsdcWbtc);
    }

    /// @dev Whichever pool is removed, the others stay.
    function test_C3_removeVenue_TakesThisOneAlone() public {
        Venue[] memory all = guard.venues();
        for (uint256 i; i < all.length; ++i) {
            _newBasket();
            vm.prank(sentinel);
            guard.removeVenue(all[i].pool);
            Venue[] memory left = guard.venues();
            assertEq(left.length, all.length - 1);
            for (uint256 j; j < all.length; ++j) {
                uint256 count;
                for (uint256 k; k < left.length; ++k) {
                    if (left[k].pool == all[j].pool && left[k].adapter == all[j].adapter) ++count;
                }
                assertEq(count, i == j ? 0 : 1);
            }
        }
    }

    /// @dev The pool's price is rounded down twice, the distance up: seen where a unit of the price is a basis point.
    function test_C10_deviation_IsExact() public {
        (Guard fine, address pool) = _fineGuard();
        fine.requireNear(pool);
        _away(fine, pool, 2 ** 96 - 1, 2, 0); // 9,999.9… is 9,999, and 9,998.9… is 9,998
        _away(fine, pool, 2 ** 96 + 2 ** 83, 2, 0); // 10,001.2… is 10,001, and 10,002.2… is 10,002
        _away(fine, pool, 2 ** 97, 30_000, 0);
    }

    /// @dev A rescue may meet a pool that is ten percent off, and no farther.
    function test_C10_deviation_OfARescueHasAHardMaximum() public {
        (Guard fine, address pool) = _fineGuard();
        fine.bind();
        fine.admitRipcord(0, 1e18);
        // 10,488 units, and times the root again 11,000: the least root that gives so much.
        vm.mockCall(pool, abi.encodeWithSignature("slot0()"), abi.encode(uint256(11_000) * 2 ** 96 / 10_488 + 1));
        fine.requireNear(pool);
        _away(fine, pool, uint256(10_489) * 2 ** 96 / 10_000 + 1, 1_001, 1_000); // 10,489 and 11,001
    }

    function _away(Guard fine, address pool, uint256 root, uint256 bps, uint256 most) private {
        vm.mockCall(pool, abi.encodeWithSignature("slot0()"), abi.encode(root));
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.DeviationTooLarge.selector, pool, bps, most));
        fine.requireNear(pool);
    }

    /// @dev Over one pool of two tokens whose price is 10**4: one unit of it is a basis point.
    function _fineGuard() private returns (Guard, address) {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.tokens = new address[](2);
        setup.feeds = new TokenFeed[](2);
        WorldToken[2] memory tokens = [_token("FINE", 24, 1), _token("FINE", 24, 1)];
        for (uint256 i; i < 2; ++i) {
            setup.tokens[i] = address(tokens[i]);
            setup.feeds[i] = TokenFeed(setup.tokens[i], Feed(address(feeds[setup.tokens[i]]), HEARTBEAT, 0, 2));
        }
        setup.venues = new Venue[](1);
        setup.venues[0] = Venue(V3, _poolV3(_deployV3Factory(), tokens[0], tokens[1], 500, 1));
        setup.limits.maxDeviationBps = 0;
        setup.health = HealthLimits(1.25e18, 3e18, 1.15e18, 1.05e18, 150, 2_500, 50);
        return (new Guard(setup), setup.venues[0].pool);
    }

    /// @dev One bad feed is no price at all; the others' prices are as they are.
    function test_prices_AllOrNone() public {
        uint256[] memory found = guard.pricesX();
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            assertEq(found[i], _priceX(tokens[i]));
        }
        assertEq(abi.encode(guard.pricesXOrNone()), abi.encode(found));
        for (uint256 i; i < 3; ++i) {
            feeds[address(tokens[i])].setDown(true);
            assertEq(guard.pricesXOrNone().length, 0);
            feeds[address(tokens[i])].setDown(false);
        }
    }

    // helpers of these tests

    function _submit(bytes memory data) private {
        vm.prank(curator);
        guard.submit(data);
        _pass(DAY);
    }

    /// @dev Makes the call, its log recorded, and requires the next epoch.
    function _told(address target, bytes memory data, address caller) private {
        uint64 epoch = guard.epoch();
        vm.recordLogs();
        vm.expectEmit(address(guard));
        emit Roles.EpochAdvanced(epoch + 1);
        vm.prank(caller);
        (bool ok,) = target.call(data);
        assertTrue(ok);
        assertEq(guard.epoch(), epoch + 1, "the epoch goes on by one");
    }

    /// @dev Among what was recorded since, once. `topic` 0: not looked at.
    function _requireEvent(bytes32 selector, bytes32 topic, bytes memory data) private {
        uint256 count;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != selector) continue;
            ++count;
            if (topic != 0) assertEq(logs[i].topics[1], topic);
            assertEq(logs[i].data, data);
        }
        assertEq(count, 1, "told once");
    }
}
