// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPairV2, IPoolV3} from "../../../contracts/interfaces/External.sol";
import {Leg, Limits, Order, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Charter} from "../../../contracts/guard/Charter.sol";
import {Roles} from "../../../contracts/guard/Roles.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Campaign, World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What every vault lives through: trades by others, rounds, time, gifts; what its curator, sentinel and owner
/// do; and what is asked of every action of its keeper.
abstract contract Verbs is Campaign {
    uint256 private constant X = 1e36;
    string internal constant COMMON_VERBS = "comeAndGo(uint256,uint256) flash(uint256,uint256) rebalance(uint256)"
        " garbage(uint256,uint256) replay() trade(uint256,uint256,uint256) arbitrage() round(uint256,uint256,uint256)"
        " wait_(uint256) gift(uint256,uint256,uint256) tighten(uint256,uint256) widen(uint256,uint256)"
        " dismiss(uint256,uint256) blackout(uint256,uint256,uint256)";

    /// @dev Whether the action under way is urgent: it has rules of its own.
    bool internal rescuing;
    uint256 internal rescueLost;
    /// @dev The last order that executed, as it was sent.
    bytes private _executed;
    /// @dev A submitted widening, and when it may be made.
    bytes private _submitted;
    uint256 private _submittedAt;
    Limits private _wider;

    struct Before {
        uint256[] prices;
        uint256 nav;
        uint256 gross;
        uint256 supply;
        uint256[4] total;
        uint64 epoch;
        bytes32 stateHash;
        uint256 kind;
    }

    // the kind's own

    /// @dev Something of the kind to be compared before and after an action.
    function _kindBefore(uint256[] memory prices) internal view virtual returns (uint256);
    function _requireAction(Before memory before, uint256[] memory prices, bytes calldata data) internal virtual;
    /// @dev An action that would be good if the vault were open.
    function _goodAction() internal virtual returns (bytes memory data);
    /// @dev Leaves in kind with so many thousandths of somebody's shares.
    function _leaveInKind(uint256 permille, uint256[] memory prices) internal virtual;
    /// @dev What else must be closed while paused or without a price.
    function _requireClosed(bool paused) internal virtual;

    // an action

    /// @dev Sends an action and asks of it what every action owes; reverts with the vault's refusal.
    function _action(address caller, bytes memory data, Order memory order, Leg[] memory legs) internal {
        this.act(caller, data, order, legs);
    }

    function act(address caller, bytes calldata data, Order calldata order, Leg[] calldata legs) external {
        require(msg.sender == address(this), "a campaign's own");
        Before memory before = _before();
        (bool ok, bytes memory reason) = _call(caller, data);
        if (!ok) return _refused(reason);
        ++epochs;
        _requireOrder(caller, order, before);
        _requireCosts(before, order);
        _requireSold(before, legs);
        _requireNearPools(legs);
        for (uint256 i; i < 4; ++i) {
            _note(_totals()[i] == before.total[i], Law.A6);
        }
        _requireAction(before, before.prices, data);
        if (!rescuing) lastActionAt = vm.getBlockTimestamp();
        _executed = data;
    }

    function _before() private returns (Before memory before) {
        before.prices = _prices();
        _peak(before.prices);
        uint256 owed;
        (before.gross, owed) = _worthAt(before.prices);
        before.nav = before.gross - owed;
        (before.supply, before.epoch, before.total) = (_supply(), _law().epoch(), _totals());
        (before.stateHash, before.kind) = (_kept().stateHash(), _kindBefore(before.prices));
    }

    function _requireOrder(address caller, Order calldata order, Before memory before) private {
        uint256 timestamp = vm.getBlockTimestamp();
        _note(caller == keeper, Law.K10);
        _note(order.deadline >= timestamp && order.deadline <= timestamp + 600, Law.K5);
        _note(order.expectedEpoch == before.epoch && _law().epoch() == before.epoch + 1, Law.K7);
        _note(order.expectedStateHash == 0 || order.expectedStateHash == before.stateHash, Law.K14);
        if (rescuing) return;
        _note(lastActionAt == 0 || timestamp >= lastActionAt + allowed.cooldown, Law.K4);
        _note(_law().lastActionAt() == timestamp, Law.K4);
    }

    function _requireCosts(Before memory before, Order calldata order) private {
        uint256 nav = _navAt(before.prices);
        (uint256 loss, uint256 gain) = (Math.saturatingSub(before.nav, nav), Math.saturatingSub(nav, before.nav));
        _note(rescuing || loss <= before.nav * allowed.maxLossBps / BPS + _dust(), Law.K1);
        _note(rescuing || gain <= before.nav * allowed.maxGainBps / BPS + _dust(), Law.K2);
        _note(nav + _dust() >= order.minNavAfter, Law.K9);
        (lost, gained) = (lost + loss, gained + gain);
        if (rescuing) rescueLost += loss;
        else lostX += Math.mulDiv(loss, X, before.supply, Math.Rounding.Ceil);
        _peak(before.prices);
    }

    function _requireSold(Before memory before, Leg[] calldata legs) private {
        if (rescuing) return;
        uint256 sold;
        WorldToken[] memory tokens = _held();
        for (uint256 i; i < legs.length; ++i) {
            for (uint256 j; j < tokens.length; ++j) {
                if (legs[i].tokenIn != address(tokens[j])) continue;
                sold += Math.mulDiv(legs[i].amountIn, before.prices[j], before.prices[0]);
            }
        }
        _note(sold <= before.gross * allowed.maxTurnoverBps / BPS + _dust(), Law.K3);
        soldX += Math.mulDiv(sold, X, before.supply, Math.Rounding.Ceil);
    }

    function _requireNearPools(Leg[] calldata legs) private {
        for (uint256 i; i < legs.length; ++i) {
            _note(_deviationBps(legs[i].pool) <= (rescuing ? 1_000 : allowed.maxDeviationBps), Law.K8);
        }
    }

    /// @dev Of the four tokens: what the vault, the pools and the lender have together.
    function _totals() private view returns (uint256[4] memory totals) {
        address[] memory places = _allPlaces();
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        for (uint256 i; i < 4; ++i) {
            totals[i] = all[i].balanceOf(address(_kept()));
            for (uint256 j; j < places.length; ++j) {
                totals[i] += all[i].balanceOf(places[j]);
            }
        }
    }

    /// @dev |pool price / oracle price - 1|, bps, rounded down.
    function _deviationBps(address pool) internal view returns (uint256) {
        (WorldToken t0, WorldToken t1) = (WorldToken(IPairV2(pool).token0()), WorldToken(IPairV2(pool).token1()));
        uint256 ppb; // pool price over oracle price, times 1e9
        if (pool == v2UsdcWbtc || pool == v2UsdcLink) {
            (uint256 r0, uint256 r1,) = IPairV2(pool).getReserves();
            ppb = Math.mulDiv(r1 * _priceX(t1), 1e9, r0 * _priceX(t0));
        } else {
            uint256 root = IPoolV3(pool).slot0();
            ppb = Math.mulDiv(Math.mulDiv(root, root, 1 << 96), 1e9 * _priceX(t1) / 1e9, 1 << 96) * 1e9 / _priceX(t0);
        }
        return (ppb > 1e9 ? ppb - 1e9 : 1e9 - ppb) / 1e5;
    }

    /// @notice The last order that executed is sent again.
    function replay() external verb {
        if (_executed.length == 0) return;
        if (vm.getBlockTimestamp() < lastActionAt + 600) _cooled(); // neither too early nor, if it can be, too late
        (bool ok,) = _call(keeper, _executed);
        _note(!ok, Law.K6);
    }

    // others

    function _poolAt(uint256 which) internal view returns (address pool, bool v2) {
        address[5] memory pools = [v3UsdcWeth, v2UsdcWbtc, v3WbtcWeth, v2UsdcLink, v3LinkWeth];
        return (pools[which % 5], which % 5 == 1 || which % 5 == 3);
    }

    function _sideOf(address pool, bool first) internal view returns (address) {
        return first ? IPoolV3(pool).token0() : IPoolV3(pool).token1();
    }

    /// @notice Somebody trades in one of the pools.
    function trade(uint256 which, uint256 side, uint256 dollars) external verb {
        (address pool, bool v2) = _poolAt(which);
        WorldToken tokenIn = WorldToken(_sideOf(pool, side % 2 == 0));
        uint256 amount = _usd(tokenIn, _bound(dollars, 1, 150_000));
        _unmoved(Law.A8);
        if (v2) _pushV2(pool, tokenIn, amount);
        else _push(pool, tokenIn, amount);
        _requireUnmoved(0);
    }

    /// @notice Others bring every pool to the true price.
    function arbitrage() external verb {
        _unmoved(Law.A8);
        _toTruth();
        _requireUnmoved(0);
    }

    function _toTruth() internal {
        for (uint256 i; i < 5; ++i) {
            (address pool, bool v2) = _poolAt(i);
            (WorldToken t0, WorldToken t1) = (WorldToken(IPairV2(pool).token0()), WorldToken(IPairV2(pool).token1()));
            if (v2) _toPriceV2(pool, t0, t1);
            else _toRoot(pool, uint160(Math.sqrt(Math.mulDiv(_trueX(t0), 1 << 192, _trueX(t1)))));
        }
    }

    /// @dev The product stays, nearly: in = sqrt(product * price ratio) - reserve.
    function _toPriceV2(address pair, WorldToken t0, WorldToken t1) private {
        (uint256 r0, uint256 r1,) = IPairV2(pair).getReserves();
        uint256 want0 = Math.sqrt(Math.mulDiv(r0 * r1, _trueX(t1), _trueX(t0)));
        if (want0 > r0 + r0 / 1e6) return _pushV2(pair, t0, (want0 - r0) * 1000 / 997);
        uint256 want1 = r0 * r1 / want0;
        if (want1 > r1 + r1 / 1e6) _pushV2(pair, t1, (want1 - r1) * 1000 / 997);
    }

    /// @notice A feed round, and the pools follow; in the world of still prices the same answer again, and where the
    /// feeds are off, only the pools move.
    function round(uint256 which, uint256 up, uint256 then) external verb {
        WorldToken token = [usdc, weth, wbtc, link][which % 4];
        uint256 navBefore = _kept().nav();
        if (world == World.Off) {
            truePpm[address(token)] = PPM - OFF_PPM + up % (2 * OFF_PPM + 1);
        } else {
            WorldFeed feed = feeds[address(token)];
            (, int256 answer,,,) = feed.latestRoundData();
            int256 next = answer * int256(9_700 + up % 601) / 10_000;
            bool within = next < 2 * _start(token) && 2 * next > _start(token) && _survives(token, next, answer);
            feed.pushRound(world == World.Moving && within ? next : answer);
        }
        if (then % 8 != 0) _toTruth();
        byOthers += int256(_kept().nav()) - int256(navBefore);
    }

    /// @dev Whether the vault can go on after such a move of a price.
    function _survives(WorldToken, int256, int256) internal view virtual returns (bool) {
        return true;
    }

    function _start(WorldToken token) private view returns (int256) {
        return
            token == usdc
                ? int256(1e8)
                : token == weth ? int256(3_000e8) : token == wbtc ? int256(60_000e8) : int256(15e8);
    }

    /// @notice Time passes, and every feed writes its answer again.
    function wait_(uint256 seconds_) external verb {
        _unmoved(Law.A9);
        uint256 elapsed = _bound(seconds_, 1, seconds_ % 8 == 0 ? 2 * PERIOD : 7_200);
        _pass(elapsed);
        _requireUnmoved(_erosion(elapsed));
    }

    /// @notice Somebody sends tokens to the vault, to its guard or to a pool.
    function gift(uint256 which, uint256 dollars, uint256 to) external verb {
        WorldToken token = [usdc, weth, wbtc, link][which % 4];
        uint256 amount = _usd(token, _bound(dollars, 0, 1e9));
        address receiver = to % 4 == 1 ? address(_law()) : address(_kept());
        bytes32 before = _standing();
        token.mint(receiver, amount);
        if (receiver == address(_kept())) given[address(token)] += amount;
        _note(before == _standing(), Law.A3);
    }

    /// @dev Holdings, value, shares and budgets.
    function _standing() internal view returns (bytes32) {
        return keccak256(abi.encode(_kept().holdings(), _kept().nav(), _supply(), _kept().guardState()));
    }

    uint256 private _navThen;
    bytes32 private _heldThen;
    string private _lawThen;

    function _unmoved(string memory law) internal {
        (_navThen, _heldThen, _lawThen) = (_kept().nav(), keccak256(abi.encode(_kept().holdings(), _supply())), law);
    }

    function _requireUnmoved(uint256 erosion) internal {
        _note(_heldThen == keccak256(abi.encode(_kept().holdings(), _supply())), Law.A9);
        uint256 nav = _kept().nav();
        _note(nav + erosion >= _navThen, _lawThen);
        byOthers += int256(nav) - int256(_navThen);
    }

    /// @dev Time inside another verb.
    function _idle(uint256 elapsed) internal {
        uint256 before = _kept().nav();
        _pass(elapsed);
        byOthers += int256(_kept().nav()) - int256(before);
    }

    /// @dev Until the keeper may act again.
    function _cooled() internal {
        uint256 until = lastActionAt + allowed.cooldown;
        if (vm.getBlockTimestamp() < until) _idle(until - vm.getBlockTimestamp());
    }

    // curator, sentinel, owner

    /// @notice The curator narrows one limit, at once.
    function tighten(uint256 which, uint256 permille) external verb {
        Limits memory next = allowed;
        uint256 part = _bound(permille, 700, 1_000);
        which %= 7;
        if (which == 0) next.maxLossBps = _part(next.maxLossBps, part, 10);
        else if (which == 1) next.maxGainBps = _part(next.maxGainBps, part, 20);
        else if (which == 2) next.dailyLossBps = _part(next.dailyLossBps, part, 40);
        else if (which == 3) next.maxDeviationBps = _part(next.maxDeviationBps, part, 60);
        else if (which == 4) next.maxTurnoverBps = _part(next.maxTurnoverBps, part, 500);
        else if (which == 5) next.dailyTurnoverBps = _part(next.dailyTurnoverBps, part, 2_000);
        else if (next.cooldown < 1_200) next.cooldown += uint32(part / 10);
        _configure(curator, abi.encodeCall(Charter.setLimits, (next)), Law.R4);
        allowed = next;
    }

    /// @dev Never below `least`, and never wider.
    function _part(uint16 limit, uint256 permille, uint256 least) private pure returns (uint16) {
        uint256 next = uint256(limit) * permille / 1_000;
        return next < least ? limit : uint16(next);
    }

    /// @notice The curator asks for wider limits: not at once, but after a day, and once.
    function widen(uint256 seed, uint256 elapsed) external verb {
        if (_submittedAt == 0) return _submit(seed);
        if (elapsed % 2 == 0) _idle(_bound(elapsed, 1, PERIOD));
        bool waited = vm.getBlockTimestamp() >= _submittedAt + PERIOD;
        (bool ok, bytes memory reason) = _callAt(address(_law()), curator, _submitted);
        _note(ok == waited || bytes4(reason) == IGuardErrors.LimitTooWide.selector, Law.R1);
        if (!ok) return;
        ++epochs;
        (allowed, _submittedAt) = (_wider, 0);
        widestDailyLoss = uint16(Math.max(widestDailyLoss, allowed.dailyLossBps));
        widestDailyTurnover = uint16(Math.max(widestDailyTurnover, allowed.dailyTurnoverBps));
        Limits memory narrower = allowed;
        --narrower.maxLossBps;
        _configure(curator, abi.encodeCall(Charter.setLimits, (narrower)), Law.R4);
        allowed = narrower;
        (ok,) = _callAt(address(_law()), curator, _submitted);
        _note(!ok, Law.R5);
    }

    function _submit(uint256 seed) private {
        Limits memory next = allowed;
        next.maxLossBps = uint16(20 + seed % 60);
        next.dailyLossBps = uint16(80 + (seed >> 16) % 120);
        next.maxTurnoverBps = uint16(1_500 + (seed >> 32) % 2_000);
        next.dailyTurnoverBps = uint16(6_000 + (seed >> 48) % 6_000);
        (next.maxGainBps, next.maxDeviationBps) = (100, 100);
        next.cooldown = 300 - uint32((seed >> 64) % 200);
        bytes memory data = abi.encodeCall(Charter.setLimits, (next));
        (bool ok,) = _callAt(address(_law()), curator, data);
        _note(!ok || _tighter(next), Law.R1);
        if (ok) (allowed, epochs) = (next, epochs + 1);
        if (ok) return;
        (ok,) = _callAt(address(_law()), curator, abi.encodeCall(Roles.submit, (data)));
        if (!ok) return;
        (_submitted, _submittedAt, _wider) = (data, vm.getBlockTimestamp(), next);
    }

    function _tighter(Limits memory next) private view returns (bool) {
        return next.maxLossBps <= allowed.maxLossBps && next.maxGainBps <= allowed.maxGainBps
            && next.dailyLossBps <= allowed.dailyLossBps && next.maxDeviationBps <= allowed.maxDeviationBps
            && next.maxTurnoverBps <= allowed.maxTurnoverBps && next.dailyTurnoverBps <= allowed.dailyTurnoverBps
            && next.cooldown >= allowed.cooldown;
    }

    /// @notice A sentinel takes a pool or the keeper away; the curator gives it back after a day.
    function dismiss(uint256 which, uint256 whom) external verb {
        bool theKeeper = whom % 4 == 0;
        (address pool, bool v2) = _poolAt(which);
        bytes memory away =
            theKeeper ? abi.encodeCall(Roles.removeKeeper, (keeper)) : abi.encodeCall(Charter.removeVenue, (pool));
        bytes memory back = theKeeper
            ? abi.encodeCall(Roles.addKeeper, (keeper))
            : abi.encodeCall(Charter.addVenue, (Venue(v2 ? V2 : V3, pool)));
        _configure(sentinel, away, Law.R3);
        (bool ok,) = _callAt(address(_law()), curator, back);
        _note(!ok, Law.R1);
        vm.prank(curator);
        _law().submit(back);
        _idle(PERIOD);
        _configure(curator, back, Law.R4);
    }

    /// @dev An act of a role, that must succeed, moves nothing and advances the epoch.
    function _configure(address who, bytes memory data, string memory law) internal {
        bytes32 before = keccak256(abi.encode(_kept().holdings(), _kept().nav(), _supply()));
        (bool ok, bytes memory reason) = _callAt(address(_law()), who, data);
        if (!ok) return _refused(reason);
        ++epochs;
        _note(before == keccak256(abi.encode(_kept().holdings(), _kept().nav(), _supply())), law);
    }

    /// @notice The vault is paused, or a feed breaks in one of eight ways: nothing is traded or priced, and exits in kind
    /// go on. Then it is mended.
    function blackout(uint256 how, uint256 which, uint256 permille) external verb {
        uint256[] memory prices = _prices();
        WorldToken[] memory tokens = _held();
        WorldToken token = tokens[which % tokens.length];
        (, int256 answer,,,) = feeds[address(token)].latestRoundData();
        how = _breakable(how % 9);
        bytes memory data = _goodAction();
        if (how == 0) _configure(sentinel, abi.encodeCall(Roles.pause, ()), Law.R3);
        else _break(feeds[address(token)], answer, how);
        (bool ok,) = _call(keeper, data);
        _note(!ok, how == 0 ? Law.K11 : Law.K12);
        _requireClosed(how == 0);
        _leaveInKind(_bound(permille, 1, 400), prices);
        if (how == 0) _configure(owner, abi.encodeCall(Roles.unpause, ()), Law.R4);
        feeds[address(token)].setDown(false);
        feeds[address(token)].pushRound(answer);
    }

    function _break(WorldFeed feed, int256 answer, uint256 how) private {
        uint256 timestamp = vm.getBlockTimestamp();
        if (how == 1) feed.pushRoundAt(answer, timestamp - HEARTBEAT * 11 / 10 - 1);
        if (how == 2) feed.pushRound(0);
        if (how == 3) feed.pushRound(-answer);
        if (how == 4) feed.pushRoundAt(answer, timestamp + 1);
        if (how == 5) feed.setDown(true);
        if (how == 6) feed.pushRound(1);
        if (how == 7) feed.pushRound(1e15);
        if (how == 8) feed.pushRoundAt(answer, 0);
    }

    /// @dev The ways to break that exits in kind of this vault need not survive are others.
    function _breakable(uint256 how) internal pure virtual returns (uint256) {
        return how;
    }
}
