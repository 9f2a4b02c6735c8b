// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPool2Tokens} from "../../../contracts/interfaces/External.sol";
import {Guard} from "../../../contracts/guard/Guard.sol";
import {Charter} from "../../../contracts/guard/Charter.sol";
import {Roles} from "../../../contracts/guard/Roles.sol";
import {GuardedVault} from "../../../contracts/vaults/GuardedVault.sol";
import {IKeeperVault, Limits} from "../../../contracts/interfaces/IKeeperVault.sol";
import {ILeverageVault} from "../../../contracts/interfaces/ILeverageVault.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Rebuilds a vault's epoch, shares, holdings and budgets from logs: its own, its guard's, and what pools and
/// lender log about it. Begins at a moment when the budgets are full; never asks again.
/// @dev Plain arithmetic, apart from the contracts' libraries. The logs of a verb are read in the block they came from.
contract Indexer {
    uint256 private constant BPS = 10_000;
    uint256 private constant DAY = 86_400;

    address private immutable VAULT;
    address private immutable GUARD;

    uint64 public epoch;
    uint256 public supply;
    bool public paused;
    /// @notice When fees were last collected, or the beginning.
    uint256 public feesAt;
    address[] private _tokens;
    /// @dev Below zero only while an action spends a flash loan, which is logged after it.
    int256[] private _held;
    Limits private _limits;

    // the budgets at the last action; `_supplyThen` is 0 before the first one
    uint256 private _supplyThen;
    uint256 private _actedAt;
    uint256 private _base;
    uint256 private _grossBase;
    uint256 private _lossLeft;
    uint256 private _turnoverLeft;
    // the urgent budget at the last rescue
    uint256 private _urgentLeft;
    uint256 private _rescuedAt;
    // what an action did so far
    uint256 private _repaid;

    constructor(IKeeperVault vault, uint256 supply_) {
        (VAULT, GUARD) = (address(vault), GuardedVault(address(vault)).guard());
        (epoch, supply, paused) = (vault.guardState().epoch, supply_, vault.guardState().paused);
        (_tokens, _limits) = (vault.tokens(), vault.limits());
        uint256[] memory held = vault.holdings();
        for (uint256 i; i < held.length; ++i) {
            _held.push(int256(held[i]));
        }
        feesAt = block.timestamp;
    }

    function holdings() external view returns (uint256[] memory found) {
        found = new uint256[](_held.length);
        for (uint256 i; i < found.length; ++i) {
            found[i] = uint256(_held[i]);
        }
    }

    function limits() external view returns (Limits memory) {
        return _limits;
    }

    function lossBudget(uint256 nav) external view returns (uint256) {
        return _available(_lossLeft, _limits.dailyLossBps, _base, nav);
    }

    function turnoverBudget(uint256 gross) external view returns (uint256) {
        return _available(_turnoverLeft, _limits.dailyTurnoverBps, _grossBase, gross);
    }

    function urgentBudget(uint256 owed, uint256 bps) external view returns (uint256) {
        uint256 capacity = owed * bps / BPS;
        if (_rescuedAt == 0) return capacity;
        uint256 grown = _urgentLeft + capacity * (block.timestamp - _rescuedAt) / DAY;
        return grown < capacity ? grown : capacity;
    }

    function _available(uint256 left, uint256 bps, uint256 baseThen, uint256 baseNow) private view returns (uint256) {
        if (_supplyThen == 0) return baseNow * bps / BPS;
        uint256 base = baseThen * supply / _supplyThen;
        uint256 capacity = (base < baseNow ? base : baseNow) * bps / BPS;
        uint256 grown = left * supply / _supplyThen + capacity * (block.timestamp - _actedAt) / DAY;
        return grown < capacity ? grown : capacity;
    }

    function read(Vm.Log[] calldata logs) external {
        for (uint256 i; i < logs.length; ++i) {
            Vm.Log calldata entry = logs[i];
            if (entry.emitter == GUARD) _readGuard(entry);
            else if (entry.emitter == VAULT) _readVault(entry);
            else _readOther(entry);
        }
    }

    function _readGuard(Vm.Log calldata entry) private {
        if (entry.topics[0] == Roles.EpochAdvanced.selector) epoch = uint64(uint256(entry.topics[1]));
        if (entry.topics[0] == Guard.Charged.selector) {
            (_lossLeft, _turnoverLeft, _base, _grossBase, _supplyThen) =
                abi.decode(entry.data, (uint256, uint256, uint256, uint256, uint256));
            _actedAt = block.timestamp;
        }
        if (entry.topics[0] == Guard.UrgentCharged.selector) {
            (_urgentLeft, _rescuedAt) = (abi.decode(entry.data, (uint256)), block.timestamp);
        }
        if (entry.topics[0] == Roles.PausedSet.selector) paused = abi.decode(entry.data, (bool));
        if (entry.topics[0] == Charter.LimitsSet.selector) _limits = abi.decode(entry.data, (Limits));
    }

    function _readVault(Vm.Log calldata entry) private {
        bytes32 topic = entry.topics[0];
        if (topic == keccak256("Transfer(address,address,uint256)")) {
            _readShares(entry);
        } else if (topic == keccak256("Deposit(address,address,uint256,uint256)")) {
            _held[0] += int256(_first(entry.data));
        } else if (topic == keccak256("Withdraw(address,address,address,uint256,uint256)")) {
            _held[0] -= int256(_first(entry.data));
        } else if (
            topic == keccak256("DepositedInKind(address,address,uint256,uint256[])")
                || topic == keccak256("Deposited(address,address,uint256,uint256[])")
        ) {
            (, uint256[] memory amounts) = abi.decode(entry.data, (uint256, uint256[]));
            for (uint256 i; i < amounts.length; ++i) {
                _held[i] += int256(amounts[i]);
            }
        } else if (topic == keccak256("RedeemedInKind(address,address,address,uint256,uint256[])")) {
            (, uint256[] memory amounts) = abi.decode(entry.data, (uint256, uint256[]));
            for (uint256 i; i < amounts.length; ++i) {
                _held[i] -= int256(amounts[i]);
            }
            _repaid = 0; // the leaver paid it
        } else if (topic == keccak256("FeesCollected(uint256[2])")) {
            feesAt = block.timestamp;
        } else if (topic == IKeeperVault.LegExecuted.selector) {
            _readLeg(entry);
        } else if (topic == IKeeperVault.IntentExecuted.selector) {
            _readRepaid();
        } else if (topic == ILeverageVault.RipcordPulled.selector) {
            (, uint256 reward) = abi.decode(entry.data, (uint256, uint256));
            _held[0] -= int256(reward);
            _readRepaid();
        }
    }

    function _readShares(Vm.Log calldata entry) private {
        if (entry.topics[1] == 0) supply += _first(entry.data);
        if (entry.topics[2] == 0) supply -= _first(entry.data);
    }

    function _readLeg(Vm.Log calldata entry) private {
        address tokenIn = _address(entry.topics[2]);
        (address tokenOut, uint256 amountIn, uint256 amountOut) = abi.decode(entry.data, (address, uint256, uint256));
        for (uint256 i; i < _tokens.length; ++i) {
            if (_tokens[i] == tokenIn) _held[i] -= int256(amountIn);
            if (_tokens[i] == tokenOut) _held[i] += int256(amountOut);
        }
    }

    /// @dev Debt that the vault repaid in an action was paid from its holdings.
    function _readRepaid() private {
        if (_repaid > 0) _held[1] -= int256(_repaid);
        _repaid = 0;
    }

    /// @dev What a Uniswap V3 pool and Aave log about the vault.
    function _readOther(Vm.Log calldata entry) private {
        bytes32 topic = entry.topics[0];
        if (topic == keccak256("Collect(address,address,int24,int24,uint128,uint128)")) {
            if (_address(entry.topics[1]) != VAULT) return;
            (, uint256 amount0, uint256 amount1) = abi.decode(entry.data, (address, uint256, uint256));
            (int256 first, int256 second) = _ordered(entry.emitter, amount0, amount1);
            (_held[0], _held[1]) = (_held[0] + first, _held[1] + second);
        } else if (topic == keccak256("Mint(address,address,int24,int24,uint128,uint256,uint256)")) {
            (address sender,, uint256 amount0, uint256 amount1) =
                abi.decode(entry.data, (address, uint256, uint256, uint256));
            if (sender != VAULT) return;
            (int256 first, int256 second) = _ordered(entry.emitter, amount0, amount1);
            (_held[0], _held[1]) = (_held[0] - first, _held[1] - second);
        } else if (topic == keccak256("Supply(address,address,address,uint256,uint16)")) {
            (address user, uint256 amount) = abi.decode(entry.data, (address, uint256));
            if (user == VAULT) _held[0] -= int256(amount);
        } else if (topic == keccak256("Withdraw(address,address,address,uint256)")) {
            if (_address(entry.topics[2]) == VAULT) _held[0] += int256(_first(entry.data));
        } else if (topic == keccak256("Borrow(address,address,address,uint256,uint8,uint256,uint16)")) {
            (address user, uint256 amount) = abi.decode(entry.data, (address, uint256));
            if (user == VAULT) _held[1] += int256(amount);
        } else if (topic == keccak256("Repay(address,address,address,uint256,bool)")) {
            if (_address(entry.topics[3]) == VAULT) _repaid += _first(entry.data);
        } else if (topic == keccak256("FlashLoan(address,address,address,uint256,uint8,uint256,uint16)")) {
            (,,, uint256 premium) = abi.decode(entry.data, (address, uint256, uint8, uint256));
            if (_address(entry.topics[1]) == VAULT) _repaid += premium;
        }
    }

    function _ordered(address pool, uint256 amount0, uint256 amount1) private view returns (int256, int256) {
        (int256 first, int256 second) = (int256(amount0), int256(amount1));
        return IPool2Tokens(pool).token0() == _tokens[0] ? (first, second) : (second, first);
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _first(bytes calldata data) private pure returns (uint256) {
        return abi.decode(data[:32], (uint256));
    }
}
