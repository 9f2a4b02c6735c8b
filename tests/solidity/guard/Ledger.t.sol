// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HoldingTooSmall, IntermediateLeft, Ledger, Ledgers} from "../../../contracts/guard/Ledger.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The amounts of one action: what is held comes first, and what is met on the way ends at zero.
contract LedgerTest is Test {
    using Ledgers for Ledger;

    /// @dev A move without legs has room for no other token, and is closed.
    function test_open_HasNoMoreRoomThanAsked() public pure {
        Ledger memory ledger = _open(0);
        ledger.requireClosed();
        assertEq(ledger.token.length, 2);
        assertEq(ledger.held, 2);
        assertEq(ledger.amount[0], 10);
        assertEq(ledger.amount[1], 20);
    }

    function test_debit_TakesAllAndNoMore() public {
        this.debit(20);
        vm.expectRevert(abi.encodeWithSelector(HoldingTooSmall.selector, address(2), 20, 21));
        this.debit(21);
    }

    /// @dev Until there is no room left.
    function test_requireClosed_LooksAtEveryIntermediateToken() public {
        for (uint160 i = 1; i <= 4; ++i) {
            if (i > 2) vm.expectRevert(abi.encodeWithSelector(IntermediateLeft.selector, address(i), 1));
            this.closeWith(address(i));
        }
    }

    function debit(uint256 amount) external pure {
        Ledger memory ledger = _open(0);
        ledger.debit(1, amount);
        assertEq(ledger.amount[1], 20 - amount);
    }

    function closeWith(address token) external pure {
        Ledger memory ledger = _open(2);
        assertEq(ledger.indexOf(address(3)), 2);
        assertEq(ledger.indexOf(address(4)), 3);
        ledger.amount[ledger.indexOf(token)] += 1;
        ledger.requireClosed();
    }

    function _open(uint256 spare) private pure returns (Ledger memory) {
        (address[] memory tokens, uint256[] memory amounts) = (new address[](2), new uint256[](2));
        (tokens[0], tokens[1], amounts[0], amounts[1]) = (address(1), address(2), 10, 20);
        return Ledgers.open(tokens, amounts, spare);
    }
}
