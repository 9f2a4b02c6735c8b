// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LeverageCampaign} from "./LeverageCampaign.sol";
import {World} from "./Campaign.sol";
import {CampaignTest} from "./CampaignTest.sol";

contract LeverageStillTest is CampaignTest {
    function setUp() public {
        _begin(address(new LeverageCampaign()), World.Still);
    }

    function invariant_leverage_PricesStill() public {
        campaign.check();
    }
}

contract LeverageMovingTest is CampaignTest {
    function setUp() public {
        _begin(address(new LeverageCampaign()), World.Moving);
    }

    function invariant_leverage_PricesMoving() public {
        campaign.check();
    }
}

contract LeverageOffTest is CampaignTest {
    function setUp() public {
        _begin(address(new LeverageCampaign()), World.Off);
    }

    function invariant_leverage_OracleOff() public {
        campaign.check();
    }
}
