// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @notice Why a guard refuses, with what it found and what it required. A vault's ABI carries them too: a guard's
/// refusal reaches the vault's caller as it is.
interface IGuardErrors {
    // roles
    error NotOwner(address caller);
    error NotPendingOwner(address caller);
    error NotCurator(address caller);
    error NotKeeper(address caller);
    error NotSentinel(address caller);
    error NotVault(address caller);
    error AlreadyBound(address vault);
    error ZeroAddress();
    error VaultPaused();
    /// @notice A call to the guard while the vault is at work.
    error VaultLocked();
    error NotSubmitted(bytes4 selector);
    error AlreadySubmitted(bytes4 selector);
    /// @notice The power to make this call was given up for ever.
    error CallAbdicated(bytes4 selector);
    error TimelockPending(uint256 timestamp, uint256 executableAt);

    // configuration
    error TokenCountInvalid(uint256 found, uint256 most);
    error TokenRepeated(address token);
    error AdapterUnknown(uint8 adapter);
    error VenueCountTooLarge(uint256 found, uint256 most);
    error VenueRepeated(address pool);
    error VenueTokensUnsorted(address pool);
    error LimitTooWide(uint256 found, uint256 most);
    error FeedMissing(address token);
    /// @notice No code, a heartbeat of zero or above a week, bounds in disorder, or more decimals than prices can have.
    error FeedInvalid(address token);

    // prices
    error FeedUnreadable(address token, address aggregator);
    error PriceNotPositive(address token, int256 answer);
    error RoundIncomplete(address token, uint80 roundId);
    error PriceFromFuture(address token, uint256 updatedAt, uint256 timestamp);
    error PriceStale(address token, uint256 age, uint256 maxAge);
    error PriceAtOrBelowMinimum(address token, int256 answer, int256 minAnswer);
    error PriceAtOrAboveMaximum(address token, int256 answer, int256 maxAnswer);

    // orders
    error DeadlinePassed(uint256 timestamp, uint256 deadline);
    error DeadlineTooFar(uint256 deadline, uint256 latest);
    error EpochMismatch(uint256 epoch, uint256 expected);
    error StateMismatch(bytes32 stateHash, bytes32 expected);
    error TooManyLegs(uint256 found, uint256 most);
    error CoolingDown(uint256 timestamp, uint256 until);
    error EmptyVault();
    /// @notice What the vault owes is worth no less than what it has.
    error Insolvent(uint256 assets, uint256 owed);

    // legs
    error VenueNotAllowed(address pool);
    error AdapterMismatch(address pool, uint8 found, uint8 required);
    error TokenNotInPool(address pool, address token);
    /// @notice The pool has no reserves, or no liquidity at its price.
    error PoolEmpty(address pool);
    error DeviationTooLarge(address pool, uint256 foundBps, uint256 mostBps);
    error AmountZero(address pool);
    /// @notice "All of it" is for intermediate tokens; a token of the vault needs an amount.
    error AmountRequired(address token);
    error TurnoverTooLarge(uint256 found, uint256 most);
    error DailyTurnoverSpent(uint256 found, uint256 left);

    // results
    error NavBelowMinimum(uint256 nav, uint256 required);
    error LossTooLarge(uint256 loss, uint256 most);
    error GainTooLarge(uint256 gain, uint256 most);
    error DailyLossSpent(uint256 loss, uint256 left);

    // debt
    /// @notice Out of order, out of bounds, or missing for a vault that borrows.
    error HealthLimitsInvalid();
    error HealthFactorTooLow(uint256 healthFactor, uint256 required);
    error HealthFactorTooHigh(uint256 healthFactor, uint256 most);
    error HealthFactorNotRaised(uint256 before, uint256 after_);
    /// @notice The health factor is not below the level at which this is allowed.
    error NotUrgent(uint256 healthFactor, uint256 required);
    /// @notice An urgent move repaid nothing.
    error NothingRepaid();
    error RescueTooDear(uint256 loss, uint256 most);
    error UrgentLossSpent(uint256 loss, uint256 left);
    error ChunkInvalid(uint256 repaid, uint256 least, uint256 most);

    // the sequencer of an L2
    error SequencerUnreadable(address feed);
    error SequencerDown(uint256 since);
    error SequencerJustUp(uint256 timestamp, uint256 until);
}
