// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IBasketVault} from "../../../contracts/interfaces/IBasketVault.sol";
import {IKeeperVault, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {BasketVault} from "../../../contracts/vaults/BasketVault.sol";
import {ShareVault} from "../../../contracts/vaults/ShareVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {ShareVerbs} from "./ShareVerbs.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A basket's campaign.
contract BasketCampaign is ShareVerbs, BasketWorld {
    function open(World world_) external {
        _openBasket();
        _fillBasket();
        _begin(world_, 12);
        this.rebalance(0);
    }

    function verbs() external pure virtual returns (string[] memory) {
        return vm.split(
            string.concat(COMMON_VERBS, SHARE_VERBS, " join(uint256,uint256) sandwich(uint256,uint256,uint256)"), " "
        );
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

    function _held() internal view override returns (WorldToken[] memory) {
        return _basketTokens();
    }

    function _places() internal pure override returns (address[] memory) {
        return new address[](0);
    }

    function _supply() internal view override returns (uint256) {
        return vault.totalSupply() + 1e12;
    }

    function _worthAt(uint256[] memory prices) internal view override returns (uint256 gross, uint256 owed) {
        uint256[] memory held = vault.holdings();
        for (uint256 i; i < held.length; ++i) {
            gross += Math.mulDiv(held[i], prices[i], prices[0]);
        }
        owed = 0;
    }

    function _requireKind() internal view virtual override {
        _requireShareState();
        uint16[] memory weights = vault.weights();
        assertEq(uint256(weights[0]) + weights[1] + weights[2], BPS, Law.BK2);
    }

    /// @dev Sum over tokens of |value - weight * nav|, bps of nav, rounded down.
    function _kindBefore(uint256[] memory prices) internal view override returns (uint256) {
        uint256[] memory held = vault.holdings();
        uint16[] memory weights = vault.weights();
        (uint256 nav, uint256 distance) = (_navAt(prices), 0);
        for (uint256 i; i < held.length; ++i) {
            uint256 has = held[i] * prices[i] * BPS;
            uint256 wants = nav * weights[i] * prices[0];
            distance += has > wants ? has - wants : wants - has;
        }
        return nav == 0 ? 0 : distance / prices[0] / nav;
    }

    function _requireAction(Before memory before, uint256[] memory prices, bytes calldata) internal override {
        _note(_kindBefore(prices) <= Math.max(before.kind + 1, vault.driftBandBps()), Law.BK1);
    }

    function _strength() internal pure override returns (uint256) {
        return 0;
    }

    function _requireVisit(Standing memory before, Standing memory afterwards) internal override {
        // A base-asset visit moves the base asset alone; every other one moves all that there is.
        bool inKind = before.held[1] != afterwards.held[1] || before.held[2] != afterwards.held[2];
        if (inKind) _requireShares(before, afterwards);
    }

    // doors

    function join(uint256 which, uint256 permille) external verb {
        address who = _user(which);
        _fund(who, 2_000_000_000);
        _joinInKind(who, _supply() * _bound(permille, 1, 200) / 1_000);
    }

    function _joinInKind(address who, uint256 shares) internal override {
        _visit(who, abi.encodeCall(BasketVault.depositInKind, (shares, who, _most())), _prices(), true);
    }

    function _leaveInKindData(address who, uint256 shares) internal pure override returns (bytes memory) {
        return abi.encodeCall(BasketVault.redeemInKind, (shares, who, who, _zeros()));
    }

    function _prepareToLeave(address, uint256) internal override {}

    // the keeper

    /// @notice As a keeper should: from what there is too much of into what there is too little of, as far as the limits
    /// allow, over a direct pool or through LINK.
    function rebalance(uint256 how) public verb {
        _cooled();
        Leg[] memory legs = _honest(how);
        Order memory order = _order();
        if (how % 3 == 0) order.expectedStateHash = vault.stateHash();
        _action(keeper, abi.encodeCall(IBasketVault.rebalance, (order, legs)), order, legs);
    }

    function _honest(uint256 how) private view returns (Leg[] memory legs) {
        uint256[] memory prices = _prices();
        (uint256 from, uint256 into, uint256 worth) = _excess(prices);
        uint256 nav = _navAt(prices);
        worth = Math.min(worth, nav * allowed.maxTurnoverBps / BPS);
        worth = Math.min(worth, vault.guardState().turnoverBudget);
        worth = worth * (1 + how % 100) / 100;
        if (worth == 0) worth = nav / 1e5 + 1;
        uint256 amount = Math.mulDiv(worth, prices[0], prices[from]);
        if (from == 0 && into == 1 && how % 2 == 1) return _linkLegs(amount, type(uint256).max);
        bool direct = from + into == 1;
        if (direct) return _legs(_leg(V3, v3UsdcWeth, _held()[from], amount));
        if (from + into == 2) return _legs(_leg(V2, v2UsdcWbtc, _held()[from], amount));
        return _legs(_leg(V3, v3WbtcWeth, _held()[from], amount));
    }

    /// @dev The token farthest above its weight, the one farthest below, and the lesser of both distances.
    function _excess(uint256[] memory prices) private view returns (uint256 from, uint256 into, uint256 worth) {
        uint256[] memory held = vault.holdings();
        uint16[] memory weights = vault.weights();
        int256 nav = int256(_navAt(prices));
        (int256 most, int256 least) = (type(int256).min, type(int256).max);
        for (uint256 i; i < 3; ++i) {
            int256 over =
                int256(Math.mulDiv(held[i], prices[i], prices[0])) - nav * int256(uint256(weights[i])) / 10_000;
            if (over > most) (most, from) = (over, i);
            if (over < least) (least, into) = (over, i);
        }
        if (most <= 0 || least >= 0) return (0, 1, 0);
        worth = Math.min(uint256(most), uint256(-least));
    }

    /// @notice The vault trades in a pool that somebody leaned on, against it or for it, about as dearly as it may; now and
    /// then over and over. Then the pools come back.
    function sandwich(uint256 which, uint256 size, uint256 lean) public verb {
        _cooled();
        if (!stolen && which % 2 != 0) return this.sandwiched(which >> 8, size, lean);
        for (uint256 i; i < 6; ++i) {
            try this.sandwiched(which >> 8, size + i, lean) {} catch {}
            _cooled();
        }
    }

    function sandwiched(uint256 which, uint256 size, uint256 lean) external {
        require(msg.sender == address(this), "a campaign's own");
        (address pool, bool v2) = _poolAt(which % 3);
        bool first = size % 2 == 0;
        _lean(pool, v2, WorldToken(_sideOf(pool, first == (stolen || lean % 3 != 0))), (lean >> 8) % 10_000);
        Leg[] memory legs = _legs(_dear(pool, v2, WorldToken(_sideOf(pool, first)), 1 + (size >> 8) % 800));
        Order memory order = _order();
        _action(keeper, abi.encodeCall(IBasketVault.rebalance, (order, legs)), order, legs);
        _toTruth();
    }

    /// @dev Sells so many thousandths of a holding.
    function _dear(address pool, bool v2, WorldToken tokenIn, uint256 permille) private view returns (Leg memory) {
        uint256 held = vault.holdings()[tokenIn == usdc ? 0 : tokenIn == weth ? 1 : 2];
        return _leg(v2 ? V2 : V3, pool, tokenIn, held * permille / 1_000);
    }

    /// @notice What a broken planner or a thief might send.
    function garbage(uint256 seed, uint256 more) external verb {
        if (more % 4 != 0) _cooled();
        Order memory order = _order();
        if (seed % 16 == 1) order.expectedEpoch += 1;
        if (seed % 16 == 2) order.deadline = uint64(order.deadline - 1_300 + more % 2_000);
        if (seed % 16 == 3) order.expectedStateHash = bytes32(more);
        if (seed % 4 == 0) order.minNavAfter = _kept().nav() * (9_970 + more % 40) / 10_000;
        // Every other time all is well but for that one fault.
        Leg[] memory legs = (seed >> 4) % 2 == 0 ? _honest(more) : new Leg[](1 + (seed >> 8) % 3);
        for (uint256 i; (seed >> 4) % 2 == 1 && i < legs.length; ++i) {
            legs[i] = _randomLeg(uint256(keccak256(abi.encode(seed, more, i))));
        }
        address caller = seed % 16 == 4 ? _user(more) : keeper;
        _action(caller, abi.encodeCall(IBasketVault.rebalance, (order, legs)), order, legs);
    }

    function _randomLeg(uint256 seed) private view returns (Leg memory leg) {
        (address pool, bool v2) = _poolAt(seed % 8 < 6 ? seed % 3 : seed % 5);
        WorldToken token = [usdc, weth, wbtc, link][(seed >> 16) % 4];
        if ((seed >> 32) % 16 != 0) token = WorldToken(_sideOf(pool, (seed >> 48) % 2 == 0));
        uint256 held = vault.holdings()[token == usdc ? 0 : token == weth ? 1 : 2];
        uint256 amount = held * ((seed >> 64) % 120) / 1_000;
        if (token == link) amount = type(uint256).max;
        return _leg((seed >> 96) % 32 == 0 ? 3 : v2 ? V2 : V3, pool, token, amount);
    }

    function _goodAction() internal override returns (bytes memory data) {
        _cooled();
        _toTruth();
        return abi.encodeCall(IBasketVault.rebalance, (_order(), _honest(0)));
    }
}
