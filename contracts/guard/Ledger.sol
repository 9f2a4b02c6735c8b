// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

error HoldingTooSmall(address token, uint256 held, uint256 required);
error IntermediateLeft(address token, uint256 amount);

/// @dev Amounts of one action, in memory: the vault's own `held` tokens first, then every intermediate token met, from
/// zero.
struct Ledger {
    uint256 held;
    uint256 count;
    address[] token;
    uint256[] amount;
}

/// @notice What an action may spend is what the vault accounts for and what the action received, never a balance.
library Ledgers {
    /// @param spare Room for this many intermediate tokens.
    function open(address[] memory tokens, uint256[] memory amounts, uint256 spare)
        internal
        pure
        returns (Ledger memory ledger)
    {
        uint256 room = tokens.length + spare;
        ledger.held = ledger.count = tokens.length;
        (ledger.token, ledger.amount) = (new address[](room), new uint256[](room));
        for (uint256 i; i < tokens.length; ++i) {
            (ledger.token[i], ledger.amount[i]) = (tokens[i], amounts[i]);
        }
    }

    /// @notice Index of `token`, entered at zero if it was not there.
    function indexOf(Ledger memory ledger, address token) internal pure returns (uint256 i) {
        while (i < ledger.count && ledger.token[i] != token) ++i;
        if (i == ledger.count) ledger.token[ledger.count++] = token;
    }

    /// @notice Reverts `HoldingTooSmall`.
    function debit(Ledger memory ledger, uint256 i, uint256 amount) internal pure {
        if (amount > ledger.amount[i]) revert HoldingTooSmall(ledger.token[i], ledger.amount[i], amount);
        ledger.amount[i] -= amount;
    }

    /// @notice Reverts `IntermediateLeft` unless every intermediate token ended at zero.
    function requireClosed(Ledger memory ledger) internal pure {
        for (uint256 i = ledger.held; i < ledger.count; ++i) {
            if (ledger.amount[i] != 0) revert IntermediateLeft(ledger.token[i], ledger.amount[i]);
        }
    }
}
