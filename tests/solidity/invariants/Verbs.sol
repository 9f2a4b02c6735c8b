// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Limits, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Charter} from "../../../contracts/guard/Charter.sol";
import {Roles} from "../../../contracts/guard/Roles.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Actions} from "./Actions.sol";
import {World} from "./Campaign.sol";
import {Law} from "./Law.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What every vault lives through: trades by others, rounds, time, gifts; and what its curator, sentinel and owner
/// do.
abstract contract Verbs is Actions {
    string internal constant COMMON_VERBS = "comeAndGo(uint256,uint256) flash(uint256,uint256) rebalance(uint256)"
        " garbage(uint256,uint256) replay() trade(uint256,uint256,uint256) arbitrage() round(uint256,uint256,uint256)"
        " wait_(uint256) gift(uint256,uint256,uint256) tighten(uint256,uint256) widen(uint256,uint256)"
        " dismiss(uint256,uint256) blackout(uint256,uint256,uint256)";

    /// @dev A submitted widening, and when it may be made.
    bytes private _submitted;
    uint256 private _submittedAt;
    Limits private _wider;

    // the kind's own

    /// @dev An action that would be good if the vault were open.
    function _goodAction() internal virtual returns (bytes memory data);
    /// @dev Leaves in kind with so many thousandths of somebody's shares.
    function _leaveInKind(uint256 permille, uint256[] memory prices) internal virtual;
    /// @dev What else must be closed while paused or without a price.
    function _requireClosed(bool paused) internal virtual;

    // others

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
        _elapse(elapsed);
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

    // curator, sentinel, owner

    /// @notice The curator narrows one limit, at once.
    function tighten(uint256 which, uint256 permille) external verb {
        Limits memory next = allowed;
        uint256 part = _bound(permille, 700, 1_000);
        which %= 7;
        if (which == 0) next.maxLossBps = _part(next.maxLossBps, part, capBps * 2 / 3);
        else if (which == 1) next.maxGainBps = _part(next.maxGainBps, part, capBps / 4);
        else if (which == 2) next.dailyLossBps = _part(next.dailyLossBps, part, capBps);
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
        bool tooWide = bytes4(reason) == IGuardErrors.LimitTooWide.selector;
        _note(ok == waited || tooWide, Law.R1);
        if (tooWide) _submittedAt = 0;
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
        next.maxLossBps = uint16(capBps * (50 + seed % 150) / 100);
        next.dailyLossBps = uint16(capBps * (125 + (seed >> 16) % 150) / 100);
        next.maxTurnoverBps = uint16(1_500 + (seed >> 32) % 2_000);
        next.dailyTurnoverBps = uint16(6_000 + (seed >> 48) % 6_000);
        (next.maxGainBps, next.maxDeviationBps) = (capBps / 2, (seed >> 80) % 4 == 0 ? 1_001 : 100);
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
        if (how == 0) data = _goodAction(); // of the epoch that the pause began
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
