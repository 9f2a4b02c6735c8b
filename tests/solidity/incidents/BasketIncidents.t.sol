// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Guard} from "../../../contracts/guard/Guard.sol";
import {IGuardErrors} from "../../../contracts/interfaces/IGuardErrors.sol";
import {Feed, Leg, Limits, Order} from "../../../contracts/interfaces/IKeeperVault.sol";
import {GuardSetup} from "../../../contracts/interfaces/Setup.sol";
import {BasketVault} from "../../../contracts/vaults/BasketVault.sol";
import {WorldFeed} from "../../../contracts/world/WorldFeed.sol";
import {WorldToken} from "../../../contracts/world/WorldToken.sol";
import {BasketWorld} from "../BasketWorld.sol";
import {OddWorld} from "../OddWorld.sol";
import {HookToken} from "../Weird.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What failed elsewhere, tried on a basket. Each test is seen to fail on the weakened contract that
/// scripts/mutation/weakenings.toml names for it.
contract BasketIncidentsTest is BasketWorld {
    address private attacker = makeAddr("attacker");

    function setUp() public {
        _openBasket();
        _fillBasket();
        WorldToken[] memory tokens = _basketTokens();
        for (uint256 i; i < 3; ++i) {
            tokens[i].mint(attacker, _usd(tokens[i], 10_000_000));
            vm.prank(attacker);
            tokens[i].approve(address(vault), type(uint256).max);
        }
    }

    /// @dev I-1 Balancer: roundings that favour whoever comes, repeated while the balances are tiny.
    function testFuzz_I01_noSequenceOfTinyEntriesAndExitsTakesValue(uint256 seed) public {
        uint256 all = vault.balanceOf(alice);
        vm.prank(alice);
        vault.redeemInKind(all - all / 1e11, alice, alice, _zeros()); // a few raw units of each token are left
        uint256[] memory held = vault.holdings();
        uint256 supply = vault.totalSupply() + 1e12;
        vm.startPrank(attacker);
        for (uint256 i; i < 60; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 shares = 1 + random % (random % 3 == 0 ? 10 : 1e13);
            uint256 mine = vault.balanceOf(attacker);
            if (random % 2 == 0 || mine == 0) vault.depositInKind(shares, attacker, _most());
            else vault.redeemInKind(Math.min(shares, mine), attacker, attacker, _zeros());
            uint256[] memory now_ = vault.holdings();
            uint256 supplyNow = vault.totalSupply() + 1e12;
            for (uint256 j; j < 3; ++j) {
                assertGe(now_[j] * supply, held[j] * supplyNow, "I-1: a share is worth no less of any token");
            }
            (held, supply) = (now_, supplyNow);
        }
        vm.stopPrank();
    }

    /// @dev I-6 Cream, Mango, Inverse: value was read from balances that anybody may raise.
    function testFuzz_I06_aDonationMovesNoPrice(uint256 amount) public {
        uint256 nav = vault.nav();
        uint256 perShare = vault.convertToAssets(1e18);
        vm.startPrank(attacker);
        usdc.transfer(address(vault), bound(amount, 1, _usd(usdc, 10_000_000)));
        weth.transfer(address(vault), bound(amount, 1, _usd(weth, 10_000_000)));
        vm.stopPrank();
        assertEq(vault.nav(), nav);
        assertEq(vault.convertToAssets(1e18), perShare);
    }

    /// @dev I-10 Singularity: a price of nothing made shares cheap. Here it is no price.
    function test_I10_noPriceSellsNoShares() public {
        uint256 before = vault.totalSupply();
        feeds[address(weth)].pushRound(0);
        vm.prank(attacker);
        (bool ok, bytes memory reason) = address(vault).call(abi.encodeCall(vault.deposit, (100_000e6, attacker)));
        assertFalse(ok);
        assertEq(reason, abi.encodeWithSelector(IGuardErrors.PriceNotPositive.selector, address(weth), 0));
        assertEq(vault.totalSupply(), before);
    }

    /// @dev I-11 Moonwell: a feed changed at once, and wrongly. Here everybody has a day to see it.
    function test_I11_aFeedWaitsADay() public {
        Feed memory wrong = _feed(weth);
        wrong.aggregator = address(new WorldFeed("wrong", 8, 1e8));
        bytes memory data = abi.encodeCall(guard.setFeed, (address(weth), wrong));
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.setFeed.selector));
        guard.setFeed(address(weth), wrong);
        guard.submit(data);
        vm.warp(block.timestamp + DAY - 1);
        vm.expectRevert();
        guard.setFeed(address(weth), wrong);
        vm.stopPrank();
        assertEq(guard.feedOf(address(weth)).aggregator, address(feeds[address(weth)]));
    }

    /// @dev I-12 Venus, Blizz: LUNA fell through the lowest answer of its feed, which went on answering it.
    function test_I12_anAnswerAtItsFloorIsNoPrice() public {
        feeds[address(weth)].pushRound(1); // the feed's minimum
        vm.prank(attacker);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardErrors.PriceAtOrBelowMinimum.selector, address(weth), int256(1), int256(1))
        );
        vault.deposit(100_000e6, attacker);
    }

    /// @dev I-13 Gamma: the threshold on price changes was set to 200 %.
    function test_I13_noCuratorCanOpenTheDeviationWide() public {
        Limits memory wide = _limits();
        wide.maxDeviationBps = 1_001;
        bytes memory data = abi.encodeCall(guard.setLimits, (wide));
        vm.startPrank(curator);
        guard.submit(data);
        vm.warp(block.timestamp + DAY);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.LimitTooWide.selector, 1_001, 1_000));
        guard.setLimits(wide);
        vm.stopPrank();
    }

    /// @dev I-15 Harvest, yDAI: anyone could make the vault invest, at a moment of his choice.
    function test_I15_nobodyElseMovesTheFunds() public {
        uint256[] memory before = vault.holdings();
        _push(v3UsdcWeth, usdc, 200_000e6);
        Order memory order = _order();
        vm.startPrank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotKeeper.selector, attacker));
        vault.rebalance(order, _legs(_leg(V3, v3UsdcWeth, usdc, 100_000e6)));
        vault.deposit(50_000e6, attacker);
        vm.stopPrank();
        assertEq(vault.holdings()[0], before[0] + 50_000e6, "a deposit stays idle");
        assertEq(vault.holdings()[1], before[1]);
    }

    /// @dev I-16 DRLVaultV3: the vault was made to sell into a pool that a flash loan had moved.
    function test_I16_noTradeInAPoolThatWasMoved() public {
        _push(v3UsdcWeth, weth, 2_000e18);
        Order memory order = _order();
        vm.prank(keeper);
        (bool ok, bytes memory reason) =
            address(vault).call(abi.encodeCall(vault.rebalance, (order, _legs(_leg(V3, v3UsdcWeth, weth, 1e17)))));
        assertFalse(ok, "I-16: a small trade, within every cap");
        assertEq(bytes4(reason), IGuardErrors.DeviationTooLarge.selector);
    }

    /// @dev I-17 Aave's rebalancer: the caller supplied the target and what to call it with.
    function test_I17_noTargetOfTheCallers() public {
        HonestLookingPool trap = new HonestLookingPool(address(usdc), address(weth), v3UsdcWeth);
        Order memory order = _order();
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.VenueNotAllowed.selector, address(trap)));
        vault.rebalance(order, _legs(_leg(V3, address(trap), usdc, 1_000e6)));
        assertEq(usdc.balanceOf(address(trap)), 0);
    }

    /// @dev I-18 UnprotectedArbBot: one function without a guard. tests/test_roles.py asks all of them; this is the one
    /// that would let anybody use up a curator's submission in a vault's name.
    function test_I18_nobodySpeaksForTheVault() public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (attacker));
        vm.prank(curator);
        guard.submit(data);
        vm.warp(block.timestamp + DAY);
        vm.startPrank(attacker);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotVault.selector, attacker));
        guard.useUp(curator, data);
        vm.stopPrank();
    }

    /// @dev I-19 Giddy: the authorisation covered a part of what was authorised.
    function testFuzz_I19_aSubmissionCoversEveryBit(uint256 bit) public {
        bytes memory data = abi.encodeCall(guard.addKeeper, (bob));
        vm.prank(curator);
        guard.submit(data);
        vm.warp(block.timestamp + DAY);
        bit = bound(bit, 0, 159);
        address other = address(uint160(bob) ^ uint160(1 << bit));
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.NotSubmitted.selector, guard.addKeeper.selector));
        guard.addKeeper(other);
        guard.addKeeper(bob);
        vm.stopPrank();
    }

    /// @dev I-20 Thetanuts: with few shares the price of one was rounded down to nothing.
    function testFuzz_I20_noShareIsFree(uint256 shares) public {
        shares = bound(shares, 1, 1e15);
        vm.prank(attacker);
        uint256 paid = vault.mint(shares, attacker);
        assertGt(paid, 0);
        assertGe(paid * (vault.totalSupply() - shares + 1e12), shares * vault.nav() / 2, "I-20: for nothing");
        assertGe(paid, vault.previewRedeem(shares));
    }

    /// @dev I-21 RWAVault: withdrawing for another asked for no allowance.
    function test_I21_anothersSharesNeedTheirAllowance() public {
        vm.startPrank(attacker);
        bytes memory reason =
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, attacker, 0, 1e18);
        vm.expectRevert(reason);
        vault.redeemInKind(1e18, attacker, alice, _zeros());
        vm.expectRevert(reason);
        vault.redeem(1e18, attacker, alice);
        vm.stopPrank();
    }

    /// forge-config: default.fuzz.runs = 200
    /// @dev I-22 Resupply, Sonne, Radiant, Hundred: the first one gives to an empty market and rounds the next to zero.
    /// C-25: what the attacker loses is a hundred times what his victim loses, and more.
    function testFuzz_I22_inflationCostsMoreThanItTakes(uint256 seed, uint256 gift, uint256 deposit) public {
        _newBasket();
        (seed, gift, deposit) = (bound(seed, 1, 1e6), bound(gift, 1e6, 1e15), bound(deposit, 1e6, 1e13));
        usdc.mint(attacker, seed + gift);
        usdc.mint(bob, deposit);
        vm.startPrank(attacker);
        usdc.approve(address(vault), seed);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.deposit, (seed, attacker)));
        usdc.transfer(address(vault), gift);
        vm.stopPrank();
        vm.prank(bob);
        uint256 shares = vault.deposit(deposit, bob);
        uint256 net = deposit - Math.mulDiv(deposit, ENTRY_FEE_BPS, 10_000, Math.Rounding.Ceil);
        uint256 victims = Math.saturatingSub(net, vault.convertToAssets(shares) + 1);
        uint256 attackers = gift + (ok ? seed : 0) - vault.convertToAssets(vault.balanceOf(attacker));
        assertGe(attackers, 100 * victims, "I-22");
    }

    /// @dev I-26 Resolv: one key signed as much as it liked. C-8: here a day of it costs at most two budgets, whoever
    /// holds the pools.
    function test_I26_aStolenKeyCostsTheBudget() public {
        Limits memory tight = _limits();
        tight.dailyLossBps = 20;
        _tighten(tight);
        uint256 before = vault.nav();
        for (uint256 i; i < 96; ++i) {
            // The thief moves the pool against the vault, trades with it, and moves it back.
            bool buying = i % 2 == 0;
            _push(v3UsdcWeth, buying ? usdc : weth, buying ? 170_000e6 : 57e18);
            Leg memory leg = _leg(V3, v3UsdcWeth, buying ? usdc : weth, buying ? 60_000e6 : 20e18);
            Order memory order = _order();
            vm.prank(keeper);
            (bool ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, _legs(leg))));
            ok;
            _home();
            _pass(DAY / 96);
        }
        assertLt(vault.nav(), before - before * 30 / 10_000, "the thief did something");
        assertGe(vault.nav(), before - before * 40 / 10_000, "I-26: more than two budgets in a day");
    }

    /// @dev I-30 unbundling: what was sent in private is sandwiched in public. The cap holds whatever the pool does.
    function test_I30_aSandwichTakesNoMoreThanTheCap() public {
        Limits memory wide = _limits();
        wide.maxDeviationBps = 1_000;
        bytes memory data = abi.encodeCall(guard.setLimits, (wide));
        vm.prank(curator);
        guard.submit(data);
        _pass(DAY);
        vm.prank(curator);
        guard.setLimits(wide);
        uint256 nav = vault.nav();
        _push(v3UsdcWeth, usdc, 2_000_000e6); // 8 % above the oracle
        Order memory order = _order();
        Leg[] memory legs = _legs(_leg(V3, v3UsdcWeth, usdc, nav / 10));
        vm.prank(keeper);
        (bool ok, bytes memory reason) = address(vault).call(abi.encodeCall(vault.rebalance, (order, legs)));
        _home();
        assertGe(vault.nav(), nav - nav * 30 / 10_000, "I-30: it took more than the cap");
        assertFalse(ok);
        assertEq(bytes4(reason), IGuardErrors.LossTooLarge.selector);
    }

    /// @dev I-31 Infura: a plan made from a stale chain arrives late.
    function test_I31_aPlanThatArrivesLateDoesNothing() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp);
        _pass(1);
        vm.prank(keeper);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardErrors.DeadlinePassed.selector, block.timestamp, block.timestamp - 1)
        );
        vault.rebalance(order, _goodLegs());
    }

    /// @dev I-25 Index Coop: what was read for pricing was not what was there at settlement.
    function test_I25_aPlanForAnotherStateDoesNothing() public {
        Order memory order = _order();
        order.expectedStateHash = vault.stateHash();
        vm.prank(attacker);
        vault.deposit(1e6, attacker);
        bytes32 found = vault.stateHash();
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(IGuardErrors.StateMismatch.selector, found, order.expectedStateHash));
        vault.rebalance(order, _goodLegs());
    }

    /// @dev I-32 Polygon's reorg, I-34, I-36 duplicates: the same order, again, from whoever kept it.
    function test_I34_theSameOrderActsOnce() public {
        Order memory order = _order();
        order.deadline = uint64(block.timestamp + 600);
        _rebalance(order, _goodLegs());
        uint256[] memory before = vault.holdings();
        _pass(301);
        vm.prank(keeper);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.rebalance, (order, _goodLegs())));
        assertFalse(ok, "I-34: twice");
        assertEq(vault.holdings()[1], before[1]);
    }

    /// @dev I-33, the outages of L2 sequencers: prices that stood still while nobody could act. Exits do not wait.
    function test_I33_nothingIsPricedWhileTheSequencerIsDown() public {
        WorldFeed uptime = new WorldFeed("uptime", 0, 0);
        GuardSetup memory setup = _guardSetup(_basketTokens());
        setup.sequencer = address(uptime);
        guard = new Guard(setup);
        vault = new BasketVault(_shareSetup(address(guard)), _weights(10_000, 0, 0), DRIFT_BAND_BPS);
        vm.prank(attacker);
        usdc.approve(address(vault), type(uint256).max);
        _pass(3_600);
        vm.prank(attacker);
        vault.deposit(1_000e6, attacker);
        uptime.pushRound(1);
        _refusedDeposit(abi.encodeWithSelector(IGuardErrors.SequencerDown.selector, block.timestamp));
        uint256 half = vault.balanceOf(attacker) / 2;
        vm.prank(attacker);
        vault.redeemInKind(half, attacker, attacker, _zeros());
        uptime.pushRound(0);
        uint256 up = block.timestamp;
        _pass(3_599);
        _refusedDeposit(abi.encodeWithSelector(IGuardErrors.SequencerJustUp.selector, block.timestamp, up + 3_600));
        _pass(1);
        vm.prank(attacker);
        vault.deposit(1_000e6, attacker);
    }

    function _refusedDeposit(bytes memory reason) private {
        vm.prank(attacker);
        vm.expectRevert(reason);
        vault.deposit(1_000e6, attacker);
    }

    // helpers

    /// @dev Somebody brings the pool back to the oracle's price.
    function _home() private {
        (WorldToken t0, WorldToken t1) = address(usdc) < address(weth) ? (usdc, weth) : (weth, usdc);
        _toRoot(v3UsdcWeth, uint160(Math.sqrt(Math.mulDiv(_priceX(t0), 1 << 192, _priceX(t1)))));
    }
}

