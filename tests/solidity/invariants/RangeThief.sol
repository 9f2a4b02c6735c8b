// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RangeCampaign} from "./RangeCampaign.sol";

/// @notice The stolen keys of a range.
contract RangeThief is RangeCampaign {
    constructor() {
        stolen = true;
    }

    function verbs() external pure override returns (string[] memory) {
        string memory common = vm.replace(THIEF_VERBS, "sandwich", "bleed");
        return vm.split(string.concat(common, " join(uint256,uint256) addTo(uint256)"), " ");
    }

    /// @dev Whoever moves the range has turned all of it over.
    function _acted() internal override {
        super._acted();
        _turned(_shareX(_prices()));
    }
}
