// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPoolV3} from "../../../contracts/interfaces/External.sol";
import {ShareVault} from "../../../contracts/vaults/ShareVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {Verbs} from "./Verbs.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

interface IFlashPool {
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice Coming and going, by any door, and what it may change.
abstract contract UserVerbs is Verbs {
    address internal carol = makeAddr("carol");

    struct Standing {
        uint256 nav;
        uint256 supply;
        uint256[] held;
        uint256[] wallet;
        uint256 budget;
        uint256 kind;
    }

    function _user(uint256 which) internal view returns (address) {
        return which % 3 == 0 ? alice : which % 3 == 1 ? bob : carol;
    }

    /// @dev Somebody who has shares.
    function _holder(uint256 which) internal view returns (address who) {
        who = _user(which);
        if (IERC20(address(_kept())).balanceOf(who) == 0) who = alice;
    }

    /// @dev Thousandths of his shares that somebody takes out at once: Alice always stays.
    function _mostOf(address who) internal view returns (uint256) {
        return who == alice ? 500 : 1_000;
    }

    /// @dev Something of the kind that no deposit or exit may lower, apart from its value.
    function _strength() internal view virtual returns (uint256);

    /// @dev Sends a deposit or an exit and asks of it what each owes; reverts with the vault's refusal. `prices` are
    /// those from before a feed broke, and then there is no budget to be seen.
    function _visit(address who, bytes memory data, uint256[] memory prices, bool priced)
        internal
        returns (bytes memory answer)
    {
        Standing memory before = _stand(who, prices, priced);
        uint256 epochBefore = _law().epoch();
        bool ok;
        (ok, answer) = _call(who, data);
        if (!ok) {
            _refused(answer);
            return answer;
        }
        Standing memory afterwards = _stand(who, prices, priced);
        _note(_law().epoch() == epochBefore, Law.K7);
        _note(
            (afterwards.nav + _dust()) * before.supply + _dust() * afterwards.supply >= before.nav * afterwards.supply,
            Law.S3
        );
        if (priced && before.nav > 0) {
            uint256 most = Math.mulDiv(before.budget + 3, afterwards.nav, before.nav, Math.Rounding.Ceil);
            _note(afterwards.budget <= most + _dust(), Law.B5);
        }
        _requireVisit(before, afterwards);
        _flow(before.wallet, afterwards.wallet, prices);
    }

    function _requireVisit(Standing memory before, Standing memory afterwards) internal virtual;

    /// @dev In kind, a share has no less of anything than before.
    function _requireShares(Standing memory before, Standing memory afterwards) internal {
        for (uint256 i; i < before.held.length; ++i) {
            _note(afterwards.held[i] * before.supply >= before.held[i] * afterwards.supply, Law.S2);
        }
    }

    function _stand(address who, uint256[] memory prices, bool priced) private view returns (Standing memory s) {
        (s.nav, s.supply, s.held) = (_navAt(prices), _supply(), _kept().holdings());
        s.wallet = _wallet(who);
        if (priced) s.budget = _kept().guardState().lossBudget;
        s.kind = _strength();
    }

    function _wallet(address who) internal view returns (uint256[] memory amounts) {
        WorldToken[] memory tokens = _held();
        amounts = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            amounts[i] = tokens[i].balanceOf(who);
        }
    }

    function _flow(uint256[] memory before, uint256[] memory afterwards, uint256[] memory prices) private {
        int256 net = _difference(before, afterwards, prices);
        if (net > 0) valueOut += uint256(net);
        else valueIn += uint256(-net);
    }

    /// @dev Value gained by who had `before` and has `afterwards`, raw units of the base asset.
    function _difference(uint256[] memory before, uint256[] memory afterwards, uint256[] memory prices)
        internal
        pure
        returns (int256 net)
    {
        for (uint256 i; i < prices.length; ++i) {
            net += int256(Math.mulDiv(afterwards[i], prices[i], prices[0]));
            net -= int256(Math.mulDiv(before[i], prices[i], prices[0]));
        }
    }

