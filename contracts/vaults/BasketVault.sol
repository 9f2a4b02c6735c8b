// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ledger} from "../guard/Ledger.sol";
import {IBasketVault} from "../interfaces/IBasketVault.sol";
import {Leg, Order} from "../interfaces/IKeeperVault.sol";
import {ShareSetup} from "../interfaces/Setup.sol";
import {AmountTooLarge, ShareVault, SharesZero} from "./ShareVault.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

error WeightCountMismatch(uint256 found, uint256 required);
error WeightsDoNotSum(uint256 found, uint256 required);
error NoLegs();
error NoShares();
error DriftTooLarge(uint256 driftBps, uint256 mostBps);

/// @title BasketVault
/// @notice Several assets in target weights, valued by oracle, rebalanced by a keeper inside the guard.
contract BasketVault is ShareVault, IBasketVault {
    bytes32 public constant override kind = "basket";

    uint16 public constant MAX_DRIFT_BAND_BPS = 2_000;

    uint16[] private _weights;
    uint16 public override driftBandBps;

    event DepositedInKind(address indexed caller, address indexed receiver, uint256 shares, uint256[] amounts);

    constructor(ShareSetup memory setup, uint16[] memory weights_, uint16 driftBandBps_) ShareVault(setup) {
        _setWeights(weights_, driftBandBps_);
    }

    /// @notice Timelocked: new target weights and the band around them.
    function setWeights(uint16[] calldata next, uint16 nextDriftBandBps) external nonReentrant {
        GUARD.useUp(msg.sender, msg.data);
        _setWeights(next, nextDriftBandBps);
    }

    function _setWeights(uint16[] memory next, uint16 nextDriftBandBps) private {
        if (next.length != _tokens.length) revert WeightCountMismatch(next.length, _tokens.length);
        uint256 sum;
        for (uint256 i; i < next.length; ++i) {
            sum += next[i];
        }
        if (sum != BPS) revert WeightsDoNotSum(sum, BPS);
        if (nextDriftBandBps > MAX_DRIFT_BAND_BPS) revert LimitTooWide(nextDriftBandBps, MAX_DRIFT_BAND_BPS);
        (_weights, driftBandBps) = (next, nextDriftBandBps);
        emit WeightsSet(next, nextDriftBandBps);
    }

    function weights() external view override returns (uint16[] memory) {
        return _weights;
    }

    /// @inheritdoc IBasketVault
    function rebalance(Order calldata order, Leg[] calldata legs) external override nonReentrant {
        Action memory action = _begin(order, legs);
        if (legs.length == 0) revert NoLegs();
        uint256 most = Math.max(_driftBpsUp(action.pricesX, action.navBefore), driftBandBps);
        Ledger memory ledger = _ledger(legs.length);
        _run(legs, ledger);
        _close(ledger);
        uint256 navAfter = _finish(order, legs, action);
        uint256 drift = _driftBpsUp(action.pricesX, navAfter);
        if (drift > most) revert DriftTooLarge(drift, most);
        _accept(navAfter);
    }

    /// @notice Mints `shares` for their part of every holding, rounded up; oracle-free, so it costs no fee. Returns what
    /// was taken of each. Reverts `AmountTooLarge` above `maxAmounts`.
    function depositInKind(uint256 shares, address receiver, uint256[] calldata maxAmounts)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        GUARD.requireActive();
        _requireCount(maxAmounts.length);
        if (shares == 0) revert SharesZero();
        if (totalSupply() == 0) revert NoShares();
        amounts = _partOfHoldings(shares, Math.Rounding.Ceil);
        for (uint256 i; i < amounts.length; ++i) {
            if (amounts[i] > maxAmounts[i]) revert AmountTooLarge(_tokens[i], amounts[i], maxAmounts[i]);
            if (amounts[i] > 0) _pull(_tokens[i], msg.sender, amounts[i]);
            _held[i] += amounts[i];
        }
        _mint(receiver, shares);
        emit DepositedInKind(msg.sender, receiver, shares, amounts);
    }

    /// @notice Burns `shares` for their part of every holding, rounded down. Needs no price, no keeper and no unpausing.
    /// Returns what was paid of each: of a token whose least amount is `FORGO`, nothing. Reverts `AmountTooSmall` below
    /// `minAmounts`.
    function redeemInKind(uint256 shares, address receiver, address owner_, uint256[] calldata minAmounts)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        _requireCount(minAmounts.length);
        amounts = _partOfHoldings(shares, Math.Rounding.Floor);
        _forgo(amounts, minAmounts);
        _burnFor(owner_, shares);
        for (uint256 i; i < amounts.length; ++i) {
            _held[i] -= amounts[i];
        }
        _payAll(receiver, amounts, minAmounts);
        emit RedeemedInKind(msg.sender, receiver, owner_, shares, amounts);
    }

    function _partOfHoldings(uint256 shares, Math.Rounding rounding) private view returns (uint256[] memory amounts) {
        amounts = _held;
        for (uint256 i; i < amounts.length; ++i) {
            amounts[i] = _proRata(amounts[i], shares, rounding);
        }
    }

    /// @dev Sum over tokens of |value - weight * nav|, bps of nav.
    function _driftBpsUp(uint256[] memory pricesX, uint256 value) private view returns (uint256) {
        uint256 distance;
        for (uint256 i; i < pricesX.length; ++i) {
            uint256 found = _worthOf(pricesX, i, _held[i], Math.Rounding.Floor);
            uint256 wanted = Math.mulDiv(value, _weights[i], BPS);
            distance += found > wanted ? found - wanted : wanted - found;
        }
        return Math.mulDiv(distance, BPS, value, Math.Rounding.Ceil);
    }

    function _value(uint256[] memory pricesX) internal view override returns (uint256 grossDown, uint256 owedUp) {
        for (uint256 i; i < pricesX.length; ++i) {
            grossDown += _worthOf(pricesX, i, _held[i], Math.Rounding.Floor);
        }
        owedUp = 0;
    }

    function _positions() internal pure override returns (bytes32) {
        return 0;
    }
}
