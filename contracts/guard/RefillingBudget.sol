// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @dev What was left of a budget at the last checkpoint, and the value its capacity was a share of; raw units of value.
struct Bucket {
    uint128 left;
    uint128 base;
}

/// @dev How the world moved since the checkpoint.
/// @param supplyThen Shares at the checkpoint, virtual ones included; 0 before the first, when the budget is full.
/// @param elapsed Seconds since the checkpoint.
struct Since {
    uint256 supplyThen;
    uint256 supplyNow;
    uint256 elapsed;
}

/// @notice A budget in value that refills linearly to its capacity over a day:
/// capacity = bps * min(base then, base now), available = min(capacity, left + capacity * elapsed / day).
/// @dev `left` and `base` are carried per share: a deposit cannot buy more loss for the other holders, nor an exit leave
/// them less budget. Every result is rounded down, against the spender.
library RefillingBudget {
    uint256 internal constant PERIOD = 86_400;
    uint256 private constant BPS = 10_000;

    /// @param bps Capacity as a share of the base.
    /// @param baseNow A base inflated since the checkpoint buys nothing; a fallen one binds.
    function availableDown(Bucket storage bucket, uint256 bps, uint256 baseNow, Since memory since)
        internal
        view
        returns (uint256)
    {
        if (since.supplyThen == 0) return Math.mulDiv(baseNow, bps, BPS);
        uint256 base = Math.mulDiv(bucket.base, since.supplyNow, since.supplyThen);
        uint256 left = Math.mulDiv(bucket.left, since.supplyNow, since.supplyThen);
        uint256 capacity = Math.mulDiv(Math.min(base, baseNow), bps, BPS);
        return Math.min(capacity, left + Math.mulDiv(capacity, since.elapsed, PERIOD));
    }

    /// @notice From here on `left` remains, of a base that is now `base`. Values above 2**128 - 1 count as that.
    function checkpoint(Bucket storage bucket, uint256 left, uint256 base) internal {
        bucket.left = uint128(Math.min(left, type(uint128).max));
        bucket.base = uint128(Math.min(base, type(uint128).max));
    }
}
