// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Roles} from "../../../contracts/guard/Roles.sol";
import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {ILeverageVault, LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {LeverageKind} from "./LeverageKind.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A levered vault's campaign.
contract LeverageCampaign is LeverageKind {
    uint256 private constant WAD = 1e18;
    /// @dev Aave's liquidation threshold of WETH here, bps.
    uint256 private constant THRESHOLD = 8_250;

    function open(World world_) external {
        _openLeverage(0);
        _fillLeverage();
        _begin(world_, 33);
        this.rebalance(0, 0);
    }

    function verbs() external view virtual returns (string[] memory) {
        string memory own = " lend(uint256,uint256) giveToPosition(uint256,uint256) unpledge(uint256) strayFlashLoan(uint256)"
            " brink(uint256,uint256)";
        string memory danger =
            world == World.Moving ? " crash(uint256) rescue(uint256,uint256) pull(uint256,uint256)" : "";
        string memory common = vm.replace(COMMON_VERBS, "rebalance(uint256)", "rebalance(uint256,uint256)");
        return vm.split(string.concat(common, SHARE_VERBS, own, danger), " ");
    }

    // the keeper

    /// @notice Towards a health factor inside the band, as far as the limits allow, with a flash loan or without.
    function rebalance(uint256 how, uint256 seed) public verb {
        _cooled();
        _toTruth();
        (LeverageMove memory move, Leg[] memory legs) = _honest(how, seed);
        _send(how, move, legs);
    }

    function _send(uint256 how, LeverageMove memory move, Leg[] memory legs) internal {
        Order memory order = _order();
        if (how % 3 == 0) order.expectedStateHash = vault.stateHash();
        _action(keeper, abi.encodeCall(ILeverageVault.rebalance, (order, legs, move)), order, legs);
    }

    /// @notice To about the floor, or to about the ceiling: now inside, now outside.
    function brink(uint256 how, uint256 seed) public verb {
        uint256 target =
            how % 4 < 2 ? uint256(FLOOR) * (960 + seed % 60) / 1_000 : uint256(CEILING) * (980 + seed % 60) / 1_000;
        for (uint256 i; i < 3; ++i) {
            _cooled();
            _toTruth();
            try this.nearer(target, how) {} catch {}
        }
    }

    function nearer(uint256 target, uint256 how) external {
        require(msg.sender == address(this), "a campaign's own");
        (LeverageMove memory move, Leg[] memory legs) = _towards(target, how, 900);
        _send(how, move, legs);
    }

    function _honest(uint256 how, uint256 seed) private view returns (LeverageMove memory, Leg[] memory) {
        return _towards(1.4e18 + seed % 1.2e18, how, 100 * (1 + seed % 9));
    }

    /// @dev x = (C t - h D) / (h - t) to borrow and buy, or the negative of it to sell and repay; at most so many
    /// thousandths of what an action may sell.
    function _towards(uint256 target, uint256 how, uint256 permille)
        internal
        view
        returns (LeverageMove memory, Leg[] memory)
    {
        uint256[] memory prices = _prices();
        (uint256 gross, uint256 owed) = _worthAt(prices);
        uint256 weighted = gross * THRESHOLD / BPS * WAD;
        bool lever = weighted > owed * target;
        uint256 worth = (lever ? weighted - owed * target : owed * target - weighted) / (target - THRESHOLD * 1e14);
        worth = Math.min(worth, gross * allowed.maxTurnoverBps / BPS * permille / 1_000);
        if (!stolen) worth = Math.min(worth, vault.guardState().turnoverBudget * 9 / 10);
        worth += 1e12;
        uint256 dollars = Math.mulDiv(worth, prices[0], prices[1]);
        if (lever && how % 2 == 1) dollars = Math.min(dollars, _borrowable());
        if (lever) return (_leverMove(dollars, how % 2 == 0), _buyLegs(dollars));
        (uint256 collateral, uint256 debt) = vault.position();
        if (how % 2 == 0) {
            dollars = Math.min(dollars, debt);
            worth = Math.mulDiv(dollars, prices[1], prices[0]) * 1_010 / 1_000;
            return (_deleverMove(dollars, worth, true), _sellLegs(worth));
        }
        worth = Math.min(worth, collateral / 20);
        return (_deleverMove(0, worth, false), _sellLegs(worth));
    }

    /// @dev What Aave lends on the collateral there is, and a little less; raw units of USDC.
    function _borrowable() private view returns (uint256) {
        (,, uint256 available,,,) = aave.getUserAccountData(address(vault));
        return available * 1e36 / 1e8 * 99 / 100 / _priceX(usdc) + 1;
    }

    /// @notice The price falls, and the keeper rescues the vault at once.
    function rescue(uint256 how, uint256 permille) external verb {
        _endanger(1.055e18 + (how >> 16) % 0.09e18);
        uint256 lean = _leanOnUrgent(how);
        (LeverageMove memory move, Leg[] memory legs) = _urgent(_bound(permille, 10, 600), lean);
        rescuing = true;
        _send(how, move, legs);
        rescuing = false;
        _toTruth();
    }

    /// @dev Every other time somebody leans on the pool first, until a rescue costs about what it may.
    function _leanOnUrgent(uint256 how) private returns (uint256 ppm) {
        ppm = how % 2 == 0 ? 0 : (how >> 100) % 20_000;
        if (ppm > 0) _lean(v3UsdcWeth, false, weth, ppm);
    }

    function _urgent(uint256 permille, uint256 lean)
        internal
        view
        returns (LeverageMove memory move, Leg[] memory legs)
    {
        uint256[] memory prices = _prices();
        (, uint256 debt) = vault.position();
        uint256 dollars = debt * permille / 1_000 + 1;
        uint256 worth = Math.mulDiv(dollars, prices[1], prices[0]);
        worth = worth * (PPM + lean * 102 / 100 + 6_000) / PPM;
        move = _urgentMove(dollars, worth * 1_006 / 1_000);
        legs = _sellLegs(worth);
    }

    /// @notice The price falls, and anyone pulls the ripcord, the vault paused or not.
    function pull(uint256 how, uint256 permille) external verb {
        _endanger(1.012e18 + (how >> 16) % 0.035e18);
        if (how % 2 == 0) _configure(sentinel, abi.encodeCall(Roles.pause, ()), Law.R3);
        (LeverageMove memory move, Leg[] memory legs) = _urgent(_bound(permille, 5, 260), _leanOnUrgent(how >> 1));
        Before memory before;
        before.prices = _prices();
        (uint256 gross, uint256 owed) = _worthAt(before.prices);
        (before.gross, before.nav, before.kind) = (gross, gross - owed, vault.healthFactor());
        before.supply = _supply();
        uint256 purse = weth.balanceOf(carol);
        _acting();
        (bool ok, bytes memory reason) = _call(carol, abi.encodeCall(ILeverageVault.pullRipcord, (legs, move, carol)));
        _note(ok || bytes4(reason) != IGuardErrors.VaultPaused.selector, Law.LV11);
        if (!ok) return _refused(reason);
        _acted();
        _sold(before, legs);
        ++epochs;
        uint256 loss = Math.saturatingSub(before.nav, _navAt(before.prices));
        (lost, rescueLost) = (lost + loss, rescueLost + loss);
        _requireRescue(before, before.prices, RIPCORD, weth.balanceOf(carol) - purse);
        _rememberOwed(before.prices);
        if (how % 2 == 0) _configure(owner, abi.encodeCall(Roles.unpause, ()), Law.R4);
        _toTruth();
    }

    /// @notice What a broken planner or a thief might send.
    function garbage(uint256 seed, uint256 more) external verb {
        if (more % 4 != 0) _cooled();
        (LeverageMove memory move, Leg[] memory legs) = _honest(seed >> 8, more);
        if (seed % 8 == 1) move.lever = !move.lever;
        if (seed % 8 == 2) move.urgent = true;
        if (seed % 8 == 3) move.flash = !move.flash;
        if (seed % 8 == 4) move.debtAmount = move.debtAmount * (more % 2_000) / 1_000;
        if (seed % 8 == 5) move.collateralAmount = move.collateralAmount * (more % 2_000) / 1_000;
        if (seed % 8 == 6) legs[0].amountIn = legs[0].amountIn * (more % 2_000) / 1_000 + 1;
        Order memory order = _order();
        if (more % 16 == 1) order.expectedEpoch += 1;
        if (more % 16 == 2) order.deadline = uint64(order.deadline - 1_300 + seed % 2_000);
        if (more % 16 == 3) order.expectedStateHash = bytes32(more);
        if (more % 4 == 0) order.minNavAfter = vault.nav() * (9_970 + more % 40) / 10_000;
        address caller = more % 16 == 5 ? _user(more) : keeper;
        rescuing = move.urgent;
        _action(caller, abi.encodeCall(ILeverageVault.rebalance, (order, legs, move)), order, legs);
        rescuing = false;
    }

    function _goodAction() internal override returns (bytes memory data) {
        _cooled();
        _toTruth();
        (LeverageMove memory move, Leg[] memory legs) = _honest(0, 0.4e18);
        return abi.encodeCall(ILeverageVault.rebalance, (_order(), legs, move));
    }
}
