// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../guard/Guard.sol";
import {Ledger} from "../guard/Ledger.sol";
import {IRangeVault, RangeMove} from "../interfaces/IRangeVault.sol";
import {Leg, Order} from "../interfaces/IKeeperVault.sol";
import {Band, RangeAmounts} from "../range/RangeAmounts.sol";
import {RangePosition} from "../range/RangePosition.sol";
import {TickPrice} from "../range/TickPrice.sol";
import {GuardedVault} from "./GuardedVault.sol";
import {AmountTooLarge, InKind, SharesZero} from "./InKind.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

error SharesTooFew(uint256 shares, uint256 required);
error SeedEmpty();
error WidthInvalid(int24 least, int24 most);
error RangeInvalid(int24 tickLower, int24 tickUpper);
error WidthOutOfBounds(int24 found, int24 least, int24 most);
error RangeAwayFromPrice(int24 tickLower, int24 tickUpper);
error LiquidityTooSmall(uint128 liquidity, uint128 required);

/// @notice What a `RangeVault` is constructed with.
/// @param guard A `Guard` over the pool's two tokens, the base asset first, that no other vault is bound to.
/// @param pool Uniswap V3 pool; to be re-ranged it must be among the guard's venues.
/// @param minWidth, maxWidth Least and most ticks between the ends of a range.
struct RangeSetup {
    address guard;
    string name;
    string symbol;
    address pool;
    int24 minWidth;
    int24 maxWidth;
}

