// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {UnexpectedReceipt} from "../../../contracts/guard/Swaps.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup, TokenFeed} from "../../../contracts/interfaces/Setup.sol";
import {BasketVault, NoShares, WeightCountMismatch, WeightsDoNotSum} from "../../../contracts/vaults/BasketVault.sol";
import {
    AmountCountMismatch,
    AmountTooLarge,
    AmountTooSmall,
    SharesZero
} from "../../../contracts/vaults/ShareVault.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Construction} from "../Construction.sol";
import {FeeToken, HookToken, OldToken} from "../Weird.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice Shares of a basket: in and out of the base asset and in kind, rounding, stale prices, reentrancy, odd tokens.
contract BasketSharesTest is BasketWorld, Construction {
    function setUp() public {
        _openBasket();
        _fillBasket();
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            tokens[i].mint(bob, _usd(tokens[i], 10_000_000));
        }
    }

    // refusals

    function test_deposit_RefusesWhilePaused() public {
        vm.prank(sentinel);
        guard.pause();
        assertEq(vault.maxDeposit(bob), 0);
        assertEq(vault.maxMint(bob), 0);
        assertEq(vault.maxWithdraw(alice), 0);
        assertEq(vault.maxRedeem(alice), 0);
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.VaultPaused.selector);
        vm.startPrank(bob);
        vm.expectRevert(reason);
        vault.deposit(1e6, bob);
        vm.expectRevert(reason);
        vault.mint(1e18, bob);
        vm.expectRevert(reason);
        vault.depositInKind(1e18, bob, _most());
        vm.stopPrank();
        vm.startPrank(alice);
        vm.expectRevert(reason);
        vault.redeem(1e18, alice, alice);
        vm.expectRevert(reason);
        vault.withdraw(1e6, alice, alice);
        vm.stopPrank();
    }

    function test_C42_deposit_RefusesAStalePrice() public {
        uint256 nav = vault.nav();
        vm.warp(block.timestamp + 3_961);
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.PriceStale.selector, address(usdc), 3_961, 3_960);
        vm.startPrank(bob);
        vm.expectRevert(reason);
        vault.deposit(1e6, bob);
        vm.expectRevert(reason);
        vault.mint(1e18, bob);
        vm.stopPrank();
        vm.startPrank(alice);
        vm.expectRevert(reason);
        vault.redeem(1e18, alice, alice);
        vm.expectRevert(reason);
        vault.withdraw(1e6, alice, alice);
        vm.stopPrank();
        vm.expectRevert(reason);
        vault.nav();
        assertTrue(vault.valuationStale());
        assertEq(vault.maxDeposit(bob), 0);
        assertEq(vault.maxRedeem(alice), 0);
        // What cannot be known now is what was last known, for each share.
        assertApproxEqAbs(vault.totalAssets(), nav, 1);
        assertGt(vault.convertToAssets(1e18), 0);
        uint256 half = vault.balanceOf(alice) / 2;
        vm.prank(alice);
        vault.redeemInKind(half, alice, alice, _zeros());
        assertApproxEqRel(vault.totalAssets(), nav / 2, 1e9);
    }

    function test_deposit_RefusesTooLittleForAShare() public {
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(SharesZero.selector));
        vault.deposit(0, bob);
        vm.expectRevert(abi.encodeWithSelector(SharesZero.selector));
        vault.mint(0, bob);
        vm.stopPrank();
    }

    function test_C42_redeem_RefusesMoreThanIsIdle() public {
        uint256 idle = vault.holdings()[0];
        usdc.mint(address(vault), 1_000_000e6); // a donation is nobody's
        assertEq(vault.maxWithdraw(alice), idle);
        uint256 most = vault.maxRedeem(alice);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, alice, idle + 1, idle));
        vault.withdraw(idle + 1, alice, alice);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, most + 1, most));
        vault.redeem(most + 1, alice, alice);
        vault.withdraw(idle, alice, alice);
        vm.stopPrank();
        assertEq(vault.holdings()[0], 0);
    }

    function test_inKind_Refusals() public {
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(AmountCountMismatch.selector, 2, 3));
        vault.depositInKind(1e18, bob, new uint256[](2));
        vm.expectRevert(abi.encodeWithSelector(SharesZero.selector));
        vault.depositInKind(0, bob, _most());
        uint256 part = Math.mulDiv(vault.holdings()[0], 1e18, vault.totalSupply() + 1e12, Math.Rounding.Ceil);
        vm.expectRevert(abi.encodeWithSelector(AmountTooLarge.selector, address(usdc), part, part - 1));
        uint256[] memory most = _most();
        most[0] = part - 1;
        vault.depositInKind(1e18, bob, most);
        vault.depositInKind(1e18, bob, _most());
        part = Math.mulDiv(vault.holdings()[0], 1e18, vault.totalSupply() + 1e12);
        uint256[] memory least = _zeros();
        least[0] = part + 1;
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, address(usdc), part, part + 1));
        vault.redeemInKind(1e18, bob, bob, least);
        vm.stopPrank();
        _newBasket();
        vm.expectRevert(abi.encodeWithSelector(NoShares.selector));
        vault.depositInKind(1e18, bob, _most());
    }

    function test_constructor_RefusesBadWeights() public {
        guard = new Guard(_guardSetup(_basketTokens()));
        vm.expectRevert(abi.encodeWithSelector(WeightsDoNotSum.selector, 9_999, 10_000));
        this.construct(_shareSetup(address(guard)), _weights(3_000, 4_000, 2_999), 0);
        vm.expectRevert(abi.encodeWithSelector(WeightCountMismatch.selector, 2, 3));
        this.construct(_shareSetup(address(guard)), new uint16[](2), 0);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.LimitTooWide.selector, 2_001, 2_000));
        this.construct(_shareSetup(address(guard)), _weights(3_000, 4_000, 3_000), 2_001);
    }

    // value and shares

    /// @dev nav is the sum of each holding's value rounded down, in raw units of the base asset.
    function testFuzz_nav_IsExact(int256 wethPrice, int256 wbtcPrice, int256 usdcPrice) public {
        feeds[address(weth)].pushRound(bound(wethPrice, 2, 1e14));
        feeds[address(wbtc)].pushRound(bound(wbtcPrice, 2, 1e14));
        feeds[address(usdc)].pushRound(bound(usdcPrice, 1e6, 1e10));
        uint256[] memory held = vault.holdings();
        uint256 expected = held[0] + Math.mulDiv(held[1], _priceX(weth), _priceX(usdc))
            + Math.mulDiv(held[2], _priceX(wbtc), _priceX(usdc));
        assertEq(vault.nav(), expected);
        assertEq(vault.totalAssets(), expected);
    }

    function test_C26_nav_IgnoresDonations() public {
        uint256 nav = vault.nav();
        usdc.mint(address(vault), 1e12);
        weth.mint(address(vault), 1e21);
        link.mint(address(vault), 1e21);
        assertEq(vault.nav(), nav);
    }

    /// @dev The fee stays: a deposit's shares are worth the deposit less the fee, and no holder loses.
    function testFuzz_C41_deposit_PaysTheEntryFee(uint256 assets) public {
        assets = bound(assets, 1e6, 5_000_000e6);
        uint256 perShare = _navPerShareX();
        uint256 net = assets - (assets * ENTRY_FEE_BPS + 9_999) / 10_000;
        uint256 expected = vault.convertToShares(net);
        assertEq(vault.previewDeposit(assets), expected);
        vm.prank(bob);
        uint256 shares = vault.deposit(assets, bob);
        assertEq(shares, expected);
        assertEq(vault.balanceOf(bob), shares);
        assertLe(vault.convertToAssets(shares), assets);
        assertGe(vault.convertToAssets(shares) + 1, net);
        assertGe(_navPerShareX(), perShare);
    }

    function testFuzz_mint_CostsNoLessThanADeposit(uint256 shares) public {
        shares = bound(shares, 1e13, 5_000_000e18);
        uint256 expected = vault.previewMint(shares);
        assertGe(vault.previewDeposit(expected), shares);
        vm.prank(bob);
        uint256 assets = vault.mint(shares, bob);
        assertEq(assets, expected);
        assertEq(vault.balanceOf(bob), shares);
        assertLe(vault.convertToAssets(shares), assets);
    }

    /// @dev Every way in and out again, the other way or the same, leaves the user with no more, and the holders with no
    /// less.
    function testFuzz_C24_roundTrips_NeverProfit(uint256 assets, bool inKindIn, bool inKindOut) public {
        assets = bound(assets, 1, 500_000e6);
        uint256 wealth = _wealth(bob);
        uint256 perShare = _navPerShareX();
        vm.startPrank(bob);
        uint256 shares = vault.previewDeposit(assets);
        vm.assume(shares > 0);
        if (inKindIn) vault.depositInKind(shares, bob, _most());
        else shares = vault.deposit(assets, bob);
        vm.warp(block.timestamp + 3_600);
        if (inKindOut) vault.redeemInKind(shares, bob, bob, _zeros());
        else vault.redeem(Math.min(shares, vault.maxRedeem(bob)), bob, bob);
        vm.stopPrank();
        assertLe(_wealth(bob), wealth);
        assertGe(_navPerShareX(), perShare);
    }

    function testFuzz_C36_withdraw_IsExactAndForTheVault(uint256 assets) public {
        assets = bound(assets, 1, vault.maxWithdraw(alice));
        uint256 perShare = _navPerShareX();
        uint256 expected = vault.previewWithdraw(assets);
        vm.prank(alice);
        uint256 shares = vault.withdraw(assets, bob, alice);
        assertEq(shares, expected);
        assertEq(usdc.balanceOf(bob), _usd(usdc, 10_000_000) + assets);
        assertGe(_navPerShareX(), perShare);
    }

    function testFuzz_inKind_IsProRata(uint256 shares, uint256 back) public {
        shares = bound(shares, 1, 1_000_000e18);
        uint256[] memory before = vault.holdings();
        uint256 supply = vault.totalSupply() + 1e12;
        vm.startPrank(bob);
        uint256[] memory taken = vault.depositInKind(shares, bob, _most());
        for (uint256 i; i < 3; ++i) {
            assertEq(taken[i], Math.mulDiv(before[i], shares, supply, Math.Rounding.Ceil));
        }
        back = bound(back, 1, shares);
        before = vault.holdings();
        supply = vault.totalSupply() + 1e12;
        uint256[] memory paid = vault.redeemInKind(back, bob, bob, _zeros());
        vm.stopPrank();
        for (uint256 i; i < 3; ++i) {
            assertEq(paid[i], Math.mulDiv(before[i], back, supply));
            assertEq(_basketTokens()[i].balanceOf(address(vault)), vault.holdings()[i]);
        }
    }

    /// @dev Keeper gone, every feed dead, vault paused.
    function test_C16_redeemInKind_NeedsNobody() public {
        vm.startPrank(sentinel);
        guard.pause();
        guard.removeKeeper(keeper);
        vm.stopPrank();
        for (uint256 i; i < 3; ++i) {
            feeds[address(_basketTokens()[i])].setDown(true);
        }
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, _zeros());
        assertApproxEqRel(paid[0], 300_000e6, 0.001e18);
        assertEq(vault.totalSupply(), 0);
        // Nothing is stuck, and the vault goes on.
        for (uint256 i; i < 3; ++i) {
            feeds[address(_basketTokens()[i])].setDown(false);
        }
        vm.prank(owner);
        guard.unpause();
        vm.prank(bob);
        vault.deposit(1_000e6, bob);
        assertApproxEqRel(vault.convertToAssets(vault.balanceOf(bob)), 995e6, 0.01e18);
    }

    /// @dev F-51: WETH cannot be moved. It blocks nobody's way out with the rest; what is forgone stays for the others.
    function testFuzz_C16_redeemInKind_ForgoesWhatCannotBeMoved(uint256 shares) public {
        shares = bound(shares, 1e12, vault.balanceOf(alice));
        uint256[] memory held = vault.holdings();
        uint256 supply = vault.totalSupply() + 1e12;
        uint256 perShare = _navPerShareX();
        vm.mockCallRevert(address(weth), abi.encodeWithSelector(weth.transfer.selector), "paused");
        vm.startPrank(alice);
        vm.expectRevert("paused");
        vault.redeemInKind(shares, alice, alice, _zeros());
        uint256[] memory least = _zeros();
        (least[1], least[2]) = (vault.FORGO(), Math.mulDiv(held[2], shares, supply) + 1);
        vm.expectRevert(abi.encodeWithSelector(AmountTooSmall.selector, address(wbtc), least[2] - 1, least[2]));
        vault.redeemInKind(shares, alice, alice, least);
        --least[2];
        uint256[] memory paid = vault.redeemInKind(shares, alice, alice, least);
        vm.stopPrank();
        assertEq(paid[0], Math.mulDiv(held[0], shares, supply));
        assertEq(paid[1], 0);
        assertEq(paid[2], Math.mulDiv(held[2], shares, supply));
        assertEq(vault.holdings()[1], held[1], "it stays");
        assertGe(_navPerShareX(), perShare);
    }

    /// @dev The first depositor cannot take the second one's deposit, whatever he gives the vault.
    function testFuzz_C25_firstDeposit_CannotBeInflated(uint256 first, uint256 gift, uint256 second) public {
        _newBasket();
        (first, gift, second) = (bound(first, 1, 1e9), bound(gift, 0, 1e15), bound(second, 100, 1e12));
        usdc.mint(alice, first);
        usdc.mint(bob, second);
        vm.prank(alice);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.deposit, (first, alice)));
        vm.assume(ok);
        usdc.mint(address(vault), gift);
        vm.prank(bob);
        uint256 shares = vault.deposit(second, bob);
        uint256 net = second - (second * ENTRY_FEE_BPS + 9_999) / 10_000;
        assertGe(vault.convertToAssets(shares) + 1 + net / 1e6, net);
    }

    function test_C27_decimals_AreEighteenOrAThousandTimesFiner() public {
        assertEq(vault.decimals(), 18);
        WorldToken[] memory tokens = new WorldToken[](1);
        tokens[0] = weth;
        guard = new Guard(_guardSetup(tokens));
        uint16[] memory all = new uint16[](1);
        all[0] = 10_000;
        assertEq(new BasketVault(_shareSetup(address(guard)), all, 0).decimals(), 21);
    }

    // odd tokens

    function test_C28_feeToken_IsRefused() public {
        FeeToken fee = new FeeToken();
        _openOver(fee);
        fee.mint(bob, 100e18);
        vm.startPrank(bob);
        fee.approve(address(vault), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(UnexpectedReceipt.selector, address(fee), 9.9e18, 10e18));
        vault.deposit(10e18, bob);
        vm.stopPrank();
    }

    function test_C29_oldToken_Works() public {
        OldToken old = new OldToken();
        _openOver(WorldToken(address(old)));
        old.mint(bob, 1_000e6);
        vm.startPrank(bob);
        old.approve(address(vault), 1_000e6);
        vault.deposit(1_000e6, bob);
        vm.warp(block.timestamp + 3_600);
        uint256 half = vault.maxRedeem(bob) / 2;
        assertApproxEqRel(half, vault.balanceOf(bob) / 2, 0.001e18);
        vault.redeem(half, bob, bob);
        vault.redeemInKind(vault.balanceOf(bob), bob, bob, new uint256[](1));
        vm.stopPrank();
        assertApproxEqAbs(old.balanceOf(bob), 1_000e6, 2); // who is alone is paid his own fees
    }

    /// @dev While tokens move, nothing that changes state and nothing that others price from can be entered, and the
    /// ERC-4626 views answer with the valuation accepted before.
    function test_C31_reentrancy_IsRefusedEverywhere() public {
        HookToken hook = new HookToken();
        _openOver(hook);
        hook.mint(bob, 1_000e18);
        vm.startPrank(bob);
        hook.approve(address(vault), type(uint256).max);
        vault.deposit(100e18, bob);
        uint256[] memory none = new uint256[](1);
        bytes[14] memory inner = [
            abi.encodeCall(vault.deposit, (1e18, bob)),
            abi.encodeCall(vault.mint, (1e18, bob)),
            abi.encodeCall(vault.withdraw, (1e18, bob, bob)),
            abi.encodeCall(vault.redeem, (1e18, bob, bob)),
            abi.encodeCall(vault.depositInKind, (1e18, bob, _most())),
            abi.encodeCall(vault.redeemInKind, (1e18, bob, bob, none)),
            abi.encodeCall(vault.rebalance, (_order(), new Leg[](0))),
            abi.encodeCall(vault.setFees, (1, 1)),
            abi.encodeCall(vault.setWeights, (new uint16[](1), 1)),
            abi.encodeCall(vault.nav, ()),
            abi.encodeCall(vault.holdings, ()),
            abi.encodeCall(vault.guardState, ()),
            abi.encodeCall(vault.stateHash, ()),
            abi.encodeCall(vault.uniswapV3SwapCallback, (1, -1, ""))
        ];
        for (uint256 i; i < inner.length; ++i) {
            hook.setHook(address(vault), inner[i]);
            vault.deposit(1e18, bob);
            assertEq(hook.calls(), 1);
            if (i < 13) {
                assertEq(bytes4(hook.refusal()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            } else {
                assertTrue(hook.refused());
            }
        }
        hook.setHook(address(guard), abi.encodeCall(guard.pause, ()));
        vault.deposit(1e18, bob);
        assertEq(bytes4(hook.refusal()), IGuardErrors.VaultLocked.selector);
        hook.setHook(address(this), abi.encodeCall(this.requireAnswers, (vault.totalAssets())));
        vault.redeemInKind(1e18, bob, bob, none);
        assertEq(hook.calls(), 1);
        assertFalse(hook.refused());
        vm.stopPrank();
    }

    function requireAnswers(uint256 accepted) external view {
        require(vault.locked() && vault.valuationStale());
        require(vault.maxDeposit(bob) == 0 && vault.maxRedeem(bob) == 0);
        uint256 supply = vault.totalSupply() + 1e3;
        uint256 expected = Math.mulDiv(accepted, supply, supply + 1e18);
        require(vault.totalAssets() >= expected - 1 && vault.totalAssets() <= expected + 1);
    }

    // helpers of these tests

    /// @dev A vault of one token.
    function _openOver(WorldToken token) private {
        GuardSetup memory setup = _guardSetup(new WorldToken[](0));
        setup.tokens = _one(address(token));
        TokenFeed[] memory all = setup.feeds;
        setup.feeds = new TokenFeed[](5);
        for (uint256 i; i < 4; ++i) {
            setup.feeds[i] = all[i];
        }
        feeds[address(token)] = new WorldFeed("odd", 8, 1e8);
        setup.feeds[4] = TokenFeed(address(token), _feed(token));
        guard = new Guard(setup);
        uint16[] memory weights = new uint16[](1);
        weights[0] = 10_000;
        vault = new BasketVault(_shareSetup(address(guard)), weights, 0);
    }

    function _navPerShareX() private view returns (uint256) {
        return Math.mulDiv(vault.nav() + 1, 1e36, vault.totalSupply() + 1e12);
    }

    function _wealth(address user) private view returns (uint256 value) {
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            value += Math.mulDiv(tokens[i].balanceOf(user), _priceX(tokens[i]), _priceX(usdc));
        }
    }
}
