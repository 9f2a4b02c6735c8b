// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Leg, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {LeverageMove} from "../../../contracts/interfaces/ILeverageVault.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {console} from "forge-std/console.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What the stolen keys, and anyone, take from a levered vault in danger, as a part of B_urgent (C-8, C-11, C-15).
contract LeverageTheftTest is LeverageWorld {
    function setUp() public {
        _openLeverage(0);
        _fillLeverage();
    }

    /// @dev T-8: below the urgent level the pools may be a tenth off; he pushes them and rescues, as much at once as the ceiling allows.
    function test_T8_RescuesAtAPushedPrice() public {
        _fallTo(_answerAt(1.1e18));
        (uint256 bound,) = vault.urgentBudget();
        uint256 taken;
        for (uint256 permille = 640; permille > 10; permille = permille * 9 / 10) {
            for (uint256 pushed = 160e18; pushed > 0; pushed -= 8e18) {
                uint256 before = vault.nav();
                (LeverageMove memory move, Leg[] memory legs) = _piece(permille);
                uint256 id = vm.snapshotState();
                _push(v3UsdcWeth, weth, pushed);
                Order memory order = _order();
                vm.prank(keeper);
                (bool ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, legs, move)));
                _follow(v3UsdcWeth);
                if (ok) taken += Math.saturatingSub(before, vault.nav());
                if (ok) break;
                vm.revertToState(id);
            }
        }
        console.log("T-8 rescues at a pushed price take, permille of B_urgent:", taken * 1_000 / bound);
        assertLe(taken, bound + 1e10, "C-11: more than the urgent budget");
    }

    /// @dev T-9: anyone farms the ripcord's reward, with the pool pushed against the vault besides.
    function test_T9_FarmsTheRipcord() public {
        _fallTo(_answerAt(1.02e18));
        (uint256 bound,) = vault.urgentBudget();
        uint256 taken;
        for (uint256 i; i < 40; ++i) {
            uint256 before = vault.nav();
            (LeverageMove memory move, Leg[] memory legs) = _piece(11 + i % 3 * 10);
            _push(v3UsdcWeth, weth, 40e18 * (i % 4) + 1);
            vm.prank(bob);
            (bool ok,) = address(vault).call(abi.encodeCall(vault.pullRipcord, (legs, move, bob)));
            _follow(v3UsdcWeth);
            if (ok) taken += Math.saturatingSub(before, vault.nav());
        }
        console.log("T-9 farming the ripcord takes, permille of B_urgent:", taken * 1_000 / bound);
        assertLe(taken, bound + 1e10, "C-15: more than the urgent budget");
    }

    /// @dev An urgent move that repays so many thousandths of the debt.
    function _piece(uint256 permille) private view returns (LeverageMove memory move, Leg[] memory legs) {
        (, uint256 debt) = vault.position();
        uint256 dollars = debt * permille / 1_000 + 1;
        uint256 worth = Math.mulDiv(dollars, _priceX(usdc), _priceX(weth));
        move = _urgentMove(dollars, worth * 1_025 / 1_000);
        legs = _sellLegs(worth * 1_016 / 1_000);
    }
}