/// @title RangeVault
/// @notice Liquidity in one range of one Uniswap V3 pool, moved by a keeper inside the guard and valued by oracle.
/// @dev Shares are bought and redeemed for their part of everything, without a price: of the liquidity, of what is idle,
/// of the fees not yet collected. Fees once collected are paid to leavers only as they unlock, over UNLOCK seconds;
/// entrants pay for them in full, so that nobody comes for a harvest. Rounding is for the vault.
contract RangeVault is InKind, ERC20, RangePosition, IRangeVault {
    using SafeCast for uint256;

    bytes32 public constant override kind = "range";
    /// @notice Seconds in which collected fees unlock, linearly.
    uint256 public constant UNLOCK = 1 hours;
    /// @notice Shares that belong to nobody: they keep a share from being made dear by rounding.
    uint256 public constant VIRTUAL_SHARES = 1e3;
    /// @notice Least shares of a first deposit, which leaves to the virtual ones at most a millionth of it.
    uint256 public constant SEED_SHARES = 1e9;

    int24 private _minWidth;
    int24 private _maxWidth;
    uint64 private _lockedAt;
    uint256[2] private _locked;

    event Deposited(address indexed caller, address indexed receiver, uint256 shares, uint256[] amounts);

    /// @dev The guard is asked by its address: arguments of bases are evaluated before any immutable is set.
    constructor(RangeSetup memory setup)
        GuardedVault(setup.guard)
        ERC20(setup.name, setup.symbol)
        RangePosition(setup.pool, Guard(setup.guard).tokens()[0], Guard(setup.guard).tokens()[1])
    {
        if (_tokens.length != 2) revert TokenCountInvalid(_tokens.length, 2);
        _setWidth(setup.minWidth, setup.maxWidth);
    }

    /// @notice Timelocked: the bounds of a range's width.
    function setWidth(int24 least, int24 most) external nonReentrant {
        GUARD.useUp(msg.sender, msg.data);
        _setWidth(least, most);
    }

    function _setWidth(int24 least, int24 most) private {
        if (least <= 0 || most < least || most > 2 * TickPrice.MAX_TICK) revert WidthInvalid(least, most);
        (_minWidth, _maxWidth) = (least, most);
        emit WidthSet(least, most);
    }

    // views

    function pool() external view override returns (address) {
        return address(POOL);
    }

    function range() external view override nonReentrantView returns (int24 lower, int24 upper, uint128 liquidity) {
        return (_tickLower, _tickUpper, _liquidity);
    }

    function grossAtEnds() external view override nonReentrantView returns (uint128 lower, uint128 upper) {
        (lower,,) = _tick(_tickLower);
        (upper,,) = _tick(_tickUpper);
    }

    function fees() external view override nonReentrantView returns (uint256[2] memory) {
        return _earnedDown();
    }

    function lockedFees() external view override nonReentrantView returns (uint256[2] memory) {
        return _stillLockedUp();
    }

    function width() external view override returns (int24 least, int24 most) {
        return (_minWidth, _maxWidth);
    }

    // rebalance

    /// @inheritdoc IRangeVault
    function rebalance(Order calldata order, Leg[] calldata legs, RangeMove calldata move)
        external
        override
        nonReentrant
    {
        Action memory action = _begin(order, legs);
        GUARD.requireNear(address(POOL));
        Band memory band = _requireMove(move, action.pricesX);
        Ledger memory ledger = _ledger(legs.length);
        (uint256[2] memory principal, uint256[2] memory earned) = _takeOut(_liquidity);
        for (uint256 i; i < 2; ++i) {
            ledger.amount[i] += principal[i] + earned[i];
        }
        _lock(earned);
        _run(legs, ledger);
        GUARD.requireNear(address(POOL));
        _invest(move, band, ledger);
        _close(ledger);
        _finish(order, legs, action);
        GUARD.requireNear(address(POOL));
    }

    function _requireMove(RangeMove calldata move, uint256[] memory pricesX) private view returns (Band memory band) {
        (int24 lower, int24 upper, int24 spacing) = (move.tickLower, move.tickUpper, POOL.tickSpacing());
        if (lower >= upper || lower % spacing != 0 || upper % spacing != 0) revert RangeInvalid(lower, upper);
        band = RangeAmounts.bandOf(lower, upper);
        int24 found = upper - lower;
        if (found < _minWidth || found > _maxWidth) revert WidthOutOfBounds(found, _minWidth, _maxWidth);
        uint160 root = _rootX96Down(pricesX[0], pricesX[1]);
        if (root < band.low || root >= band.high) revert RangeAwayFromPrice(lower, upper);
    }

    /// @dev All that fits; the rest stays idle.
    function _invest(RangeMove calldata move, Band memory band, Ledger memory ledger) private {
        uint128 liquidity = _fittingDown(band, ledger.amount[0], ledger.amount[1]);
        if (liquidity < move.minLiquidity) revert LiquidityTooSmall(liquidity, move.minLiquidity);
        (_tickLower, _tickUpper) = (move.tickLower, move.tickUpper);
        if (liquidity > 0) {
            uint256[2] memory paid = _putIn(liquidity, ledger.amount[0], ledger.amount[1]);
            for (uint256 i; i < 2; ++i) {
                ledger.amount[i] -= paid[i];
            }
        }
        emit RangeSet(move.tickLower, move.tickUpper, liquidity);
    }

    // in and out

    /// @notice Mints `shares` for their part of everything, rounded up; returns what was taken of each token. The first
    /// deposit takes exactly `maxAmounts`, and thereby says what a share is. Reverts `AmountTooLarge` above `maxAmounts`.
    function deposit(uint256 shares, address receiver, uint256[] calldata maxAmounts)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        GUARD.requireActive();
        _requireCount(maxAmounts.length);
        if (shares == 0) revert SharesZero();
        (, uint256[2] memory earned) = _takeOut(0);
        _held[0] += earned[0];
        _held[1] += earned[1];
        _lock(earned);
        if (totalSupply() == 0) amounts = _seed(shares, maxAmounts);
        else amounts = _join(shares, maxAmounts);
        _mint(receiver, shares);
        emit Deposited(msg.sender, receiver, shares, amounts);
    }

    function _seed(uint256 shares, uint256[] calldata amounts) private returns (uint256[] memory) {
        if (shares < SEED_SHARES) revert SharesTooFew(shares, SEED_SHARES);
        if (amounts[0] == 0 && amounts[1] == 0) revert SeedEmpty();
        for (uint256 i; i < 2; ++i) {
            _takeIn(i, amounts[i]);
        }
        return amounts;
    }

    function _join(uint256 shares, uint256[] calldata maxAmounts) private returns (uint256[] memory amounts) {
        amounts = new uint256[](2);
        uint128 liquidity = _proRata(_liquidity, shares, Math.Rounding.Ceil).toUint128();
        uint256[2] memory cost = liquidity == 0 ? [uint256(0), 0] : _costUp(liquidity);
        for (uint256 i; i < 2; ++i) {
            amounts[i] = cost[i] + _proRata(_held[i], shares, Math.Rounding.Ceil);
            if (amounts[i] > maxAmounts[i]) revert AmountTooLarge(_tokens[i], amounts[i], maxAmounts[i]);
        }
        for (uint256 i; i < 2; ++i) {
            _takeIn(i, amounts[i]);
        }
        if (liquidity == 0) return amounts;
        uint256[2] memory paid = _putIn(liquidity, cost[0], cost[1]);
        for (uint256 i; i < 2; ++i) {
            _held[i] -= paid[i];
        }
    }

    function _takeIn(uint256 i, uint256 amount) private {
        if (amount > 0) _pull(_tokens[i], msg.sender, amount);
        _held[i] += amount;
    }

    /// @notice Burns `shares` for their part of everything but the fees still locked, rounded down. Needs no price, no
    /// keeper and no unpausing. Returns what was paid of each token: of one whose least amount is `FORGO`, nothing.
    /// Reverts `AmountTooSmall` below `minAmounts`.
    function redeemInKind(uint256 shares, address receiver, address owner_, uint256[] calldata minAmounts)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        _requireCount(minAmounts.length);
        if (shares == 0) revert SharesZero();
        uint256 supply = _shareSupply();
        if (msg.sender != owner_) _spendAllowance(owner_, msg.sender, shares);
        _burn(owner_, shares);
        amounts = _leave(shares, supply, [minAmounts[0] == FORGO, minAmounts[1] == FORGO]);
        _payAll(receiver, amounts, minAmounts);
        emit RedeemedInKind(msg.sender, receiver, owner_, shares, amounts);
    }

    /// @dev Takes out what `shares` of `supply` are due, and accounts for it.
    function _leave(uint256 shares, uint256 supply, bool[2] memory forgone) private returns (uint256[] memory amounts) {
        amounts = new uint256[](2);
        uint256[2] memory locked = _stillLockedUp();
        (uint256[2] memory principal, uint256[2] memory earned) =
            _takeOut(Math.mulDiv(_liquidity, shares, supply).toUint128(), forgone);
        for (uint256 i; i < 2; ++i) {
            uint256 idle = _held[i] + earned[i];
            if (!forgone[i]) {
                uint256 withheld = Math.mulDiv(locked[i], shares, supply, Math.Rounding.Ceil);
                amounts[i] = Math.saturatingSub(principal[i] + Math.mulDiv(idle, shares, supply), withheld);
            }
            _held[i] = idle + principal[i] - amounts[i];
            earned[i] -= Math.mulDiv(earned[i], shares, supply);
        }
        _lock(earned);
    }

    // fees

    /// @dev Whatever was still locked begins its time anew with what comes to it: no fee unlocks sooner than UNLOCK.
    function _lock(uint256[2] memory amounts) private {
        if (amounts[0] == 0 && amounts[1] == 0) return;
        uint256[2] memory before = _stillLockedUp();
        _locked = [before[0] + amounts[0], before[1] + amounts[1]];
        _lockedAt = uint64(block.timestamp);
        emit FeesCollected(amounts);
    }

    function _stillLockedUp() private view returns (uint256[2] memory) {
        uint256 left = Math.saturatingSub(_lockedAt + UNLOCK, block.timestamp);
        return [
            Math.mulDiv(_locked[0], left, UNLOCK, Math.Rounding.Ceil),
            Math.mulDiv(_locked[1], left, UNLOCK, Math.Rounding.Ceil)
        ];
    }

    // value

    /// @dev Each token's idle amount, its part of the position at oracle prices and its fees, together rounded down.
    function _value(uint256[] memory pricesX) internal view override returns (uint256 grossDown, uint256 owedUp) {
        uint256[2] memory invested = _amountsAtDown(pricesX[0], pricesX[1]);
        uint256[2] memory earned = _earnedDown();
        for (uint256 i; i < 2; ++i) {
            grossDown += _worthOf(pricesX, i, _held[i] + invested[i] + earned[i], Math.Rounding.Floor);
        }
        owedUp = 0;
    }

    function _positions() internal view override returns (bytes32) {
        return keccak256(abi.encode(_tickLower, _tickUpper, _liquidity));
    }

    function _shareSupply() internal view override returns (uint256) {
        return totalSupply() + VIRTUAL_SHARES;
    }
}
