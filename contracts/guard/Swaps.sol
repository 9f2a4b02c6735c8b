// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPairV2, IPoolV3} from "../interfaces/External.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

error UnexpectedReceipt(address token, uint256 received, uint256 required);
error OutputTooSmall(address pool, uint256 received, uint256 required);
error InputNotConsumed(address pool, uint256 consumed, uint256 required);
error CallbackUnexpected(address caller);
error ExternalCallFailed(address target, bytes reason);

uint8 constant UNISWAP_V2 = 1;
uint8 constant UNISWAP_V3 = 2;

/// @notice Passes on a typed error of ours that went through a protocol, and wraps everything else.
function raise(address target, bytes memory reason) pure {
    bytes4 selector = bytes4(reason);
    bool typed = reason.length >= 4 && selector != bytes4(keccak256("Error(string)"))
        && selector != bytes4(keccak256("Panic(uint256)"));
    if (!typed) revert ExternalCallFailed(target, reason);
    assembly ("memory-safe") {
        revert(add(reason, 0x20), mload(reason))
    }
}

/// @notice Exact-input swaps straight against pools: no router and no approval.
abstract contract Swaps {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @dev The ends of Uniswap V3's price range, exclusive: the swap is bounded by its output and by the oracle.
    uint160 private constant SQRT_PRICE_LOWEST = 4295128739 + 1;
    uint160 private constant SQRT_PRICE_HIGHEST = 1461446703485210103287273052203988822378723970342 - 1;

    /// @dev The pool that may call back in this transaction, once, what it is owed in, and at most how much.
    address private transient _poolInFlight;
    address private transient _owedToken;
    uint256 private transient _owedAtMost;

    /// @notice Sells exactly `amountIn` and returns what arrived, measured by balance.
    /// @dev Pools sort their tokens by address. What arrives must be what the pool says it sent: a token that takes a fee
    /// on transfer reverts.
    function _swap(uint8 adapter, address pool, address tokenIn, address tokenOut, uint256 amountIn)
        internal
        returns (uint256 received)
    {
        uint256 balanceBefore = IERC20(tokenOut).balanceOf(address(this));
        bool zeroForOne = tokenIn < tokenOut;
        uint256 sent = adapter == UNISWAP_V2
            ? _swapV2(IPairV2(pool), zeroForOne, tokenIn, amountIn)
            : _swapV3(IPoolV3(pool), zeroForOne, tokenIn, amountIn);
        received = IERC20(tokenOut).balanceOf(address(this)) - balanceBefore;
        if (received != sent) revert UnexpectedReceipt(tokenOut, received, sent);
    }

    /// @dev amountOut = in * 997 * reserveOut / (reserveIn * 1000 + in * 997), rounded down: the pair's own invariant.
    function _swapV2(IPairV2 pair, bool zeroForOne, address tokenIn, uint256 amountIn) private returns (uint256 out) {
        (uint256 reserveIn, uint256 reserveOut,) = pair.getReserves();
        if (!zeroForOne) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        out = amountIn * 997 * reserveOut / (reserveIn * 1000 + amountIn * 997);
        IERC20(tokenIn).safeTransfer(address(pair), amountIn);
        try pair.swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), "") {}
        catch (bytes memory reason) {
            raise(address(pair), reason);
        }
    }

    function _swapV3(IPoolV3 pool, bool zeroForOne, address tokenIn, uint256 amountIn) private returns (uint256) {
        (_poolInFlight, _owedToken, _owedAtMost) = (address(pool), tokenIn, amountIn);
        uint160 limit = zeroForOne ? SQRT_PRICE_LOWEST : SQRT_PRICE_HIGHEST;
        try pool.swap(address(this), zeroForOne, amountIn.toInt256(), limit, "") returns (
            int256 delta0, int256 delta1
        ) {
            _poolInFlight = address(0);
            (int256 paid, int256 sent) = zeroForOne ? (delta0, -delta1) : (delta1, -delta0);
            if (paid < 0 || uint256(paid) != amountIn) revert InputNotConsumed(address(pool), uint256(paid), amountIn);
            return sent < 0 ? 0 : uint256(sent);
        } catch (bytes memory reason) {
            raise(address(pool), reason);
        }
    }

    /// @notice Pays the pool whose swap is under way. Reverts `CallbackUnexpected` for anyone else, and the second time.
    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        if (msg.sender != _poolInFlight) revert CallbackUnexpected(msg.sender);
        _poolInFlight = address(0);
        int256 owed = delta0 > 0 ? delta0 : delta1;
        if (owed < 0 || uint256(owed) > _owedAtMost) revert InputNotConsumed(msg.sender, uint256(owed), _owedAtMost);
        IERC20(_owedToken).safeTransfer(msg.sender, uint256(owed));
    }
}
