// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @dev Shares of an account that were minted in `season` and in the one before it.
struct Fresh {
    uint64 season;
    uint128 latest;
    uint128 earlier;
}

/// @notice Shares that remember for one to two seasons that they are new, wherever they go meanwhile.
/// @dev What is new cannot be sold back to the vault at the oracle's price: whoever takes the oracle at its word twice has
/// given it time in between to speak. Measured in time and not in rounds: the feed that opens the next round need not be
/// the one that lags, and a stable coin's opens one a day. A feed that was silent for a season has not moved by its
/// threshold, which the fees pay for.
/// New shares leave an account first when they are sent, so that passing them through somebody who holds old ones changes
/// nothing, and last when they are burnt. A gift of new shares brings only itself: the receiver's old ones stay old. At
/// most two seasons' shares are new at any time, so two numbers an account are enough.
abstract contract FreshShares is ERC20 {
    using SafeCast for uint256;

    /// @notice Seconds of a season: shares are new in the one they were minted in and in the next.
    uint256 public constant SEASON = 30 minutes;

    mapping(address account => Fresh) private _fresh;

    /// @notice Shares of `account` that are not new.
    function settledShares(address account) public view returns (uint256) {
        (uint256 latest, uint256 earlier) = _freshOf(account);
        return balanceOf(account) - latest - earlier;
    }

    function _update(address from, address to, uint256 value) internal virtual override {
        (uint256 latest, uint256 earlier) = from == address(0) ? (value, 0) : _take(from, value, to == address(0));
        super._update(from, to, value);
        if (to == address(0) || latest + earlier == 0) return;
        (uint256 itsLatest, uint256 itsEarlier) = _freshOf(to);
        _set(to, itsLatest + latest, itsEarlier + earlier);
    }

    /// @dev How much of `value` is new, the newest first; of a burn only what the old shares do not cover.
    function _take(address from, uint256 value, bool burnt) private returns (uint256 latest, uint256 earlier) {
        (uint256 itsLatest, uint256 itsEarlier) = _freshOf(from);
        if (burnt) value = Math.saturatingSub(value, settledShares(from));
        latest = Math.min(value, itsLatest);
        earlier = Math.min(value - latest, itsEarlier);
        if (latest + earlier > 0) _set(from, itsLatest - latest, itsEarlier - earlier);
    }

    function _freshOf(address account) private view returns (uint256 latest, uint256 earlier) {
        Fresh storage fresh = _fresh[account];
        uint256 age = _season() - fresh.season;
        if (age == 0) return (fresh.latest, fresh.earlier);
        if (age == 1) return (0, fresh.latest);
    }

    function _set(address account, uint256 latest, uint256 earlier) private {
        _fresh[account] = Fresh(uint64(_season()), latest.toUint128(), earlier.toUint128());
    }

    function _season() private view returns (uint256) {
        return block.timestamp / SEASON;
    }
}
