// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BasketCampaign} from "./BasketCampaign.sol";

/// @notice The stolen keys of a basket.
contract BasketThief is BasketCampaign {
    constructor() {
        stolen = true;
    }

    function verbs() external pure override returns (string[] memory) {
        return vm.split(string.concat(THIEF_VERBS, " join(uint256,uint256)"), " ");
    }
}
