// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {UnexpectedReceipt} from "../guard/Swaps.sol";
import {GuardedVault} from "./GuardedVault.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

error SharesZero();
error AmountCountMismatch(uint256 found, uint256 required);
error AmountTooSmall(address token, uint256 amount, uint256 required);
error AmountTooLarge(address token, uint256 amount, uint256 most);

/// @notice Payments in every token that a vault holds, pro rata to its shares.
abstract contract InKind is GuardedVault {
    using SafeERC20 for IERC20;

    /// @notice As a least amount of an exit in kind: the leaver forgoes that token, and their part of it stays in the vault.
    /// So a token that nobody can move blocks only itself.
    uint256 public constant FORGO = type(uint256).max;

    event RedeemedInKind(
        address indexed caller, address indexed receiver, address indexed owner, uint256 shares, uint256[] amounts
    );

    /// @notice Takes exactly `amount`. Reverts `UnexpectedReceipt` for a token that delivers less, or more.
    function _pull(address token, address from, uint256 amount) internal {
        uint256 balanceBefore = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - balanceBefore;
        if (received != amount) revert UnexpectedReceipt(token, received, amount);
    }

    /// @notice Pro rata of `amount` for `shares`, of all shares, virtual ones included.
    function _proRata(uint256 amount, uint256 shares, Math.Rounding rounding) internal view returns (uint256) {
        return Math.mulDiv(amount, shares, _shareSupply(), rounding);
    }

    /// @dev One limit for each holding.
    function _requireCount(uint256 found) internal view {
        if (found != _held.length) revert AmountCountMismatch(found, _held.length);
    }

    /// @notice Makes the amounts nothing that are forgone.
    function _forgo(uint256[] memory amounts, uint256[] calldata minAmounts) internal pure {
        for (uint256 i; i < amounts.length; ++i) {
            if (minAmounts[i] == FORGO) amounts[i] = 0;
        }
    }

    function _payAll(address receiver, uint256[] memory amounts, uint256[] calldata minAmounts) internal {
        for (uint256 i; i < amounts.length; ++i) {
            address token = _tokens[i];
            if (minAmounts[i] == FORGO) continue;
            if (amounts[i] < minAmounts[i]) revert AmountTooSmall(token, amounts[i], minAmounts[i]);
            if (amounts[i] > 0) IERC20(token).safeTransfer(receiver, amounts[i]);
        }
    }
}
