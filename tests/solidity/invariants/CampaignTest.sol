// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {World} from "./Campaign.sol";
import {Test} from "forge-std/Test.sol";
import {console} from "forge-std/console.sol";

interface ICampaign {
    function open(World world) external;
    function check() external;
    /// @notice Their signatures.
    function verbs() external view returns (string[] memory);
    function broken() external view returns (string memory);
}

/// @notice Runs one campaign: forge's random verbs, and a fixed sequence that shows that every verb works.
abstract contract CampaignTest is Test {
    ICampaign internal campaign;

    function _begin(address at, World world) internal {
        campaign = ICampaign(at);
        campaign.open(world);
        targetContract(at);
        string[] memory verbs = campaign.verbs();
        bytes4[] memory selectors = new bytes4[](verbs.length);
        for (uint256 i; i < verbs.length; ++i) {
            selectors[i] = bytes4(keccak256(bytes(verbs[i])));
        }
        targetSelector(FuzzSelector(at, selectors));
    }

    /// @dev The same every time: 40 rounds of all verbs with hashed arguments, all sentences after each round; a verb
    /// that the vault always refuses would prove nothing.
    function test_NoVerbIsDead() public {
        string[] memory verbs = campaign.verbs();
        uint256[] memory done = new uint256[](verbs.length);
        for (uint256 i; i < 40; ++i) {
            for (uint256 j; j < verbs.length; ++j) {
                bytes memory arguments = abi.encode(_hash(i, j, 0), _hash(i, j, 1), _hash(i, j, 2));
                (bool ok,) = address(campaign).call(bytes.concat(bytes4(keccak256(bytes(verbs[j]))), arguments));
                if (ok) ++done[j];
            }
            campaign.check();
        }
        for (uint256 j; j < verbs.length; ++j) {
            console.log(done[j], verbs[j]);
            assertGt(done[j], 0, string.concat("a dead verb: ", verbs[j]));
        }
    }

    function _hash(uint256 i, uint256 j, uint256 k) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(i, j, k)));
    }
}
