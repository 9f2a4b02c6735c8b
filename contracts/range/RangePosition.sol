// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CallbackUnexpected, UnexpectedReceipt, raise} from "../guard/Swaps.sol";
import {IRangePool} from "../interfaces/IRangeVault.sol";
import {Band, RangeAmounts} from "./RangeAmounts.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

error PoolTokensMismatch(address pool);
error OwedTooMuch(address token, uint256 owed, uint256 most);

/// @notice One range of liquidity that this contract holds in one Uniswap V3 pool, and the fees it earned.
/// @dev Anyone may add liquidity to anyone's position: only what came in through here counts, so that a donation changes
/// nothing, and its fees are left in the pool. Pairs of amounts are [base, other], whatever the pool's order.
abstract contract RangePosition {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 private constant Q128 = 2 ** 128;

    IRangePool internal immutable POOL;
    IERC20 private immutable BASE;
    IERC20 private immutable OTHER;
    bool private immutable BASE_IS_TOKEN0;

    int24 internal _tickLower;
    int24 internal _tickUpper;
    uint128 internal _liquidity;
    /// @dev The pool's fee growth inside the range when the fees were last taken out, in the pool's order.
    uint256 private _growth0X128;
    uint256 private _growth1X128;
    /// @dev What came out of the position and was left in the pool, because who left it could not be paid in it; the vault
    /// accounts for it already, and the next time it is collected.
    uint256[2] private _uncollected;

    /// @dev Whether the pool may call back, once, and at most how much it is owed.
    bool private transient _mintInFlight;
    uint256 private transient _mostBase;
    uint256 private transient _mostOther;

    constructor(address pool_, address base, address other) {
        (address token0, address token1) = (IRangePool(pool_).token0(), IRangePool(pool_).token1());
        bool baseIsToken0 = base == token0 && other == token1;
        if (!baseIsToken0 && !(base == token1 && other == token0)) revert PoolTokensMismatch(pool_);
        (POOL, BASE, OTHER, BASE_IS_TOKEN0) = (IRangePool(pool_), IERC20(base), IERC20(other), baseIsToken0);
    }

    /// @notice Amounts in the pool's order as [base, other], or the other way round.
    function _ordered(uint256 first, uint256 second) internal view returns (uint256[2] memory) {
        return BASE_IS_TOKEN0 ? [first, second] : [second, first];
    }

    // value

    /// @notice What the liquidity comes to at the prices of one raw unit: never what the pool says they are.
    function _amountsAtDown(uint256 priceBaseX, uint256 priceOtherX) internal view returns (uint256[2] memory) {
        if (_liquidity == 0) return [uint256(0), 0];
        Band memory band = RangeAmounts.bandOf(_tickLower, _tickUpper);
        (uint256 amount0, uint256 amount1) =
            RangeAmounts.amountsDown(_rootX96Down(priceBaseX, priceOtherX), band, _liquidity);
        return _ordered(amount0, amount1);
    }

    /// @notice sqrt(token1 per token0, raw) * 2**96 at the prices of one raw unit; at most 2**160 - 1.
    /// @dev From a price ratio of 2**63 on, 96 of the 192 binary digits are enough for 79 of the root.
    function _rootX96Down(uint256 priceBaseX, uint256 priceOtherX) internal view returns (uint160) {
        (uint256 price0X, uint256 price1X) = BASE_IS_TOKEN0 ? (priceBaseX, priceOtherX) : (priceOtherX, priceBaseX);
        uint256 root = price0X >> 63 < price1X
            ? Math.sqrt(Math.mulDiv(price0X, 2 ** 192, price1X))
            : Math.sqrt(Math.mulDiv(price0X, 2 ** 96, price1X)) << 48;
        return uint160(Math.min(root, type(uint160).max));
    }

    /// @notice Fees of the vault's own liquidity, as far as the pool would pay them: exactly what `_takeOut` collects.
    function _earnedDown() internal view returns (uint256[2] memory) {
        if (_liquidity == 0) return [uint256(0), 0];
        (uint256 inside0X128, uint256 inside1X128) = _growthInside();
        (uint128 whole, uint256 last0X128, uint256 last1X128, uint128 owed0, uint128 owed1) = _entry();
        uint256[2] memory known = _ordered(_uncollected[0], _uncollected[1]);
        unchecked {
            // Growth wraps around 2**256; differences of it do not.
            return _ordered(
                Math.min(
                    Math.mulDiv(inside0X128 - _growth0X128, _liquidity, Q128),
                    owed0 - known[0] + Math.mulDiv(inside0X128 - last0X128, whole, Q128)
                ),
                Math.min(
                    Math.mulDiv(inside1X128 - _growth1X128, _liquidity, Q128),
                    owed1 - known[1] + Math.mulDiv(inside1X128 - last1X128, whole, Q128)
                )
            );
        }
    }

    function _growthInside() private view returns (uint256 inside0X128, uint256 inside1X128) {
        (, int24 tick) = _price();
        (uint256 global0X128, uint256 global1X128) = (POOL.feeGrowthGlobal0X128(), POOL.feeGrowthGlobal1X128());
        (, uint256 lower0X128, uint256 lower1X128) = _tick(_tickLower);
        (, uint256 upper0X128, uint256 upper1X128) = _tick(_tickUpper);
        unchecked {
            if (tick < _tickLower) {
                return (lower0X128 - upper0X128, lower1X128 - upper1X128);
            }
            if (tick >= _tickUpper) {
                return (upper0X128 - lower0X128, upper1X128 - lower1X128);
            }
            return (global0X128 - lower0X128 - upper0X128, global1X128 - lower1X128 - upper1X128);
        }
    }

    // what the pool says

    /// @dev The vault's entry in the pool: all liquidity in it, whoever paid for it.
    function _entry()
        private
        view
        returns (uint128 whole, uint256 last0X128, uint256 last1X128, uint128 owed0, uint128 owed1)
    {
        return POOL.positions(keccak256(abi.encodePacked(address(this), _tickLower, _tickUpper)));
    }

    function _price() private view returns (uint160 rootX96, int24 tick) {
        return POOL.slot0();
    }

    function _tick(int24 at) internal view returns (uint128 gross, uint256 outside0X128, uint256 outside1X128) {
        (gross,, outside0X128, outside1X128) = POOL.ticks(at);
    }

    // liquidity

    /// @notice What the pool takes now for `liquidity` more in the present range, rounded up as the pool does.
    function _costUp(uint128 liquidity) internal view returns (uint256[2] memory) {
        (uint160 root,) = _price();
        (uint256 amount0, uint256 amount1) =
            RangeAmounts.amountsUp(root, RangeAmounts.bandOf(_tickLower, _tickUpper), liquidity);
        return _ordered(amount0, amount1);
    }

    /// @notice The most liquidity in `band` that the amounts pay for at the pool's price.
    function _fittingDown(Band memory band, uint256 amountBase, uint256 amountOther) internal view returns (uint128) {
        (uint160 root,) = _price();
        uint256[2] memory amounts = _ordered(amountBase, amountOther);
        return RangeAmounts.liquidityDown(root, band, amounts[0], amounts[1]);
    }

    /// @notice Takes `liquidity` out, 0 or more, and always all fees.
    function _takeOut(uint128 liquidity) internal returns (uint256[2] memory principal, uint256[2] memory earned) {
        return _takeOut(liquidity, [false, false]);
    }

    /// @notice As `_takeOut`, and leaves in the pool what comes out of a token that is `left`.
    function _takeOut(uint128 liquidity, bool[2] memory left)
        internal
        returns (uint256[2] memory principal, uint256[2] memory earned)
    {
        if (_liquidity > 0) {
            earned = _earnedDown();
            bytes memory answer = _ask(abi.encodeCall(IRangePool.burn, (_tickLower, _tickUpper, liquidity)));
            (uint256 amount0, uint256 amount1) = abi.decode(answer, (uint256, uint256));
            principal = _ordered(amount0, amount1);
            _liquidity -= liquidity;
            _remember();
        }
        uint256[2] memory due;
        for (uint256 i; i < 2; ++i) {
            due[i] = _uncollected[i] + principal[i] + earned[i];
            _uncollected[i] = left[i] ? due[i] : 0;
            if (left[i]) due[i] = 0;
        }
        if (due[0] + due[1] > 0) _collect(due[0], due[1]);
    }

    /// @notice Adds `liquidity` to the present range for at most these amounts; returns what it took.
    function _putIn(uint128 liquidity, uint256 mostBase, uint256 mostOther) internal returns (uint256[2] memory paid) {
        (_mintInFlight, _mostBase, _mostOther) = (true, mostBase, mostOther);
        bytes memory answer =
            _ask(abi.encodeCall(IRangePool.mint, (address(this), _tickLower, _tickUpper, liquidity, "")));
        _mintInFlight = false;
        (uint256 amount0, uint256 amount1) = abi.decode(answer, (uint256, uint256));
        paid = _ordered(amount0, amount1);
        _liquidity += liquidity;
        _remember();
    }

    /// @notice Pays the pool for the liquidity being added. Reverts `CallbackUnexpected` for anyone else, and the second
    /// time.
    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        if (msg.sender != address(POOL) || !_mintInFlight) revert CallbackUnexpected(msg.sender);
        _mintInFlight = false;
        uint256[2] memory owed = _ordered(owed0, owed1);
        _pay(BASE, owed[0], _mostBase);
        _pay(OTHER, owed[1], _mostOther);
    }

    function _pay(IERC20 token, uint256 owed, uint256 most) private {
        if (owed > most) revert OwedTooMuch(address(token), owed, most);
        if (owed > 0) token.safeTransfer(msg.sender, owed);
    }

    /// @dev Exactly so much, measured by balance.
    function _collect(uint256 amountBase, uint256 amountOther) private {
        (uint256 base, uint256 other) = (BASE.balanceOf(address(this)), OTHER.balanceOf(address(this)));
        uint256[2] memory asked = _ordered(amountBase, amountOther);
        _ask(
            abi.encodeCall(
                IRangePool.collect, (address(this), _tickLower, _tickUpper, asked[0].toUint128(), asked[1].toUint128())
            )
        );
        _requireReceived(BASE, base, amountBase);
        _requireReceived(OTHER, other, amountOther);
    }

    function _requireReceived(IERC20 token, uint256 before, uint256 required) private view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != required) revert UnexpectedReceipt(address(token), received, required);
    }

    /// @dev The pool has just brought the position up to date.
    function _remember() private {
        (, _growth0X128, _growth1X128,,) = _entry();
    }

    /// @dev The target is the one pool of this vault, for ever; its own errors are strings and are wrapped.
    function _ask(bytes memory data) private returns (bytes memory) {
        (bool ok, bytes memory answer) = address(POOL).call(data);
        if (!ok) raise(address(POOL), answer);
        return answer;
    }
}
