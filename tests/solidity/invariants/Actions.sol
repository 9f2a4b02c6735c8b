// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Law} from "./Law.sol";
import {Thief} from "./Thief.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What is asked of every action of a keeper.
abstract contract Actions is Thief {
    uint256 private constant X = 1e36;

    /// @dev Whether the action under way is urgent: it has rules of its own.
    bool internal rescuing;
    uint256 internal rescueLost;
    /// @dev The last order that executed, as it was sent.
    bytes private _executed;

    struct Before {
        uint256[] prices;
        uint256 nav;
        uint256 gross;
        uint256 supply;
        uint256[4] total;
        uint64 epoch;
        bytes32 stateHash;
        uint256 kind;
    }

    // the kind's own

    /// @dev Something of the kind to be compared before and after an action.
    function _kindBefore(uint256[] memory prices) internal view virtual returns (uint256);
    function _requireAction(Before memory before, uint256[] memory prices, bytes calldata data) internal virtual;

    // an action

    /// @dev Sends an action and asks of it what every action owes; reverts with the vault's refusal.
    function _action(address caller, bytes memory data, Order memory order, Leg[] memory legs) internal {
        this.act(caller, data, order, legs);
    }

    function act(address caller, bytes calldata data, Order calldata order, Leg[] calldata legs) external {
        require(msg.sender == address(this), "a campaign's own");
        Before memory before = _before();
        _acting();
        (bool ok, bytes memory reason) = _call(caller, data);
        if (!ok) return _refused(reason);
        _acted();
        ++epochs;
        _requireOrder(caller, order, before);
        _requireCosts(before, order);
        _requireSold(before, legs);
        _requireNearPools(legs);
        for (uint256 i; i < 4; ++i) {
            _note(_totals()[i] == before.total[i], Law.A6);
        }
        _requireAction(before, before.prices, data);
        if (!rescuing) lastActionAt = vm.getBlockTimestamp();
        _executed = data;
    }

    function _before() private returns (Before memory before) {
        before.prices = _prices();
        _peak(before.prices);
        uint256 owed;
        (before.gross, owed) = _worthAt(before.prices);
        before.nav = before.gross - owed;
        (before.supply, before.epoch, before.total) = (_supply(), _law().epoch(), _totals());
        (before.stateHash, before.kind) = (_kept().stateHash(), _kindBefore(before.prices));
    }

    function _requireOrder(address caller, Order calldata order, Before memory before) private {
        uint256 timestamp = vm.getBlockTimestamp();
        _note(caller == keeper, Law.K10);
        _note(order.deadline >= timestamp && order.deadline <= timestamp + 600, Law.K5);
        _note(order.expectedEpoch == before.epoch && _law().epoch() == before.epoch + 1, Law.K7);
        _note(order.expectedStateHash == 0 || order.expectedStateHash == before.stateHash, Law.K14);
        if (rescuing) return;
        _note(lastActionAt == 0 || timestamp >= lastActionAt + allowed.cooldown, Law.K4);
        _note(_law().lastActionAt() == timestamp, Law.K4);
    }

    function _requireCosts(Before memory before, Order calldata order) private {
        uint256 nav = _navAt(before.prices);
        (uint256 loss, uint256 gain) = (Math.saturatingSub(before.nav, nav), Math.saturatingSub(nav, before.nav));
        _note(rescuing || loss <= before.nav * allowed.maxLossBps / BPS + _dust(), Law.K1);
        _note(rescuing || gain <= before.nav * allowed.maxGainBps / BPS + _dust(), Law.K2);
        _note(nav + _dust() >= order.minNavAfter, Law.K9);
        (lost, gained) = (lost + loss, gained + gain);
        if (rescuing) rescueLost += loss;
        else lostX += Math.mulDiv(loss, X, before.supply, Math.Rounding.Ceil);
        _peak(before.prices);
    }

    function _requireSold(Before memory before, Leg[] memory legs) private {
        uint256 sold = _sold(before, legs);
        if (rescuing) return;
        _note(sold <= before.gross * allowed.maxTurnoverBps / BPS + _dust(), Law.K3);
        soldX += Math.mulDiv(sold, X, before.supply, Math.Rounding.Ceil);
    }

    /// @dev Value of the vault's own tokens that the legs sold, which is remembered.
    function _sold(Before memory before, Leg[] memory legs) internal returns (uint256 sold) {
        WorldToken[] memory tokens = _held();
        for (uint256 i; i < legs.length; ++i) {
            for (uint256 j; j < tokens.length; ++j) {
                if (legs[i].tokenIn != address(tokens[j])) continue;
                sold += Math.mulDiv(legs[i].amountIn, before.prices[j], before.prices[0]);
            }
        }
        _turned(Math.mulDiv(sold, X, before.supply, Math.Rounding.Ceil));
    }

    function _requireNearPools(Leg[] calldata legs) private {
        for (uint256 i; i < legs.length; ++i) {
            _note(_deviationBps(legs[i].pool) <= (rescuing ? 1_000 : allowed.maxDeviationBps), Law.K8);
        }
    }

    /// @dev Of the four tokens: what the vault, the pools and the lender have together.
    function _totals() private view returns (uint256[4] memory totals) {
        address[] memory places = _allPlaces();
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        for (uint256 i; i < 4; ++i) {
            totals[i] = all[i].balanceOf(address(_kept()));
            for (uint256 j; j < places.length; ++j) {
                totals[i] += all[i].balanceOf(places[j]);
            }
        }
    }

    /// @dev Time inside another verb.
    function _idle(uint256 elapsed) internal {
        uint256 before = _kept().nav();
        _elapse(elapsed);
        byOthers += int256(_kept().nav()) - int256(before);
    }

    /// @dev Until the keeper may act again.
    function _cooled() internal {
        uint256 until = lastActionAt + allowed.cooldown;
        if (vm.getBlockTimestamp() < until) _idle(until - vm.getBlockTimestamp());
    }

    /// @notice The last order that executed is sent again.
    function replay() external verb {
        if (_executed.length == 0) return;
        if (vm.getBlockTimestamp() < lastActionAt + 600) _cooled(); // neither too early nor, if it can be, too late
        (bool ok,) = _call(keeper, _executed);
        _note(!ok, Law.K6);
    }
}
