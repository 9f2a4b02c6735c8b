// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WorldToken} from "../../contracts/world/WorldToken.sol";

/// @notice Delivers 1 % less than was sent.
contract FeeToken is WorldToken {
    constructor() WorldToken("FEE", "FEE", 18) {}

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), value / 100);
    }
}

/// @notice Calls somebody during every transfer, and remembers whether that was refused, and why.
contract HookToken is WorldToken {
    address public target;
    bytes public data;
    uint256 public calls;
    bool public refused;
    bytes public refusal;

    constructor() WorldToken("HOOK", "HOOK", 18) {}

    function setHook(address target_, bytes calldata data_) external {
        (target, data, calls, refused, refusal) = (target_, data_, 0, false, "");
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0)) return;
        ++calls;
        (bool ok, bytes memory answer) = target.call(data);
        (refused, refusal) = (!ok, answer);
    }
}

/// @notice Returns nothing, wants an allowance to be zero before it changes, and reverts on a transfer of nothing.
contract OldToken {
    uint8 public constant decimals = 6;
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "not zero before");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        require(amount > 0, "nothing");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
