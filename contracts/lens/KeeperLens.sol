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
    /// @return packed 19 bytes a tick: int24 tick, then int128 liquidityNet. Empty when wordFrom > wordTo.
    function ticks(address pool, int16 wordFrom, int16 wordTo) external view returns (bytes memory packed) {
        if (wordFrom > wordTo) return packed;
        uint256[] memory words = new uint256[](uint256(int256(wordTo) - int256(wordFrom) + 1));
        uint256 count;
        for (uint256 i; i < words.length; ++i) {
            words[i] = ITickSource(pool).tickBitmap(int16(int256(wordFrom) + int256(i)));
            for (uint256 rest = words[i]; rest != 0; rest &= rest - 1) {
                ++count;
            }
        }
        packed = new bytes(count * TICK_BYTES);
        uint256 offset;
        int256 spacing = ITickSource(pool).tickSpacing();
        for (uint256 i; i < words.length; ++i) {
            int256 base = (int256(wordFrom) + int256(i)) * 256;
            for (uint256 rest = words[i]; rest != 0; rest &= rest - 1) {
                int24 tick = int24((base + int256(_lowestBit(rest))) * spacing);
                (, int128 liquidityNet) = ITickSource(pool).ticks(tick);
                _put(packed, offset, tick, liquidityNet);
                offset += TICK_BYTES;
            }
        }
    }

    /// @dev Index of the lowest set bit of a non-zero word, by halving.
    function _lowestBit(uint256 word) private pure returns (uint256 index) {
        uint256 bit;
        unchecked {
            bit = word & (~word + 1);
        }
        if (bit >= 1 << 128) (bit, index) = (bit >> 128, 128);
        for (uint256 half = 64; half > 0; half >>= 1) {
            if (bit >= 1 << half) (bit, index) = (bit >> half, index + half);
        }
    }

    /// @dev Writes 3 + 16 bytes at `offset`. The 32-byte store runs past the element into bytes that the next element
    /// overwrites; after the last one it must not reach beyond the array, so it is merged with what is there.
    function _put(bytes memory packed, uint256 offset, int24 tick, int128 liquidityNet) private pure {
        uint256 word = (uint256(uint24(tick)) << 232) | (uint256(uint128(liquidityNet)) << 104);
        assembly ("memory-safe") {
            let at := add(add(packed, 0x20), offset)
            mstore(at, or(word, and(mload(at), 0xffffffffffffffffffffffffff)))
        }
    }
}
