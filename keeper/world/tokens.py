"""Deploys the world's tokens and their feeds, and fills the pockets of those who trade and supply."""

from keeper.model import Token
from keeper.units import Address
from keeper.world import artefacts, calls, rpc
from keeper.world.batch import Batch
from keeper.world.content import FEED_DECIMALS, MINTED_USD, TOKENS, TokenSpec
from keeper.world.roles import ROLES
from keeper.world.world import Feed

RICH = ("lp", "borrower", "trader", "arbitrageur", "user")
GAS_MONEY = 1_000 * 10**18


def deploy_tokens(batch: Batch) -> tuple[Token, ...]:
    """Queues WETH9 itself and a WorldToken for every other token."""
    return tuple(Token(_deploy_token(batch, spec), spec.symbol, spec.decimals) for spec in TOKENS)


def deploy_feeds(batch: Batch) -> tuple[Feed, ...]:
    """Queues a feed for every token; its first round says the token's starting price."""
    return tuple(
        Feed(
            spec.symbol,
            batch.deploy(
                f"feed {spec.feed}",
                ROLES["admin"],
                artefacts.creation_code("WorldFeed")
                + calls.arguments("(string,uint8,int256)", spec.feed, FEED_DECIMALS, answer(spec)),
            ),
            FEED_DECIMALS,
            spec.feed,
        )
        for spec in TOKENS
    )


def answer(spec: TokenSpec) -> int:
    """A token's starting price as its feed says it, raw."""
    return int(spec.usd * 10**FEED_DECIMALS)


def fund(batch: Batch, tokens: tuple[Token, ...]) -> None:
    """Gives the rich accounts MINTED_USD of every token, and the ether behind their WETH."""
    for role in RICH:
        for token, spec in zip(tokens, TOKENS, strict=True):
            amount = int(MINTED_USD * 10**spec.decimals / spec.usd)
            if spec.symbol == "WETH":
                rpc.request(batch.url, "anvil_setBalance", ROLES[role], hex(amount + GAS_MONEY))
                batch.send(ROLES[role], token.address, "deposit()", value=amount, gas=100_000)
            else:
                batch.send(ROLES["admin"], token.address, "mint(address,uint256)", ROLES[role], amount, gas=100_000)


def approve(batch: Batch, role: str, tokens: tuple[Token, ...], spenders: tuple[Address, ...]) -> None:
    """Lets each spender take any amount of each token from a role's account."""
    for token in tokens:
        for spender in spenders:
            batch.send(ROLES[role], token.address, "approve(address,uint256)", spender, 2**256 - 1, gas=100_000)


def _deploy_token(batch: Batch, spec: TokenSpec) -> Address:
    if spec.symbol == "WETH":
        code = artefacts.creation_code("WETH9")
    else:
        code = artefacts.creation_code("WorldToken") + calls.arguments(
            "(string,string,uint8)", spec.name, spec.symbol, spec.decimals
        )
    return batch.deploy(f"token {spec.symbol}", ROLES["admin"], code)
