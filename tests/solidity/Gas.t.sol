// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg} from "../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../contracts/interfaces/ILeverageVault.sol";
import {RangeMove} from "../../contracts/interfaces/IRangeVault.sol";
import {BasketWorld} from "./BasketWorld.sol";
import {LeverageWorld} from "./LeverageWorld.sol";
import {RangeWorld} from "./RangeWorld.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @notice C-37: gas of every entry point as a transaction of its own, everything cold, on the published Uniswap and Aave,
/// before refunds. The figures are snapshots/*.json, and `scripts/test` is red when one of them is another; forge writes
/// them anew when it runs this file by itself.
abstract contract Gas is Test {
    /// @dev Half of a block of thirty million.
    uint256 private constant MOST = 15_000_000;

    /// @dev Of the call just made.
    function _record(string memory vaultKind, string memory name) internal {
        assertLe(vm.snapshotGasLastCall(vaultKind, name), MOST, "C-37: more than half of a block");
    }
}

/// forge-config: default.isolate = true
contract BasketGasTest is Gas, BasketWorld {
    function setUp() public {
        _openBasket();
        _fillBasket();
        _deposit(bob, 200_000e6);
    }

    function test_C37_rebalance() public {
        _rebalance(_so(1));
        _record("basket", "rebalance, 1 leg");
        _pass(300);
        _rebalance(_so(4));
        _record("basket", "rebalance, 4 legs");
        _pass(300);
        _rebalance(_so(16));
        _record("basket", "rebalance, 16 legs");
    }

    function test_C37_deposit() public {
        _deposit(bob, 1_000e6);
        _record("basket", "deposit");
    }

    function test_C37_redeem() public {
        vm.prank(alice);
        vault.redeem(1_000e18, alice, alice);
        _record("basket", "redeem");
    }

    function test_C37_inKind() public {
        for (uint256 i; i < 3; ++i) {
            _basketTokens()[i].mint(bob, _usd(_basketTokens()[i], 10_000));
        }
        vm.prank(bob);
        vault.depositInKind(1_000e18, bob, _most());
        _record("basket", "depositInKind");
        vm.prank(alice);
        vault.redeemInKind(1_000e18, alice, alice, _zeros());
        _record("basket", "redeemInKind");
    }

    /// @dev So many legs, of both kinds in turn.
    function _so(uint256 many) private view returns (Leg[] memory legs) {
        legs = new Leg[](many);
        for (uint256 i; i < many; ++i) {
            legs[i] = i % 2 == 0 ? _leg(V3, v3UsdcWeth, usdc, 1_000e6) : _leg(V2, v2UsdcWbtc, usdc, 1_000e6);
        }
    }
}

/// forge-config: default.isolate = true
contract LeverageGasTest is Gas, LeverageWorld {
    function setUp() public {
        _openLeverage(0);
        _fillLeverage();
        _deposit(bob, 1e18);
        _pass(DAY);
    }

    function test_C37_lever() public {
        _act(_leverMove(30_000e6, false), _buyLegs(30_000e6));
        _record("leverage", "lever");
    }

    function test_C37_flashLever() public {
        _act(_leverMove(30_000e6, true), _buyLegs(30_000e6));
        _record("leverage", "lever, flash loan");
    }

    function test_C37_delever() public {
        _act(_deleverMove(0, 6e18, false), _sellLegs(6e18));
        _record("leverage", "de-lever");
    }

    function test_C37_flashDelever() public {
        _act(_deleverMove(30_000e6, 10.2e18, true), _sellLegs(10.2e18));
        _record("leverage", "de-lever, flash loan");
    }

    function test_C37_urgent() public {
        _fallTo(_answerAt(1.1e18));
        (LeverageMove memory move, Leg[] memory legs) = _rescue();
        _act(move, legs);
        _record("leverage", "de-lever, urgent");
    }

    function test_C37_ripcord() public {
        _fallTo(_answerAt(1.04e18));
        (LeverageMove memory move, Leg[] memory legs) = _rescue();
        uint256 reward = vault.pullRipcord(legs, move, bob);
        _record("leverage", "pullRipcord");
        assertGt(reward, 0);
    }

    function test_C37_deposit() public {
        _deposit(bob, 1e18);
        _record("leverage", "deposit");
    }

    function test_C37_redeem() public {
        uint256 shares = vault.maxRedeem(alice) / 10;
        vm.prank(alice);
        vault.redeem(shares, alice, alice);
        _record("leverage", "redeem");
    }

    function test_C37_redeemInKind() public {
        usdc.mint(alice, 1_000_000e6);
        uint256 shares = vault.balanceOf(alice) / 10;
        vm.prank(alice);
        vault.redeemInKind(shares, alice, alice, _zeros());
        _record("leverage", "redeemInKind");
    }

    /// @dev Repays a fifth of the debt; frees half a per cent more than it sells, out of which a reward is paid.
    function _rescue() private view returns (LeverageMove memory, Leg[] memory) {
        (, uint256 debt) = vault.position();
        uint256 worth = Math.mulDiv(debt / 5, _priceX(usdc), _priceX(weth));
        return (_urgentMove(debt / 5, worth * 1_010 / 1_000), _sellLegs(worth * 1_005 / 1_000));
    }
}

/// forge-config: default.isolate = true
contract RangeGasTest is Gas, RangeWorld {
    function setUp() public {
        _openRange();
        _fillRange();
        _trade(1_000_000);
    }

    function test_C37_rerange() public {
        _rebalance(_noLegs(), _round(2_000));
        _record("range", "rebalance, new range");
    }

    function test_C37_rerangeWithASwap() public {
        _rebalance(_legs(_leg(V3, address(pool), usdc, 30_000e6)), _round(2_000));
        _record("range", "rebalance, new range, 1 leg");
    }

    function test_C37_compound() public {
        (int24 lower, int24 upper,) = vault.range();
        _rebalance(_noLegs(), RangeMove(lower, upper, 0));
        _record("range", "rebalance, same range");
    }

    function test_C37_deposit() public {
        base.mint(bob, 1e30);
        other.mint(bob, 1e30);
        vm.prank(bob);
        vault.deposit(SEED / 10, bob, _most());
        _record("range", "deposit");
    }

    function test_C37_redeemInKind() public {
        _leave(alice, SEED / 10);
        _record("range", "redeemInKind");
    }
}
