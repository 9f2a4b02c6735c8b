// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Markets} from "../Markets.sol";
import {
    ApprovesFromZero,
    Blocklist,
    FeeOnTransfer,
    Hooked,
    NinetySixBits,
    NoReturn,
    Oddity,
    Pausable,
    Rebasing,
    ReturnsFalse,
    RevertsOnZero
} from "../WeirdTokens.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev One way into a vault.
struct Entry {
    address caller;
    bytes data;
}

/// @notice Every way into a vault with an odd token in the place of USDC: which of them work, and that those which do not
/// change nothing. Bits of the expected answer are in the order of `_entries`.
/// @dev C-28, C-29, C-31.
abstract contract Entries is Markets {
    Oddity internal oddity;

    /// @dev The vault opened and filled, while the token is plain.
    function _open() internal virtual;
    function _target() internal view virtual returns (address);
    function _entries() internal view virtual returns (Entry[] memory);
    /// @dev What the vault accounts for of the odd token, and what must not move when an entry is refused.
    function _accounted() internal view virtual returns (uint256);
    function _state() internal view virtual returns (bytes32);
    /// @dev Bits of the entries that work with a token that behaves: all of them.
    function _all() internal view virtual returns (uint256);
    /// @dev Bits of those that only pay it to somebody who takes what comes; a pool or a market counts.
    function _outTo() internal view virtual returns (uint256);
    /// @dev Bits of those that do not move it.
    function _neither() internal view virtual returns (uint256);

    function _newToken(string memory symbol, uint8 decimals) internal virtual override returns (WorldToken) {
        return keccak256(bytes(symbol)) == keccak256("USDC") ? oddity : super._newToken(symbol, decimals);
    }

    // what the keeper supports

    function test_noReturn() public {
        _openWith(new NoReturn());
        _requireExactly(_all(), "no return");
    }

    function test_revertsOnZero() public {
        _openWith(new RevertsOnZero());
        _requireExactly(_all(), "reverts on zero");
    }

    function test_approvesFromZero() public {
        _openWith(new ApprovesFromZero());
        _requireExactly(_all(), "approves from zero");
    }

    function test_ninetySixBits() public {
        _openWith(new NinetySixBits());
        _requireExactly(_all(), "96 bits");
    }

    /// @dev C-31: every way in, from within every other; none is answered, and the outer one goes on.
    function test_hooked() public {
        Hooked token = new Hooked();
        _openWith(token);
        Entry[] memory inner = _entries();
        Entry[] memory outer = _entries();
        for (uint256 j; j < inner.length; ++j) {
            token.setHook(_target(), inner[j].data, ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            for (uint256 i; i < outer.length; ++i) {
                uint256 snapshot = vm.snapshotState();
                assertTrue(_call(outer[i]), "C-31: the outer call goes on");
                assertEq(token.refused(), token.calls(), "C-31: refused by the lock, every time");
                if ((_neither() >> i) & 1 == 0) assertGt(token.calls(), 0, "the hook was not called");
                vm.revertToState(snapshot);
            }
        }
    }

    // what it does not support: refused, or harmless

    function test_feeOnTransfer() public {
        _openWith(new FeeOnTransfer());
        _requireExactly(_outTo() | _neither(), "a fee");
    }

    /// @dev Accounted for as before: nobody's share changes, users come and go for exact amounts. A pool or a market may
    /// miss what it had, and refuse the keeper; then nothing happens.
    function test_rebasing() public {
        _openWith(new Rebasing());
        Entry[] memory entries = _entries();
        for (uint256 i; i < entries.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            bytes32 before = _state();
            bool ok = _call(entries[i]);
            if (entries[i].caller != keeper) assertTrue(ok, string.concat("a rebase: entry ", vm.toString(i)));
            if (!ok) assertEq(_state(), before, "a refusal changed something");
            vm.revertToState(snapshot);
        }
    }

    function test_returnsFalse() public {
        _openWith(new ReturnsFalse());
        _requireExactly(_neither(), "returns false");
    }

    function test_pausable() public {
        _openWith(new Pausable());
        _requireExactly(_neither(), "paused");
    }

    function test_blocklist_theVault() public {
        Blocklist token = new Blocklist();
        _openWith(token);
        token.setBlocked(_target(), true);
        _requireExactly(_neither(), "the vault is blocked");
        token.setBlocked(_target(), false);
        _requireExactly(_all(), "the vault is free again");
    }

    /// @dev One user's trouble is nobody else's.
    function test_blocklist_aUser() public {
        Blocklist token = new Blocklist();
        _openWith(token);
        token.setBlocked(bob, true);
        token.setBlocked(alice, true);
        _requireExactly(_all() & ~(_byUsers() & ~_neither()), "the users are blocked");
    }

    function _byUsers() private view returns (uint256 bits) {
        Entry[] memory entries = _entries();
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].caller != keeper) bits |= 1 << i;
        }
    }

    function _openWith(Oddity token) private {
        oddity = token;
        _open();
        token.setOdd(true);
    }

    /// @dev These entries work, the others revert and change nothing; what is accounted for is never above what is there.
    function _requireExactly(uint256 bits, string memory label) private {
        Entry[] memory entries = _entries();
        for (uint256 i; i < entries.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            bytes32 before = _state();
            bool ok = _call(entries[i]);
            assertEq(ok, (bits >> i) & 1 == 1, string.concat(label, ": entry ", vm.toString(i)));
            if (!ok) assertEq(_state(), before, "a refusal changed something");
            assertLe(_accounted(), oddity.balanceOf(_target()), "C-28: more accounted for than is there");
            vm.revertToState(snapshot);
        }
    }

    function _call(Entry memory entry) private returns (bool ok) {
        vm.prank(entry.caller);
        (ok,) = _target().call(entry.data);
    }
}