/// @notice Reads a vault in the middle of its call, from a token's hook.
contract MidCallTest is OddWorld {
    HookToken private hook;

    function setUp() public {
        hook = new HookToken();
        _openOver(hook);
        hook.mint(bob, 1_000e18);
        vm.startPrank(bob);
        hook.approve(address(vault), type(uint256).max);
        vault.deposit(100e18, bob);
        vm.stopPrank();
    }

    /// @dev I-23 Sentiment: the shares were burnt and the tokens not yet paid when somebody asked what a share is worth.
    function test_I23_noPriceInTheMiddleOfACall() public {
        uint256 accepted = vault.totalAssets() * 1e18 / vault.totalSupply();
        bytes[4] memory views = [
            abi.encodeCall(vault.nav, ()),
            abi.encodeCall(vault.holdings, ()),
            abi.encodeCall(vault.guardState, ()),
            abi.encodeCall(vault.stateHash, ())
        ];
        vm.startPrank(bob);
        for (uint256 i; i < 4; ++i) {
            hook.setHook(address(vault), views[i]);
            vault.redeemInKind(1e18, bob, bob, new uint256[](2));
            assertTrue(hook.refused(), "I-23: answered while locked");
        }
        hook.setHook(address(vault), abi.encodeCall(vault.convertToAssets, (1e18)));
        vault.redeemInKind(1e18, bob, bob, new uint256[](2));
        vm.stopPrank();
        assertFalse(hook.refused());
        assertApproxEqRel(abi.decode(hook.refusal(), (uint256)), accepted, 1e12, "C-42: the accepted valuation");
    }
}

/// @notice A pool nobody listed, with the tokens and the price of one that is listed; it keeps what it is given.
contract HonestLookingPool {
    address public token0;
    address public token1;
    address private immutable MODEL;

    constructor(address a, address b, address model) {
        (token0, token1) = a < b ? (a, b) : (b, a);
        MODEL = model;
    }

    function slot0() external view returns (uint160) {
        (, bytes memory found) = MODEL.staticcall(abi.encodeWithSignature("slot0()"));
        return abi.decode(found, (uint160));
    }

    function liquidity() external pure returns (uint128) {
        return 1;
    }

    function swap(address, bool zeroForOne, int256 amount, uint160, bytes calldata) external returns (int256, int256) {
        (int256 paid, int256 sent) = (amount, int256(0));
        (int256 delta0, int256 delta1) = zeroForOne ? (paid, sent) : (sent, paid);
        (bool ok,) =
            msg.sender.call(abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", delta0, delta1, ""));
        require(ok);
        return (delta0, delta1);
    }
}
