// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title WorldToken
/// @notice A plain ERC-20 of the local world, with any number of decimals. Its admin mints as much as a scene needs.
/// @dev No fee, no rebase, no hook, no blocklist: the token every vault and pool of the world can rely on.
contract WorldToken is ERC20 {
    /// @notice The caller is not the admin.
    error NotAdmin(address caller);

    /// @notice The only account that mints.
    address public immutable admin;

    uint8 private immutable _decimals;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        admin = msg.sender;
        _decimals = decimals_;
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Creates `amount` raw units for `account`.
    function mint(address account, uint256 amount) external {
        require(msg.sender == admin, NotAdmin(msg.sender));
        _mint(account, amount);
    }
}
