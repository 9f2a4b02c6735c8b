// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BasketCampaign} from "./BasketCampaign.sol";
import {World} from "./Campaign.sol";
import {CampaignTest} from "./CampaignTest.sol";

contract BasketStillTest is CampaignTest {
    function setUp() public {
        _begin(address(new BasketCampaign()), World.Still);
    }

    function invariant_basket_PricesStill() public {
        campaign.check();
    }
}

contract BasketMovingTest is CampaignTest {
    function setUp() public {
        _begin(address(new BasketCampaign()), World.Moving);
    }

    function invariant_basket_PricesMoving() public {
        campaign.check();
    }
}

contract BasketOffTest is CampaignTest {
    function setUp() public {
        _begin(address(new BasketCampaign()), World.Off);
    }

    function invariant_basket_OracleOff() public {
        campaign.check();
    }
}
