// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bucket, RefillingBudget, Since} from "../../../contracts/guard/RefillingBudget.sol";

/// @notice C-7: what the budget writes down it writes down for the vault. Products of two unknowns are what a solver is slow
/// at: the rate and the number of shares are constants here, and amounts are below 2**16 where they are multiplied.
contract BudgetProof {
    using RefillingBudget for Bucket;

    Bucket private bucket;

    function check_whatIsSpentIsGone(uint16 left, uint16 base, uint16 baseNow, uint16 spent) external {
        if (spent > left) return;
        bucket.checkpoint(uint256(left) - spent, base);
        assert(bucket.availableDown(100, baseNow, Since(1, 1, 0)) <= uint256(left) - spent);
    }

    function check_aCheckpointRoundsDown(uint256 left, uint256 base) external {
        bucket.checkpoint(left, base);
        assert(bucket.left <= left && bucket.base <= base);
    }
}
