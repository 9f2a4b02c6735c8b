"""The people of the local world, named, with the addresses anvil's published mnemonic gives them."""

from keeper.units import Address

MNEMONIC = "test test test test test test test test test test test junk"
"""Published with anvil and hardhat, and known to every thief: nothing of value may ever lie at its addresses."""

ROLES: dict[str, Address] = {
    name: Address(address)
    for name, address in (
        ("admin", "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"),  # deploys everything, writes feeds, mints tokens
        ("owner", "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"),
        ("curator", "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"),
        ("keeper", "0x90f79bf6eb2c4f870365e785982e1f101e93b906"),
        ("sentinel", "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65"),
        ("trader", "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc"),
        ("arbitrageur", "0x976ea74026e726554db657fa54763abd0c3a0aa9"),
        ("user", "0x14dc79964da2c08b23698b3d3cc7ca32193d9955"),
        ("lp", "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f"),  # owns the pools' liquidity, supplies the lending market
        ("borrower", "0xa0ee7a142d267c1f36714e4a8f75612f20a79720"),  # owes what makes the lending rates non-zero
    )
}
"""Account 0 to 9 of MNEMONIC, in this order."""

WORLD_KEEPER_ADDRESS = ROLES["keeper"]

WORLD_KEEPER_KEY = "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"
"""The published private key of the keeper's account. Usable where `is_world` holds and nowhere else."""
