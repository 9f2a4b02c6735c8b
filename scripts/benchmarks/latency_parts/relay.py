"""A node's address in, addresses as far away as said out: every byte arrives half a round trip after it was sent.

It runs in a process of its own and looks at no byte: what a network needs of neither end's processor, it should not
need much of either.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

_CHUNK = 1 << 20


@contextmanager
def away(url: str, count: int, round_trip: float) -> Iterator[list[str]]:
    """`count` URLs of the same node, each `round_trip` seconds away."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(url, count, round_trip / 2, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(url: str, count: int, one_way: float, told: Connection) -> None:
    asyncio.run(_relay(url, count, one_way, told))


async def _relay(url: str, count: int, one_way: float, told: Connection) -> None:
    node = urlsplit(url)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(node.hostname, node.port, limit=_CHUNK)
        await asyncio.gather(_carry(reader, onward, one_way), _carry(there, writer, one_way))

    servers = [await asyncio.start_server(connected, "127.0.0.1", 0, limit=_CHUNK) for _ in range(count)]
    told.send([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers])
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way: float) -> None:
    """Everything from one end to the other, in order, each piece as late as the first of it."""
    clock = asyncio.get_running_loop()
    while piece := await reader.read(_CHUNK):
        clock.call_later(one_way, writer.write, piece)
    clock.call_later(one_way, writer.close)
