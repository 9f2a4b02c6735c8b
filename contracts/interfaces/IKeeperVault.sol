// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @notice What a keeper asks of a vault, apart from the trades themselves.
/// @param intentId keccak256(chainId, vault, epoch, planHash): names the plan in events and in the keeper's journal.
/// @param expectedEpoch The vault's epoch the plan was made at; any other epoch reverts, so a plan executes at most once.
/// @param deadline Last block timestamp (seconds) at which the plan may execute.
/// @param expectedStateHash `stateHash()` the plan was made at, or 0 to skip the comparison.
/// @param minNavAfter Least net asset value after the action, in raw units of `asset()`, at the prices read at entry.
struct Order {
    bytes32 intentId;
    uint64 expectedEpoch;
    uint64 deadline;
    bytes32 expectedStateHash;
    uint256 minNavAfter;
}

/// @notice One exact-input swap against one allow-listed pool. The output token is the pool's other token.
/// @param adapter 1: Uniswap V2 pair. 2: Uniswap V3 pool.
/// @param amountIn Raw units of `tokenIn`; `type(uint256).max` spends all of an intermediate token received so far
/// in the same action (an intermediate token is one the vault does not hold; it must end at zero).
/// @param minOut Least raw units of the output token.
struct Leg {
    uint8 adapter;
    address pool;
    address tokenIn;
    uint256 amountIn;
    uint256 minOut;
}

/// @notice A pool that legs may use.
struct Venue {
    uint8 adapter;
    address pool;
}

/// @notice A Chainlink-shaped feed of one token, in a quote currency common to all of a vault's feeds (US dollars).
/// @param heartbeat Seconds after which an answer is stale (the vault allows 10 % more).
/// @param minAnswer An answer at or below it is refused; raw units of the feed.
/// @param maxAnswer An answer at or above it is refused.
struct Feed {
    address aggregator;
    uint32 heartbeat;
    int256 minAnswer;
    int256 maxAnswer;
}

/// @notice The curator's limits. Bps are of net asset value unless said otherwise.
/// @param maxLossBps Net asset value one action may lose at oracle prices.
/// @param maxGainBps Net asset value one action may gain: more means a wrong price.
/// @param dailyLossBps Capacity of the loss budget, refilled linearly over 86,400 s, charged in value.
/// @param maxDeviationBps Pool price against oracle price, before the first and after the last leg.
/// @param maxTurnoverBps Value sold in one action (of gross assets in a levered vault).
/// @param dailyTurnoverBps Value sold in a day, refilled linearly.
/// @param cooldown Seconds between two actions.
struct Limits {
    uint16 maxLossBps;
    uint16 maxGainBps;
    uint16 dailyLossBps;
    uint16 maxDeviationBps;
    uint16 maxTurnoverBps;
    uint16 dailyTurnoverBps;
    uint32 cooldown;
}

/// @notice What a levered vault's health factor must be, and who may mend it how. Health factors are WAD and Aave's own:
/// ripcord <= urgent < floor < ceiling. All zero for a vault that owes nothing.
/// @param floor Levering must end at or above it.
/// @param ceiling De-levering must end at or below it, unless no debt is left.
/// @param urgent Below it the keeper may de-lever urgently.
/// @param ripcord Below it anyone may, a chunk at a time; 0: nobody.
/// @param urgentLossBps Bps of the debt repaid that a rescue may lose, the ripcord's reward included; also the capacity of
/// the urgent budget, bps of all debt, refilled over 86,400 s.
/// @param chunkBps Bps of the debt that one pull of the ripcord may repay.
/// @param rewardBps Bps of the debt repaid that a pull is paid.
struct HealthLimits {
    uint64 floor;
    uint64 ceiling;
    uint64 urgent;
    uint64 ripcord;
    uint16 urgentLossBps;
    uint16 chunkBps;
    uint16 rewardBps;
}

/// @notice The guard's memory as of the current block.
/// @param epoch Advanced by every keeper, sentinel and configuration action; not by deposits and exits.
/// @param lastActionAt Timestamp (seconds) of the last keeper action, 0 before the first.
/// @param lossBudget Value that may still be lost now, raw units of `asset()`, refill included.
/// @param turnoverBudget Value that may still be sold now, raw units of `asset()`, refill included.
struct GuardState {
    uint64 epoch;
    bool paused;
    uint64 lastActionAt;
    uint256 lossBudget;
    uint256 turnoverBudget;
}

/// @notice What every vault a keeper can work for has in common.
interface IKeeperVault {
    /// @notice Emitted once for each executed order. `epoch` is the one reached: the order's `expectedEpoch` + 1.
    event IntentExecuted(bytes32 indexed intentId, uint64 indexed epoch, uint256 navBefore, uint256 navAfter);
    /// @notice Emitted for each leg.
    event LegExecuted(
        address indexed pool, address indexed tokenIn, address tokenOut, uint256 amountIn, uint256 amountOut
    );

    /// @notice The vault's kind: "basket", "leverage" or "range", left-aligned ASCII.
    function kind() external view returns (bytes32);
    function owner() external view returns (address);
    function curator() external view returns (address);
    function isKeeper(address account) external view returns (bool);
    function isSentinel(address account) external view returns (bool);

    /// @notice Tokens whose balances and prices make up the vault, the base asset first.
    function tokens() external view returns (address[] memory);
    /// @notice Amounts the vault accounts for itself, raw, in the order of `tokens()`; donations are not in it.
    function holdings() external view returns (uint256[] memory);
    function feedOf(address token) external view returns (Feed memory);
    /// @notice All pools on the allow-list, at most 16.
    function venues() external view returns (Venue[] memory);
    function limits() external view returns (Limits memory);
    function guardState() external view returns (GuardState memory);
    /// @notice Hash of holdings, positions, epoch and feed rounds.
    function stateHash() external view returns (bytes32);
    /// @notice Net asset value, raw units of `asset()`, at oracle prices, rounded down. Reverts on an unusable price.
    function nav() external view returns (uint256);
}
