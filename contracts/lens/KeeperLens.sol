// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The two reads of a Uniswap V3 pool that the lens makes itself.
interface ITickSource {
    function tickSpacing() external view returns (int24);
    function tickBitmap(int16 word) external view returns (uint256);
    function ticks(int24 tick) external view returns (uint128 liquidityGross, int128 liquidityNet);
}

/// @notice One static call to make.
struct Call {
    address target;
    bytes data;
}

/// @notice What the call answered: return data, or revert data when not `ok`.
struct Result {
    bool ok;
    bytes data;
}

/// @title KeeperLens
/// @notice Reads many things of one block in one `eth_call`.
/// @dev Deployed nowhere: its runtime code is put at any address by a state override, so it has neither storage nor
/// immutables nor a constructor. It can change nothing.
contract KeeperLens {
    /// @dev Bytes of one packed tick: int24 tick, int128 liquidityNet, both big-endian two's complement.
    uint256 private constant TICK_BYTES = 19;

    /// @notice Makes every call in order; one that fails does not fail the rest.
    /// @dev A target without code answers ok with no data, as the EVM does: the caller checks the length.
    function read(Call[] calldata calls) external view returns (Result[] memory results) {
        results = new Result[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            (results[i].ok, results[i].data) = calls[i].target.staticcall(calls[i].data);
        }
    }

    /// @notice Every initialised tick of `pool` in the bitmap words [wordFrom, wordTo], ascending.
    /// @dev In assembly, since a node walks thousands of ticks a block: a third less work than Solidity makes of it.
    /// Calls are put together and answered in scratch space. Reverts as the pool does, or with nothing when it is none.
    /// @return packed 19 bytes a tick: int24 tick, then int128 liquidityNet. Empty when wordFrom > wordTo.
    function ticks(address pool, int16 wordFrom, int16 wordTo) external view returns (bytes memory packed) {
        if (wordFrom > wordTo) return packed;
        int256 spacing = ITickSource(pool).tickSpacing();
        uint256 bitmapCall = uint256(bytes32(ITickSource.tickBitmap.selector));
        uint256 tickCall = uint256(bytes32(ITickSource.ticks.selector));
        assembly ("memory-safe") {
            /// The first `size` bytes that the pool answers, in scratch space.
            function ask(target, call_, argument, size) {
                mstore(0x00, call_)
                mstore(0x04, argument)
                if iszero(staticcall(gas(), target, 0x00, 0x24, 0x00, size)) {
                    let free := mload(0x40)
                    returndatacopy(free, 0x00, returndatasize())
                    revert(free, returndatasize())
                }
                if lt(returndatasize(), size) { revert(0x00, 0x00) }
            }
            packed := mload(0x40)
            let at := add(packed, 0x20)
            for { let word := wordFrom } iszero(sgt(word, wordTo)) { word := add(word, 1) } {
                ask(pool, bitmapCall, word, 0x20)
                for { let rest := mload(0x00) } rest { rest := and(rest, sub(rest, 1)) } {
                    // The index of the lowest bit, by halving.
                    let bit := and(rest, sub(0, rest))
                    let index := shl(7, gt(bit, 0xffffffffffffffffffffffffffffffff))
                    index := or(index, shl(6, gt(shr(index, bit), 0xffffffffffffffff)))
                    index := or(index, shl(5, gt(shr(index, bit), 0xffffffff)))
                    index := or(index, shl(4, gt(shr(index, bit), 0xffff)))
                    index := or(index, shl(3, gt(shr(index, bit), 0xff)))
                    index := or(index, shl(2, gt(shr(index, bit), 0xf)))
                    index := or(index, shl(1, gt(shr(index, bit), 0x3)))
                    index := or(index, gt(shr(index, bit), 0x1))
                    let tick := mul(add(shl(8, word), index), spacing)
                    ask(pool, tickCall, tick, 0x40)
                    // Three bytes and sixteen; the thirteen of nothing behind them the next element overwrites.
                    mstore(at, or(shl(232, tick), shr(24, shl(128, mload(0x20)))))
                    at := add(at, TICK_BYTES)
                }
            }
            mstore(packed, sub(at, add(packed, 0x20)))
            mstore(0x40, add(at, 0x20))
        }
    }
}
