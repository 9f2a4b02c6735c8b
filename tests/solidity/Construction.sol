// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../contracts/guard/Guard.sol";
import {GuardSetup, ShareSetup} from "../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../contracts/vaults/BasketVault.sol";

/// @notice Constructions in a call of their own, so that a refusal can be expected of it. With forge's dynamic test
/// linking `new` is a cheatcode, and `vm.expectRevert` before it ends the test at the first refusal.
abstract contract Construction {
    function construct(GuardSetup calldata setup) external returns (Guard) {
        return new Guard(setup);
    }

    function construct(ShareSetup calldata setup, uint16[] calldata weights, uint16 band)
        external
        returns (BasketVault)
    {
        return new BasketVault(setup, weights, band);
    }
}
