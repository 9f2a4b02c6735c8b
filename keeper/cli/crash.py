"""An exception nobody expected in, one line that says where its details were written out, secrets taken off."""

import os
import re
import tempfile
import traceback
from pathlib import Path

_KEY = re.compile(r"(?<![0-9a-zA-Z])(?:0x)?[0-9a-fA-F]{64}(?![0-9a-zA-Z])")
_URL = re.compile(r"(\w+://)(?:[^\s/@'\"]*@)?([^\s/?#'\"]+)[^\s'\"]*")


def redact(text: str) -> str:
    """`text` without what may be a key, and without the credentials, path and query of any URL."""
    return _URL.sub(r"\1\2/...", _KEY.sub("0x<64 hex digits>", text))


def record(error: Exception) -> str:
    """Writes the traceback to a private file; the sentence that names it."""
    details = redact("".join(traceback.format_exception(error)))
    kind = type(error).__name__
    try:
        handle, name = tempfile.mkstemp(prefix="keeper-crash-", suffix=".txt")
        with os.fdopen(handle, "w") as file:
            file.write(details)
    except OSError:
        return f"stopped by an unexpected {kind}: {redact(str(error))}"
    return f"stopped by an unexpected {kind}; nothing was signed after it; the details are in {Path(name)}"
