// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {CallbackUnexpected} from "../../../contracts/guard/Swaps.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {RangeMove} from "../../../contracts/interfaces/IRangeVault.sol";
import {PoolTokensMismatch} from "../../../contracts/range/RangePosition.sol";
import {
    LiquidityTooSmall,
    RangeAwayFromPrice,
    RangeInvalid,
    RangeSetup,
    RangeVault,
    WidthInvalid,
    WidthOutOfBounds
} from "../../../contracts/vaults/RangeVault.sol";
import {RangeWorld} from "../RangeWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The keeper's entry point of a range: every refusal, in the order of the checks, then what it does.
contract RangeRebalanceTest is RangeWorld {
    function setUp() public {
        _openRange();
        _fillRange();
    }

    // refusals: the order, the same guard as every vault's

    function test_refuses_AnyoneButAKeeper() public {
        address[4] memory others = [owner, curator, sentinel, alice];
        for (uint256 i; i < others.length; ++i) {
            Order memory order = _order();
            RangeMove memory move = _round(HALF);
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotKeeper.selector, others[i]));
            vault.rebalance(order, _noLegs(), move);
        }
    }

    function test_refuses_WhilePaused() public {
        vm.prank(sentinel);
        guard.pause();
        _refused(_order(), _noLegs(), _round(HALF), abi.encodeWithSelector(IGuardErrors.VaultPaused.selector));
    }

    function test_C1_everyRoleIsRefusedWhatIsNotItsOwn() public {
        address[5] memory callers = [owner, curator, sentinel, alice, keeper];
        bytes[4] memory calls = [
            abi.encodeCall(vault.rebalance, (_order(), _noLegs(), _round(HALF))),
            abi.encodeCall(vault.setWidth, (1, 2)),
            abi.encodeCall(vault.uniswapV3MintCallback, (1, 1, "")),
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
        }
    }

    function test_C12_refuses_AfterTheDeadline() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp - 1);
        bytes memory reason =
            abi.encodeWithSelector(IGuardErrors.DeadlinePassed.selector, block.timestamp, block.timestamp - 1);
        _refused(order, _noLegs(), _round(HALF), reason);
    }

    function test_C13_refuses_TheSameOrderTwice() public {
        Order memory order = _order();
        _rebalance(_noLegs(), _round(HALF));
        bytes memory reason =
            abi.encodeWithSelector(IGuardErrors.EpochMismatch.selector, order.expectedEpoch + 1, order.expectedEpoch);
        _refused(order, _noLegs(), _round(HALF), reason);
    }

    function test_C14_refuses_AnotherState() public {
        Order memory order = _order();
        order.expectedStateHash = vault.stateHash();
        _join(bob, SEED / 10);
        bytes32 moved = vault.stateHash();
        assertNotEq(moved, order.expectedStateHash);
        bytes memory reason =
            abi.encodeWithSelector(IGuardErrors.StateMismatch.selector, moved, order.expectedStateHash);
        _refused(order, _noLegs(), _round(HALF), reason);
    }

    function test_C11_refuses_InsideTheCooldown() public {
        _rebalance(_noLegs(), _round(HALF));
        uint256 until = block.timestamp + 300;
        _pass(299);
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.CoolingDown.selector, block.timestamp, until);
        _refused(_order(), _noLegs(), _round(HALF), reason);
        _pass(1);
        _rebalance(_noLegs(), _round(HALF));
    }

    function test_C17_refuses_AnUnusablePrice() public {
        feeds[address(weth)].pushRound(0);
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.PriceNotPositive.selector, address(weth), 0);
        _refused(_order(), _noLegs(), _round(HALF), reason);
    }

    function test_refuses_AnEmptyVault() public {
        _newRange(usdc, weth);
        _refused(_order(), _noLegs(), _round(HALF), abi.encodeWithSelector(IGuardErrors.EmptyVault.selector));
    }

    function test_C11_refuses_TooMuchTurnover() public {
        uint256 amount = vault.nav() * 26 / 100;
        (bool ok, bytes memory reason) = _try(_legs(_leg(V3, address(pool), usdc, amount)), _round(HALF));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.TurnoverTooLarge.selector);
    }

    // refusals: the pool and the move

    function test_refuses_APoolThatIsNotAllowed() public {
        vm.prank(sentinel);
        guard.removeVenue(address(pool));
        bytes memory reason = abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, address(pool));
        _refused(_order(), _noLegs(), _round(HALF), reason);
    }

    function test_C10_refuses_APoolAwayFromTheOracle() public {
        _push(address(pool), weth, 200e18);
        (bool ok, bytes memory reason) = _try(_noLegs(), _round(HALF));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    /// @dev The legs themselves push the pool away: the mint after them is refused, whatever comes later.
    function test_C10_refuses_ToMintWhereTheLegsPushedThePool() public {
        Limits memory tight = _limits();
        tight.maxDeviationBps = 5;
        vm.prank(curator);
        guard.setLimits(tight);
        (bool ok, bytes memory reason) = _try(_legs(_leg(V3, address(pool), usdc, 100_000e6)), _round(HALF));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    function test_refuses_TicksOutOfOrder() public {
        RangeMove memory move = _round(HALF);
        (move.tickLower, move.tickUpper) = (move.tickUpper, move.tickLower);
        bytes memory reason = abi.encodeWithSelector(RangeInvalid.selector, move.tickLower, move.tickUpper);
        _refused(_order(), _noLegs(), move, reason);
    }

    function testFuzz_C35_refuses_TicksThatAreNotAligned(int24 lower, int24 upper) public {
        RangeMove memory move = _round(HALF);
        move.tickLower += int24(bound(lower, 0, 9));
        move.tickUpper += int24(bound(upper, 0, 9));
        vm.assume(move.tickLower % 10 != 0 || move.tickUpper % 10 != 0);
        bytes memory reason = abi.encodeWithSelector(RangeInvalid.selector, move.tickLower, move.tickUpper);
        _refused(_order(), _noLegs(), move, reason);
    }

    function test_C35_refuses_AWidthOutOfBounds() public {
        _refused(
            _order(),
            _noLegs(),
            _round(90),
            abi.encodeWithSelector(WidthOutOfBounds.selector, _widthOf(_round(90)), MIN_WIDTH, MAX_WIDTH)
        );
        _refused(
            _order(),
            _noLegs(),
            _round(10_010),
            abi.encodeWithSelector(WidthOutOfBounds.selector, _widthOf(_round(10_010)), MIN_WIDTH, MAX_WIDTH)
        );
        _rebalance(_noLegs(), _round(100));
    }

    function testFuzz_C35_refuses_ARangeAwayFromThePrice(int24 shift) public {
        shift = int24(bound(shift, HALF + 20, 50_000)) / 10 * 10;
        RangeMove memory move = _round(HALF);
        for (uint256 i; i < 2; ++i) {
            RangeMove memory away = RangeMove(move.tickLower + shift, move.tickUpper + shift, 0);
            bytes memory reason = abi.encodeWithSelector(RangeAwayFromPrice.selector, away.tickLower, away.tickUpper);
            _refused(_order(), _noLegs(), away, reason);
            shift = -shift;
        }
    }

    function test_refuses_LessLiquidityThanTheOrderWants() public {
        RangeMove memory move = _round(HALF);
        uint256 snapshot = vm.snapshotState();
        _rebalance(_noLegs(), move);
        (,, uint128 liquidity) = vault.range();
        vm.revertToState(snapshot);
        move.minLiquidity = liquidity + 1;
        bytes memory reason = abi.encodeWithSelector(LiquidityTooSmall.selector, liquidity, liquidity + 1);
        _refused(_order(), _noLegs(), move, reason);
        move.minLiquidity = liquidity;
        _rebalance(_noLegs(), move);
    }

    // refusals: the result

    function test_refuses_LessThanTheOrdersNetAssetValue() public {
        Order memory order = _order();
        order.minNavAfter = vault.nav() + 1e6;
        (bool ok, bytes memory reason) = _try(order, _noLegs(), _round(HALF));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.NavBelowMinimum.selector);
    }

    function test_C6_refuses_ALossOverTheCap() public {
        Limits memory tight = _limits();
        tight.maxLossBps = 1;
        vm.prank(curator);
        guard.setLimits(tight);
        (bool ok, bytes memory reason) = _try(_legs(_leg(V3, address(pool), usdc, 140_000e6)), _round(HALF));
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.LossTooLarge.selector);
    }

    // configuration

    function test_refuses_AWidthThatIsNone() public {
        RangeSetup memory setup = _rangeSetup();
        (setup.minWidth, setup.maxWidth) = (0, 100);
        setup.guard = address(new Guard(_guardSetup(_rangeTokens())));
        vm.expectRevert(abi.encodeWithSelector(WidthInvalid.selector, int24(0), int24(100)));
        this.construct(setup);
        bytes memory call = abi.encodeCall(vault.setWidth, (300, 200));
        vm.prank(curator);
        guard.submit(call);
        _pass(86_400);
        vm.prank(curator);
        vm.expectRevert(abi.encodeWithSelector(WidthInvalid.selector, int24(300), int24(200)));
        vault.setWidth(300, 200);
    }

    /// @dev In a call of its own, so that a refusal can be expected of it.
    function construct(RangeSetup calldata setup) external {
        new RangeVault(setup);
    }

    function test_C4_setWidth_WaitsADay() public {
        vm.prank(curator);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, vault.setWidth.selector));
        vault.setWidth(10, 30_000);
        vm.prank(curator);
        guard.submit(abi.encodeCall(vault.setWidth, (10, 30_000)));
        _pass(86_400);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotCurator.selector, alice));
        vault.setWidth(10, 30_000);
        vm.prank(curator);
        vault.setWidth(10, 30_000);
        (int24 least, int24 most) = vault.width();
        assertEq(least, 10);
        assertEq(most, 30_000);
    }

    function test_refuses_APoolOfOtherTokens() public {
        RangeSetup memory setup = _rangeSetup();
        setup.pool = v3WbtcWeth;
        setup.guard = address(new Guard(_guardSetup(_rangeTokens())));
        vm.expectRevert(abi.encodeWithSelector(PoolTokensMismatch.selector, v3WbtcWeth));
        this.construct(setup);
    }

    function test_C32_refuses_ACallbackNobodyAskedFor() public {
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(this)));
        vault.uniswapV3MintCallback(1, 1, "");
        vm.prank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(pool)));
        vault.uniswapV3MintCallback(1, 1, "");
        vm.prank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(pool)));
        vault.uniswapV3SwapCallback(1, 1, "");
    }

    // what it does

    /// @dev Either token as the base; all but a sliver is invested, the range is the pool's entry, the value stays.
    function test_reranges() public {
        for (uint256 i; i < 2; ++i) {
            if (i == 1) {
                _newRange(weth, usdc);
                _fillRange();
            }
            uint256 navBefore = vault.nav();
            RangeMove memory move = _round(2_000);
            _rebalance(_noLegs(), move);
            (int24 lower, int24 upper, uint128 liquidity) = vault.range();
            assertEq(lower, move.tickLower);
            assertEq(upper, move.tickUpper);
            (uint128 found,,,,) = pool.positions(keccak256(abi.encodePacked(address(vault), lower, upper)));
            assertEq(found, liquidity);
            uint256[] memory idle = vault.holdings();
            assertLt(_worthOf(idle[0], idle[1]), navBefore / 50, "idle");
            assertApproxEqRel(vault.nav(), navBefore, 1e14, "value");
            (uint128 grossLower, uint128 grossUpper) = vault.grossAtEnds();
            assertEq(grossLower, (i + 1) * liquidity); // the first vault's is still there
            assertEq(grossUpper, (i + 1) * liquidity);
        }
    }

    /// @dev Fees count before they are collected; the same ticks put them to work, and nothing is left in the pool.
    function test_compounds() public {
        (int24 lower, int24 upper, uint128 before) = vault.range();
        for (uint256 i; i < 20; ++i) {
            _trade(2_000_000);
        }
        uint256[2] memory earned = vault.fees();
        assertGt(earned[0], 0);
        assertGt(earned[1], 0);
        uint256 navBefore = vault.nav();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        (,, uint128 liquidity) = vault.range();
        assertGt(liquidity, before);
        assertApproxEqAbs(vault.nav(), navBefore, 10);
        assertEq(vault.fees()[0] + vault.fees()[1], 0);
        assertEq(vault.lockedFees()[0], earned[0]);
        assertEq(vault.lockedFees()[1], earned[1]);
        _onlyTheHoldings();
    }

    /// @dev With the price beyond the range all is in one token: half of it is swapped in steps, and all works again.
    function test_reranges_WithASwap() public {
        uint256 usdPrice = 3_400;
        feeds[address(weth)].pushRound(int256(usdPrice * 1e8));
        _toOracle();
        (uint256 navBefore, uint256 sold) = (vault.nav(), vault.nav() / 5);
        _rebalance(_legs(_leg(V3, address(pool), usdc, sold)), _round(HALF));
        assertApproxEqRel(vault.nav(), navBefore, 2e15);
        (,, uint128 liquidity) = vault.range();
        assertGt(liquidity, 0);
        _onlyTheHoldings();
    }

    /// @dev C-21: the pool's price moved by up to a half either way changes the value by the fees alone.
    function testFuzz_C21_value_DoesNotFollowThePool(uint256 share, bool up) public {
        share = bound(share, 1, 5_000);
        uint256 navBefore = vault.nav();
        (uint160 root,) = pool.slot0();
        _toRoot(
            address(pool),
            uint160(up ? uint256(root) * (20_000 + share) / 20_000 : uint256(root) * (20_000 - share) / 20_000)
        );
        uint256[2] memory earned = vault.fees();
        uint256 less = _worthOf(earned[0], earned[1]);
        assertApproxEqAbs(vault.nav() - less, navBefore, navBefore / 10_000 + 2);
    }

    /// @dev Every wei that the vault says it has is there: what it holds, and what its entry in the pool owes it.
    function testFuzz_C35_feesAreWhatThePoolPays(uint256 dollars, uint8 times) public {
        dollars = bound(dollars, 1_000, 5_000_000);
        for (uint256 i; i <= times % 4; ++i) {
            _trade(dollars);
        }
        uint256[2] memory earned = vault.fees();
        uint256[] memory before = vault.holdings();
        _join(bob, 1); // collects
        uint256[] memory held = vault.holdings();
        assertApproxEqAbs(held[0] - before[0], earned[0], 1);
        assertApproxEqAbs(held[1] - before[1], earned[1], 1);
        _onlyTheHoldings();
    }

    /// @dev C-26: tokens sent to the vault, and liquidity added to its entry in the pool, change nothing, now or later.
    function testFuzz_C26_donationsChangeNothing(uint128 liquidity, uint256 amount) public {
        liquidity = uint128(bound(liquidity, 1, 1e18));
        amount = bound(amount, 1, 1e12);
        (int24 lower, int24 upper, uint128 own) = vault.range();
        uint256 navBefore = vault.nav();
        usdc.mint(address(vault), amount);
        _giveLiquidity(lower, upper, liquidity);
        assertEq(vault.nav(), navBefore);
        _trade(1_000_000);
        uint256[2] memory earned = vault.fees();
        (uint128 whole,,,,) = pool.positions(keccak256(abi.encodePacked(address(vault), lower, upper)));
        assertEq(whole, own + liquidity);
        _giveLiquidity(lower, upper, 1);
        uint256[2] memory again = vault.fees();
        assertApproxEqAbs(again[0], earned[0], 1);
        assertApproxEqAbs(again[1], earned[1], 1);
        navBefore = vault.nav();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        assertApproxEqAbs(vault.nav(), navBefore, 10);
        assertEq(vault.fees()[0] + vault.fees()[1], 0);
    }

    /// @dev A gift as large as the vault's own liquidity earns as much: that half stays in the pool, also when the
    /// vault comes back to the same ticks, and counts for nothing.
    function test_theFeesOfADonationAreNotTheVaults() public {
        (int24 lower, int24 upper, uint128 own) = vault.range();
        bytes32 key = keccak256(abi.encodePacked(address(vault), lower, upper));
        _giveLiquidity(lower, upper, own);
        _trade(3_000_000);
        uint256[2] memory earned = vault.fees();
        uint256 navBefore = vault.nav();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        (,,, uint128 owed0, uint128 owed1) = pool.positions(key);
        (uint256 base_, uint256 other_) = pool.token0() == address(base) ? (owed0, owed1) : (owed1, owed0);
        assertGt(base_, 0);
        assertApproxEqAbs(base_, earned[0], 2);
        assertApproxEqAbs(other_, earned[1], 2);
        assertEq(vault.fees()[0] + vault.fees()[1], 0);
        assertApproxEqAbs(vault.nav(), navBefore, 10);
    }

    /// @dev Nor is what a gift earned at ticks where the vault had nothing yet, once it goes there.
    function test_aGiftThatWaitsAtOtherTicksIsNotTheVaults() public {
        _trade(1_000_000); // fees inside the present range have grown by more than they will inside the next one
        RangeMove memory move = _round(2_000);
        (,, uint128 own) = vault.range();
        _giveLiquidity(move.tickLower, move.tickUpper, own);
        _trade(3_000_000);
        _rebalance(_noLegs(), move);
        (,,, uint128 owed0, uint128 owed1) =
            pool.positions(keccak256(abi.encodePacked(address(vault), move.tickLower, move.tickUpper)));
        assertGt(owed0, 0);
        assertGt(owed1, 0);
        assertEq(vault.fees()[0] + vault.fees()[1], 0);
    }

    /// @dev Whoever adds dust to the vault's entry makes the pool round its fees down once more each time: what the
    /// vault says it earned is still exactly what it collects.
    function testFuzz_dustInItsEntryCannotStopTheVault(uint256 dollars, uint8 times) public {
        (int24 lower, int24 upper,) = vault.range();
        for (uint256 i; i < uint256(times) % 30; ++i) {
            _giveLiquidity(lower, upper, 1);
            _trade(bound(dollars, 1, 100));
        }
        uint256[2] memory earned = vault.fees();
        uint256[2] memory before = vault.lockedFees();
        _leave(alice, SEED);
        assertLe(vault.lockedFees()[0], before[0] + earned[0]);
    }

    // helpers

    /// @dev pool.mint for somebody else: the vault's entry grows, and the vault does not know.
    function _giveLiquidity(int24 lower, int24 upper, uint128 liquidity) private {
        pool.mint(address(vault), lower, upper, liquidity, "");
    }

    /// @dev Balances are what the vault accounts for: nothing was lost on the way, nothing came from elsewhere.
    function _onlyTheHoldings() private view {
        uint256[] memory held = vault.holdings();
        assertEq(base.balanceOf(address(vault)), held[0]);
        assertEq(other.balanceOf(address(vault)), held[1]);
    }

    function _toOracle() private {
        (uint256 p0, uint256 p1) =
            pool.token0() == address(usdc) ? (_priceX(usdc), _priceX(weth)) : (_priceX(weth), _priceX(usdc));
        _toRoot(address(pool), uint160(Math.sqrt(Math.mulDiv(p0, 2 ** 192, p1))));
    }

    function _widthOf(RangeMove memory move) private pure returns (int24) {
        return move.tickUpper - move.tickLower;
    }

    function _refused(Order memory order, Leg[] memory legs, RangeMove memory move, bytes memory reason) private {
        vm.prank(keeper);
        vm.expectRevert(reason);
        vault.rebalance(order, legs, move);
    }

    function _try(Leg[] memory legs, RangeMove memory move) private returns (bool, bytes memory) {
        return _try(_order(), legs, move);
    }

    function _try(Order memory order, Leg[] memory legs, RangeMove memory move) private returns (bool, bytes memory) {
        vm.prank(keeper);
        return address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
    }
}
