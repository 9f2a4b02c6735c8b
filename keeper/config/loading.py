"""The text of a keeper.toml and the environment in, settings or every fault at once out."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from keeper.config.faults import sentence
from keeper.config.settings import Config
from keeper.errors import BadInput
from keeper.units import Address

DEFAULTS: dict[str, dict[str, Any]] = {
    "journal": {"url": "sqlite:///.keeper/journal.sqlite"},
    "run": {"stop_file": ".keeper/STOP"},
}
"""Of the values that are resolved against the config's folder."""

_KEY = re.compile(r"(?<![0-9a-zA-Z])(?:0[xX])?[0-9a-fA-F]{64}(?![0-9a-zA-Z])")


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The settings in `path`. Raises BadInput with one line for each fault found in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; `keeper init` writes one, --config names another") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    return parse(text, path, environ)


def parse(text: str, path: Path, environ: Mapping[str, str]) -> Config:
    """As `load`, of the `text` of a file at `path`, which need not exist."""
    if found := _KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BadInput(
            f"{path.name}: line {line} holds 64 hex digits, which look like a private key; remove it, and take that "
            "key out of use: a key belongs in a keystore file, which key.keystore names"
        )
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name}: not valid TOML: {error}") from None
    if "path" in tree:
        raise BadInput(f"{path.name}: path: unknown key; remove it")
    complete = {**_with_defaults(tree), "path": path.absolute()}
    try:
        config = Config.model_validate(complete, context={"folder": path.absolute().parent, "environ": environ})
    except ValidationError as error:
        faults = dict.fromkeys(sentence(one, tree) for one in error.errors(include_url=False))
        raise BadInput("\n".join(f"{path.name}: {fault}" for fault in faults)) from None
    _refuse_key_in(environ, config.key.address)
    return config


def _with_defaults(tree: Mapping[str, Any]) -> dict[str, Any]:
    sections = {name: tree.get(name, {}) for name in DEFAULTS}
    return {**tree, **{n: {**DEFAULTS[n], **s} if isinstance(s, dict) else s for n, s in sections.items()}}


def _refuse_key_in(environ: Mapping[str, str], owner: Address) -> None:
    """K-41: other processes of this user can read the environment, and crash reports carry it."""
    for name, value in environ.items():
        if _KEY.fullmatch(value.strip()) and _address_of(value.strip()[-64:]) == owner:
            raise BadInput(
                f"the environment variable {name} holds the keeper's private key; unset it and keep the key in a "
                "keystore file, which key.keystore names"
            )


def _address_of(key: str) -> str | None:
    from eth_keys.datatypes import PrivateKey  # slow to import, and hardly ever needed
    from eth_utils.exceptions import ValidationError as OutOfRange

    try:
        return PrivateKey(bytes.fromhex(key)).public_key.to_address()
    except OutOfRange:
        return None
