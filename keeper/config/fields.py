"""The types of single values in keeper.toml; each ValueError says what was expected."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, ValidationInfo

from keeper.units import BPS, Address, address

LOOPBACK = ("localhost", "127.0.0.1", "::1")
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""The name of an environment variable."""

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _address(value: Any) -> Address:
    try:
        return address(value)
    except (TypeError, ValueError):
        raise ValueError("expected an address: 0x and 40 hex digits") from None


def _duration(value: Any) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError('expected a duration such as "24h", "90m" or "3d"')
    return int(match[1]) * _SECONDS[match[2]]


def _whole_bps(value: float) -> float:
    if abs(value * BPS - round(value * BPS)) > 1e-6:
        raise ValueError("expected a fraction of at most four decimals, such as 0.3333")
    return value


def _file(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("expected the path of a file, as text")
    return beside(info, value)


def beside(info: ValidationInfo, path: str) -> Path:
    """`~/` is the user's home; a relative path starts where the config file is."""
    folder: Path = info.context["folder"] if info.context else Path()
    return folder / Path(path).expanduser()


def variable(info: ValidationInfo, name: str) -> str:
    """What the environment says of `name`. Raises ValueError when it is not set."""
    environ: Mapping[str, str] = info.context["environ"] if info.context else {}
    if not environ.get(name):
        raise ValueError(f"the environment variable {name} is not set; export {name}=... before starting")
    return environ[name]


def url(named: str, info: ValidationInfo) -> str:
    """The URL that `named` stands for. No message repeats a URL: its path and query carry the provider's key."""
    literal = "://" in named
    if not literal and not VARIABLE.fullmatch(named):
        raise ValueError("cannot be used: expected the name of an environment variable, such as KEEPER_RPC_URL")
    text = named if literal else variable(info, named)
    try:
        parts = urlsplit(text)
        host = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
    except ValueError:
        host = None
    if not host:
        where = "a URL" if literal else f"the URL in {named}"
        raise ValueError(f"{where} cannot be used: expected http:// or https:// and a host")
    if literal and host not in LOOPBACK:
        raise ValueError("a URL may stand here only for this machine; name an environment variable that holds it")
    return text


AddressField = Annotated[Address, PlainValidator(_address)]
Seconds = Annotated[int, Strict(), Field(gt=0)]
Duration = Annotated[int, BeforeValidator(_duration)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Strict(), Field(gt=0, le=1), AfterValidator(_whole_bps)]
FileField = Annotated[Path, PlainValidator(_file)]
Text = Annotated[str, Field(min_length=1)]
