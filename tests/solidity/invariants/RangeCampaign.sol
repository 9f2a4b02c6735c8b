// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IKeeperVault, Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {IRangeVault, RangeMove} from "../../../contracts/interfaces/IRangeVault.sol";
import {TickPrice} from "../../../contracts/range/TickPrice.sol";
import {RangeVault} from "../../../contracts/vaults/RangeVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {IV3Mint} from "../Markets.sol";
import {RangeWorld} from "../RangeWorld.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {UserVerbs} from "./ShareVerbs.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice A range's campaign.
contract RangeCampaign is UserVerbs, RangeWorld {
    uint256 private constant Q96 = 1 << 96;

    /// @dev Liquidity that others added to the vault's entry, by range.
    mapping(int24 lower => mapping(int24 upper => uint128)) private _added;

    function open(World world_) external {
        _openRange();
        _fillRange();
        _begin(world_, 12);
        this.rebalance(0, 0);
    }

    function verbs() external pure virtual returns (string[] memory) {
        string memory own = " join(uint256,uint256) leave(uint256,uint256) shove(uint256) addTo(uint256)"
            " bleed(uint256,uint256,uint256)";
        string memory common = vm.replace(COMMON_VERBS, "rebalance(uint256)", "rebalance(uint256,uint256)");
        return vm.split(string.concat(common, own), " ");
    }

    // the kind

    function _kept() internal view override returns (IKeeperVault) {
        return vault;
    }

    function _law() internal view override returns (Guard) {
        return guard;
    }

    function _held() internal view override returns (WorldToken[] memory) {
        return _rangeTokens();
    }

    function _places() internal pure override returns (address[] memory) {
        return new address[](0);
    }

    function _supply() internal view override returns (uint256) {
        return vault.totalSupply() + 1e3;
    }

    /// @dev Liquidity is paid and returned in the pool's proportions, wherever the pool's price is.
    function _flowsAtOraclePrice() internal pure override returns (bool) {
        return false;
    }

    /// @dev x = L/s - L/b, y = L s - L a, s the oracle's root price inside the range.
    function _worthAt(uint256[] memory prices) internal view override returns (uint256 gross, uint256 owed) {
        uint256[] memory held = vault.holdings();
        uint256[2] memory fees = vault.fees();
        uint256[2] memory invested = _investedAt(prices);
        for (uint256 i; i < 2; ++i) {
            gross += Math.mulDiv(held[i] + fees[i] + invested[i], prices[i], prices[0]);
        }
        owed = 0;
    }

    function _investedAt(uint256[] memory prices) private view returns (uint256[2] memory amounts) {
        (int24 lower, int24 upper, uint128 liquidity) = vault.range();
        if (liquidity == 0) return amounts;
        bool baseFirst = address(base) < address(other);
        (uint256 low, uint256 high) = (TickPrice.sqrtX96Up(lower), TickPrice.sqrtX96Up(upper));
        uint256 root = _rootAt(prices);
        root = Math.max(low, Math.min(high, root));
        uint256 amount0 = Math.mulDiv(liquidity, Q96, root) - Math.mulDiv(liquidity, Q96, high);
        uint256 amount1 = Math.mulDiv(liquidity, root, Q96) - Math.mulDiv(liquidity, low, Q96);
        return baseFirst ? [amount0, amount1] : [amount1, amount0];
    }

    function _rootAt(uint256[] memory prices) private view returns (uint256) {
        (uint256 p0, uint256 p1) = address(base) < address(other) ? (prices[0], prices[1]) : (prices[1], prices[0]);
        return Math.sqrt(Math.mulDiv(p0, 1 << 192, p1));
    }

    function _requireKind() internal view virtual override {
        uint256 sum = vault.balanceOf(alice) + vault.balanceOf(bob) + vault.balanceOf(carol);
        assertEq(sum, vault.totalSupply(), Law.S1);
        (int24 lower, int24 upper, uint128 liquidity) = vault.range();
        (uint128 entry,,,,) = pool.positions(keccak256(abi.encodePacked(address(vault), lower, upper)));
        assertEq(entry, liquidity + _added[lower][upper], Law.RG1);
        bool shaped = lower % 10 == 0 && upper % 10 == 0 && upper - lower >= MIN_WIDTH && upper - lower <= MAX_WIDTH;
        assertTrue(shaped, Law.RG2);
        if (vm.getBlockTimestamp() < indexer.feesAt() + 1 hours) return;
        assertEq(vault.lockedFees()[0] + vault.lockedFees()[1], 0, Law.RG4);
    }

    function _kindBefore(uint256[] memory) internal pure override returns (uint256) {
        return 0;
    }

    function _requireAction(Before memory, uint256[] memory prices, bytes calldata) internal override {
        (int24 lower, int24 upper,) = vault.range();
        uint256 root = _rootAt(prices);
        _note(TickPrice.sqrtX96Up(lower) <= root && root < TickPrice.sqrtX96Up(upper), Law.RG3);
        _note(_deviationBps(address(pool)) <= allowed.maxDeviationBps, Law.K8);
    }

    function _strength() internal view override returns (uint256 liquidity) {
        (,, liquidity) = vault.range();
    }

    function _requireVisit(Standing memory before, Standing memory afterwards) internal override {
        _note(afterwards.kind * before.supply >= before.kind * afterwards.supply, Law.RG5);
        _requireShares(before, afterwards);
    }

    // doors

    function join(uint256 which, uint256 permille) external verb {
        _joinAs(_user(which), _supply() * _bound(permille, 1, 200) / 1_000);
    }

    function _joinAs(address who, uint256 shares) private {
        _fund(who, 2_000_000_000);
        _visit(who, abi.encodeCall(RangeVault.deposit, (shares, who, _most())), _prices(), true);
    }

    function leave(uint256 which, uint256 permille) external verb {
        address who = _holder(which);
        uint256 shares = Math.ceilDiv(vault.balanceOf(who) * _bound(permille, 1, _mostOf(who)), 1_000);
        _leaveAs(who, shares, _prices(), true);
    }

    function _leaveAs(address who, uint256 shares, uint256[] memory prices, bool priced) private {
        uint256[2] memory locked = vault.lockedFees();
        Leaving memory before = _leaving(who);
        _visit(who, abi.encodeCall(RangeVault.redeemInKind, (shares, who, who, new uint256[](2))), prices, priced);
        uint256[2] memory still = vault.lockedFees();
        _note(still[0] >= locked[0] && still[1] >= locked[1], Law.RG4);
        _requireLocked(who, before, locked);
    }

    /// @dev What is idle, the fees not yet collected with it, and what the leaver has.
    struct Leaving {
        uint256 supply;
        uint256[2] idle;
        uint256[] wallet;
    }

    function _leaving(address who) private view returns (Leaving memory leaving) {
        (uint256[] memory held, uint256[2] memory fees) = (vault.holdings(), vault.fees());
        leaving.idle = [held[0] + fees[0], held[1] + fees[1]];
        (leaving.supply, leaving.wallet) = (_supply(), _wallet(who));
    }

    /// @dev Who is paid anything leaves his part of the locked fees behind.
    function _requireLocked(address who, Leaving memory before, uint256[2] memory locked) private {
        (uint256[] memory held, uint256[] memory wallet) = (vault.holdings(), _wallet(who));
        uint256 left = _supply();
        for (uint256 i; i < 2; ++i) {
            if (wallet[i] == before.wallet[i]) continue;
            uint256 least = before.idle[i] * left + locked[i] * (before.supply - left);
            _note((held[i] + 1) * before.supply >= least, Law.RG4);
        }
    }

    function _leaveInKind(uint256 permille, uint256[] memory prices) internal override {
        uint256 shares = Math.ceilDiv(vault.balanceOf(alice) * permille, 1_000);
        uint256 supply = _supply();
        try this.leaveInTheDark(shares, prices) {} catch {}
        _note(_supply() == supply - shares, Law.S9);
    }

    function leaveInTheDark(uint256 shares, uint256[] memory prices) external {
        require(msg.sender == address(this), "a campaign's own");
        _leaveAs(alice, shares, prices, false);
    }

    /// @dev A range's doors have no price: they close for a pause alone, and then only the one in.
    function _requireClosed(bool paused) internal override {
        if (!paused) return;
        base.mint(bob, 1e12);
        other.mint(bob, 1e24);
        (bool ok,) = _call(bob, abi.encodeCall(RangeVault.deposit, (1e9, bob, _most())));
        _note(!ok, Law.K11);
    }

    function _comeAndGo(address who, uint256 amount, uint256) internal override {
        uint256 shares = Math.mulDiv(amount, _supply(), vault.nav());
        _visit(who, abi.encodeCall(RangeVault.deposit, (shares, who, _most())), _prices(), true);
        _leaveAs(who, shares, _prices(), true);
    }

    // others

    /// @notice Somebody pushes the pool far away and brings it back.
    function shove(uint256 seed) external verb {
        uint160 root = _root();
        uint160 away = uint160(uint256(root) * (500 + seed % 1_500) / 1_000);
        uint256[] memory prices = _prices();
        uint256 before = vault.nav();
        uint256 feesBefore = _feesWorth(prices);
        _toRoot(address(pool), away);
        _note(_apart(vault.nav() - before, _feesWorth(prices) - feesBefore) <= _dust(), Law.RG6);
        _toRoot(address(pool), root);
        _note(_apart(vault.nav() - before, _feesWorth(prices) - feesBefore) <= _dust(), Law.RG6);
        byOthers += int256(vault.nav()) - int256(before);
    }

    function _root() private view returns (uint160 root) {
        (root,) = pool.slot0();
    }

    function _feesWorth(uint256[] memory prices) private view returns (uint256) {
        return vault.fees()[0] + Math.mulDiv(vault.fees()[1], prices[1], prices[0]);
    }

    function _apart(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : b - a;
    }

    /// @notice Somebody adds liquidity to the vault's entry in the pool.
    function addTo(uint256 seed) external verb {
        (int24 lower, int24 upper, uint128 liquidity) = vault.range();
        if (liquidity == 0) return;
        uint128 more = uint128(1 + seed % liquidity);
        bytes32 before = _standing();
        IV3Mint(address(pool)).mint(address(vault), lower, upper, more, "");
        _added[lower][upper] += more;
        _note(before == _standing(), Law.A3);
    }

    // the keeper

    /// @notice A new range round the oracle's price, now and then with a swap first.
    function rebalance(uint256 how, uint256 more) public verb {
        _cooled();
        Leg[] memory legs = _swap(how);
        Order memory order = _order();
        if (how % 3 == 0) order.expectedStateHash = vault.stateHash();
        RangeMove memory move = _around(int24(int256(150 + more % 2_000)), int24(int256((more >> 32) % 100)) - 50);
        _action(keeper, abi.encodeCall(IRangeVault.rebalance, (order, legs, move)), order, legs);
    }

    /// @dev So many ticks either side of the oracle's price, and a little aside.
    function _around(int24 half, int24 aside) private view returns (RangeMove memory) {
        int24 tick = _oracleTick() + aside;
        return RangeMove((tick - half) / 10 * 10, (tick + half) / 10 * 10, 0);
    }

    function _oracleTick() private view returns (int24 tick) {
        uint256 root = _rootAt(_prices());
        int24 least = -500_000;
        int24 most = 500_000;
        while (most - least > 1) {
            int24 middle = (least + most) / 2;
            if (TickPrice.sqrtX96Up(middle) <= root) least = middle;
            else most = middle;
        }
        return least;
    }

    function _swap(uint256 how) private view returns (Leg[] memory) {
        if (how % 2 == 0) return _noLegs();
        uint256 worth = Math.min(vault.nav() * allowed.maxTurnoverBps / BPS, vault.guardState().turnoverBudget);
        worth = worth * (how % 64) / 128 + 1;
        WorldToken from = (how >> 16) % 2 == 0 ? base : other;
        uint256 amount = Math.mulDiv(worth, _priceX(base), _priceX(from)) + 1;
        if (from == usdc && (how >> 32) % 4 == 0) {
            return _legs(_leg(V2, v2UsdcLink, usdc, amount), _leg(V3, v3LinkWeth, link, type(uint256).max));
        }
        return _legs(_leg(V3, address(pool), from, amount));
    }

    /// @notice The vault is moved while somebody leans on its pool, into ranges about as narrow and as wide as there may be,
    /// now and then over and over. Then the pools come back.
    function bleed(uint256 how, uint256 shape, uint256 lean) public verb {
        _cooled();
        if (!stolen && how % 4 != 0) return this.bled(how >> 8, shape, lean);
        for (uint256 i; i < 4; ++i) {
            try this.bled(how >> 8, shape + i, lean) {} catch {}
            _cooled();
        }
    }

    function bled(uint256 how, uint256 shape, uint256 lean) external {
        require(msg.sender == address(this), "a campaign's own");
        _lean(address(pool), false, WorldToken(_sideOf(address(pool), lean % 2 == 0)), (lean >> 8) % 10_000);
        Leg[] memory legs = how % 3 == 0 ? _swap(how) : _noLegs();
        uint256 more = shape >> 8;
        uint256 half = shape % 3 == 0 ? 90 + more % 30 : shape % 3 == 1 ? 9_950 + more % 80 : 100 + more % 2_000;
        RangeMove memory move = _around(int24(int256(half)), int24(int256((how >> 32) % 80)) - 40);
        Order memory order = _order();
        _action(keeper, abi.encodeCall(IRangeVault.rebalance, (order, legs, move)), order, legs);
        _toTruth();
    }

    /// @notice What a broken planner or a thief might send.
    function garbage(uint256 seed, uint256 more) external verb {
        if (more % 4 != 0) _cooled();
        Order memory order = _order();
        if (seed % 16 == 1) order.expectedEpoch += 1;
        if (seed % 16 == 2) order.deadline = uint64(order.deadline - 1_300 + more % 2_000);
        if (seed % 16 == 3) order.expectedStateHash = bytes32(more);
        if (seed % 4 == 0) order.minNavAfter = vault.nav() * (9_970 + more % 40) / 10_000;
        Leg[] memory legs = seed % 5 < 2 ? _noLegs() : _swap(more | 1);
        RangeMove memory move =
            _around(int24(int256((seed >> 16) % 4_000)), int24(int256((more >> 16) % 3_000)) - 1_500);
        if ((seed >> 64) % 8 == 0) move.tickLower += int24(int256(more % 3));
        if ((seed >> 72) % 8 == 0) move.minLiquidity = uint128(_strength() * (990 + more % 20) / 1_000);
        address caller = seed % 16 == 4 ? _user(more) : keeper;
        _action(caller, abi.encodeCall(IRangeVault.rebalance, (order, legs, move)), order, legs);
    }

    function _goodAction() internal override returns (bytes memory data) {
        _cooled();
        _toTruth();
        return abi.encodeCall(IRangeVault.rebalance, (_order(), _noLegs(), _around(900, 0)));
    }
}
