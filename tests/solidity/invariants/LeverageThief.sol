// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg} from "../../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {LeverageCampaign} from "./LeverageCampaign.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The stolen keys of a levered vault, whose collateral falls now and then, so that he has the urgent tier and,
/// as anyone, the ripcord.
contract LeverageThief is LeverageCampaign {
    constructor() {
        stolen = true;
    }

    uint256 private constant X = 1e36;

    /// @dev Most that a share owed so far.
    uint256 private _owedPeakX;

    function verbs() external pure override returns (string[] memory) {
        string memory own = " deposit(uint256,uint256) redeem(uint256,uint256) comeAndGo(uint256,uint256)"
            " crash(uint256) rescue(uint256,uint256) pull(uint256,uint256)";
        return vm.split(string.concat(THIEF_VERBS, own), " ");
    }

    /// @notice Levers or de-levers through a pool that the thief leaned on, over and over.
    function sandwich(uint256 how, uint256 seed, uint256 lean) public verb {
        for (uint256 i; i < 4; ++i) {
            _cooled();
            try this.sandwiched(how, seed >> (8 * i), lean % 10_000 * (4 - i) / 4) {} catch {}
        }
    }

    function sandwiched(uint256 how, uint256 seed, uint256 lean) external {
        require(msg.sender == address(this), "a campaign's own");
        uint256 target = uint256(FLOOR) + 0.02e18 + seed % 1.7e18;
        (LeverageMove memory move, Leg[] memory legs) = _towards(target, how, 1 + (seed >> 100) % 10);
        _lean(v3UsdcWeth, false, move.lever ? usdc : weth, lean);
        _send(how, move, legs);
        _toTruth();
    }

    function _price(int256 answer) internal override {
        uint256 before = _shareX(_prices());
        super._price(answer);
        outsideX += int256(before) - int256(_shareX(_prices()));
    }

    function _peak(uint256[] memory prices) internal override {
        super._peak(prices);
        (, uint256 owed) = _worthAt(prices);
        _owedPeakX = Math.max(_owedPeakX, (owed + _dust()) * X / _supply());
    }

    function _acting() internal override {
        _peak(_prices());
        super._acting();
    }

    function _urgentX() internal view override returns (uint256) {
        return _owedPeakX * _healthLimits().urgentLossBps / BPS;
    }

    function _requireKind() internal view override {
        super._requireKind();
        _requireTheft();
    }
}
