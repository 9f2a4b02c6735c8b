// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Settled, Worth} from "../guard/Guard.sol";
import {Ledger, Ledgers} from "../guard/Ledger.sol";
import {Lent} from "../guard/Rescue.sol";
import {CallbackUnexpected, raise} from "../guard/Swaps.sol";
import {ILendingPool, IScaledBalance} from "../interfaces/External.sol";
import {HealthLimits, Leg, Order} from "../interfaces/IKeeperVault.sol";
import {ILeverageVault, LeverageMove} from "../interfaces/ILeverageVault.sol";
import {ShareSetup} from "../interfaces/Setup.sol";
import {ShareVault} from "./ShareVault.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

error ReserveNotListed(address asset);
error MoveInvalid();
/// @notice Of what was borrowed so much was not sold.
error BorrowedUnsold(uint256 left);
error OwnCollateral(address asset);
error PositionWeakened(uint256 collateral, uint256 debt);

/// @notice The lending side of a `LeverageVault`.
/// @param pool Aave V3 pool.
/// @param eMode Category to enter, 0 for none; it must hold both tokens.
struct LendingSetup {
    address pool;
    uint8 eMode;
}

/// @title LeverageVault
/// @notice Collateral and variable debt on Aave V3, levered and de-levered by a keeper inside a health-factor band.
contract LeverageVault is ShareVault, ILeverageVault {
    using SafeERC20 for IERC20;
    using Ledgers for Ledger;

    bytes32 public constant override kind = "leverage";

    uint256 private constant COLLATERAL = 0;
    uint256 private constant DEBT = 1;
    uint256 private constant VARIABLE_RATE = 2;
    /// @dev Aave keeps balances in units of its index: a balance moves by up to about this many raw units more or less
    /// than the amount that was asked for. An exit pays them.
    uint256 private constant EXIT_DUST = 2;

    address public immutable override pool;
    address public immutable override collateralAToken;
    address public immutable override debtToken;
    uint8 private immutable E_MODE;
    /// @dev keccak256 of the parameters of the flash loan under way.
    bytes32 private transient _flashInFlight;

    constructor(ShareSetup memory setup, LendingSetup memory lending) ShareVault(setup) {
        if (_tokens.length != 2) revert TokenCountInvalid(_tokens.length, 2);
        pool = lending.pool;
        collateralAToken = ILendingPool(lending.pool).getReserveData(_tokens[COLLATERAL]).aTokenAddress;
        debtToken = ILendingPool(lending.pool).getReserveData(_tokens[DEBT]).variableDebtTokenAddress;
        if (collateralAToken == address(0)) revert ReserveNotListed(_tokens[COLLATERAL]);
        if (debtToken == address(0)) revert ReserveNotListed(_tokens[DEBT]);
        if (lending.eMode != 0) ILendingPool(lending.pool).setUserEMode(lending.eMode);
        E_MODE = lending.eMode;
        if (GUARD.healthLimits().floor == 0) revert HealthLimitsInvalid();
    }

    // views

    function healthLimits() external view override returns (HealthLimits memory) {
        _answerFromGuard();
    }

    function urgentBudget() external view override nonReentrantView returns (uint256 budget, uint256 mostLossBps) {
        (, Worth memory worth) = _tryWorth();
        return
            (GUARD.urgentBudgetOf(worth.owed), Math.min(GUARD.healthLimits().urgentLossBps, _liquidationBonusBps() / 2));
    }

    function healthFactor() external view override nonReentrantView returns (uint256) {
        return _healthFactor();
    }

    function position() external view override nonReentrantView returns (uint256 collateral, uint256 debt) {
        return (_collateral(), _debt());
    }

    // rebalance

    /// @inheritdoc ILeverageVault
    function rebalance(Order calldata order, Leg[] calldata legs, LeverageMove calldata move)
        external
        override
        nonReentrant
    {
        Lent memory lent = _lentBefore(move);
        _admit(order, legs.length, move.urgent, lent.healthBefore);
        _tell(order, _act(legs, move, lent));
    }

    /// @inheritdoc ILeverageVault
    function pullRipcord(Leg[] calldata legs, LeverageMove calldata move, address rewardTo)
        external
        override
        nonReentrant
        returns (uint256)
    {
        if (!move.urgent) revert MoveInvalid();
        Lent memory lent = _lentBefore(move);
        GUARD.admitRipcord(legs.length, lent.healthBefore);
        Settled memory done = _act(legs, move, lent);
        _held[COLLATERAL] -= done.reward;
        if (done.reward > 0) IERC20(_tokens[COLLATERAL]).safeTransfer(rewardTo, done.reward);
        emit RipcordPulled(
            msg.sender, done.epoch, done.repaid, done.reward, done.navBefore, done.navAfter - done.reward
        );
        return done.reward;
    }

    function _lentBefore(LeverageMove calldata move) private view returns (Lent memory lent) {
        _requireMove(move);
        (lent.lever, lent.healthBefore) = (move.lever, _healthFactor());
    }

    /// @notice Everything between admitting a move and telling of it.
    function _act(Leg[] calldata legs, LeverageMove calldata move, Lent memory lent)
        private
        returns (Settled memory done)
    {
        Action memory action = _weigh(legs, move.lever ? GUARD.pricesX() : GUARD.pricesXToDerisk());
        uint256 idle = _held[COLLATERAL];
        if (move.flash) {
            bytes memory params = abi.encode(legs, move);
            _flashInFlight = keccak256(params);
            _lend(
                abi.encodeCall(ILendingPool.flashLoanSimple, (address(this), _tokens[DEBT], move.debtAmount, params, 0))
            );
            IERC20(_tokens[DEBT]).forceApprove(pool, 0);
        } else {
            _move(legs, move, 0);
        }
        lent.healthAfter = _healthFactor();
        if (move.urgent) {
            lent.bonusBps = _liquidationBonusBps();
            lent.freed = Math.saturatingSub(_held[COLLATERAL], idle);
        }
        done = GUARD.settle(legs, _worth(action.pricesX), lent);
        _accept(done.navAfter - done.reward);
    }

    /// @notice Aave's flash loan has arrived. Reverts `CallbackUnexpected` unless this vault is waiting for this one.
    function executeOperation(address asset, uint256 amount, uint256 premium, address initiator, bytes calldata params)
        external
        returns (bool)
    {
        bool expected = msg.sender == pool && initiator == address(this) && keccak256(params) == _flashInFlight;
        if (!expected) revert CallbackUnexpected(msg.sender);
        _flashInFlight = 0;
        Leg[] calldata legs;
        LeverageMove calldata move;
        // Our own encoding, known by its hash: where the legs are, the move's five words, and the legs, five words each.
        assembly ("memory-safe") {
            move := add(params.offset, 0x20)
            legs.length := calldataload(add(params.offset, 0xc0))
            legs.offset := add(params.offset, 0xe0)
        }
        _move(legs, move, amount + premium);
        IERC20(asset).forceApprove(pool, amount + premium);
        return true;
    }

    function _requireMove(LeverageMove calldata move) private pure {
        bool valid = (move.flash ? move.debtAmount > 0 : move.lever || move.debtAmount == 0)
            && !(move.lever && (move.urgent || move.collateralAmount > 0));
        if (!valid) revert MoveInvalid();
    }

    /// @param owed To be returned to the flash lender, premium included; 0 without a flash loan.
    function _move(Leg[] calldata legs, LeverageMove calldata move, uint256 owed) private {
        Ledger memory ledger = _ledger(legs.length);
        if (move.lever) _lever(legs, move.debtAmount, owed, ledger);
        else _delever(legs, move, owed, ledger);
        _close(ledger);
    }

    function _lever(Leg[] calldata legs, uint256 debtAmount, uint256 owed, Ledger memory ledger) private {
        if (owed == 0 && debtAmount > 0) _borrow(debtAmount);
        ledger.amount[DEBT] += debtAmount;
        _run(legs, ledger);
        if (ledger.amount[DEBT] > _held[DEBT]) revert BorrowedUnsold(ledger.amount[DEBT] - _held[DEBT]);
        _supply(ledger.amount[COLLATERAL]);
        ledger.amount[COLLATERAL] = 0;
        if (owed > 0) _borrow(owed);
    }

    function _delever(Leg[] calldata legs, LeverageMove calldata move, uint256 owed, Ledger memory ledger) private {
        if (owed > 0) ledger.amount[DEBT] += move.debtAmount - _repay(move.debtAmount);
        ledger.amount[COLLATERAL] += _withdraw(move.collateralAmount);
        _run(legs, ledger);
        ledger.debit(DEBT, owed);
        ledger.amount[DEBT] -= _repay(ledger.amount[DEBT]);
    }

    // exit in kind

    /// @notice What `redeemInKind` of so many shares pays and takes.
    /// @return amounts Of collateral (idle and supplied) and of idle debt token, rounded down.
    /// @return debtToPay Raw units of the debt token that the caller pays, rounded up; it grows with the debt.
    function previewRedeemInKind(uint256 shares)
        external
        view
        nonReentrantView
        returns (uint256[] memory amounts, uint256 debtToPay)
    {
        uint256 supplied;
        (amounts, supplied, debtToPay) = _partOf(shares);
        amounts[COLLATERAL] += supplied;
    }

    /// @notice Burns `shares` for their part of the collateral, after the caller has paid their part of the debt. Needs no
    /// price of ours, no keeper and no unpausing; it needs the lending pool. Returns what was paid of each holding: of a
    /// token whose least amount is `FORGO`, nothing. While Aave's health factor is below one it lets out only who repays
    /// all debt: the ripcord comes first then, for anyone. Reverts `AmountTooSmall` below `minAmounts`, `PositionWeakened` if those who stay were left with less collateral
    /// for each unit of debt.
    function redeemInKind(uint256 shares, address receiver, address owner_, uint256[] calldata minAmounts)
        external
        nonReentrant
        returns (uint256[] memory amounts)
    {
        _requireCount(minAmounts.length);
        (uint256 collateralBefore, uint256 debtBefore) = (_collateral(), _debt());
        uint256 supplied;
        uint256 debtToPay;
        (amounts, supplied, debtToPay) = _partOf(shares);
        _forgo(amounts, minAmounts);
        if (minAmounts[COLLATERAL] == FORGO) supplied = 0;
        _burnFor(owner_, shares);
        _held[COLLATERAL] -= amounts[COLLATERAL];
        _held[DEBT] -= amounts[DEBT];
        if (debtToPay > 0) {
            _pull(_tokens[DEBT], msg.sender, debtToPay);
            _repay(debtToPay);
        }
        amounts[COLLATERAL] += _withdraw(supplied);
        (uint256 collateral, uint256 debt) = (_collateral(), _debt());
        if (collateral * debtBefore < collateralBefore * debt) revert PositionWeakened(collateral, debt);
        _payAll(receiver, amounts, minAmounts);
        emit RedeemedInKind(msg.sender, receiver, owner_, shares, amounts);
    }

    function _partOf(uint256 shares) private view returns (uint256[] memory idle, uint256 supplied, uint256 debtToPay) {
        idle = _held;
        for (uint256 i; i < idle.length; ++i) {
            idle[i] = _proRata(idle[i], shares, Math.Rounding.Floor);
        }
        supplied = Math.saturatingSub(_proRata(_collateral(), shares, Math.Rounding.Floor), EXIT_DUST);
        uint256 debt = _debt();
        if (debt > 0) debtToPay = Math.min(debt, _proRata(debt, shares, Math.Rounding.Ceil) + EXIT_DUST);
    }

    // value

    /// @dev Debt is rounded up, everything else down.
    function _value(uint256[] memory pricesX) internal view override returns (uint256 grossDown, uint256 owedUp) {
        grossDown = _held[COLLATERAL] + _collateral() + _worthOf(pricesX, DEBT, _held[DEBT], Math.Rounding.Floor);
        owedUp = _worthOf(pricesX, DEBT, _debt(), Math.Rounding.Ceil);
    }

    function _positions() internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                IScaledBalance(collateralAToken).scaledBalanceOf(address(this)),
                IScaledBalance(debtToken).scaledBalanceOf(address(this))
            )
        );
    }

    function _collateral() private view returns (uint256) {
        return IERC20(collateralAToken).balanceOf(address(this));
    }

    function _debt() private view returns (uint256) {
        return IERC20(debtToken).balanceOf(address(this));
    }

    function _healthFactor() private view returns (uint256 health) {
        (,,,,, health) = ILendingPool(pool).getUserAccountData(address(this));
    }

    // lending

    /// @inheritdoc ILeverageVault
    /// @dev In isolation mode, which such a gift can bring about before the first supply, Aave did not pledge our own.
    function unpledge(address asset) external override nonReentrant {
        if (asset == _tokens[COLLATERAL]) revert OwnCollateral(asset);
        _lend(abi.encodeCall(ILendingPool.setUserUseReserveAsCollateral, (asset, false)));
        if (_collateral() == 0) return;
        _lend(abi.encodeCall(ILendingPool.setUserUseReserveAsCollateral, (_tokens[COLLATERAL], true)));
    }

    /// @dev What a liquidator is paid, bps of the debt repaid. In an e-mode the lesser of the category's and the reserve's:
    /// governance may have taken the collateral out of the category since. A category that is no more, or does not answer,
    /// stops no rescue.
    function _liquidationBonusBps() private view returns (uint256 bonus) {
        bonus = uint16(ILendingPool(pool).getConfiguration(_tokens[COLLATERAL]) >> 32);
        if (E_MODE != 0) {
            try ILendingPool(pool).getEModeCategoryData(E_MODE) returns (
                uint256, uint256, uint256, uint256 inCategory
            ) {
                if (inCategory > 0) bonus = Math.min(bonus, inCategory);
            } catch {}
        }
        return Math.saturatingSub(bonus, BPS);
    }

    function _supply(uint256 amount) private {
        if (amount == 0) return;
        IERC20(_tokens[COLLATERAL]).forceApprove(pool, amount);
        _lend(abi.encodeCall(ILendingPool.supply, (_tokens[COLLATERAL], amount, address(this), 0)));
    }

    /// @param amount `type(uint256).max` for all of it.
    function _withdraw(uint256 amount) private returns (uint256 withdrawn) {
        if (amount == 0) return 0;
        bytes memory answer = _lend(abi.encodeCall(ILendingPool.withdraw, (_tokens[COLLATERAL], amount, address(this))));
        return abi.decode(answer, (uint256));
    }

    function _borrow(uint256 amount) private {
        _lend(abi.encodeCall(ILendingPool.borrow, (_tokens[DEBT], amount, VARIABLE_RATE, 0, address(this))));
    }

    /// @notice Repays `amount`, or all debt if that is less; returns what it repaid.
    function _repay(uint256 amount) private returns (uint256 repaid) {
        repaid = Math.min(amount, _debt());
        if (repaid == 0) return 0;
        IERC20(_tokens[DEBT]).forceApprove(pool, repaid);
        _lend(abi.encodeCall(ILendingPool.repay, (_tokens[DEBT], repaid, VARIABLE_RATE, address(this))));
    }

    /// @dev The target is the one pool of this vault, for ever; its own errors are strings and are wrapped.
    function _lend(bytes memory data) private returns (bytes memory) {
        (bool ok, bytes memory answer) = pool.call(data);
        if (!ok) raise(pool, answer);
        return answer;
    }
}
