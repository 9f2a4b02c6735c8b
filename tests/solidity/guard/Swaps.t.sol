// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {
    CallbackUnexpected,
    ExternalCallFailed,
    InputNotConsumed,
    Swaps,
    UnexpectedReceipt
} from "../../../contracts/guard/Swaps.sol";
import {Guard} from "../../../contracts/guard/Guard.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Order, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../../contracts/vaults/BasketVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {Construction} from "../Construction.sol";

contract Swapper is Swaps {
    function swap(uint8 adapter, address pool, address tokenIn, address tokenOut, uint256 amountIn)
        external
        returns (uint256)
    {
        return _swap(adapter, pool, tokenIn, tokenOut, amountIn);
    }
}

interface ISwapper {
    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata data) external;
}

/// @notice A pool with Uniswap V3's functions that answers and asks as it was told to.
contract LyingPool {
    WorldToken public token0;
    WorldToken public token1;
    uint160 public slot0 = 1 << 96;
    uint128 public liquidity = 1e18;
    int256 public asks;
    uint256 public callbacks = 1;
    int256 public claimsPaid;
    int256 public claimsSent;
    uint256 public sends;

    constructor(WorldToken a, WorldToken b) {
        (token0, token1) = (a, b);
    }

    function tell(int256 asks_, uint256 callbacks_, int256 claimsPaid_, int256 claimsSent_, uint256 sends_) external {
        (asks, callbacks, claimsPaid, claimsSent, sends) = (asks_, callbacks_, claimsPaid_, claimsSent_, sends_);
    }

    function drain() external {
        liquidity = 0;
    }

    /// @dev Sells token1 for token0, whatever is asked.
    function swap(address recipient, bool zeroForOne, int256, uint160, bytes calldata)
        external
        returns (int256, int256)
    {
        require(zeroForOne, "sells token1");
        for (uint256 i; i < callbacks; ++i) {
            ISwapper(msg.sender).uniswapV3SwapCallback(asks, -claimsSent, "");
        }
        token1.transfer(recipient, sends);
        return (claimsPaid, -claimsSent);
    }
}

