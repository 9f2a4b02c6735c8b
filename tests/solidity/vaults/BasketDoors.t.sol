// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {ShareSetup} from "../../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../../contracts/vaults/BasketVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Construction} from "../Construction.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The base-asset door asks the oracle, so it costs a fee either way and new shares do not go out by it; the doors
/// in kind ask nobody.
contract BasketDoorsTest is BasketWorld, Construction {
    uint256 private constant SEASON = 1_800;

    function setUp() public {
        _openBasket();
        _fillBasket();
        for (uint256 i; i < 3; ++i) {
            _basketTokens()[i].mint(bob, _usd(_basketTokens()[i], 10_000_000));
        }
    }

    // the fees

    function test_C41_fees_HaveAHardMaximum() public {
        address fresh = address(new Guard(_guardSetup(_basketTokens())));
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.LimitTooWide.selector, 201, 200);
        vm.expectRevert(reason);
        this.construct(ShareSetup(fresh, "", "", 201, 0), _weights(3_000, 4_000, 3_000), 0);
        vm.expectRevert(reason);
        this.construct(ShareSetup(fresh, "", "", 0, 201), _weights(3_000, 4_000, 3_000), 0);
        new BasketVault(ShareSetup(fresh, "", "", 200, 200), _weights(3_000, 4_000, 3_000), 0);
    }

    function test_C4_fees_WaitADayEitherWay() public {
        vm.startPrank(curator);
        for (uint16 bps; bps <= 100; bps += 100) {
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, vault.setFees.selector));
            vault.setFees(bps, bps);
        }
        guard.submit(abi.encodeCall(vault.setFees, (10, 20)));
        vm.warp(block.timestamp + DAY);
        vault.setFees(10, 20);
        vm.stopPrank();
        assertEq(vault.entryFeeBps(), 10);
        assertEq(vault.exitFeeBps(), 20);
    }

    /// @dev The fee on what the shares are worth, rounded up, stays with those who stay.
    function testFuzz_C41_redeem_PaysTheExitFee(uint256 shares) public {
        shares = bound(shares, 1e12, vault.maxRedeem(alice));
        uint256 value = vault.convertToAssets(shares);
        uint256 expected = value - Math.mulDiv(value, EXIT_FEE_BPS, 10_000, Math.Rounding.Ceil);
        assertEq(vault.previewRedeem(shares), expected);
        uint256 perShare = _navPerShareX();
        vm.prank(alice);
        assertEq(vault.redeem(shares, bob, alice), expected);
        assertEq(usdc.balanceOf(bob), _usd(usdc, 10_000_000) + expected);
        assertGe(_navPerShareX(), perShare);
    }

    /// @dev To receive so much costs the fewest shares whose redemption pays it.
    function testFuzz_C41_withdraw_CostsTheFewestSharesThatPay(uint256 assets) public {
        assets = bound(assets, 1, vault.maxWithdraw(alice));
        uint256 shares = vault.previewWithdraw(assets);
        uint256 gross = Math.mulDiv(assets, 10_000, 10_000 - EXIT_FEE_BPS, Math.Rounding.Ceil);
        assertGe(vault.previewRedeem(shares), assets);
        uint256 supply = vault.totalSupply() + 1e12;
        assertEq(shares, Math.mulDiv(gross, supply, vault.totalAssets() + 1, Math.Rounding.Ceil));
        vm.prank(alice);
        assertEq(vault.withdraw(assets, alice, alice), shares);
    }

    /// @dev The most is what works, and one more does not, whether the idle asset binds or the shares do.
    function testFuzz_C42_max_IsExact(uint256 kept, bool byShares) public {
        uint256 keep = bound(kept, 1e12, vault.balanceOf(alice));
        uint256 gone = vault.balanceOf(alice) - keep;
        vm.startPrank(alice);
        if (gone > 0) vault.transfer(bob, gone);
        uint256 snapshot = vm.snapshotState();
        uint256 most = byShares ? vault.maxRedeem(alice) : vault.maxWithdraw(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                byShares ? ERC4626.ERC4626ExceededMaxRedeem.selector : ERC4626.ERC4626ExceededMaxWithdraw.selector,
                alice,
                most + 1,
                most
            )
        );
        if (byShares) vault.redeem(most + 1, alice, alice);
        else vault.withdraw(most + 1, alice, alice);
        if (byShares) vault.redeem(most, alice, alice);
        else vault.withdraw(most, alice, alice);
        vm.stopPrank();
        vm.revertToState(snapshot);
    }

    function test_C41_redeemInKind_CostsNoFee() public {
        uint256[] memory held = vault.holdings();
        uint256 shares = vault.balanceOf(alice) / 3;
        uint256 supply = vault.totalSupply() + 1e12;
        vm.prank(alice);
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, _zeros());
        for (uint256 i; i < 3; ++i) {
            assertEq(paid[i], Math.mulDiv(held[i], shares, supply));
        }
    }

    // new shares

    /// @dev By whatever door they came in.
    function testFuzz_C41_newShares_StayForASeasonAtLeast(uint8 door, uint256 wait) public {
        wait = bound(wait, 0, SEASON);
        _comeIn(door % 3, 1_000e18);
        assertEq(vault.settledShares(bob), 0);
        assertEq(vault.maxRedeem(bob), 0);
        assertEq(vault.maxWithdraw(bob), 0);
        vm.warp(vm.getBlockTimestamp() + wait);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, bob, 1e18, 0));
        vault.redeem(1e18, bob, bob);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, bob, 1, 0));
        vault.withdraw(1, bob, bob);
        vault.redeemInKind(1e18, bob, bob, _zeros()); // free and at once
        vm.stopPrank();
    }

    /// @dev Two seasons at most, though no feed opened a round in the meantime: a stable coin's heartbeat is a day.
    function testFuzz_C41_newShares_GoAfterTwoSeasons(uint8 door, uint256 at) public {
        _pass(bound(at, 0, SEASON - 1));
        _comeIn(door % 3, 1_000e18);
        uint256 shares = vault.balanceOf(bob);
        vm.warp(vm.getBlockTimestamp() + 2 * SEASON);
        assertEq(vault.settledShares(bob), shares);
        vm.prank(bob);
        vault.redeem(shares, bob, bob);
    }

    /// @dev A stranger's gift, however often, locks nothing but itself.
    function testFuzz_C41_newShares_AGiftLocksOnlyItself(uint256[8] memory waits, bool minted) public {
        uint256 old = vault.balanceOf(alice);
        for (uint256 i; i < 8; ++i) {
            vm.warp(vm.getBlockTimestamp() + bound(waits[i], 0, SEASON));
            vm.startPrank(bob);
            if (minted) {
                vault.depositInKind(1e12, alice, _most());
            } else {
                vault.depositInKind(1e12, bob, _most());
                vault.transfer(alice, 1e12);
            }
            vm.stopPrank();
            assertGe(vault.settledShares(alice), old);
            assertLe(vault.settledShares(alice), old + i * 1e12);
        }
    }

    /// @dev Sent through others, through somebody who has old ones, in parts: what is new stays new.
    function testFuzz_C41_newShares_CannotBeTransferredOld(uint256[6] memory parts, uint256 wait) public {
        address[3] memory who = [alice, bob, address(this)];
        uint256 settled = vault.settledShares(alice);
        _comeIn(0, 1_000e18);
        vm.warp(vm.getBlockTimestamp() + bound(wait, 0, SEASON));
        for (uint256 i; i < 6; ++i) {
            (address from, address to) = (who[i % 3 == 0 ? 1 : i % 3 == 1 ? 0 : 2], who[(i + parts[i] % 2) % 3]);
            uint256 part = bound(parts[i], 0, vault.balanceOf(from));
            vm.prank(from);
            vault.transfer(to, part);
            uint256 sum;
            for (uint256 j; j < 3; ++j) {
                sum += vault.settledShares(who[j]);
            }
            assertLe(sum, settled);
        }
    }

    /// @dev New ones are sent first: a pool of shares hands back what it was given.
    function test_C41_newShares_AreSentFirstAndBurntLast() public {
        uint256 old = vault.balanceOf(alice);
        vm.prank(bob);
        vault.depositInKind(5e18, alice, _most());
        vm.startPrank(alice);
        vault.transfer(bob, 2e18);
        assertEq(vault.settledShares(bob), 0);
        assertEq(vault.settledShares(alice), old);
        vault.redeemInKind(1e18, alice, alice, _zeros());
        assertEq(vault.settledShares(alice), old - 1e18);
        vault.redeemInKind(old - 1e18 + 1e18, alice, alice, _zeros());
        assertEq(vault.settledShares(alice), 0);
        assertEq(vault.balanceOf(alice), 2e18);
        vm.stopPrank();
    }

    // what it was made for

    /// @dev Half a percent of lag: in kind in, base asset out, in one transaction, for nothing but a flash loan.
    function test_C41_theLagIsNotSoldInOneTransaction() public {
        feeds[address(weth)].pushRound(3_015e8); // the market is at 3,000
        vm.startPrank(bob);
        vault.depositInKind(100_000e18, bob, _most());
        vm.expectPartialRevert(ERC4626.ERC4626ExceededMaxRedeem.selector);
        vault.redeem(100_000e18, bob, bob);
        vm.stopPrank();
    }

    /// @dev Whoever knows the next answer of every feed, each within its threshold of half a percent, on the way in and on
    /// the way out, by either door: never a profit. The fees of 50 bps cover 0.4 and 0.3 of that.
    function testFuzz_C41_knowingTheNextRoundEarnsNothing(int256[4] memory moves, bool inKindIn, bool inKindOut)
        public
    {
        int256[2] memory p0 = [int256(3_000e8), int256(60_000e8)];
        (int256[2] memory p1, int256[2] memory p2) = (_near(p0, moves[0], moves[1]), p0);
        p2 = _near(p1, moves[2], moves[3]);
        // The feeds say p0, the market is at p1.
        uint256 shares = vault.previewDeposit(100_000e6);
        int256 cash;
        int256[2] memory coins; // of WETH and WBTC, gained
        vm.startPrank(bob);
        uint256[] memory moved = new uint256[](3);
        if (inKindIn) moved = vault.depositInKind(shares, bob, _most());
        else (moved[0], shares) = (100_000e6, vault.deposit(100_000e6, bob));
        vm.stopPrank();
        (cash, coins[0], coins[1]) = (-int256(moved[0]), -int256(moved[1]), -int256(moved[2]));
        _write(p1);
        vm.warp(vm.getBlockTimestamp() + 2 * SEASON);
        _write(p1);
        // The feeds say p1, the market is at p2.
        vm.startPrank(bob);
        moved = new uint256[](3);
        if (inKindOut) moved = vault.redeemInKind(shares, bob, bob, _zeros());
        else moved[0] = vault.redeem(shares, bob, bob);
        vm.stopPrank();
        cash += int256(moved[0]);
        (coins[0], coins[1]) = (coins[0] + int256(moved[1]), coins[1] + int256(moved[2]));
        // Whoever holds coins because he came in at p1 could have bought them at p1; whoever holds them at the end can
        // sell at p2, and holding meanwhile is no free option.
        int256[2] memory at = inKindOut && !inKindIn ? p1 : p2;
        assertLe(cash + coins[0] * at[0] / 1e20 + coins[1] * at[1] / 1e10, 0);
    }

    // helpers of these tests

    function _comeIn(uint256 door, uint256 shares) private {
        vm.startPrank(bob);
        if (door == 0) vault.depositInKind(shares, bob, _most());
        else if (door == 1) vault.mint(shares, bob);
        else vault.deposit(vault.previewMint(shares), bob);
        vm.stopPrank();
    }

    /// @dev Answers within half a percent of these.
    function _near(int256[2] memory answers, int256 a, int256 b) private pure returns (int256[2] memory) {
        (a, b) = (bound(a, -500_000, 500_000), bound(b, -500_000, 500_000));
        return [answers[0] * (100_000_000 + a) / 100_000_000, answers[1] * (100_000_000 + b) / 100_000_000];
    }

    function _write(int256[2] memory answers) private {
        feeds[address(usdc)].pushRound(1e8);
        feeds[address(weth)].pushRound(answers[0]);
        feeds[address(wbtc)].pushRound(answers[1]);
    }

    function _navPerShareX() private view returns (uint256) {
        return Math.mulDiv(vault.nav() + 1, 1e36, vault.totalSupply() + 1e12);
    }
}
