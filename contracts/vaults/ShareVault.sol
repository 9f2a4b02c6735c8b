// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard, Worth} from "../guard/Guard.sol";
import {ShareSetup} from "../interfaces/Setup.sol";
import {FreshShares} from "./FreshShares.sol";
import {GuardedVault} from "./GuardedVault.sol";
import {AmountCountMismatch, AmountTooLarge, AmountTooSmall, InKind, SharesZero} from "./InKind.sol";
import {ERC20, IERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ShareVault
/// @notice ERC-4626 shares over a guarded vault: base-asset deposits and exits at oracle value, exits in kind always.
/// The base-asset door is a bet on the oracle's lag for whoever knows its next answer: it costs a fee either way, which
/// should cover the feeds' deviation thresholds, each weighted by its part of net asset value, a debt's too; and shares that came in just
/// now, by whatever door, do not go out by this one (C-41).
/// @dev Only what came in through these functions and through actions counts: a donation changes nothing. Rounding is
/// for the vault. Virtual shares (a thousand at least, and enough for 18 decimals) and one virtual raw unit of assets
/// keep the first share from being inflated.
abstract contract ShareVault is InKind, ERC4626, FreshShares {
    uint16 public constant MAX_FEE_BPS = 200;

    uint8 private immutable OFFSET;
    /// @notice Bps of a base-asset deposit that stay in the vault: they pay for investing it and for the oracle's lag.
    uint16 public entryFeeBps;
    /// @notice Bps of the value of a base-asset exit that stay in the vault: the oracle lags on the way out as well. An exit
    /// in kind asks no oracle and costs nothing.
    uint16 public exitFeeBps;
    /// @dev Valuation and share supply when the prices were last accepted: what `totalAssets` falls back to.
    uint256 private _acceptedNav;
    uint256 private _acceptedSupply;

    event FeesSet(uint16 entryBps, uint16 exitBps);
    event Accepted(uint256 nav, uint256 shareSupply);

    /// @dev The guard is asked by its address: arguments of bases are evaluated before any immutable is set.
    constructor(ShareSetup memory setup)
        GuardedVault(setup.guard)
        ERC20(setup.name, setup.symbol)
        ERC4626(IERC20(Guard(setup.guard).tokens()[0]))
    {
        uint8 decimals_ = IERC20Metadata(_tokens[0]).decimals();
        OFFSET = decimals_ < 15 ? 18 - decimals_ : 3;
        _setFees(setup.entryFeeBps, setup.exitFeeBps);
    }

    /// @notice Timelocked either way: a lower fee is a cheaper bet on the oracle's lag.
    function setFees(uint16 entryBps, uint16 exitBps) external nonReentrant {
        GUARD.useUp(msg.sender, msg.data);
        _setFees(entryBps, exitBps);
    }

    function _setFees(uint16 entryBps, uint16 exitBps) private {
        uint16 most = entryBps > exitBps ? entryBps : exitBps;
        if (most > MAX_FEE_BPS) revert LimitTooWide(most, MAX_FEE_BPS);
        (entryFeeBps, exitFeeBps) = (entryBps, exitBps);
        emit FeesSet(entryBps, exitBps);
    }

    // ERC-4626

    /// @notice Net asset value; the last accepted valuation, per share, while a price is unusable or the vault locked.
    function totalAssets() public view override returns (uint256 value) {
        (value,) = _valuation();
    }

    /// @notice Whether `totalAssets` is not from current prices; nothing is issued or paid at it then.
    function valuationStale() external view returns (bool stale) {
        (, stale) = _valuation();
    }

    function maxDeposit(address) public view override returns (uint256) {
        return _closed() ? 0 : type(uint256).max;
    }

    function maxMint(address) public view override returns (uint256) {
        return _closed() ? 0 : type(uint256).max;
    }

    /// @notice From the idle base asset only, and for shares that are not new only.
    function maxWithdraw(address owner_) public view override returns (uint256) {
        return _closed() ? 0 : _withdrawable(owner_);
    }

    /// @notice From the idle base asset only, and for shares that are not new only.
    function maxRedeem(address owner_) public view override returns (uint256) {
        return _closed() ? 0 : _redeemable(owner_);
    }

    function previewDeposit(uint256 assets) public view override returns (uint256) {
        return _convertToShares(_afterFee(assets, entryFeeBps), Math.Rounding.Floor);
    }

    function previewMint(uint256 shares) public view override returns (uint256) {
        return _beforeFee(_convertToAssets(shares, Math.Rounding.Ceil), entryFeeBps, Math.Rounding.Ceil);
    }

    function previewRedeem(uint256 shares) public view override returns (uint256) {
        return _afterFee(_convertToAssets(shares, Math.Rounding.Floor), exitFeeBps);
    }

    function previewWithdraw(uint256 assets) public view override returns (uint256) {
        return _convertToShares(_beforeFee(assets, exitFeeBps, Math.Rounding.Ceil), Math.Rounding.Ceil);
    }

    function deposit(uint256 assets, address receiver) public override nonReentrant returns (uint256 shares) {
        uint256 value = _acceptPrices();
        shares = previewDeposit(assets);
        if (shares == 0) revert SharesZero();
        _deposit(msg.sender, receiver, assets, shares);
        _accept(value + assets);
    }

    function mint(uint256 shares, address receiver) public override nonReentrant returns (uint256 assets) {
        uint256 value = _acceptPrices();
        if (shares == 0) revert SharesZero();
        assets = previewMint(shares);
        _deposit(msg.sender, receiver, assets, shares);
        _accept(value + assets);
    }

    function withdraw(uint256 assets, address receiver, address owner_)
        public
        override
        nonReentrant
        returns (uint256 shares)
    {
        uint256 value = _acceptPrices();
        uint256 most = _withdrawable(owner_);
        if (assets > most) revert ERC4626ExceededMaxWithdraw(owner_, assets, most);
        shares = previewWithdraw(assets);
        _withdraw(msg.sender, receiver, owner_, assets, shares);
        _accept(value - assets);
    }

    function redeem(uint256 shares, address receiver, address owner_)
        public
        override
        nonReentrant
        returns (uint256 assets)
    {
        uint256 value = _acceptPrices();
        uint256 most = _redeemable(owner_);
        if (shares > most) revert ERC4626ExceededMaxRedeem(owner_, shares, most);
        assets = previewRedeem(shares);
        _withdraw(msg.sender, receiver, owner_, assets, shares);
        _accept(value - assets);
    }

    // internal

    function _closed() private view returns (bool) {
        (, bool stale) = _valuation();
        return stale || GUARD.paused();
    }

    function _valuation() private view returns (uint256 value, bool stale) {
        if (!_reentrancyGuardEntered()) {
            (bool priced, Worth memory worth) = _tryWorth();
            if (priced && worth.owed > 0 && worth.owed >= worth.gross) return (0, true);
            if (priced) return (worth.gross - worth.owed, false);
        }
        if (_acceptedSupply == 0) return (0, true);
        return (Math.mulDiv(_acceptedNav, _shareSupply(), _acceptedSupply), true);
    }

    /// @notice The valuation this call prices from. Reverts when paused or on an unusable price.
    /// @dev Stored first: the vault is locked here, and the conversions read the accepted valuation while it is.
    function _acceptPrices() private returns (uint256 value) {
        GUARD.requireActive();
        value = _navDown();
        _accept(value);
    }

    function _accept(uint256 value) internal {
        (_acceptedNav, _acceptedSupply) = (value, _shareSupply());
        emit Accepted(value, _acceptedSupply);
    }

    /// @dev At most what the idle base asset can pay.
    function _withdrawable(address owner_) private view returns (uint256) {
        return Math.min(previewRedeem(settledShares(owner_)), _held[0]);
    }

    function _redeemable(address owner_) private view returns (uint256) {
        uint256 most = _beforeFee(_held[0], exitFeeBps, Math.Rounding.Floor);
        return Math.min(settledShares(owner_), _convertToShares(most, Math.Rounding.Floor));
    }

    /// @dev The fee is rounded up.
    function _afterFee(uint256 assets, uint256 feeBps) private pure returns (uint256) {
        return assets - Math.mulDiv(assets, feeBps, BPS, Math.Rounding.Ceil);
    }

    /// @dev Rounded up, the least that leaves `assets` after the fee; rounded down, no more than does.
    function _beforeFee(uint256 assets, uint256 feeBps, Math.Rounding rounding) private pure returns (uint256) {
        return Math.mulDiv(assets, BPS, BPS - feeBps, rounding);
    }

    function _shareSupply() internal view override returns (uint256) {
        return totalSupply() + 10 ** OFFSET;
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, FreshShares) {
        super._update(from, to, value);
    }

    function decimals() public view override(ERC20, ERC4626) returns (uint8) {
        return super.decimals();
    }

    function _decimalsOffset() internal view override returns (uint8) {
        return OFFSET;
    }

    function _transferIn(address from, uint256 assets) internal override {
        _pull(_tokens[0], from, assets);
        _held[0] += assets;
    }

    function _transferOut(address to, uint256 assets) internal override {
        _held[0] -= assets;
        super._transferOut(to, assets);
    }

    /// @notice Burns `shares` of `owner_`, on the caller's allowance where they differ.
    function _burnFor(address owner_, uint256 shares) internal {
        if (shares == 0) revert SharesZero();
        if (msg.sender != owner_) _spendAllowance(owner_, msg.sender, shares);
        _burn(owner_, shares);
    }
}
