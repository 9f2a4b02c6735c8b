// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {ShareVault} from "../../../contracts/vaults/ShareVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Markets} from "../Markets.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice What EIP-4626 asks of any vault, one property after the other of its text, and C-23, C-24, C-26, C-42 besides.
/// @dev A vault kind supplies itself in `setUp`, filled, with some of it invested and a share worth an odd amount.
abstract contract Erc4626Properties is Markets {
    ShareVault internal shares;
    WorldToken internal asset;
    Guard internal warden;
    /// @dev Deposits are tried up to this much, raw units.
    uint256 internal most;

    /// @dev So much time passes that no share is new, and every feed writes the same answer again.
    function _settle() internal virtual;

    /// @dev A feed that is needed writes nothing any more, or writes again.
    function _setFeedDown(bool down) internal virtual;

    // totalAssets, asset, convertTo*: never revert, the same for everybody, rounded down, no fee in them

    function testFuzz_conversions(uint256 assets, uint256 amount, address caller) public {
        (assets, amount) = (bound(assets, 0, type(uint128).max), bound(amount, 0, type(uint128).max));
        assertEq(shares.asset(), address(asset));
        uint256 toShares = shares.convertToShares(assets);
        uint256 toAssets = shares.convertToAssets(amount);
        vm.startPrank(caller);
        assertEq(shares.convertToShares(assets), toShares, "the same for everybody");
        assertEq(shares.convertToAssets(amount), toAssets, "the same for everybody");
        assertEq(shares.totalAssets(), shares.nav(), "all that is managed");
        vm.stopPrank();
        (uint256 supply, uint256 value) = (_supply(), shares.totalAssets() + 1);
        assertEq(toShares, Math.mulDiv(assets, supply, value), "rounded down");
        assertEq(toAssets, Math.mulDiv(amount, value, supply), "rounded down");
        assertLe(shares.convertToAssets(toShares), assets, "there and back");
        assertLe(shares.convertToShares(toAssets), amount, "and the other way");
        assertLe(shares.previewDeposit(assets), toShares, "the fee is in the preview");
        assertLe(shares.previewRedeem(amount), toAssets, "the fee is in the preview");
        assertGe(shares.previewMint(amount), toAssets, "the fee is in the preview");
        assertGe(shares.previewWithdraw(assets), toShares, "the fee is in the preview");
    }

    function testFuzz_previewsGrow(uint256 a, uint256 b) public view {
        (a, b) = (bound(a, 0, type(uint128).max), bound(b, 0, type(uint128).max));
        if (a > b) (a, b) = (b, a);
        assertLe(shares.previewDeposit(a), shares.previewDeposit(b));
        assertLe(shares.previewMint(a), shares.previewMint(b));
        assertLe(shares.previewWithdraw(a), shares.previewWithdraw(b));
        assertLe(shares.previewRedeem(a), shares.previewRedeem(b));
    }

    // deposit, mint

    function testFuzz_deposit(uint256 assets, bool toOther) public {
        assets = bound(assets, 1, most);
        asset.mint(bob, assets);
        address receiver = toOther ? makeAddr("receiver") : bob;
        uint256 preview = shares.previewDeposit(assets);
        assertGe(shares.maxDeposit(receiver), assets);
        if (preview == 0) return _refusedDeposit(assets);
        uint256[2] memory before = [asset.balanceOf(bob), shares.balanceOf(receiver)];
        (uint256 supply, uint256 perShare) = (shares.totalSupply(), _perShareX());
        vm.expectEmit(address(shares));
        emit IERC4626.Deposit(bob, receiver, assets, preview);
        vm.prank(bob);
        assertEq(shares.deposit(assets, receiver), preview, "no less than the preview, nor more");
        assertEq(before[0] - asset.balanceOf(bob), assets, "exactly so many assets");
        assertEq(shares.balanceOf(receiver) - before[1], preview, "exactly so many shares, to the receiver");
        assertEq(shares.totalSupply() - supply, preview);
        assertGe(_perShareX(), perShare, "nobody else pays");
    }

    function testFuzz_mint(uint256 amount, bool toOther) public {
        amount = bound(amount, 1, shares.convertToShares(most));
        address receiver = toOther ? makeAddr("receiver") : bob;
        uint256 preview = shares.previewMint(amount);
        assertGt(preview, 0, "no share is free");
        assertGe(shares.maxMint(receiver), amount);
        asset.mint(bob, preview);
        uint256[2] memory before = [asset.balanceOf(bob), shares.balanceOf(receiver)];
        (uint256 supply, uint256 perShare) = (shares.totalSupply(), _perShareX());
        vm.expectEmit(address(shares));
        emit IERC4626.Deposit(bob, receiver, preview, amount);
        vm.prank(bob);
        assertEq(shares.mint(amount, receiver), preview, "no more than the preview, nor less");
        assertEq(before[0] - asset.balanceOf(bob), preview, "exactly so many assets");
        assertEq(shares.balanceOf(receiver) - before[1], amount, "exactly so many shares, to the receiver");
        assertEq(shares.totalSupply() - supply, amount);
        assertGe(_perShareX(), perShare, "nobody else pays");
    }

    function test_enteringNeedsAssetsAndAnAllowance() public {
        address poor = makeAddr("poor");
        asset.mint(poor, most);
        vm.startPrank(poor);
        bytes memory reason =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(shares), 0, most);
        vm.expectRevert(reason);
        shares.deposit(most, poor);
        asset.approve(address(shares), type(uint256).max);
        reason = abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, poor, most, most + 1);
        vm.expectRevert(reason);
        shares.deposit(most + 1, poor);
        vm.stopPrank();
    }

    // withdraw, redeem

    function testFuzz_withdraw(uint256 assets, bool byOther, uint256 allowed) public {
        uint256 limit = shares.maxWithdraw(alice);
        assertLe(limit, shares.previewRedeem(shares.balanceOf(alice)));
        assets = bound(assets, 1, limit);
        uint256 preview = shares.previewWithdraw(assets);
        address caller = byOther ? bob : alice;
        allowed = bound(allowed, preview, type(uint256).max - 1);
        vm.prank(alice);
        shares.approve(bob, allowed);
        address receiver = makeAddr("receiver");
        uint256[2] memory before = [shares.totalSupply(), shares.balanceOf(alice)];
        uint256 perShare = _perShareX();
        vm.expectEmit(address(shares));
        emit IERC4626.Withdraw(caller, receiver, alice, assets, preview);
        vm.prank(caller);
        assertEq(shares.withdraw(assets, receiver, alice), preview, "no more than the preview, nor less");
        assertEq(asset.balanceOf(receiver), assets, "exactly so many assets, to the receiver");
        assertEq(before[1] - shares.balanceOf(alice), preview, "exactly so many shares, of the owner");
        assertEq(before[0] - shares.totalSupply(), preview);
        assertEq(shares.allowance(alice, bob), byOther ? allowed - preview : allowed, "the allowance by as many");
        assertGe(_perShareX(), perShare, "nobody else pays");
    }

    function testFuzz_redeem(uint256 amount, bool byOther, uint256 allowed) public {
        amount = bound(amount, 1, shares.maxRedeem(alice));
        uint256 preview = shares.previewRedeem(amount);
        address caller = byOther ? bob : alice;
        allowed = bound(allowed, amount, type(uint256).max - 1);
        vm.prank(alice);
        shares.approve(bob, allowed);
        address receiver = makeAddr("receiver");
        uint256[2] memory before = [shares.totalSupply(), shares.balanceOf(alice)];
        uint256 perShare = _perShareX();
        vm.expectEmit(address(shares));
        emit IERC4626.Withdraw(caller, receiver, alice, preview, amount);
        vm.prank(caller);
        assertEq(shares.redeem(amount, receiver, alice), preview, "no less than the preview, nor more");
        assertEq(asset.balanceOf(receiver), preview, "exactly so many assets, to the receiver");
        assertEq(before[1] - shares.balanceOf(alice), amount, "exactly so many shares, of the owner");
        assertEq(before[0] - shares.totalSupply(), amount);
        assertEq(shares.allowance(alice, bob), byOther ? allowed - amount : allowed, "the allowance by as many");
        assertGe(_perShareX(), perShare, "nobody else pays");
    }

    function testFuzz_leavingForAnotherNeedsItsAllowance(uint256 allowed) public {
        uint256 amount = shares.maxRedeem(alice) / 2;
        uint256 assets = shares.previewRedeem(amount);
        uint256 needed = shares.previewWithdraw(assets);
        allowed = bound(allowed, 0, Math.min(needed, amount) - 1);
        vm.prank(alice);
        shares.approve(bob, allowed);
        bytes4 refusal = IERC20Errors.ERC20InsufficientAllowance.selector;
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(refusal, bob, allowed, needed));
        shares.withdraw(assets, bob, alice);
        vm.expectRevert(abi.encodeWithSelector(refusal, bob, allowed, amount));
        shares.redeem(amount, bob, alice);
        vm.stopPrank();
    }

    /// @dev All of the limits can be used, and one more cannot.
    function test_limitsAreExact() public {
        uint256 assets = shares.maxWithdraw(alice);
        uint256 amount = shares.maxRedeem(alice);
        assertGt(assets, 0);
        uint256 snapshot = vm.snapshotState();
        vm.startPrank(alice);
        shares.withdraw(assets, alice, alice);
        vm.revertToState(snapshot);
        shares.redeem(amount, alice, alice);
        vm.revertToState(snapshot);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, alice, assets + 1, assets));
        shares.withdraw(assets + 1, alice, alice);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, amount + 1, amount));
        shares.redeem(amount + 1, alice, alice);
        vm.stopPrank();
        assertEq(shares.maxWithdraw(makeAddr("nobody")), 0);
        assertEq(shares.maxRedeem(makeAddr("nobody")), 0);
        assertEq(shares.maxDeposit(alice), type(uint256).max);
        assertEq(shares.maxMint(alice), type(uint256).max);
    }

    // round trips, C-24

    /// @dev Eight ways: in by deposit or mint and out by redeem or withdraw, and out first and in again.
    function testFuzz_roundTripsNeverProfit(uint256 assets, bool mints, bool withdraws, bool outFirst) public {
        assets = bound(assets, 1, shares.maxWithdraw(alice) / 4); // so much can be paid at once
        uint256 amount = shares.previewDeposit(assets);
        if (amount == 0) return;
        asset.mint(bob, 4 * assets + 1e6);
        if (outFirst) _in(false, 2 * assets, 0);
        if (outFirst) _settle();
        (uint256 had, uint256 held) = (asset.balanceOf(bob), shares.balanceOf(bob));
        if (!outFirst) (assets, amount) = _in(mints, assets, amount);
        if (!outFirst) _settle();
        (assets, amount) = _out(withdraws, assets, amount);
        if (outFirst) _in(mints, assets, amount);
        (uint256 has, uint256 holds) = (asset.balanceOf(bob), shares.balanceOf(bob));
        assertTrue(has <= had || holds < held, "C-24: more assets for no fewer shares");
        assertTrue(holds <= held || has < had, "C-24: more shares for no fewer assets");
        assertLe(has + shares.convertToAssets(holds), had + shares.convertToAssets(held) + 1, "C-24: more of both");
    }

    function _in(bool mints, uint256 assets, uint256 amount) private returns (uint256, uint256) {
        uint256 perShare = _perShareX();
        vm.startPrank(bob);
        if (mints) assets = shares.mint(amount, bob);
        else amount = shares.previewDeposit(assets) == 0 ? 0 : shares.deposit(assets, bob);
        vm.stopPrank();
        assertGe(_perShareX(), perShare, "C-24: the others pay");
        return (assets, amount);
    }

    function _out(bool withdraws, uint256 assets, uint256 amount) private returns (uint256, uint256) {
        uint256 perShare = _perShareX();
        vm.startPrank(bob);
        if (withdraws) amount = shares.withdraw(Math.min(assets, shares.maxWithdraw(bob)), bob, bob);
        else assets = shares.redeem(amount, bob, bob);
        vm.stopPrank();
        assertGe(_perShareX(), perShare, "C-24: the others pay");
        return (assets, amount);
    }

    /// @dev C-41: shares that came in just now do not go out at the oracle's price, and the limits say so.
    function test_newSharesWait() public {
        asset.mint(bob, most);
        vm.prank(bob);
        shares.deposit(most, bob);
        assertEq(shares.maxRedeem(bob), 0);
        assertEq(shares.maxWithdraw(bob), 0);
        uint256 amount = shares.balanceOf(bob);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, bob, amount, 0));
        shares.redeem(amount, bob, bob);
        vm.prank(bob);
        shares.transfer(alice, amount);
        assertEq(shares.settledShares(alice), shares.balanceOf(alice) - amount, "wherever they go");
        _settle();
        assertEq(shares.settledShares(alice), shares.balanceOf(alice));
    }

    // shares are an ERC-20

    function testFuzz_sharesMoveLikeMoney(uint256 amount, uint256 allowed) public {
        uint256 all = shares.balanceOf(alice);
        (amount, allowed) = (bound(amount, 0, all), bound(allowed, 0, all));
        uint256 supply = shares.totalSupply();
        vm.prank(alice);
        assertTrue(shares.transfer(bob, amount));
        assertEq(shares.balanceOf(alice), all - amount);
        assertEq(shares.balanceOf(bob), amount);
        vm.prank(bob);
        shares.approve(alice, allowed);
        vm.prank(alice);
        (bool ok,) = address(shares).call(abi.encodeCall(shares.transferFrom, (bob, alice, amount)));
        assertEq(ok, allowed >= amount);
        assertEq(shares.totalSupply(), supply);
        assertEq(shares.balanceOf(alice) + shares.balanceOf(bob), all);
        assertGe(shares.decimals(), asset.decimals(), "a share is no coarser than the asset");
        assertGt(bytes(shares.name()).length * bytes(shares.symbol()).length, 0);
    }

    // C-26

    function testFuzz_aGiftChangesNothing(uint256 amount) public {
        (uint256 value, uint256 limit) = (shares.totalAssets(), shares.maxWithdraw(alice));
        uint256 converted = shares.convertToAssets(1e18);
        asset.mint(address(shares), bound(amount, 1, most));
        uint256 part = shares.balanceOf(alice) / 1_000;
        vm.prank(alice);
        shares.transfer(address(shares), part);
        assertEq(shares.totalAssets(), value, "C-26");
        assertEq(shares.convertToAssets(1e18), converted, "C-26");
        assertLe(shares.maxWithdraw(alice), limit);
    }

    // C-42

    function test_aStaleFeedClosesTheVault() public {
        uint256 value = shares.totalAssets();
        asset.mint(bob, most);
        vm.prank(bob);
        shares.deposit(most, bob);
        value = shares.totalAssets();
        uint256 converted = shares.convertToAssets(1e18);
        _setFeedDown(true);
        _requireClosed();
        assertTrue(shares.valuationStale(), "C-42: flagged");
        assertApproxEqAbs(shares.totalAssets(), value, 1, "C-42: the last accepted valuation");
        assertApproxEqAbs(shares.convertToAssets(1e18), converted, 1);
        shares.previewDeposit(1e6);
        shares.previewMint(1e6);
        shares.previewWithdraw(1e6);
        shares.previewRedeem(1e6);
        _setFeedDown(false);
        assertFalse(shares.valuationStale());
        assertGt(shares.maxWithdraw(alice), 0);
    }

    function test_pausingClosesTheVault() public {
        uint256 value = shares.totalAssets();
        vm.prank(sentinel);
        warden.pause();
        _requireClosed();
        assertEq(shares.totalAssets(), value, "a pause changes no value");
        assertFalse(shares.valuationStale());
    }

    function _requireClosed() private {
        assertEq(shares.maxDeposit(alice), 0, "C-42");
        assertEq(shares.maxMint(alice), 0, "C-42");
        assertEq(shares.maxWithdraw(alice), 0, "C-42");
        assertEq(shares.maxRedeem(alice), 0, "C-42");
        asset.mint(alice, 1e6);
        vm.startPrank(alice);
        _requireRefused(abi.encodeCall(shares.deposit, (1e6, alice)));
        _requireRefused(abi.encodeCall(shares.mint, (1e6, alice)));
        _requireRefused(abi.encodeCall(shares.withdraw, (1, alice, alice)));
        _requireRefused(abi.encodeCall(shares.redeem, (1e6, alice, alice)));
        vm.stopPrank();
    }

    function _requireRefused(bytes memory data) private {
        (bool ok,) = address(shares).call(data);
        assertFalse(ok, "C-42: closed");
    }

    function _refusedDeposit(uint256 assets) private {
        vm.prank(bob);
        (bool ok,) = address(shares).call(abi.encodeCall(shares.deposit, (assets, bob)));
        assertFalse(ok, "assets for no share");
    }

    /// @dev Shares that value is divided by, virtual ones included.
    function _supply() internal view returns (uint256) {
        return shares.totalSupply() + 10 ** (shares.decimals() - asset.decimals());
    }

    function _perShareX() internal view returns (uint256) {
        return Math.mulDiv(shares.totalAssets() + 1, 1e36, _supply());
    }
}
