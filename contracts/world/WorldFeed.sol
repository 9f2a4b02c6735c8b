// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title WorldFeed
/// @notice A price feed of the local world with the shape and the habits of a Chainlink proxy: rounds that grow, answers
/// with decimals, an age. Its admin writes the rounds, the wrong ones (old, zero, negative, from the future) included.
/// @dev Round ids carry a phase in their upper 16 bits, as a proxy's do, so a reader that counts from 1 is found out.
contract WorldFeed {
    /// @notice The caller is not the admin.
    error NotAdmin(address caller);
    /// @notice The admin has switched the feed off.
    error FeedDown();
    /// @notice There is no such round.
    error NoDataPresent(uint80 roundId);

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    struct Round {
        int192 answer;
        uint64 updatedAt;
    }

    /// @notice The interface version Chainlink's aggregators of today answer.
    uint256 public constant version = 4;

    uint80 private constant PHASE = 1 << 64;

    /// @notice The only account that writes rounds.
    address public immutable admin;
    /// @notice Decimals of every answer.
    uint8 public immutable decimals;
    /// @notice What is priced in what, such as "ETH / USD".
    string public description;

    /// @notice Whether every read reverts.
    bool public down;

    uint64 private _count;
    mapping(uint64 => Round) private _rounds;

    modifier onlyAdmin() {
        require(msg.sender == admin, NotAdmin(msg.sender));
        _;
    }

    modifier whenUp() {
        require(!down, FeedDown());
        _;
    }

    constructor(string memory description_, uint8 decimals_, int256 answer) {
        admin = msg.sender;
        decimals = decimals_;
        description = description_;
        _push(answer, block.timestamp);
    }

    /// @notice Opens a round at the current time. Zero and negative answers are taken as they are.
    function pushRound(int256 answer) external onlyAdmin {
        _push(answer, block.timestamp);
    }

    /// @notice Opens a round with any age: the past for a stale one, the future for a broken clock, 0 for one that is
    /// not complete.
    function pushRoundAt(int256 answer, uint256 updatedAt) external onlyAdmin {
        _push(answer, updatedAt);
    }

    /// @notice Makes every read revert, or stops doing so.
    function setDown(bool down_) external onlyAdmin {
        down = down_;
    }

    /// @notice The latest round. The answer has `decimals()` decimals, times are in seconds.
    function latestRoundData()
        external
        view
        whenUp
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return _read(_count);
    }

    /// @notice A past round; reverts when there is no such round.
    function getRoundData(uint80 id)
        external
        view
        whenUp
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        uint64 index = uint64(id);
        require(id == PHASE + index && index != 0 && index <= _count, NoDataPresent(id));
        return _read(index);
    }

    /// @notice The latest answer alone: the reading Aave's oracle takes.
    function latestAnswer() external view whenUp returns (int256) {
        return _rounds[_count].answer;
    }

    /// @notice The latest round's time, in seconds.
    function latestTimestamp() external view whenUp returns (uint256) {
        return _rounds[_count].updatedAt;
    }

    /// @notice The latest round's id, phase included.
    function latestRound() external view whenUp returns (uint256) {
        return PHASE + _count;
    }

    function _read(uint64 index) private view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _rounds[index];
        uint80 id = PHASE + index;
        return (id, round.answer, round.updatedAt, round.updatedAt, id);
    }

    function _push(int256 answer, uint256 updatedAt) private {
        uint64 index = ++_count;
        // The casts lose nothing a scene writes: prices are far below 2^191, seconds far below 2^64.
        // forge-lint: disable-next-line(unsafe-typecast)
        _rounds[index] = Round({answer: int192(answer), updatedAt: uint64(updatedAt)});
        emit AnswerUpdated(answer, PHASE + index, updatedAt);
    }
}
