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

    /// @dev Most that the vault owed so far, and the fewest shares there were: the urgent budget is the vault's, and who
    /// stays bears what is lost once others have left.
    uint256 private _owedMost;
    uint256 private _sharesLeast = type(uint256).max;

    function verbs() external pure override returns (string[] memory) {
        string memory own = " deposit(uint256,uint256) redeem(uint256,uint256) comeAndGo(uint256,uint256)"
            " crash(uint256) rescue(uint256,uint256) pull(uint256,uint256) drain(uint256,uint256)";
        return vm.split(string.concat(THIEF_VERBS, own), " ");
    }

    /// @notice Levers and de-levers in turn through a pool that the thief leaned on, each time so much that it costs about
    /// what an action may lose; when refused he moves less, and the third time he stops.
    function sandwich(uint256 how, uint256 seed, uint256 lean) public verb {
        uint256 refused;
        bool up = how % 2 == 0;
        for (uint256 i; i < 12 && refused < 3; ++i) {
            _cooled();
            uint256 target = up ? uint256(CEILING) - 0.02e18 : uint256(FLOOR) + 0.02e18;
            uint256 permille = (seed >> (8 * i)) % 1_000 / (1 + refused);
            try this.sandwiched(how % 8 < 2 ? 1 : 0, target, permille, 1_000 + (lean >> (8 * i)) % 8_000) {
                (refused, up) = (0, !up);
            } catch {
                ++refused;
            }
        }
    }

    function sandwiched(uint256 how, uint256 target, uint256 permille, uint256 lean) external {
        require(msg.sender == address(this), "a campaign's own");
        (uint256 gross, uint256 owed) = _worthAt(_prices());
        uint256 worth = (gross - owed) * allowed.maxLossBps / BPS * PPM / lean * (100 + permille) / 1_000;
        uint256 part = Math.min(1_000, worth * BPS / allowed.maxTurnoverBps * 1_000 / gross);
        (LeverageMove memory move, Leg[] memory legs) = _towards(target, how, part);
        _lean(v3UsdcWeth, false, move.lever ? usdc : weth, lean);
        _send(how, move, legs);
        _toTruth();
    }

    /// @notice Levers up, has the collateral fall, rescues at a pushed price, and has it rise again: over and over, until he is
    /// refused three times.
    function drain(uint256 how, uint256 lean) external verb {
        uint256 refused;
        for (uint256 i; i < 4 && refused < 3; ++i) {
            _cooled();
            _toTruth();
            try this.nearer(uint256(FLOOR) + 0.02e18, how) {} catch {}
            _endanger(1.06e18 + (how >> 8) % 0.08e18);
            rescuing = true;
            try this.drained(400 + (how >> (8 * i)) % 300, 8_000 + (lean >> (8 * i)) % 6_000) {
                refused = 0;
            } catch {
                ++refused;
            }
            rescuing = false;
            _price(3_000e8);
        }
    }

    function drained(uint256 permille, uint256 lean) external {
        require(msg.sender == address(this), "a campaign's own");
        _lean(v3UsdcWeth, false, weth, lean);
        (LeverageMove memory move, Leg[] memory legs) = _urgent(permille, lean);
        _send(1, move, legs);
    }

    function _price(int256 answer) internal override {
        uint256 before = _shareX(_prices());
        super._price(answer);
        outsideX += int256(before) - int256(_shareX(_prices()));
    }

    function _peak(uint256[] memory prices) internal override {
        super._peak(prices);
        (, uint256 owed) = _worthAt(prices);
        _owedMost = Math.max(_owedMost, owed + _dust());
        _sharesLeast = Math.min(_sharesLeast, _supply());
    }

    function _acting() internal override {
        _peak(_prices());
        super._acting();
    }

    function _urgentX() internal view override returns (uint256) {
        return Math.mulDiv(_owedMost * _healthLimits().urgentLossBps / BPS, X, _sharesLeast);
    }
}
