"""`keeper.toml` and the environment in, frozen settings out, or every fault at once, one line each.

The file names environment variables; only the environment holds provider URLs. No key is ever in either: a key is a
keystore file, whose passphrase comes from a prompt or a file descriptor.
"""

from keeper.config.loading import load, parse
from keeper.config.mandates import mandate
from keeper.config.settings import Config, Health, NativeFeed, PolicySettings, VaultSettings

__all__ = ["Config", "Health", "NativeFeed", "PolicySettings", "VaultSettings", "load", "mandate", "parse"]