    /// @dev Of every held token, far more than a visit takes.
    function _fund(address who, uint256 dollars) internal {
        WorldToken[] memory tokens = _held();
        for (uint256 i; i < tokens.length; ++i) {
            tokens[i].mint(who, _usd(tokens[i], dollars));
            vm.prank(who);
            tokens[i].approve(address(_kept()), type(uint256).max);
        }
    }

    // a flash loan

    /// @notice Somebody borrows from a pool, comes to the vault and goes, and pays back.
    function flash(uint256 dollars, uint256 how) external verb {
        uint256 amount = _usd(weth, _bound(dollars, 1_000, 5_000_000));
        bool first = IPoolV3(v3WbtcWeth).token0() == address(weth);
        IFlashPool(v3WbtcWeth).flash(carol, first ? amount : 0, first ? 0 : amount, abi.encode(amount, how));
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 amount, uint256 how) = abi.decode(data, (uint256, uint256));
        _fund(carol, 20_000_000); // what else it takes is borrowed elsewhere
        uint256[] memory before = _wallet(carol);
        _comeAndGo(carol, Math.mulDiv(amount, _priceX(weth), _priceX(_held()[0])), how);
        _note(_difference(before, _wallet(carol), _prices()) <= 0, Law.S11);
        weth.mint(msg.sender, amount + fee0 + fee1);
    }

    /// @notice Somebody comes by one door and goes by another in the same block.
    function comeAndGo(uint256 dollars, uint256 how) external verb {
        _fund(carol, 20_000_000);
        uint256[] memory before = _wallet(carol);
        _comeAndGo(carol, _usd(_held()[0], _bound(dollars, 1, 500_000)), how);
        _note(_difference(before, _wallet(carol), _prices()) <= 0, Law.S4);
    }

    /// @dev With about so much of the base asset's value.
    function _comeAndGo(address who, uint256 amount, uint256 how) internal virtual;
}

