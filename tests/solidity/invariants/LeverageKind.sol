// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IKeeperVault, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {ILeverageVault, LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {LeverageVault} from "../../../contracts/vaults/LeverageVault.sol";
import {ShareVault} from "../../../contracts/vaults/ShareVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {Law} from "./Law.sol";
import {ShareVerbs} from "./ShareVerbs.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A levered vault on the published Aave, its doors, and what others do to it.
abstract contract LeverageKind is ShareVerbs, LeverageWorld {
    /// @dev Most that the vault owed so far, raw units of the base asset.
    uint256 private _owedPeak;
    /// @dev Aave tells a health factor to one part in so many. It counts in hundred-millionths of a dollar; and once two
    /// collaterals, one of them a gift, share a position, it rounds their mean threshold down to a whole basis point.
    uint256 private _fine = 1e9;

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

    function _requireKind() internal view virtual override {
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
    function _requireRescue(Before memory before, uint256[] memory prices, uint256 level, uint256 reward) internal {
        (uint256 gross, uint256 owed) = _worthAt(prices);
        uint256 repaid = Math.saturatingSub(before.gross - before.nav, owed);
        uint256 loss = Math.saturatingSub(before.nav, gross - owed);
        _note(before.kind < level, Law.LV7);
        _note(repaid > 0 && loss <= repaid * 150 / BPS + _dust(), Law.LV8);
        _note(reward <= repaid * 50 / BPS + _dust(), Law.LV10);
        _note(vault.healthFactor() > before.kind && vault.healthFactor() <= CEILING, Law.LV2);
    }

    /// @dev A rescue is measured against what the vault owed before it.
    function _acting() internal virtual override {
        super._acting();
        _rememberOwed(_prices());
    }

    function _rememberOwed(uint256[] memory prices) internal {
        (, uint256 owed) = _worthAt(prices);
        _owedPeak = Math.max(_owedPeak, owed);
    }

    function _strength() internal view override returns (uint256) {
        return vault.healthFactor();
    }

    function _requireVisit(Standing memory before, Standing memory afterwards) internal override {
        _note(afterwards.kind >= before.kind - before.kind / _fine, Law.LV3);
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
        if (how % 3 == 1) _fine = 7_000;
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

    /// @notice Somebody has Aave lend to the vault unasked, or says that it did, for a move that would be good.
    function strayFlashLoan(uint256 seed) external verb {
        (, uint256 debt) = vault.position();
        uint256 amount = debt * _bound(seed, 1, 300) / 1_000;
        if (amount == 0) return;
        uint256 worth = Math.mulDiv(amount, _priceX(usdc), _priceX(weth)) * 1_010 / 1_000;
        bytes memory params = abi.encode(_sellLegs(worth), _deleverMove(amount, worth, true));
        bool ok;
        if (seed % 2 == 0) {
            bytes memory data =
                abi.encodeCall(vault.executeOperation, (address(usdc), amount, 0, address(vault), params));
            (ok,) = _call(carol, data);
        } else {
            try aave.flashLoanSimple(address(vault), address(usdc), amount, params, 0) {
                ok = true;
            } catch {}
        }
        _note(!ok, Law.LV6);
    }

    /// @notice The price falls until the health factor is where it is dangerous, or it recovers.
    function crash(uint256 seed) external verb {
        if (seed % 3 == 0) _price(3_000e8);
        else _endanger(1.015e18 + seed % 0.2e18);
    }

    function _endanger(uint256 health) internal {
        (, uint256 debt) = vault.position();
        if (debt == 0 || vault.healthFactor() < health) return;
        (, int256 dollar,,,) = feeds[address(usdc)].latestRoundData(); // the debt's price moves, too
        int256 answer = _answerAt(health) * dollar / 1e8;
        if (answer > 300e8 && answer < 9_000e8) _price(answer);
    }

    function _price(int256 answer) internal virtual {
        uint256 navBefore = vault.nav();
        feeds[address(weth)].pushRound(answer);
        _toTruth();
        byOthers += int256(vault.nav()) - int256(navBefore);
    }
}
