// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Leg, Venue} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../../contracts/vaults/BasketVault.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice A listed pool at the oracle's price that, in the middle of a swap, calls whomever it was told to.
contract EnteringPool {
    address public token0;
    address public token1;
    uint160 public slot0;
    uint128 public constant liquidity = 1;
    uint256 private immutable PAYS;

    address public target;
    bytes public data;
    bool public answered;
    bytes public refusal;

    /// @param pays For whatever is sold, raw units of the other token.
    constructor(WorldToken a, WorldToken b, uint160 root, uint256 pays) {
        (token0, token1) = address(a) < address(b) ? (address(a), address(b)) : (address(b), address(a));
        (slot0, PAYS) = (root, pays);
    }

    function setTarget(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function swap(address to, bool zeroForOne, int256 amount, uint160, bytes calldata)
        external
        returns (int256, int256)
    {
        (answered, refusal) = target.call(data);
        (int256 delta0, int256 delta1) = zeroForOne ? (amount, -int256(PAYS)) : (-int256(PAYS), amount);
        WorldToken(zeroForOne ? token1 : token0).transfer(to, PAYS);
        (bool ok,) =
            msg.sender.call(abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", delta0, delta1, ""));
        require(ok, "not paid");
        return (delta0, delta1);
    }
}

/// @notice C-31: a pool that the keeper trades with calls the vault, its guard and the callbacks, as itself, which holds
/// shares and every role there is.
contract ReentrancyTest is BasketWorld {
    EnteringPool private pool;

    function setUp() public {
        _openMarkets();
        (, bytes memory found) = v3UsdcWeth.staticcall(abi.encodeWithSignature("slot0()"));
        pool = new EnteringPool(usdc, weth, abi.decode(found, (uint160)), 1e18);
        weth.mint(address(pool), 100e18);
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.venues[0] = Venue(V3, address(pool));
        setup.owner = setup.curator = setup.sentinels[0] = address(pool);
        setup.keepers = new address[](2);
        (setup.keepers[0], setup.keepers[1]) = (keeper, address(pool));
        guard = new Guard(setup);
        vault = new BasketVault(_shareSetup(address(guard)), _weights(5_000, 5_000, 0), DRIFT_BAND_BPS);
        usdc.mint(address(pool), 200_000e6);
        vm.startPrank(address(pool));
        usdc.approve(address(vault), type(uint256).max);
        vault.deposit(100_000e6, address(pool));
        vm.stopPrank();
    }

    function test_nothingOfTheVaultIsEntered() public {
        bytes[13] memory calls = [
            abi.encodeCall(vault.deposit, (1e6, address(pool))),
            abi.encodeCall(vault.mint, (1e18, address(pool))),
            abi.encodeCall(vault.withdraw, (1e6, address(pool), address(pool))),
            abi.encodeCall(vault.redeem, (1e18, address(pool), address(pool))),
            abi.encodeCall(vault.depositInKind, (1e18, address(pool), _most())),
            abi.encodeCall(vault.redeemInKind, (1e18, address(pool), address(pool), _zeros())),
            abi.encodeCall(vault.rebalance, (_order(), new Leg[](0))),
            abi.encodeCall(vault.setFees, (1, 1)),
            abi.encodeCall(vault.setWeights, (_weights(10_000, 0, 0), 1)),
            abi.encodeCall(vault.nav, ()),
            abi.encodeCall(vault.holdings, ()),
            abi.encodeCall(vault.stateHash, ()),
            abi.encodeCall(vault.guardState, ())
        ];
        for (uint256 i; i < calls.length; ++i) {
            _enter(address(vault), calls[i]);
            assertEq(bytes4(pool.refusal()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector, "C-31");
        }
    }

    function test_nothingOfTheGuardIsEntered() public {
        bytes[8] memory calls = [
            abi.encodeCall(guard.pause, ()),
            abi.encodeCall(guard.unpause, ()),
            abi.encodeCall(guard.setLimits, (_limits())),
            abi.encodeCall(guard.submit, ("1234")),
            abi.encodeCall(guard.removeVenue, (v3LinkWeth)),
            abi.encodeCall(guard.removeKeeper, (keeper)),
            abi.encodeCall(guard.setSentinel, (bob, true)),
            abi.encodeCall(guard.offerOwnership, (bob))
        ];
        for (uint256 i; i < calls.length; ++i) {
            _enter(address(guard), calls[i]);
            assertEq(bytes4(pool.refusal()), IGuardErrors.VaultLocked.selector, "C-31");
        }
    }

    /// @dev A share moved in the middle is only a share moved.
    function test_sharesMoveAllTheSame() public {
        _enter(address(vault), abi.encodeCall(vault.transfer, (bob, 1e18)), true);
        assertEq(vault.balanceOf(bob), 1e18);
    }

    function _enter(address target, bytes memory data) private {
        _enter(target, data, false);
    }

    function _enter(address target, bytes memory data, bool answered) private {
        pool.setTarget(target, data);
        uint256 before = vault.nav();
        _rebalance(_legs(_leg(V3, address(pool), usdc, 3_000e6)));
        assertEq(pool.answered(), answered, "C-31: entered");
        assertEq(vault.nav(), before, "paid the oracle's price, and nothing else happened");
        _pass(301);
    }
}
