// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {ILockable} from "../../../contracts/guard/Roles.sol";
import {IPairV2, IPoolV3} from "../../../contracts/interfaces/External.sol";
import {GuardState, IKeeperVault, Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {Markets} from "../Markets.sol";
import {Indexer} from "./Indexer.sol";
import {Law} from "./Law.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Vm} from "forge-std/Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What the prices do. Still: never move. Moving: by feed rounds, and the pools follow. Off: the feeds stand and
/// the pools trade at another, true price, a feed's deviation threshold away at most.
enum World {
    Still,
    Moving,
    Off
}

/// @notice One vault in its markets, the ghosts that remember what happened to it, and the sentences that must hold
/// whatever happens. The verbs are in the contracts that follow; a verb that the vault refuses reverts, so that forge's
/// own table counts it as refused.
abstract contract Campaign is Markets {
    uint256 internal constant PERIOD = 86_400;
    uint256 internal constant BPS = 10_000;
    uint256 internal constant PPM = 1_000_000;
    /// @dev Farthest the true price is from a feed's in the world `Off`: a deviation threshold of half a per cent.
    uint256 internal constant OFF_PPM = 5_000;
    uint256 private constant X = 1e36;

    World internal world;
    Indexer internal indexer;
    /// @notice The first sentence that a verb found untrue.
    string public broken;

    // ghosts
    mapping(address token => uint256) internal given;
    mapping(address token => uint256) internal truePpm;
    uint16 internal capBps;
    Limits internal allowed;
    uint64 internal epochs;
    /// @dev The block's time, kept here: what a refused verb did to it does not go with the rest.
    uint256 internal clock;
    uint256 internal startedAt;
    uint256 internal startNav;
    uint256 internal startShareX;
    uint256 internal valueIn;
    uint256 internal valueOut;
    uint256 internal lost;
    uint256 internal gained;
    int256 internal byOthers;
    uint256 internal calls;
    uint256 internal lostX;
    uint256 internal soldX;
    uint256 internal peakX;
    uint256 internal grossPeakX;
    uint256 internal lastActionAt;
    uint16 internal widestDailyLoss;
    uint16 internal widestDailyTurnover;

    // the kind's own

    function _kept() internal view virtual returns (IKeeperVault);
    function _law() internal view virtual returns (Guard);
    /// @dev Value of holdings and positions, and of debts, at these prices, by hand.
    function _worthAt(uint256[] memory prices) internal view virtual returns (uint256 gross, uint256 owed);
    /// @dev All shares, virtual ones included.
    function _supply() internal view virtual returns (uint256);
    function _held() internal view virtual returns (WorldToken[] memory);
    /// @dev Where else tokens of an action may be: the lender's.
    function _places() internal view virtual returns (address[] memory);

    /// @dev Raw units of the base asset that roundings may move net asset value by in one call.
    function _dust() internal view virtual returns (uint256) {
        return 4;
    }

    /// @dev What net asset value may fall by in so many seconds: interest.
    function _erosion(uint256) internal view virtual returns (uint256) {
        return 0;
    }

    /// @dev Whether what comes in and goes out is worth at the feeds' prices what it adds and takes.
    function _flowsAtOraclePrice() internal view virtual returns (bool) {
        return true;
    }

    /// @dev The kind's own sentences about a state.
    function _requireKind() internal view virtual;

    /// @dev The limits are drawn in first, to where the orders of a campaign meet them: an action's loss to `capBps_`, its
    /// gain to a third of that, a day's loss to half as much again.
    function _begin(World world_, uint16 capBps_) internal {
        (world, capBps) = (world_, capBps_);
        Limits memory close = _kept().limits();
        (close.maxLossBps, close.maxGainBps, close.dailyLossBps) = (capBps, capBps / 3, capBps * 3 / 2);
        vm.prank(curator);
        _law().setLimits(close);
        indexer = new Indexer(_kept(), _supply());
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        for (uint256 i; i < 4; ++i) {
            truePpm[address(all[i])] = PPM;
        }
        (allowed, epochs, startedAt) = (_kept().limits(), _law().epoch(), vm.getBlockTimestamp());
        (widestDailyLoss, widestDailyTurnover) = (allowed.dailyLossBps, allowed.dailyTurnoverBps);
        lastActionAt = _law().lastActionAt();
        (startNav, startShareX) = (_kept().nav(), _kept().nav() * X / _supply());
        clock = startedAt;
        _peak(_prices());
    }

    /// @dev A verb: its logs are read, and the ghosts of rounding know that it happened.
    modifier verb() {
        ++calls;
        vm.warp(clock);
        vm.recordLogs();
        _;
        indexer.read(vm.getRecordedLogs());
        clock = vm.getBlockTimestamp();
    }

    function _note(bool truth, string memory sentence) internal {
        if (!truth && bytes(broken).length == 0) broken = sentence;
    }

    // the sentences about a state

    /// @notice Reverts with the first sentence that is not true.
    function check() external {
        vm.warp(clock);
        if (bytes(broken).length > 0) revert(broken);
        assertFalse(ILockable(address(_kept())).locked(), Law.A7);
        _requireBound();
        _requireAccounts();
        _requireBudgets();
        _requireLogs();
        _requireKind();
        assertEq(_law().epoch(), epochs, Law.K7);
        assertEq(keccak256(abi.encode(_kept().limits())), keccak256(abi.encode(allowed)), Law.R1);
        _requireWithinMaxima(_kept().limits());
    }

    function _requireAccounts() private view {
        WorldToken[] memory tokens = _held();
        WorldToken[4] memory all = [usdc, weth, wbtc, link];
        uint256[] memory holdings = _kept().holdings();
        for (uint256 i; i < 4; ++i) {
            uint256 counted = given[address(all[i])];
            for (uint256 j; j < tokens.length; ++j) {
                if (tokens[j] == all[i]) counted += holdings[j];
            }
            assertEq(all[i].balanceOf(address(_kept())), counted, Law.A1);
        }
        _requireNoAllowances(tokens);
        assertFalse(_law().paused(), "a campaign leaves no pause behind");
        (uint256 gross, uint256 owed) = _worthAt(_prices());
        uint256 nav = _kept().nav();
        assertApproxEqAbs(nav, gross - owed, _dust(), Law.A4);
        if (world == World.Still) _requireNothingElse(nav);
    }

    /// @dev Prices stand still, so every change of value has a name.
    function _requireNothingElse(uint256 nav) private view {
        int256 expected = int256(startNav + valueIn + gained) - int256(valueOut + lost) + byOthers;
        if (_flowsAtOraclePrice()) assertApproxEqAbs(int256(nav), expected, _dust() * calls, Law.A5);
        if (_erosion(1) == 0) assertGe(nav * X / _supply() + lostX + _dustX(), startShareX, Law.S10);
    }

    function _requireNoAllowances(WorldToken[] memory tokens) private view {
        address[] memory places = _allPlaces();
        for (uint256 i; i < tokens.length; ++i) {
            for (uint256 j; j < places.length; ++j) {
                assertEq(tokens[i].allowance(address(_kept()), places[j]), 0, Law.A2);
            }
        }
    }

    function _requireBudgets() private view {
        GuardState memory state = _kept().guardState();
        (uint256 gross, uint256 owed) = _worthAt(_prices());
        Limits memory limits = _kept().limits();
        assertLe(state.lossBudget, (gross - owed + _dust()) * limits.dailyLossBps / BPS, Law.B3);
        assertLe(state.turnoverBudget, (gross + _dust()) * limits.dailyTurnoverBps / BPS, Law.B4);
        uint256 most = grossPeakX * widestDailyTurnover / BPS;
        assertLe(soldX, most + most * (vm.getBlockTimestamp() - startedAt) / PERIOD + _dustX(), Law.B2);
    }

    /// @dev What actions lose, unless a thief is here: then it is asked of what he has gained.
    function _requireBound() internal view virtual {
        uint256 most = peakX * widestDailyLoss / BPS;
        assertLe(lostX, most + most * (vm.getBlockTimestamp() - startedAt) / PERIOD + _dustX(), Law.B1);
    }

    /// @dev Roundings of every call so far, per share.
    function _dustX() internal view returns (uint256) {
        return 3 * _dust() * (calls + 1) * X / _supply();
    }

    function _requireLogs() private view {
        GuardState memory state = _kept().guardState();
        assertEq(indexer.epoch(), state.epoch, Law.L1);
        assertEq(indexer.supply(), _supply(), Law.L2);
        assertEq(abi.encode(indexer.holdings()), abi.encode(_kept().holdings()), Law.L3);
        (uint256 gross,) = _worthAt(_prices());
        uint256 nav = _kept().nav();
        assertEq(indexer.lossBudget(nav), state.lossBudget, Law.L4);
        assertApproxEqAbs(indexer.turnoverBudget(gross), state.turnoverBudget, _dust() * 6, Law.L5);
        assertEq(indexer.paused(), state.paused, Law.L6);
        assertEq(keccak256(abi.encode(indexer.limits())), keccak256(abi.encode(_kept().limits())), Law.L6);
    }

    function _requireWithinMaxima(Limits memory limits) private pure {
        bool within = limits.maxLossBps <= 300 && limits.maxGainBps <= 500 && limits.dailyLossBps <= 500
            && limits.maxDeviationBps <= 1_000 && limits.maxTurnoverBps <= BPS && limits.dailyTurnoverBps <= 5 * BPS
            && limits.cooldown <= PERIOD;
        assertTrue(within, Law.R2);
    }

    // prices, by the rule and not by the contracts

    function _prices() internal view returns (uint256[] memory prices) {
        WorldToken[] memory tokens = _held();
        prices = new uint256[](tokens.length);
        for (uint256 i; i < prices.length; ++i) {
            prices[i] = _priceX(tokens[i]);
        }
    }

    function _navAt(uint256[] memory prices) internal view returns (uint256) {
        (uint256 gross, uint256 owed) = _worthAt(prices);
        return gross - owed;
    }

    /// @dev What a raw unit is truly worth, times 1e36: the pools' price.
    function _trueX(WorldToken token) internal view returns (uint256) {
        return _priceX(token) * truePpm[address(token)] / PPM;
    }

    function _peak(uint256[] memory prices) internal virtual {
        (uint256 gross, uint256 owed) = _worthAt(prices);
        peakX = Math.max(peakX, (gross - owed + _dust()) * X / _supply());
        grossPeakX = Math.max(grossPeakX, (gross + _dust()) * X / _supply());
    }

    function _allPlaces() internal view returns (address[] memory places) {
        address[] memory more = _places();
        places = new address[](7 + more.length);
        (places[0], places[1], places[2]) = (v3UsdcWeth, v2UsdcWbtc, v3WbtcWeth);
        (places[3], places[4]) = (v2UsdcLink, v3LinkWeth);
        (places[5], places[6]) = (address(_law()), keeper);
        for (uint256 i; i < more.length; ++i) {
            places[7 + i] = more[i];
        }
    }

    // calls

    function _call(address caller, bytes memory data) internal returns (bool ok, bytes memory answer) {
        return _callAt(address(_kept()), caller, data);
    }

    function _callAt(address target, address caller, bytes memory data)
        internal
        returns (bool ok, bytes memory answer)
    {
        indexer.read(vm.getRecordedLogs());
        vm.prank(caller);
        (ok, answer) = target.call(data);
        Vm.Log[] memory logs = vm.getRecordedLogs(); // forge records what a reverted call logged, too
        if (ok) indexer.read(logs);
        else _note(_typed(answer), Law.K13);
    }

    /// @dev The whole verb is refused; but a refusal that is not typed is kept.
    function _refused(bytes memory reason) internal view {
        if (bytes(broken).length > 0) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    function _typed(bytes memory reason) private pure returns (bool) {
        bytes4 selector = bytes4(reason);
        return reason.length >= 4 && selector != bytes4(keccak256("Error(string)"))
            && selector != bytes4(keccak256("Panic(uint256)"));
    }
}
