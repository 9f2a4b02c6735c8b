// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg} from "../../../contracts/interfaces/IKeeperVault.sol";
import {AmountCountMismatch, AmountTooSmall, SharesZero} from "../../../contracts/vaults/ShareVault.sol";
import {ReserveNotListed} from "../../../contracts/vaults/LeverageVault.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

/// @notice Leaving a levered vault: the debt's part is paid, the collateral's part is received, nobody else is touched.
contract LeverageExitTest is LeverageWorld {
    function setUp() public {
        _openLeverage(0);
        _fillLeverage();
        _deposit(bob, 7e18); // idle collateral, too
        usdc.mint(alice, 1_000_000e6);
    }

    // refusals

    function test_refuses_AnotherNumberOfAmounts() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(AmountCountMismatch.selector, 3, 2));
        vault.redeemInKind(1e18, alice, alice, new uint256[](3));
    }

    function test_refuses_NoShares() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(SharesZero.selector));
        vault.redeemInKind(0, alice, alice, _zeros());
    }

    function test_refuses_AnothersShares() public {
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, bob, 0, 1e18));
        vault.redeemInKind(1e18, bob, alice, _zeros());
    }

    function test_refuses_WithoutTheDebtsPart() public {
        uint256 shares = vault.balanceOf(bob);
        (, uint256 owed) = vault.previewRedeemInKind(shares);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, bob, 0, owed));
        vault.redeemInKind(shares, bob, bob, _zeros());
    }

    function test_refuses_LessThanTheLeastAmounts() public {
        uint256 shares = vault.balanceOf(alice) / 2;
        (uint256[] memory amounts,) = vault.previewRedeemInKind(shares);
        uint256 found = amounts[0]++;
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, address(weth), found, found + 1));
        vault.redeemInKind(shares, alice, alice, amounts);
    }

    // what it does

    /// @dev For any part, at any time: it costs what was previewed, the health factor does not fall, and those who stay
    /// have no less of anything for a share.
    function testFuzz_C33_redeemInKind_IsProRata(uint256 shares, uint256 elapsed) public {
        vm.warp(block.timestamp + bound(elapsed, 0, 5 * 365 days)); // indices well away from one
        shares = bound(shares, 1, vault.balanceOf(alice));
        (uint256 collateral, uint256 debt) = vault.position();
        uint256 health = vault.healthFactor();
        uint256 supply = vault.totalSupply();
        (uint256[] memory expected, uint256 owed) = vault.previewRedeemInKind(shares);
        (uint256 hadWeth, uint256 hadUsdc) = (weth.balanceOf(alice), usdc.balanceOf(alice));
        vm.prank(alice);
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, expected);
        assertEq(paid[0], expected[0]);
        assertEq(weth.balanceOf(alice) - hadWeth, paid[0]);
        assertEq(hadUsdc - usdc.balanceOf(alice), owed - paid[1]);
        (uint256 left, uint256 stillOwed) = vault.position();
        assertGe(left * debt, collateral * stillOwed, "collateral for a unit of debt did not fall");
        assertGe(left * supply, collateral * vault.totalSupply() - supply, "nor collateral for a share");
        assertGe(vault.healthFactor() + 1e10, health, "nor what Aave makes of it");
        assertEq(weth.balanceOf(address(vault)), vault.holdings()[0]);
        assertEq(usdc.allowance(address(vault), address(aave)), 0);
    }

    /// @dev Keeper gone, vault paused, our feed dead: only Aave is asked.
    function test_C16_redeemInKind_NeedsNoneOfUs() public {
        vm.startPrank(sentinel);
        guard.pause();
        guard.removeKeeper(keeper);
        vm.stopPrank();
        // Aave goes on with prices of its own.
        vm.mockCallRevert(address(feeds[address(usdc)]), abi.encodeWithSignature("latestRoundData()"), "dead");
        assertTrue(vault.valuationStale());
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, _zeros());
        assertGt(paid[0], 140e18);
    }

    function test_redeemInKind_OfAnUnleveredVaultTakesNothing() public {
        _openLeverage(0);
        _deposit(alice, 10e18);
        _act(_leverMove(0, false), new Leg[](0));
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, _zeros());
        assertApproxEqAbs(paid[0], 10e18, 10);
    }

    // F-51: what cannot be moved is forgone

    /// @dev Nobody can be paid in the collateral: who leaves pays their debt and leaves theirs to the others, if they will.
    function test_C16_redeemInKind_ForgoesWhatCannotBeMoved() public {
        _deliver();
        uint256 shares = vault.balanceOf(bob);
        (uint256[] memory due,) = vault.previewRedeemInKind(shares);
        assertGt(due[1], 0);
        vm.mockCallRevert(address(usdc), abi.encodeWithSignature("transfer(address,uint256)", bob, due[1]), "blocked");
        vm.startPrank(bob);
        vm.expectRevert("blocked");
        vault.redeemInKind(shares, bob, bob, _zeros());
        uint256[] memory least = _zeros();
        least[1] = vault.FORGO();
        uint256 idle = vault.holdings()[1];
        uint256[] memory paid = vault.redeemInKind(shares, bob, bob, least);
        vm.stopPrank();
        assertEq(paid[0], due[0]);
        assertEq(paid[1], 0);
        assertEq(vault.holdings()[1], idle, "it stays");
        assertEq(usdc.balanceOf(address(vault)), idle);
    }

    function test_C16_redeemInKind_ForgoesTheCollateral() public {
        usdc.mint(bob, 1_000_000e6);
        uint256 shares = vault.balanceOf(bob);
        (, uint256 owed) = vault.previewRedeemInKind(shares);
        (uint256 collateral, uint256 debt) = vault.position();
        uint256[] memory least = _zeros();
        least[0] = vault.FORGO();
        vm.prank(bob);
        uint256[] memory paid = vault.redeemInKind(shares, bob, bob, least);
        assertEq(paid[0], 0);
        (uint256 left, uint256 stillOwed) = vault.position();
        assertEq(left, collateral);
        assertApproxEqAbs(stillOwed, debt - owed, 1);
    }

    /// @dev All debt repaid, and some of the debt token idle.
    function _deliver() private {
        (, uint256 debt) = vault.position();
        uint256 sold = debt * 102 / 100 * 1e12 / 3_000;
        _act(_deleverMove(debt + 100e6, type(uint256).max, true), _sellLegs(sold));
    }

    function test_C42_redeem_PaysFromIdleOnly() public {
        uint256 idle = vault.holdings()[0];
        assertEq(vault.maxWithdraw(alice), idle);
        vm.prank(alice);
        vault.withdraw(idle, alice, alice);
        assertEq(vault.holdings()[0], 0);
        assertEq(vault.maxWithdraw(alice), 0);
        assertEq(vault.maxRedeem(alice), 0);
    }

    // the market

    function test_eMode_IsEntered() public {
        _openLeverage(E_MODE);
        _deposit(alice, 10e18);
        _act(_leverMove(0, false), new Leg[](0));
        (,,, uint256 threshold,,) = aave.getUserAccountData(address(vault));
        assertEq(threshold, 9_300);
    }

    function test_constructor_RefusesAnUnlistedReserve() public {
        vm.expectRevert(abi.encodeWithSelector(ReserveNotListed.selector, address(link)));
        this.deployOverLink();
    }

    function deployOverLink() external {
        _deploy(link, 0);
    }
}
