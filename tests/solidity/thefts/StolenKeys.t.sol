// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BasketThief} from "../invariants/BasketThief.sol";
import {World} from "../invariants/Campaign.sol";
import {CampaignTest} from "../invariants/CampaignTest.sol";
import {LeverageThief} from "../invariants/LeverageThief.sol";
import {RangeThief} from "../invariants/RangeThief.sol";
import {Thief} from "../invariants/Thief.sol";

/// @notice C-8 against an adversary whose moves forge chooses, at oracle prices and at true ones.
contract BasketStolenKeysTest is CampaignTest {
    function setUp() public {
        _begin(address(new BasketThief()), World.Off);
    }

    function invariant_basket_StolenKeys() public {
        campaign.check();
    }
}

/// @notice Forge looks for the run that takes most; `best` is in millionths of the bound.
contract BasketTightestTest is CampaignTest {
    function setUp() public {
        _begin(address(new BasketThief()), World.Still);
    }

    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.shrink-run-limit = 0
    function invariant_basket_TightestTheft() public view returns (int256) {
        return Thief(address(campaign)).takenPpm();
    }
}

/// @notice As for a basket.
contract LeverageStolenKeysTest is CampaignTest {
    function setUp() public {
        _begin(address(new LeverageThief()), World.Off);
    }

    function invariant_leverage_StolenKeys() public {
        campaign.check();
    }
}

/// @notice Forge looks for the run that takes most; `best` is in millionths of the bound.
contract LeverageTightestTest is CampaignTest {
    function setUp() public {
        _begin(address(new LeverageThief()), World.Still);
    }

    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.shrink-run-limit = 0
    function invariant_leverage_TightestTheft() public view returns (int256) {
        return Thief(address(campaign)).takenPpm();
    }
}

/// @notice As for a basket.
contract RangeStolenKeysTest is CampaignTest {
    function setUp() public {
        _begin(address(new RangeThief()), World.Off);
    }

    function invariant_range_StolenKeys() public {
        campaign.check();
    }
}

/// @notice Forge looks for the run that takes most; `best` is in millionths of the bound.
contract RangeTightestTest is CampaignTest {
    function setUp() public {
        _begin(address(new RangeThief()), World.Still);
    }

    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.shrink-run-limit = 0
    function invariant_range_TightestTheft() public view returns (int256) {
        return Thief(address(campaign)).takenPpm();
    }
}
