// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

struct Order {
    bytes32 intentId;
    uint64 expectedEpoch;
    uint64 deadline;
    bytes32 expectedStateHash;
    uint256 minNavAfter;
}

struct Leg {
    uint8 adapter;
    address pool;
    address tokenIn;
    uint256 amountIn;
    uint256 minOut;
}

/// @notice A vault's entry point and events and nothing else, for what surrounds a transaction: it counts, and fails
/// as it is told to.
contract Target {
    event IntentExecuted(bytes32 indexed intentId, uint64 indexed epoch, uint256 navBefore, uint256 navAfter);
    event LegExecuted(address indexed pool, address indexed tokenIn, address tokenOut, uint256 amountIn, uint256 amountOut);

    error Told();

    enum Mode {
        Work,
        Revert,
        Burn,
        Silent,
        Lie
    }

    uint64 public epoch = 3;
    uint256 public count;
    Mode public mode;

    function tell(Mode mode_) external {
        mode = mode_;
    }

    function rebalance(Order calldata order, Leg[] calldata legs) external {
        if (mode == Mode.Revert) revert Told();
        while (mode == Mode.Burn) {}
        require(order.expectedEpoch == epoch, "epoch");
        require(block.timestamp <= order.deadline, "deadline");
        ++epoch;
        ++count;
        for (uint256 i; i < legs.length; ++i) {
            emit LegExecuted(legs[i].pool, legs[i].tokenIn, address(this), legs[i].amountIn, legs[i].minOut);
        }
        if (mode == Mode.Silent) return;
        emit IntentExecuted(mode == Mode.Lie ? bytes32(0) : order.intentId, epoch, 1_000, 999);
    }
}
