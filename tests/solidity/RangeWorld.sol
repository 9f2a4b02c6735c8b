// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../contracts/guard/Guard.sol";
import {Leg, Order} from "../../contracts/interfaces/IKeeperVault.sol";
import {IRangePool, RangeMove} from "../../contracts/interfaces/IRangeVault.sol";
import {RangeSetup, RangeVault} from "../../contracts/vaults/RangeVault.sol";
import {WorldToken} from "../../contracts/world/WorldToken.sol";
import {Markets} from "./Markets.sol";

/// @notice A range vault over USDC and WETH that holds 600,000 dollars in the pool of 0.05 %, 10 % either side.
abstract contract RangeWorld is Markets {
    int24 internal constant MIN_WIDTH = 200;
    int24 internal constant MAX_WIDTH = 20_000;
    int24 internal constant HALF = 950;
    uint256 internal constant SEED = 1e18;

    Guard internal guard;
    RangeVault internal vault;
    WorldToken internal base;
    WorldToken internal other;
    IRangePool internal pool;

    function _openRange() internal {
        _openMarkets();
        pool = IRangePool(v3UsdcWeth);
        _newRange(usdc, weth);
    }

    /// @dev An empty vault over the pool, with either token as its base.
    function _newRange(WorldToken base_, WorldToken other_) internal {
        (base, other) = (base_, other_);
        guard = new Guard(_guardSetup(_rangeTokens()));
        vault = new RangeVault(_rangeSetup());
        for (uint256 i; i < 2; ++i) {
            WorldToken token = i == 0 ? base : other;
            address[3] memory users = [alice, bob, owner];
            for (uint256 j; j < 3; ++j) {
                vm.prank(users[j]);
                token.approve(address(vault), type(uint256).max);
            }
        }
    }

    function _rangeTokens() internal view returns (WorldToken[] memory tokens) {
        tokens = new WorldToken[](2);
        (tokens[0], tokens[1]) = (base, other);
    }

    function _rangeSetup() internal view returns (RangeSetup memory) {
        return RangeSetup(address(guard), "Keeper Range", "kRANGE", address(pool), MIN_WIDTH, MAX_WIDTH);
    }

    /// @dev Alice's seed, half in each token, invested round the price; then a day passes.
    function _fillRange() internal {
        _seed(alice, 300_000);
        _rebalance(_noLegs(), _round(HALF));
        _pass(86_400);
    }

    function _seed(address user, uint256 dollars) internal {
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (_usd(base, dollars), _usd(other, dollars));
        base.mint(user, amounts[0]);
        other.mint(user, amounts[1]);
        vm.prank(user);
        vault.deposit(SEED, user, amounts);
    }

    /// @dev So many shares for whatever they cost; the user is given it first.
    function _join(address user, uint256 shares) internal returns (uint256[] memory) {
        base.mint(user, 1e30);
        other.mint(user, 1e30);
        vm.prank(user);
        uint256[] memory paid = vault.deposit(shares, user, _most());
        vm.startPrank(user);
        base.transfer(address(0xdead), 1e30 - paid[0]);
        other.transfer(address(0xdead), 1e30 - paid[1]);
        vm.stopPrank();
        return paid;
    }

    function _leave(address user, uint256 shares) internal returns (uint256[] memory) {
        vm.prank(user);
        return vault.redeemInKind(shares, user, user, new uint256[](2));
    }

    /// @dev So many ticks on either side of the pool's price.
    function _round(int24 half) internal view returns (RangeMove memory) {
        (, int24 tick) = pool.slot0();
        int24 spacing = pool.tickSpacing();
        return RangeMove((tick - half) / spacing * spacing, (tick + half) / spacing * spacing, 0);
    }

    function _order() internal view returns (Order memory) {
        return Order("intent", guard.epoch(), uint64(vm.getBlockTimestamp() + 600), 0, 0);
    }

    function _rebalance(Leg[] memory legs, RangeMove memory move) internal {
        Order memory order = _order();
        vm.prank(keeper);
        vault.rebalance(order, legs, move);
    }

    function _noLegs() internal pure returns (Leg[] memory) {
        return new Leg[](0);
    }

    function _most() internal pure returns (uint256[] memory most) {
        most = new uint256[](2);
        (most[0], most[1]) = (type(uint256).max, type(uint256).max);
    }

    /// @dev Somebody trades this many dollars back and forth: fees, and the price where it was, nearly.
    function _trade(uint256 dollars) internal {
        (uint160 root,) = pool.slot0();
        _push(address(pool), usdc, _usd(usdc, dollars));
        _toRoot(root);
    }

    /// @dev Somebody brings the vault's pool to exactly this root price.
    function _toRoot(uint160 root) internal {
        _toRoot(address(pool), root);
    }

    /// @dev Value of amounts in the vault's order, at oracle prices, raw units of the base asset, from the rule.
    function _worthOf(uint256 amountBase, uint256 amountOther) internal view returns (uint256) {
        return amountBase + amountOther * _priceX(other) / _priceX(base);
    }
}
