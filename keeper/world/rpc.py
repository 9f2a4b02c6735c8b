"""JSON-RPC over HTTP to a local node, one request for one call or for a batch, in the order asked."""

import json
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.error import URLError

from keeper.errors import Halt, Retry

TIMEOUT_SECONDS = 120.0

Call = tuple[str, list[Any]]
"""A method and its parameters."""


def request(url: str, method: str, *params: Any) -> Any:
    """The result of one call. Raises Halt with the node's own words when it answers with an error, Retry when dead."""
    return requests(url, [(method, list(params))])[0]


def requests(url: str, calls: Sequence[Call]) -> list[Any]:
    """The results of `calls`, in their order, from one HTTP request; raises as `request` does, on the first error."""
    if not calls:
        return []
    body = [
        {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
        for index, (method, params) in enumerate(calls)
    ]
    message = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(message, timeout=TIMEOUT_SECONDS) as response:
            answers = json.load(response)
    except (URLError, OSError, ValueError) as error:
        raise Retry(f"the local node at {url} gave no usable answer to {calls[0][0]}: {error}") from error
    by_id = {answer["id"]: answer for answer in answers}
    results = []
    for index, (method, _) in enumerate(calls):
        answer = by_id[index]
        if "error" in answer:
            said = answer["error"]
            raise Halt(f"the local node refused {method}: {said.get('message')} {said.get('data', '')}".rstrip())
        results.append(answer["result"])
    return results
