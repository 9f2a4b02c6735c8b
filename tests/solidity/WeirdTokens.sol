// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../contracts/world/WorldToken.sol";

/// @notice A plain token of six decimals until it is told to be odd: vaults are opened and filled first.
abstract contract Oddity is WorldToken {
    bool public odd;

    constructor() WorldToken("Odd", "ODD", 6) {}

    function setOdd(bool odd_) external {
        odd = odd_;
    }
}

/// @notice Delivers 1 % less than was sent.
contract FeeOnTransfer is Oddity {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (odd && from != address(0) && to != address(0)) super._update(to, address(0), value / 100);
    }
}

/// @notice Everybody's balance halves at once; amounts sent are amounts received.
contract Rebasing is Oddity {
    function balanceOf(address account) public view override returns (uint256) {
        return odd ? super.balanceOf(account) / 2 : super.balanceOf(account);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, odd && from != address(0) ? 2 * value : value);
    }
}

/// @notice Returns nothing where a token returns whether it moved.
contract NoReturn is Oddity {
    function transfer(address to, uint256 amount) public override returns (bool) {
        return _said(super.transfer(to, amount));
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return _said(super.transferFrom(from, to, amount));
    }

    function approve(address spender, uint256 amount) public override returns (bool) {
        return _said(super.approve(spender, amount));
    }

    function _said(bool done) private view returns (bool) {
        if (!odd) return done;
        assembly ("memory-safe") {
            return(0, 0)
        }
    }
}

/// @notice Moves nothing and says so, without reverting.
contract ReturnsFalse is Oddity {
    function transfer(address to, uint256 amount) public override returns (bool) {
        return !odd && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !odd && super.transferFrom(from, to, amount);
    }
}

/// @notice Reverts on a transfer and on an approval of nothing.
contract RevertsOnZero is Oddity {
    function _update(address from, address to, uint256 value) internal override {
        require(value > 0 || !odd, "nothing");
        super._update(from, to, value);
    }
}

/// @notice Wants an allowance to be zero before it becomes anything else.
contract ApprovesFromZero is Oddity {
    function approve(address spender, uint256 amount) public override returns (bool) {
        require(amount == 0 || allowance(msg.sender, spender) == 0, "not zero before");
        return super.approve(spender, amount);
    }
}

/// @notice Moves nothing from or to whom it has listed.
contract Blocklist is Oddity {
    mapping(address account => bool) public blocked;

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!odd || (!blocked[from] && !blocked[to]), "blocked");
        super._update(from, to, value);
    }
}

/// @notice Moves nothing while it is paused.
contract Pausable is Oddity {
    function _update(address from, address to, uint256 value) internal override {
        require(!odd, "paused");
        super._update(from, to, value);
    }
}

/// @notice Calls somebody before and after every transfer, as ERC-777 does, and counts how often it was refused with the
/// first four bytes it was told.
contract Hooked is Oddity {
    address public target;
    bytes public data;
    bytes4 public expected;
    uint256 public calls;
    uint256 public refused;

    function setHook(address target_, bytes calldata data_, bytes4 expected_) external {
        (target, data, expected, calls, refused) = (target_, data_, expected_, 0, 0);
    }

    function _update(address from, address to, uint256 value) internal override {
        _call();
        super._update(from, to, value);
        _call();
    }

    function _call() private {
        if (!odd || target == address(0)) return;
        ++calls;
        (bool ok, bytes memory answer) = target.call(data);
        if (!ok && bytes4(answer) == expected) ++refused;
    }
}

/// @notice Reverts on an allowance or an amount above 2**96 - 1, but for an allowance of all there is; as UNI and COMP.
contract NinetySixBits is Oddity {
    function approve(address spender, uint256 amount) public override returns (bool) {
        require(amount <= type(uint96).max || amount == type(uint256).max, "exceeds 96 bits");
        return super.approve(spender, amount);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!odd || value <= type(uint96).max, "exceeds 96 bits");
        super._update(from, to, value);
    }
}
