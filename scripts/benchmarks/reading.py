"""Goal P6: 500 values of one block, given its hash; the keeper's read against Multicall3 through a web3.py contract.

Both ask the same anvil, a fork of the local world with 100 Uniswap V3 pools, through a proxy that answers after 30 ms;
they take turns, every answer is compared, and both are asked in the way they would be at every tick: the keeper's
questions are made once, the contract's call is encoded each time.
"""

import http.client
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from web3 import HTTPProvider, Web3

from keeper import abi
from keeper.chain.node import Node
from keeper.chain.observe import Lens, ask
from keeper.model import Head, Question, Read
from keeper.protocols.lens import LENS
from keeper.units import Address
from keeper.world import RunningWorld, fork, start

POOLS = 100
ROUNDS = 15
ROUND_TRIP_S = 0.030
MOST_ABOVE_ROUND_TRIP_S = 0.030  # P6
LEAST_RATIO = 8.0  # P6
FEE_PPM, SPACING = 3_000, 60
SQRT_PRICE_X96 = 2**96
UINT256, UINT128 = "uint256", "uint128"

POOL_ABI: list[dict[str, Any]] = [
    {"type": "function", "stateMutability": "view", "name": name, "inputs": inputs, "outputs": outputs}
    for name, inputs, outputs in (
        (
            "slot0",
            [],
            [
                {"name": n, "type": t}
                for n, t in (
                    ("sqrtPriceX96", "uint160"),
                    ("tick", "int24"),
                    ("observationIndex", "uint16"),
                    ("observationCardinality", "uint16"),
                    ("observationCardinalityNext", "uint16"),
                    ("feeProtocol", "uint8"),
                    ("unlocked", "bool"),
                )
            ],
        ),
        ("liquidity", [], [{"name": "", "type": UINT128}]),
        ("feeGrowthGlobal0X128", [], [{"name": "", "type": UINT256}]),
        ("feeGrowthGlobal1X128", [], [{"name": "", "type": UINT256}]),
        ("tickBitmap", [{"name": "word", "type": "int16"}], [{"name": "", "type": UINT256}]),
    )
]
FACTORY_ABI: list[dict[str, Any]] = [
    {
        "type": "function",
        "stateMutability": "nonpayable",
        "name": "createPool",
        "inputs": [{"name": n, "type": t} for n, t in (("a", "address"), ("b", "address"), ("fee", "uint24"))],
        "outputs": [{"name": "pool", "type": "address"}],
    },
    {
        "type": "function",
        "stateMutability": "view",
        "name": "getPool",
        "inputs": [{"name": n, "type": t} for n, t in (("a", "address"), ("b", "address"), ("fee", "uint24"))],
        "outputs": [{"name": "pool", "type": "address"}],
    },
]
INITIALIZE_ABI: dict[str, Any] = {
    "type": "function",
    "stateMutability": "nonpayable",
    "name": "initialize",
    "inputs": [{"name": "sqrtPriceX96", "type": "uint160"}],
    "outputs": [],
}
MULTICALL_ABI: list[dict[str, Any]] = [
    {
        "type": "function",
        "stateMutability": "payable",
        "name": "aggregate3",
        "inputs": [
            {
                "name": "calls",
                "type": "tuple[]",
                "components": [
                    {"name": "target", "type": "address"},
                    {"name": "allowFailure", "type": "bool"},
                    {"name": "callData", "type": "bytes"},
                ],
            }
        ],
        "outputs": [
            {
                "name": "returnData",
                "type": "tuple[]",
                "components": [{"name": "success", "type": "bool"}, {"name": "returnData", "type": "bytes"}],
            }
        ],
    }
]
CALLS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("slot0", ()),
    ("liquidity", ()),
    ("feeGrowthGlobal0X128", ()),
    ("feeGrowthGlobal1X128", ()),
    ("tickBitmap", (0,)),
)

Value = tuple[Any, ...]
"""What one call returns, decoded."""


class Proxy(ThreadingHTTPServer):
    """Hands every request on to `upstream` and keeps the answer back until 30 ms after the request came."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.onward = http.client.HTTPConnection(*self.server.upstream)

    def finish(self) -> None:
        self.onward.close()
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests += 1
        time.sleep(ROUND_TRIP_S)
        self.onward.request("POST", "/", body, {"content-type": "application/json"})
        answer = self.onward.getresponse().read()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the table does."""


@contextmanager
def delayed(url: str) -> Iterator[Proxy]:
    with Proxy(url) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


def open_pools(world: RunningWorld) -> list[Address]:
    """100 pools of tokens that exist in name only, made by the deployed factory; all initialised at a price of one."""
    web3 = Web3(HTTPProvider(world.url))
    admin = Web3.to_checksum_address(world.world.account("admin"))
    factory = web3.eth.contract(Web3.to_checksum_address(world.world.uniswap_v3.factory), abi=FACTORY_ABI)
    pairs = [(Web3.to_checksum_address(f"0x{2 * i + 1:040x}"), Web3.to_checksum_address(f"0x{2 * i + 2:040x}"))
             for i in range(1_000, 1_000 + POOLS)]  # fmt: skip
    for pair in pairs:
        factory.functions.createPool(*pair, FEE_PPM).transact({"from": admin, "gas": 10_000_000})
    web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    pools = [factory.functions.getPool(*pair, FEE_PPM).call() for pair in pairs]
    for pool in pools:
        start_price = web3.eth.contract(pool, abi=[INITIALIZE_ABI]).functions.initialize(SQRT_PRICE_X96)
        start_price.transact({"from": admin, "gas": 1_000_000})
    web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    return [Address(pool.lower()) for pool in pools]


