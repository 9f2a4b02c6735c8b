"""The operator's stop file in, what may still be signed out."""

from pathlib import Path

from keeper.model import Allowed

EVERYTHING = "everything"
"""Word in the stop file that stops rescues too."""
SENTENCES: dict[Allowed, str] = {
    "everything": "signing again",
    "rescues": "nothing but rescues and cancellations is signed until it is removed",
    "nothing": "nothing but cancellations is signed until it is removed",
}


def allowed(stop_file: Path) -> Allowed:
    """K-38: while the file exists, only what lowers risk; nothing while it says "everything", or cannot be read."""
    try:
        return "nothing" if EVERYTHING in stop_file.read_text(encoding="utf-8").split() else "rescues"
    except FileNotFoundError:
        return "everything"
    except (OSError, ValueError):
        return "nothing"
