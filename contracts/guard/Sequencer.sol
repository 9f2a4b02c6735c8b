// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregator} from "../interfaces/External.sol";
import {IGuardErrors} from "../interfaces/IGuardErrors.sol";

/// @notice Whether the sequencer of an L2 is up and has been for long enough that its prices are today's.
library Sequencer {
    /// @notice Seconds after it came back in which only risk may be taken away: time for feeds to write and for others to
    /// answer what happened meanwhile.
    uint256 internal constant GRACE = 3_600;

    /// @notice Reverts `SequencerUnreadable`, `SequencerDown` or `SequencerJustUp`.
    /// @param feed Chainlink's uptime feed: answer 0 is up, `startedAt` when that began; 0 for a chain without sequencer.
    function demand(address feed) internal view {
        (bool read, bool up, uint256 since) = _peek(feed);
        if (!read) revert IGuardErrors.SequencerUnreadable(feed);
        if (!up) revert IGuardErrors.SequencerDown(since);
        if (block.timestamp < since + GRACE) revert IGuardErrors.SequencerJustUp(block.timestamp, since + GRACE);
    }

    /// @notice Whether `demand` would pass. Never reverts.
    function isSafe(address feed) internal view returns (bool) {
        (bool read, bool up, uint256 since) = _peek(feed);
        return read && up && block.timestamp >= since + GRACE;
    }

    /// @dev A round that has not started (startedAt 0) is not one, nor is one from the future.
    function _peek(address feed) private view returns (bool read, bool up, uint256 since) {
        if (feed == address(0)) return (true, true, 0);
        (bool ok, bytes memory data) = feed.staticcall(abi.encodeCall(IAggregator.latestRoundData, ()));
        if (!ok || data.length < 160) return (false, false, 0);
        int256 answer;
        (, answer, since) = abi.decode(data, (uint256, int256, uint256));
        read = since > 0 && since <= block.timestamp;
        up = answer == 0;
    }
}
