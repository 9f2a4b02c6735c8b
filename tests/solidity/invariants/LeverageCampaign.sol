// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {Roles} from "../../../contracts/guard/Roles.sol";
import {IKeeperVault, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {ILeverageVault, LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {LeverageVault} from "../../../contracts/vaults/LeverageVault.sol";
import {ShareVault} from "../../../contracts/vaults/ShareVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {ShareVerbs} from "./ShareVerbs.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A levered vault's campaign, on the published Aave.
contract LeverageCampaign is ShareVerbs, LeverageWorld {
    uint256 private constant WAD = 1e18;
    /// @dev Aave's liquidation threshold of WETH here, bps.
    uint256 private constant THRESHOLD = 8_250;

    /// @dev Most that the vault owed so far, raw units of the base asset.
    uint256 private _owedPeak;

    function open(World world_) external {
        _openLeverage(0);
        _fillLeverage();
        _begin(world_);
        this.rebalance(0, 0);
    }

    function verbs() external view returns (string[] memory) {
        string memory own =
            " lend(uint256,uint256) giveToPosition(uint256,uint256) unpledge(uint256) strayFlashLoan(uint256)";
        string memory danger =
            world == World.Moving ? " crash(uint256) rescue(uint256,uint256) pull(uint256,uint256)" : "";
        string memory common = vm.replace(COMMON_VERBS, "rebalance(uint256)", "rebalance(uint256,uint256)");
        return vm.split(string.concat(common, SHARE_VERBS, own, danger), " ");
    }

    // the kind

    function _kept() internal view override returns (IKeeperVault) {
        return vault;
    }

    function _law() internal view override returns (Guard) {
        return guard;
    }

    function _vault4626() internal view override returns (ShareVault) {
        return vault;
    }

    function _held() internal view override returns (WorldToken[] memory tokens) {
        tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (weth, usdc);
    }

    function _places() internal view override returns (address[] memory places) {
        places = new address[](3);
        (places[0], places[1]) = (vault.collateralAToken(), aave.getReserveData(address(usdc)).aTokenAddress);
        places[2] = address(aave);
    }

    function _supply() internal view override returns (uint256) {
        return vault.totalSupply() + 1e3;
    }

    /// @dev Aave rounds a balance by a raw unit or two, and one of USDC is up to 4e9 wei here.
    function _dust() internal pure override returns (uint256) {
        return 2e10;
    }

    /// @dev At most 200 % a year of what it owes.
    function _erosion(uint256 elapsed) internal view override returns (uint256) {
        (, uint256 owed) = _worthAt(_prices());
        return owed * 2 * elapsed / 365 days + _dust();
    }

    function _worthAt(uint256[] memory prices) internal view override returns (uint256 gross, uint256 owed) {
        uint256[] memory held = vault.holdings();
        gross = held[0] + IERC20(vault.collateralAToken()).balanceOf(address(vault));
        gross += Math.mulDiv(held[1], prices[1], prices[0]);
        uint256 debt = IERC20(vault.debtToken()).balanceOf(address(vault));
        owed = Math.mulDiv(debt, prices[1], prices[0], Math.Rounding.Ceil);
    }

    function _requireKind() internal view override {
        _requireShareState();
        (uint256 collateral, uint256 debt) = vault.position();
        assertEq(collateral, IERC20(vault.collateralAToken()).balanceOf(address(vault)), Law.LV4);
        assertEq(debt, IERC20(vault.debtToken()).balanceOf(address(vault)), Law.LV4);
        (,,,,, uint256 health) = aave.getUserAccountData(address(vault));
        assertEq(vault.healthFactor(), health, Law.LV4);
        uint256 most = _owedPeak * _healthLimits().urgentLossBps / BPS;
        uint256 elapsed = vm.getBlockTimestamp() - startedAt;
        assertLe(rescueLost, most + most * elapsed / PERIOD + _dust() * calls, Law.LV9);
        (, uint256 owed) = _worthAt(_prices());
        (uint256 budget,) = vault.urgentBudget();
        assertEq(indexer.urgentBudget(owed, _healthLimits().urgentLossBps), budget, Law.LV12);
    }

    function _kindBefore(uint256[] memory) internal view override returns (uint256) {
        return vault.healthFactor();
    }

    function _requireAction(Before memory before, uint256[] memory prices, bytes calldata data) internal override {
        (,, LeverageMove memory move) = abi.decode(data[4:], (Order, Leg[], LeverageMove));
        (uint256 health, uint256 debt) = (vault.healthFactor(), IERC20(vault.debtToken()).balanceOf(address(vault)));
        if (move.lever) _note(move.debtAmount == 0 || health >= FLOOR, Law.LV1);
        else _note(debt == 0 || health > before.kind && health <= CEILING, Law.LV2);
        if (move.urgent) _requireRescue(before, prices, URGENT, 0);
        _rememberOwed(prices);
    }

    /// @dev What a rescue owes, with a reward of so much.
    function _requireRescue(Before memory before, uint256[] memory prices, uint256 level, uint256 reward) private {
        (uint256 gross, uint256 owed) = _worthAt(prices);
        uint256 repaid = Math.saturatingSub(before.gross - before.nav, owed);
        uint256 loss = Math.saturatingSub(before.nav, gross - owed);
        _note(before.kind < level, Law.LV7);
        _note(repaid > 0 && loss <= repaid * 150 / BPS + _dust(), Law.LV8);
        _note(reward <= repaid * 50 / BPS + _dust(), Law.LV10);
        _note(vault.healthFactor() > before.kind && vault.healthFactor() <= CEILING, Law.LV2);
    }

    function _rememberOwed(uint256[] memory prices) private {
        (, uint256 owed) = _worthAt(prices);
        _owedPeak = Math.max(_owedPeak, owed);
    }

    function _strength() internal view override returns (uint256) {
        return vault.healthFactor();
    }

    function _requireVisit(Standing memory before, Standing memory afterwards) internal override {
        // Aave counts in hundred-millionths of a dollar.
        _note(afterwards.kind >= before.kind - before.kind / 1e9, Law.LV3);
        if (afterwards.supply < before.supply && before.held[1] != afterwards.held[1]) {
            _requireShares(before, afterwards);
        }
    }

    function _survives(WorldToken token, int256 next, int256 answer) internal view override returns (bool) {
        uint256 health = vault.healthFactor();
        if (health > 10e18) return true;
        if (token == weth) return int256(health) * next / answer > 1.01e18;
        return token != usdc || int256(health) * answer / next > 1.01e18;
    }

    /// @dev The lender needs a price too: the ways to break that leave it one.
    function _breakable(uint256 how) internal pure override returns (uint256) {
        return [0, 0, 0, 1, 1, 1, 4, 4, 8][how];
    }

    // doors

    function _leaveInKindData(address who, uint256 shares) internal view override returns (bytes memory) {
        return abi.encodeCall(LeverageVault.redeemInKind, (shares, who, who, _zeros()));
    }

    /// @dev The leaver brings his part of the debt.
    function _prepareToLeave(address who, uint256 shares) internal override {
        (, uint256 debt) = vault.previewRedeemInKind(shares);
        usdc.mint(who, Math.saturatingSub(debt, usdc.balanceOf(who)));
        vm.prank(who);
        usdc.approve(address(vault), type(uint256).max);
    }

    function _joinInKind(address who, uint256 shares) internal override {
        uint256 assets = Math.mulDiv(shares, vault.nav(), _supply());
        _visit(who, abi.encodeCall(ERC4626.deposit, (assets, who)), _prices(), true);
    }

    // others

    /// @notice Somebody else lends, borrows or repays: the rates move.
    function lend(uint256 how, uint256 dollars) external verb {
        WorldToken token = how % 2 == 0 ? usdc : weth;
        uint256 amount = _usd(token, _bound(dollars, 1, 2_000_000));
        _unmoved(Law.A8);
        if (how % 3 == 0) {
            aave.borrow(address(token), amount / 4, 2, 0, address(this));
        } else {
            token.mint(address(this), amount);
            token.approve(address(aave), amount);
            if (how % 3 == 1) aave.supply(address(token), amount, address(this), 0);
            else aave.repay(address(token), amount, 2, address(this));
        }
        _requireUnmoved(_dust());
    }

    /// @notice Somebody supplies or repays in the vault's name.
    function giveToPosition(uint256 how, uint256 dollars) external verb {
        WorldToken token = how % 3 == 0 ? weth : usdc;
        uint256 amount = _usd(token, _bound(dollars, 1, 2_000));
        token.mint(address(this), amount);
        token.approve(address(aave), amount);
        _unmoved(Law.LV5);
        if (how % 3 == 2) aave.repay(address(token), amount, 2, address(vault));
        else aave.supply(address(token), amount, address(vault), 0);
        _requireUnmoved(_dust());
    }

    /// @notice Anyone takes a gift out of the collateral.
    function unpledge(uint256 which) external verb {
        (uint256 collateral, uint256 debt) = vault.position();
        _unmoved(Law.LV13);
        (bool ok, bytes memory reason) = _call(_user(which), abi.encodeCall(ILeverageVault.unpledge, (address(usdc))));
        if (!ok) return _refused(reason);
        _requireUnmoved(_dust());
        (uint256 collateralNow, uint256 debtNow) = vault.position();
        _note(collateral == collateralNow && debt == debtNow, Law.LV13);
    }

    /// @notice Somebody has Aave lend to the vault unasked.
    function strayFlashLoan(uint256 dollars) external verb {
        uint256 amount = _bound(dollars, 1, 1_000) * 1e6;
        bytes memory params = abi.encode(new Leg[](0), _leverMove(amount, true));
        try aave.flashLoanSimple(address(vault), address(usdc), amount, params, 0) {
            _note(false, Law.LV6);
        } catch {}
    }

    /// @notice The price falls until the health factor is where it is dangerous, or it recovers.
    function crash(uint256 seed) external verb {
        if (seed % 3 == 0) _price(3_000e8);
        else _endanger(1.015e18 + seed % 0.2e18);
    }

    function _endanger(uint256 health) private {
        (, uint256 debt) = vault.position();
        if (debt == 0 || vault.healthFactor() < health) return;
        (, int256 dollar,,,) = feeds[address(usdc)].latestRoundData(); // the debt's price moves, too
        int256 answer = _answerAt(health) * dollar / 1e8;
        if (answer > 300e8 && answer < 9_000e8) _price(answer);
    }

    function _price(int256 answer) private {
        uint256 navBefore = vault.nav();
        feeds[address(weth)].pushRound(answer);
        _toTruth();
        byOthers += int256(vault.nav()) - int256(navBefore);
    }

    // the keeper

    /// @notice Towards a health factor inside the band, as far as the limits allow, with a flash loan or without.
    function rebalance(uint256 how, uint256 seed) public verb {
        _cooled();
        _toTruth();
        (LeverageMove memory move, Leg[] memory legs) = _honest(how, seed);
        _send(how, move, legs);
    }

    function _send(uint256 how, LeverageMove memory move, Leg[] memory legs) private {
        Order memory order = _order();
        if (how % 3 == 0) order.expectedStateHash = vault.stateHash();
        _action(keeper, abi.encodeCall(ILeverageVault.rebalance, (order, legs, move)), order, legs);
    }

    /// @dev x = (C t - h D) / (h - t) to borrow and buy, or the negative of it to sell and repay.
    function _honest(uint256 how, uint256 seed) private view returns (LeverageMove memory, Leg[] memory) {
        uint256[] memory prices = _prices();
        (uint256 gross, uint256 owed) = _worthAt(prices);
        uint256 target = 1.4e18 + seed % 1.2e18;
        uint256 weighted = gross * THRESHOLD / BPS * WAD;
        bool lever = weighted > owed * target;
        uint256 worth = (lever ? weighted - owed * target : owed * target - weighted) / (target - THRESHOLD * 1e14);
        worth = Math.min(worth, gross * allowed.maxTurnoverBps / BPS * (1 + seed % 9) / 10);
        worth = Math.min(worth, vault.guardState().turnoverBudget * 9 / 10) + 1e12;
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
        (LeverageMove memory move, Leg[] memory legs) = _urgent(_bound(permille, 10, 600));
        rescuing = true;
        _send(how, move, legs);
        rescuing = false;
    }

    function _urgent(uint256 permille) private view returns (LeverageMove memory move, Leg[] memory legs) {
        uint256[] memory prices = _prices();
        (, uint256 debt) = vault.position();
        uint256 dollars = debt * permille / 1_000 + 1;
        uint256 worth = Math.mulDiv(dollars, prices[1], prices[0]);
        move = _urgentMove(dollars, worth * 1_012 / 1_000);
        legs = _sellLegs(worth * 1_005 / 1_000);
    }

    /// @notice The price falls, and anyone pulls the ripcord, the vault paused or not.
    function pull(uint256 how, uint256 permille) external verb {
        _endanger(1.012e18 + (how >> 16) % 0.035e18);
        if (how % 2 == 0) _configure(sentinel, abi.encodeCall(Roles.pause, ()), Law.R3);
        (LeverageMove memory move, Leg[] memory legs) = _urgent(_bound(permille, 5, 260));
        Before memory before;
        before.prices = _prices();
        (uint256 gross, uint256 owed) = _worthAt(before.prices);
        (before.gross, before.nav, before.kind) = (gross, gross - owed, vault.healthFactor());
        uint256 purse = weth.balanceOf(carol);
        (bool ok, bytes memory reason) = _call(carol, abi.encodeCall(ILeverageVault.pullRipcord, (legs, move, carol)));
        _note(ok || bytes4(reason) != IGuardErrors.VaultPaused.selector, Law.LV11);
        if (!ok) return _refused(reason);
        ++epochs;
        uint256 loss = Math.saturatingSub(before.nav, _navAt(before.prices));
        (lost, rescueLost) = (lost + loss, rescueLost + loss);
        _requireRescue(before, before.prices, RIPCORD, weth.balanceOf(carol) - purse);
        _rememberOwed(before.prices);
        if (how % 2 == 0) _configure(owner, abi.encodeCall(Roles.unpause, ()), Law.R4);
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
