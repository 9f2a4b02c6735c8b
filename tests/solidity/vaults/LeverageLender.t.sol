// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CallbackUnexpected} from "../../../contracts/guard/Swaps.sol";
import {Guard} from "../../../contracts/guard/Guard.sol";
import {ILendingPool} from "../../../contracts/interfaces/External.sol";
import {Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {ShareSetup} from "../../../contracts/interfaces/Setup.sol";
import {LendingSetup, LeverageVault} from "../../../contracts/vaults/LeverageVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {LeverageWorld} from "../LeverageWorld.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface IFlashReceiver {
    function executeOperation(address asset, uint256 amount, uint256 premium, address initiator, bytes calldata params)
        external
        returns (bool);
}

/// @notice Passes a callback on, as whoever a token's hook may call would.
contract Stranger {
    function pass(address receiver, address asset, uint256 amount, bytes calldata params) external {
        IFlashReceiver(receiver).executeOperation(asset, amount, 0, receiver, params);
    }
}

/// @notice A lender that calls back through somebody else, or more than once. It holds no positions.
contract OddLender {
    WorldToken private immutable ATOKEN = new WorldToken("A", "A", 18);
    WorldToken private immutable DEBT = new WorldToken("D", "D", 6);
    Stranger public immutable STRANGER = new Stranger();
    bool private immutable THROUGH_STRANGER;
    bool private immutable FOR_STRANGER;
    uint256 private immutable TIMES;

    constructor(bool throughStranger, bool forStranger, uint256 times) {
        (THROUGH_STRANGER, FOR_STRANGER, TIMES) = (throughStranger, forStranger, times);
    }

    function getReserveData(address) external view returns (ILendingPool.ReserveData memory data) {
        (data.aTokenAddress, data.variableDebtTokenAddress) = (address(ATOKEN), address(DEBT));
    }

    function getUserAccountData(address) external pure returns (uint256, uint256, uint256, uint256, uint256, uint256) {
        return (0, 0, 0, 0, 0, type(uint256).max);
    }

    function supply(address asset, uint256 amount, address onBehalfOf, uint16) external {
        IERC20(asset).transferFrom(msg.sender, address(this), amount);
        ATOKEN.mint(onBehalfOf, amount);
    }

    function borrow(address asset, uint256 amount, uint256, uint16, address onBehalfOf) external {
        IERC20(asset).transfer(msg.sender, amount);
        DEBT.mint(onBehalfOf, amount);
    }

    function flashLoanSimple(address receiver, address asset, uint256 amount, bytes calldata params, uint16) external {
        IERC20(asset).transfer(receiver, amount);
        for (uint256 i; i < TIMES; ++i) {
            if (THROUGH_STRANGER) STRANGER.pass(receiver, asset, amount, params);
            else IFlashReceiver(receiver).executeOperation(asset, amount, 0, _initiator(receiver), params);
        }
        IERC20(asset).transferFrom(receiver, address(this), amount);
    }

    function _initiator(address receiver) private view returns (address) {
        return FOR_STRANGER ? address(STRANGER) : receiver;
    }
}

/// @notice A flash loan is answered once, to the lender itself.
contract LeverageLenderTest is LeverageWorld {
    function setUp() public {
        _openMarkets();
    }

    function test_C32_callback_IsAnsweredOnce() public {
        OddLender lender = _openAt(new OddLender(false, false, 1));
        vm.prank(keeper);
        _lever();
        (, uint256 debt) = vault.position();
        assertEq(debt, 1_000e6);
        lender = _openAt(new OddLender(false, false, 2));
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(lender)));
        _lever();
    }

    function test_C32_callback_IsAnsweredToTheLenderOnly() public {
        OddLender lender = _openAt(new OddLender(true, false, 1));
        address stranger = address(lender.STRANGER());
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, stranger));
        _lever();
    }

    function test_C32_callback_IsNotAnsweredForAnother() public {
        OddLender lender = _openAt(new OddLender(false, true, 1));
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(CallbackUnexpected.selector, address(lender)));
        _lever();
    }

    function _openAt(OddLender lender) private returns (OddLender) {
        guard = new Guard(_leverageGuard(weth));
        vault = new LeverageVault(ShareSetup(address(guard), "Odd", "ODD", 0, 0), LendingSetup(address(lender), 0));
        vm.prank(alice);
        weth.approve(address(vault), type(uint256).max);
        _deposit(alice, 10e18);
        usdc.mint(address(lender), 1_000_000e6);
        return lender;
    }

    function _lever() private {
        Order memory order = Order("intent", 0, uint64(block.timestamp), 0, 0);
        vault.rebalance(order, _buyLegs(1_000e6), _leverMove(1_000e6, true));
    }
}
