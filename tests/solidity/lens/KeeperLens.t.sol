// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Call, KeeperLens, Result} from "../../../contracts/lens/KeeperLens.sol";
import {IV3Mint, Markets} from "../Markets.sol";

interface IV3Ticks {
    function ticks(int24 tick) external view returns (uint128 liquidityGross, int128 liquidityNet);
}

contract KeeperLensTest is Markets {
    KeeperLens private lens;
    int24 private spacing;

    function setUp() public {
        _openMarkets();
        // As the keeper does: the runtime code at an address of its own, with nothing in storage.
        vm.etch(address(0x1e45), type(KeeperLens).runtimeCode);
        lens = KeeperLens(address(0x1e45));
        spacing = IV3Mint(v3UsdcWeth).tickSpacing();
    }

    function test_read_OneFailureDoesNotFailTheRest() public {
        feeds[address(weth)].setDown(true);
        Call[] memory calls = new Call[](3);
        calls[0] = Call(address(weth), abi.encodeCall(weth.decimals, ()));
        calls[1] = Call(address(feeds[address(weth)]), abi.encodeWithSignature("latestRoundData()"));
        calls[2] = Call(address(usdc), abi.encodeCall(usdc.decimals, ()));
        Result[] memory results = lens.read(calls);
        assertTrue(results[0].ok);
        assertEq(abi.decode(results[0].data, (uint8)), 18);
        assertFalse(results[1].ok);
        assertEq(bytes4(results[1].data), bytes4(keccak256("FeedDown()")));
        assertEq(abi.decode(results[2].data, (uint8)), 6);
    }

    function test_read_ChangesNothing() public view {
        Call[] memory calls = new Call[](1);
        calls[0] = Call(address(usdc), abi.encodeCall(usdc.approve, (bob, 1)));
        assertFalse(lens.read(calls)[0].ok);
    }

    function test_ticks_WholeRange() public view {
        int24 edge = 887_272 / spacing * spacing;
        bytes memory packed = lens.ticks(v3UsdcWeth, _word(-edge), _word(edge));
        assertEq(packed.length, 38);
        _requireTick(packed, 0, -edge);
        _requireTick(packed, 1, edge);
    }

    function test_ticks_ReversedRangeIsEmpty() public view {
        assertEq(lens.ticks(v3UsdcWeth, 1, 0).length, 0);
    }

    /// @dev Positions anywhere: every initialised tick comes, once, ascending, with the pool's own liquidityNet.
    function testFuzz_ticks_AreThePools(uint256 seed) public {
        int24 most = 887_272 / spacing;
        for (uint256 i; i < 6; ++i) {
            int24 lower = int24(int256(bound(uint256(keccak256(abi.encode(seed, i))), 1, uint24(2 * most - 1)))) - most;
            int24 upper = int24(bound(int256(uint256(keccak256(abi.encode(seed, ~i)))), lower + 1, most));
            IV3Mint(v3UsdcWeth).mint(address(this), lower * spacing, upper * spacing, uint128(1e6 + i), "");
        }
        bytes memory packed = lens.ticks(v3UsdcWeth, _word(-most * spacing), _word(most * spacing));
        assertGe(packed.length, 3 * 19);
        int24 last = type(int24).min;
        int256 sum;
        for (uint256 i; i < packed.length / 19; ++i) {
            int24 tick = int24(uint24(_slice(packed, i * 19, 3)));
            assertGt(tick, last, "ticks ascend");
            _requireTick(packed, i, tick);
            sum += int128(uint128(_slice(packed, i * 19 + 3, 16)));
            last = tick;
        }
        // What is added going up is taken away again: no initialised tick is missing.
        assertEq(sum, 0);
        assertEq(last, most * spacing);
    }

    function _word(int24 tick) private view returns (int16) {
        return int16((tick / spacing) >> 8);
    }

    function _requireTick(bytes memory packed, uint256 i, int24 tick) private view {
        (uint128 gross, int128 net) = IV3Ticks(v3UsdcWeth).ticks(tick);
        assertGt(gross, 0, "an uninitialised tick");
        assertEq(int24(uint24(_slice(packed, i * 19, 3))), tick);
        assertEq(int128(uint128(_slice(packed, i * 19 + 3, 16))), net);
    }

    function _slice(bytes memory packed, uint256 from, uint256 count) private pure returns (uint256 value) {
        for (uint256 i; i < count; ++i) {
            value = value << 8 | uint8(packed[from + i]);
        }
    }
}
