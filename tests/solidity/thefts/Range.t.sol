// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {RangeMove} from "../../../contracts/interfaces/IRangeVault.sol";
import {RangeWorld} from "../RangeWorld.sol";
import {console} from "forge-std/console.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What the stolen keys take from a range by the best attacks we know, as a part of C-8's bound.
contract RangeTheftTest is RangeWorld {
    function setUp() public {
        _openRange();
        _fillRange();
    }

    /// @dev T-6: bleeds the vault by re-ranging, in every cooldown of six hours: as narrow as allowed at a pushed price, as
    /// wide at the fair one.
    function test_T6_BleedsByReranging() public {
        (uint256 before, uint256 start) = (vault.nav(), block.timestamp);
        (uint160 fair,) = pool.slot0();
        for (uint256 i; i < 72; ++i) {
            if (i % 2 == 0) _toRoot(address(pool), uint160(uint256(fair) * (i % 4 == 0 ? 995_400 : 1_004_600) / 1e6));
            _try(i % 2 == 0 ? int24(100) : int24(5_000));
            _toRoot(address(pool), fair);
            _pass(300);
        }
        uint256 taken = Math.saturatingSub(before, vault.nav());
        uint256 bound = before / 100 + before / 100 * (vm.getBlockTimestamp() - start) / 86_400;
        console.log("T-6 re-ranging at pushed prices takes, permille of the bound:", taken * 1_000 / bound);
        assertLe(taken, bound + 1_000, "C-8: more than the bound");
    }

    /// @dev T-7: in, the pool pushed by half, out in kind, the pool back. Who stayed has lost nothing.
    function test_T7_LeavesAgainstAMovedPool() public {
        uint256 before = vault.nav() * vault.balanceOf(alice) / vault.totalSupply();
        (uint160 fair,) = pool.slot0();
        _join(bob, SEED);
        _toRoot(address(pool), uint160(uint256(fair) * 7 / 10));
        _leave(bob, SEED);
        _toRoot(address(pool), fair);
        uint256 left = vault.nav() * vault.balanceOf(alice) / vault.totalSupply();
        console.log("T-7 leaving against a moved pool: Alice had", before, "and has", left);
        assertGe(left + 2, before, "C-21: a moved pool paid a leaver");
    }

    function _try(int24 half) private returns (bool ok) {
        Order memory order = _order();
        RangeMove memory move = _round(half);
        vm.prank(keeper);
        (ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, _noLegs(), move)));
    }
}