/// @notice The doors of an ERC-4626 vault.
abstract contract ShareVerbs is UserVerbs {
    string internal constant SHARE_VERBS = " deposit(uint256,uint256) mint(uint256,uint256) withdraw(uint256,uint256)"
        " redeem(uint256,uint256) leave(uint256,uint256)";

    function _vault4626() internal view virtual returns (ShareVault);
    function _leaveInKindData(address who, uint256 shares) internal view virtual returns (bytes memory);
    /// @dev Before an exit in kind: what the leaver has to have.
    function _prepareToLeave(address who, uint256 shares) internal virtual;

    function deposit(uint256 which, uint256 dollars) external verb {
        address who = _user(which);
        uint256 assets = _usd(_held()[0], _bound(dollars, 1, 200_000));
        _fund(who, 300_000);
        uint256 preview = _vault4626().previewDeposit(assets);
        bytes memory answer = _visit(who, abi.encodeCall(ERC4626.deposit, (assets, who)), _prices(), true);
        _note(abi.decode(answer, (uint256)) == preview, Law.S5);
    }

    function mint(uint256 which, uint256 permille) external verb {
        address who = _user(which);
        uint256 shares = _vault4626().totalSupply() * _bound(permille, 1, 100) / 1_000;
        uint256 preview = _vault4626().previewMint(shares);
        _held()[0].mint(who, preview);
        _fund(who, 0);
        bytes memory answer = _visit(who, abi.encodeCall(ERC4626.mint, (shares, who)), _prices(), true);
        _note(abi.decode(answer, (uint256)) == preview, Law.S5);
    }

    function withdraw(uint256 which, uint256 permille) external verb {
        address who = _holder(which);
        uint256 assets = _vault4626().maxWithdraw(who) * _bound(permille, 1, _mostOf(who)) / 1_000;
        uint256 preview = _vault4626().previewWithdraw(assets);
        bytes memory answer = _leaveInBase(who, abi.encodeCall(ERC4626.withdraw, (assets, who, who)));
        _note(abi.decode(answer, (uint256)) == preview, Law.S5);
    }

    function redeem(uint256 which, uint256 permille) external verb {
        address who = _holder(which);
        uint256 shares = _vault4626().maxRedeem(who) * _bound(permille, 1, _mostOf(who)) / 1_000;
        uint256 preview = _vault4626().previewRedeem(shares);
        bytes memory answer = _leaveInBase(who, abi.encodeCall(ERC4626.redeem, (shares, who, who)));
        _note(abi.decode(answer, (uint256)) == preview, Law.S5);
    }

    function _leaveInBase(address who, bytes memory data) private returns (bytes memory answer) {
        uint256[] memory before = _kept().holdings();
        answer = _visit(who, data, _prices(), true);
        uint256[] memory afterwards = _kept().holdings();
        for (uint256 i = 1; i < before.length; ++i) {
            _note(afterwards[i] == before[i], Law.S8);
        }
        _note(afterwards[0] <= before[0], Law.S8);
    }

    /// @notice Out in every token.
    function leave(uint256 which, uint256 permille) external verb {
        address who = _holder(which);
        uint256 shares =
            Math.ceilDiv(IERC20(address(_kept())).balanceOf(who) * _bound(permille, 1, _mostOf(who)), 1_000);
        _prepareToLeave(who, shares);
        _visit(who, _leaveInKindData(who, shares), _prices(), true);
    }

    /// @dev In a blackout: Alice always has shares, and nothing may keep her.
    function _leaveInKind(uint256 permille, uint256[] memory prices) internal override {
        uint256 shares = Math.ceilDiv(_vault4626().balanceOf(alice) * permille, 1_000);
        _prepareToLeave(alice, shares);
        uint256 supply = _supply();
        try this.leaveAs(alice, shares, prices) {}
        catch {
            _note(false, Law.S9);
        }
        _note(_supply() == supply - shares, Law.S9);
    }

    function leaveAs(address who, uint256 shares, uint256[] memory prices) external {
        require(msg.sender == address(this), "a campaign's own");
        _visit(who, _leaveInKindData(who, shares), prices, false);
    }

    function _requireClosed(bool) internal override {
        ShareVault vault_ = _vault4626();
        bool none = vault_.maxDeposit(bob) == 0 && vault_.maxMint(bob) == 0 && vault_.maxWithdraw(alice) == 0
            && vault_.maxRedeem(alice) == 0;
        _note(none, Law.S6);
        uint256 assets = 100 * 10 ** (_held()[0].decimals() - 3);
        _held()[0].mint(bob, assets);
        (bool ok,) = _call(bob, abi.encodeCall(ERC4626.deposit, (assets, bob)));
        _note(!ok, Law.S6);
        (ok,) = _call(alice, abi.encodeCall(ERC4626.redeem, (1e15, alice, alice)));
        _note(!ok, Law.S6);
        vault_.totalAssets(); // C-42: it answers
    }

    /// @dev Base or kind in, base or kind out.
    function _comeAndGo(address who, uint256 amount, uint256 how) internal override {
        uint256[] memory prices = _prices();
        uint256 shares = _vault4626().balanceOf(who);
        if (how % 2 == 0) _visit(who, abi.encodeCall(ERC4626.deposit, (amount, who)), prices, true);
        else _joinInKind(who, Math.mulDiv(amount, _supply(), _kept().nav()));
        shares = _vault4626().balanceOf(who) - shares;
        if (how % 4 < 2) {
            uint256 most = Math.min(shares, _vault4626().maxRedeem(who));
            if (most > 0) _visit(who, abi.encodeCall(ERC4626.redeem, (most, who, who)), prices, true);
            shares -= most;
        }
        if (shares == 0) return;
        _prepareToLeave(who, shares);
        _visit(who, _leaveInKindData(who, shares), prices, true);
    }

    /// @dev Where there is no such door, by the other one.
    function _joinInKind(address who, uint256 shares) internal virtual;

    function _requireShareState() internal view {
        ShareVault vault_ = _vault4626();
        uint256 sum = vault_.balanceOf(alice) + vault_.balanceOf(bob) + vault_.balanceOf(carol);
        assertEq(sum, vault_.totalSupply(), Law.S1);
        assertEq(vault_.totalAssets(), _kept().nav(), Law.S7);
    }
}
