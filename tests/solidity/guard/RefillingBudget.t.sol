// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bucket, RefillingBudget, Since} from "../../../contracts/guard/RefillingBudget.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The budget's laws: never above its capacity, linear in time, per share, and for the vault when it rounds.
contract RefillingBudgetTest is Test {
    using RefillingBudget for Bucket;

    uint256 private constant DAY = 86_400;
    Bucket private bucket;

    /// @dev Small enough that plain arithmetic is exact.
    struct Case {
        uint64 left;
        uint64 base;
        uint64 baseNow;
        uint16 bps;
        uint32 elapsed;
        uint64 supplyThen;
        uint64 supplyNow;
    }

    function testFuzz_C7_available_IsTheFormula(Case memory c) public {
        vm.assume(c.supplyThen > 0);
        uint256 elapsed = c.elapsed % (2 * DAY);
        bucket.checkpoint(c.left, c.base);
        uint256 base = uint256(c.base) * c.supplyNow / c.supplyThen;
        if (c.baseNow < base) base = c.baseNow;
        uint256 capacity = base * c.bps / 10_000;
        uint256 expected =
            uint256(c.left) * c.supplyNow / c.supplyThen + capacity * (elapsed > DAY ? DAY : elapsed) / DAY;
        if (expected > capacity) expected = capacity;
        assertEq(bucket.availableDown(c.bps, c.baseNow, Since(c.supplyThen, c.supplyNow, elapsed)), expected);
    }

    function testFuzz_C7_available_IsFullBeforeTheFirstCheckpoint(uint128 baseNow, uint16 bps, uint256 supply)
        public
        view
    {
        assertEq(bucket.availableDown(bps, baseNow, Since(0, supply, 0)), uint256(baseNow) * bps / 10_000);
    }

    function testFuzz_C7_available_IsFullAfterADay(uint128 left, uint128 base, uint16 bps, uint64 elapsed) public {
        bucket.checkpoint(left, base);
        uint256 capacity = uint256(base) * bps / 10_000;
        assertEq(bucket.availableDown(bps, base, Since(1, 1, DAY + elapsed)), capacity);
    }

    /// @dev Whatever is spent and whenever, a day's spending is at most twice the capacity: what was there and what came.
    function testFuzz_C7_spending_IsBounded(uint256 seed) public {
        (uint256 base, uint256 bps, uint256 spent) = (1e24, 100, 0);
        uint256 capacity = base * bps / 10_000;
        bucket.checkpoint(capacity, base);
        uint256 time;
        for (uint256 i; time < DAY; ++i) {
            uint256 elapsed = 1 + uint256(keccak256(abi.encode(seed, i))) % (DAY / 8);
            time += elapsed;
            uint256 available = bucket.availableDown(bps, base, Since(1, 1, elapsed));
            uint256 amount = available * (uint256(keccak256(abi.encode(seed, ~i))) % 101) / 100;
            spent += amount;
            bucket.checkpoint(available - amount, base);
            assertLe(spent, capacity + capacity * time / DAY);
        }
    }

    /// @dev Nobody's part of the budget grows when others come or go.
    function testFuzz_C7_issue_DoesNotBuyBudget(uint64 left, uint64 base, uint64 supply, uint64 more) public {
        vm.assume(supply > 0);
        bucket.checkpoint(left, base);
        uint256 now_ = uint256(supply) + more;
        uint256 available = bucket.availableDown(10_000, type(uint128).max, Since(supply, now_, 0));
        assertLe(available * supply / now_, left);
    }

    function test_C7_checkpoint_HoldsAnyValue() public {
        bucket.checkpoint(type(uint256).max, type(uint256).max);
        assertEq(bucket.left, type(uint128).max);
        assertEq(bucket.base, type(uint128).max);
    }
}
