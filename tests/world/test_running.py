"""A world starts the same every time, is known by its genesis, and keeps its forks apart."""

from itertools import pairwise

from eth_account import Account

from keeper.world import WORLD_KEEPER_ADDRESS, WORLD_KEEPER_KEY, RunningWorld, calls, is_world, market, rpc
from keeper.world import fork as fork_world
from keeper.world.roles import MNEMONIC, ROLES
from keeper.world.running import start
from keeper.world.world import BLOCK_SECONDS, CHAIN_ID, GENESIS_HASH, GENESIS_TIMESTAMP


def slot0(running: RunningWorld) -> int:
    price: int = calls.view(running.url, running.world.pools[0].address, "slot0()", "(uint160)")
    return price


def test_the_world_and_its_forks_are_known_by_chain_and_genesis(world: RunningWorld, fork: RunningWorld) -> None:
    for running in (world, fork):
        chain_id = int(rpc.request(running.url, "eth_chainId"), 16)
        genesis = rpc.request(running.url, "eth_getBlockByNumber", "0x0", False)["hash"]
        assert is_world(chain_id, genesis)
    assert world.world.chain_id == CHAIN_ID
    assert world.world.genesis_hash == GENESIS_HASH


def test_another_chain_is_not_the_world() -> None:
    assert not is_world(1, GENESIS_HASH)
    assert not is_world(CHAIN_ID, "0x" + "11" * 32)


def test_the_roles_are_the_accounts_of_the_published_mnemonic() -> None:
    Account.enable_unaudited_hdwallet_features()
    accounts = [Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}") for index in range(len(ROLES))]
    assert [account.address.lower() for account in accounts] == list(ROLES.values())
    assert Account.from_key(WORLD_KEEPER_KEY).address.lower() == WORLD_KEEPER_ADDRESS == ROLES["keeper"]


def test_every_named_contract_has_code(world: RunningWorld) -> None:
    everything = world.world
    addresses = {everything.multicall}
    addresses |= {value.address for value in (*everything.tokens, *everything.feeds, *everything.pools)}
    for part in (everything.uniswap_v2, everything.uniswap_v3, everything.aave, *everything.aave.reserves):
        values = (getattr(part, name) for name in part.__slots__)
        addresses |= {value for value in values if isinstance(value, str) and value.startswith("0x")}
    assert len(addresses) > 45
    codes = rpc.requests(world.url, [("eth_getCode", [address, "latest"]) for address in sorted(addresses)])
    assert all(len(code) > 2 for code in codes)


def test_the_chain_is_the_clock(world: RunningWorld) -> None:
    number = int(rpc.request(world.url, "eth_blockNumber"), 16)
    blocks = rpc.requests(world.url, [("eth_getBlockByNumber", [hex(each), False]) for each in range(number + 1)])
    times = [int(block["timestamp"], 16) for block in blocks]
    assert times[0] == GENESIS_TIMESTAMP
    assert all(later - earlier >= BLOCK_SECONDS for earlier, later in pairwise(times))
    # The build ends before the state is stored; the block of the start follows it as any other.
    assert times[-1] == times[-2] + BLOCK_SECONDS < GENESIS_TIMESTAMP + 2 * 86_400


def test_a_fork_does_not_change_its_parent_nor_its_sibling(world: RunningWorld) -> None:
    price, head = slot0(world), rpc.request(world.url, "eth_blockNumber")
    with fork_world(world) as one, fork_world(world) as other:
        market.swap(one, "WETH", "USDC", 1_000 * 10**18)
        assert slot0(one) < price
        assert slot0(other) == slot0(world) == price
        assert rpc.request(other.url, "eth_blockNumber") == rpc.request(world.url, "eth_blockNumber") == head


def test_a_fork_of_an_earlier_block_sees_the_earlier_state(fork: RunningWorld) -> None:
    price, number = slot0(fork), int(rpc.request(fork.url, "eth_blockNumber"), 16)
    market.swap(fork, "WETH", "USDC", 1_000 * 10**18)
    with fork_world(fork, number) as earlier:
        assert slot0(earlier) == price != slot0(fork)


def test_the_same_moves_have_the_same_end_in_two_starts() -> None:
    ends = []
    for _ in range(2):
        with start() as running:
            market.move(running, {"WETH": 2_700.0, "wstETH": 3_186.0})
            done = market.swap(running, "WBTC", "USDC", 10**8)
            ends.append((running.world, market.now(running), slot0(running), done))
    assert ends[0] == ends[1]
