"""Keeps a built world on disk: its value and the node's state in one file named by what it was built from."""

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from keeper.world import artefacts
from keeper.world.world import HARDFORK, World

KEPT = 6
"""Worlds on disk at most, some megabytes each."""

_WORLD = TypeAdapter(World)


@dataclass(frozen=True, slots=True)
class Built:
    """A world and the state that anvil_loadState takes."""

    world: World
    state: str


def folder() -> Path:
    """Where built worlds are kept: KEEPER_CACHE, else `keeper` in the user's cache folder."""
    named = os.environ.get("KEEPER_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keeper"


def fingerprint(anvil_version: str) -> str:
    """Names what a world is built from: the artefacts, the sources of this package, the hardfork and anvil itself."""
    digest = hashlib.sha256(f"{HARDFORK} {anvil_version}".encode())
    for file in [*artefacts.files(), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:20]


def load(file: Path) -> Built | None:
    """The world in `file`; None when there is none, or when what is there cannot be trusted (it is then removed)."""
    try:
        content = json.loads(gzip.decompress(file.read_bytes()))
        return Built(_WORLD.validate_python(content["world"]), str(content["state"]))
    except FileNotFoundError:
        return None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, ValidationError):
        file.unlink(missing_ok=True)
        return None


def store(file: Path, built: Built) -> None:
    """Writes `built` so that a reader finds all of it or nothing, whoever else is writing the same file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"world": _WORLD.dump_python(built.world, mode="json"), "state": built.state})
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(gzip.compress(content.encode(), compresslevel=1, mtime=0))
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    _forget_oldest(file.parent)


def _forget_oldest(folder: Path) -> None:
    """Keeps the KEPT newest worlds: every change of a source names another one, and none is asked for again."""
    dated = []
    for file in folder.glob("world-*.json.gz"):
        with suppress(FileNotFoundError):  # another process forgets too
            dated.append((file.stat().st_mtime_ns, file))
    for _, file in sorted(dated, reverse=True)[KEPT:]:
        file.unlink(missing_ok=True)