/// @notice What a swap believes: what arrived, and nobody's word.
contract SwapsTest is BasketWorld, Construction {
    Swapper private swapper;
    LyingPool private pool;
    WorldToken private token0;
    WorldToken private token1;

    function setUp() public {
        _openMarkets();
        swapper = new Swapper();
        (token0, token1) = address(usdc) < address(weth) ? (usdc, weth) : (weth, usdc);
        pool = new LyingPool(token0, token1);
        token0.mint(address(swapper), 10_000);
        token1.mint(address(pool), 10_000);
    }

    function test_C32_refuses_APoolThatAsksForMore() public {
        pool.tell(1_001, 1, 1_000, 500, 500);
        _refused(abi.encodeWithSelector(InputNotConsumed.selector, address(pool), 1_001, 1_000));
    }

    function test_C32_refuses_APoolThatAsksTwice() public {
        pool.tell(1_000, 2, 1_000, 500, 500);
        _refused(abi.encodeWithSelector(CallbackUnexpected.selector, address(pool)));
    }

    function test_C28_refuses_APoolThatTakesLess() public {
        pool.tell(999, 1, 999, 500, 500);
        _refused(abi.encodeWithSelector(InputNotConsumed.selector, address(pool), 999, 1_000));
    }

    function test_C28_refuses_APoolThatSendsLessThanItSays() public {
        pool.tell(1_000, 1, 1_000, 500, 499);
        _refused(abi.encodeWithSelector(UnexpectedReceipt.selector, address(token1), 499, 500));
    }

    /// @dev What the pool says it sent is no less than nothing: nothing arrived, and nothing is believed.
    function test_C28_aPoolThatClaimsToHaveTaken_SentNothing() public {
        pool.tell(1_000, 1, 1_000, -5, 0);
        assertEq(_swap(), 0);
    }

    function test_C32_aPoolThatAsksForNothing_IsPaidNothing() public {
        pool.tell(0, 1, 1_000, 0, 0);
        assertEq(_swap(), 0);
        assertEq(token0.balanceOf(address(swapper)), 10_000);
    }

    /// @dev One raw unit is all fee, and buys nothing: the pool's other delta is 0.
    function test_swap_OfOneUnitEitherWay() public {
        token1.mint(address(swapper), 1);
        uint256 before = token1.balanceOf(v3UsdcWeth);
        assertEq(swapper.swap(V3, v3UsdcWeth, address(token1), address(token0), 1), 0);
        assertEq(token1.balanceOf(v3UsdcWeth), before + 1);
        before = token0.balanceOf(v3UsdcWeth);
        assertEq(swapper.swap(V3, v3UsdcWeth, address(token0), address(token1), 1), 0);
        assertEq(token0.balanceOf(v3UsdcWeth), before + 1);
    }

    function test_C32_refuses_ACallbackAfterTheSwap() public {
        pool.tell(1_000, 1, 1_000, 500, 500);
        assertEq(_swap(), 500);
        vm.prank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(pool)));
        swapper.uniswapV3SwapCallback(1, -1, "");
    }

    /// @dev A pool that never asks for its input is not believed to have had it later either.
    function test_C32_refuses_ACallbackThatWasNotUsed() public {
        pool.tell(0, 0, 1_000, 500, 500);
        assertEq(_swap(), 500);
        vm.prank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(pool)));
        swapper.uniswapV3SwapCallback(1_000, -1, "");
    }

    function test_C40_wraps_AStringAndPassesATypedError() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ExternalCallFailed.selector, address(pool), abi.encodeWithSignature("Error(string)", "sells token1")
            )
        );
        swapper.swap(V3, address(pool), address(token1), address(token0), 1_000);
    }

    /// @dev A typed error is a selector at least, and none of the compiler's own.
    function test_C40_passesOrWraps_ByWhatThePoolSays() public {
        _answered(abi.encodeWithSelector(IGuardErrors.EmptyVault.selector), true);
        _answered(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, address(pool)), true);
        _answered(abi.encodeWithSignature("Panic(uint256)", 0x11), false);
        _answered(abi.encodeWithSignature("Error(string)", "no"), false);
        _answered(hex"123456", false);
        _answered("", false);
    }

    function _answered(bytes memory reason, bool passes) private {
        vm.mockCallRevert(address(pool), abi.encodePacked(LyingPool.swap.selector), reason);
        _refused(passes ? reason : abi.encodeWithSelector(ExternalCallFailed.selector, address(pool), reason));
    }

    /// @dev What the real pools pay is what their own code pays anybody.
    function testFuzz_swap_IsThePools(uint256 amount, bool v2) public {
        amount = bound(amount, 1e6, 10_000_000e6);
        usdc.mint(address(swapper), amount);
        address venue = v2 ? v2UsdcWbtc : v3UsdcWeth;
        WorldToken out = v2 ? wbtc : weth;
        uint256 snapshot = vm.snapshotState();
        uint256 before = out.balanceOf(address(this));
        if (v2) _pushV2(venue, usdc, amount);
        else _push(venue, usdc, amount);
        uint256 expected = out.balanceOf(address(this)) - before;
        vm.revertToState(snapshot);
        assertEq(swapper.swap(v2 ? V2 : V3, venue, address(usdc), address(out), amount), expected);
        assertEq(out.balanceOf(address(swapper)), expected + (out == token0 ? 10_000 : 0));
    }

    // pools that a guard does not take

    function test_guard_RefusesAPoolWithTokensOutOfOrder() public {
        LyingPool[2] memory odd = [new LyingPool(token1, token0), new LyingPool(token0, token0)];
        GuardSetup memory setup = _guardSetup(_basketTokens());
        for (uint256 i; i < 2; ++i) {
            setup.venues[0] = Venue(V3, address(odd[i]));
            vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueTokensUnsorted.selector, address(odd[i])));
            this.construct(setup);
        }
    }

    function test_C18_guard_RefusesToTradeWithAnEmptyPool() public {
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.venues[0] = Venue(V3, address(pool));
        _openFor(setup);
        pool.drain();
        _refusedLegs(address(pool), V3);
        vm.mockCall(v2UsdcWbtc, abi.encodeWithSignature("getReserves()"), abi.encode(0, 1, 1));
        _refusedLegs(v2UsdcWbtc, V2);
        vm.mockCall(v2UsdcWbtc, abi.encodeWithSignature("getReserves()"), abi.encode(1, 0, 1));
        _refusedLegs(v2UsdcWbtc, V2);
    }

    function _openFor(GuardSetup memory setup) private {
        guard = new Guard(setup);
        vault = new BasketVault(_shareSetup(address(guard)), _weights(3_000, 4_000, 3_000), DRIFT_BAND_BPS);
        vm.prank(alice);
        usdc.approve(address(vault), type(uint256).max);
        _deposit(alice, 1_000e6);
    }

    function _refusedLegs(address venue, uint8 adapter) private {
        Order memory order = _order();
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.PoolEmpty.selector, venue));
        vault.rebalance(order, _legs(_leg(adapter, venue, usdc, 1e6)));
    }

    function _refused(bytes memory reason) private {
        vm.expectRevert(reason);
        _swap();
    }

    function _swap() private returns (uint256) {
        return swapper.swap(V3, address(pool), address(token0), address(token1), 1_000);
    }
}
