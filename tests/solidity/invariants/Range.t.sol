// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RangeCampaign} from "./RangeCampaign.sol";
import {World} from "./Campaign.sol";
import {CampaignTest} from "./CampaignTest.sol";

contract RangeStillTest is CampaignTest {
    function setUp() public {
        _begin(address(new RangeCampaign()), World.Still);
    }

    function invariant_range_PricesStill() public {
        campaign.check();
    }
}

contract RangeMovingTest is CampaignTest {
    function setUp() public {
        _begin(address(new RangeCampaign()), World.Moving);
    }

    function invariant_range_PricesMoving() public {
        campaign.check();
    }
}

contract RangeOffTest is CampaignTest {
    function setUp() public {
        _begin(address(new RangeCampaign()), World.Off);
    }

    function invariant_range_OracleOff() public {
        campaign.check();
    }
}