def ours(url: str, chain_id: int, head: Head, pools: list[Address]) -> Callable[[], list[Value]]:
    """The keeper's read: questions made once, one request each time."""
    node = Node([url], chain_id)
    node.check_chain_id()
    pool_contract = Web3().eth.contract(abi=POOL_ABI)
    data = {name: bytes.fromhex(pool_contract.encode_abi(name, args=list(args))[2:]) for name, args in CALLS}
    questions = [
        Question(tuple(Read(pool, data[name], _slot0 if name == "slot0" else _word) for name, _ in CALLS), tuple)
        for pool in pools
    ]
    lens = Lens(LENS, abi.load("KeeperLens").runtime)
    return lambda: [value for answer in ask(node, questions, head.hash, lens) for value in answer]


def _word(returned: bytes) -> Value:
    if len(returned) != 32:
        raise ValueError(f"expected a word, found {len(returned)} bytes")
    return (int.from_bytes(returned, "big"),)


def _slot0(returned: bytes) -> Value:
    if len(returned) != 7 * 32:
        raise ValueError(f"expected seven words, found {len(returned)} bytes")
    numbers = [int.from_bytes(returned[at : at + 32], "big", signed=at == 32) for at in range(0, 7 * 32, 32)]
    return (*numbers[:6], numbers[6] == 1)


def multicall(url: str, multicall_address: Address, head: Head, pools: list[Address]) -> Callable[[], list[Value]]:
    """The peer: Multicall3.aggregate3 by a web3.py contract, its calls encoded and its answers decoded by web3.py."""
    web3 = Web3(HTTPProvider(url))
    aggregate = web3.eth.contract(Web3.to_checksum_address(multicall_address), abi=MULTICALL_ABI)
    contracts = [web3.eth.contract(Web3.to_checksum_address(pool), abi=POOL_ABI) for pool in pools]
    outputs = {entry["name"]: [output["type"] for output in entry["outputs"]] for entry in POOL_ABI}

    def read() -> list[Value]:
        calls = [
            (contract.address, True, contract.encode_abi(name, args=list(args)))
            for contract in contracts
            for name, args in CALLS
        ]
        returned = aggregate.functions.aggregate3(calls).call(block_identifier=head.number)
        names = [name for _ in contracts for name, _ in CALLS]
        return [web3.codec.decode(outputs[name], data) for name, (_, data) in zip(names, returned, strict=True)]

    return read


def main() -> int:
    with start() as world, fork(world) as forked:
        pools = open_pools(forked)
        chain_id = forked.world.chain_id
        with delayed(forked.url) as proxy:
            node = Node([proxy.url], chain_id)
            head = node.head()
            sides: dict[str, Callable[[], object]] = {
                "one round trip (eth_chainId)": node.check_chain_id,
                "Multicall3 through a web3.py contract": multicall(proxy.url, forked.world.multicall, head, pools),
                "keeper": ours(proxy.url, chain_id, head, pools),
            }
            results = {name: read() for name, read in sides.items()}  # also opens every connection
            if results["keeper"] != results["Multicall3 through a web3.py contract"]:
                print("reading: the two sides answered differently", file=sys.stderr)
                return 1
            seconds: dict[str, list[float]] = {name: [] for name in sides}
            asked = dict.fromkeys(sides, 0)
            for _ in range(ROUNDS):
                for name, read in sides.items():
                    before, started = proxy.requests, time.perf_counter()
                    read()
                    seconds[name].append(time.perf_counter() - started)
                    asked[name] = max(asked[name], proxy.requests - before)
            node.close()
    return report(seconds, asked)


def report(seconds: dict[str, list[float]], asked: dict[str, int]) -> int:
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    print(f"{5 * POOLS} values of {POOLS} Uniswap V3 pools, {ROUNDS} rounds in turn, 30 ms proxy\n")
    print("| client | median | fastest | requests |\n| --- | ---: | ---: | ---: |")
    for name, taken in seconds.items():
        print(f"| {name} | {medians[name] * 1e3:.1f} ms | {min(taken) * 1e3:.1f} ms | {asked[name]} |")
    round_trip, peer, keeper = medians.values()
    goals = (
        ("requests", asked["keeper"] == 1, f"{asked['keeper']}, goal 1"),
        ("above a round trip", keeper - round_trip <= MOST_ABOVE_ROUND_TRIP_S, f"{(keeper - round_trip) * 1e3:.1f} ms, "
         f"goal at most {MOST_ABOVE_ROUND_TRIP_S * 1e3:.0f}"),
        ("ratio to the peer", peer / keeper >= LEAST_RATIO, f"{peer / keeper:.1f}x, goal at least {LEAST_RATIO:.0f}x"),
    )  # fmt: skip
    print()
    for name, met, found in goals:
        print(f"P6 {name}: {found}: {'met' if met else 'MISSED'}")
    return 0 if all(met for _, met, _ in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
