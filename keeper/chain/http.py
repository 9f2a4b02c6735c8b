"""One provider over HTTP: a body to post in, the answered body out, within a total time and a size.

The standard library's client is used because three promises are hard to get from a friendlier one: the time limit holds
for the whole call and not for each byte, an answer larger than the bound is never read, and no message or redirect ever
shows or follows a URL (its path and query carry the provider's key).
"""

import base64
import http.client
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from functools import partial
from urllib.parse import SplitResult, unquote, urlsplit

from keeper.chain.deadlines import Deadlines
from keeper.errors import BadInput, Retry

MAX_ANSWER_BYTES = 5_000_000
"""K-31: no answer the keeper asks for comes near it."""
_CHUNK = 1 << 16
_DEADLINES = Deadlines()


class TooManyRequests(Retry):
    """The provider refused for now; `after_s` is what it asked us to wait, in seconds, when it said so."""

    def __init__(self, sentence: str, after_s: float | None) -> None:
        super().__init__(sentence)
        self.after_s = after_s


class Endpoint:
    """A provider's URL with its idle connections. `name` is the host and port: all of the URL that may be shown."""

    def __init__(self, url: str) -> None:
        """Raises BadInput unless `url` is http or https with a host; the message does not repeat the URL."""
        self._idle: deque[http.client.HTTPConnection] = deque()
        parts = _split(url)
        assert parts.hostname is not None
        self.name = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"content-type": "application/json", "user-agent": "vault-keeper"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def __del__(self) -> None:
        self.close()

    def post(self, body: bytes, timeout: float) -> bytes:
        """The answer's body. Raises Retry when it does not come whole, with status 200, within `timeout` seconds.

        A kept connection that turns out dead is replaced once: what we post is always safe to post again.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                connection, fresh = self._idle.pop(), False
            except IndexError:
                connection, fresh = self._connect(), True
            try:
                return self._exchange(connection, body, deadline, timeout)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
                if fresh or time.monotonic() >= deadline:
                    raise Retry(f"{self.name} closed the connection without an answer; try again") from error

    def close(self) -> None:
        """Drops the idle connections; the endpoint stays usable."""
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, context=ssl.create_default_context())
        return http.client.HTTPConnection(self._host, self._port)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, deadline: float, timeout: float) -> bytes:
        """One request on `connection`, which is kept for the next one when the answer ended well."""
        late = Retry(f"{self.name} did not answer within {timeout:.3g} s; try again, or name another provider")
        kept = False
        try:
            with _DEADLINES.unless_over(deadline, partial(_hang_up, connection)):
                if connection.sock is None:
                    connection.timeout = max(deadline - time.monotonic(), 0.001)
                    connection.connect()
                connection.request("POST", self._target, body, self._headers)
                with connection.getresponse() as response:
                    answer = self._read(response)
            if time.monotonic() >= deadline:  # hanging up looks like the end of a header or of a body without a length
                raise late
            kept = not response.will_close
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            if time.monotonic() >= deadline:
                raise late from error
            raise
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= deadline or isinstance(error, TimeoutError):
                raise late from error
            raise Retry(f"{self.name} could not be reached ({_words(error)}); check the URL and the network") from error
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        if response.status == 429:
            raise TooManyRequests(
                f"{self.name} answered 429, too many requests; ask less often or use another plan", _after(response)
            )
        if response.status != 200:
            raise Retry(f"{self.name} answered HTTP status {response.status}, expected 200; check the URL and its key")
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(_CHUNK):
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise Retry(f"{self.name} answered more than {MAX_ANSWER_BYTES:,} bytes; use another provider")
            chunks.append(chunk)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(chunks)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname is not None
        _ = parts.port  # raises ValueError when it is no number
    except ValueError:
        usable = False
    if not usable:
        raise BadInput("an RPC URL is not one: expected http://host or https://host with an optional port and path")
    return parts


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Ends a blocked read from another thread. The base class's shutdown leaves the TLS layer to see a plain end."""
    open_now = connection.sock  # once: the thread that reads may close it
    if isinstance(open_now, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(open_now, socket.SHUT_RDWR)


def _after(response: http.client.HTTPResponse) -> float | None:
    try:
        return max(0.0, float(response.getheader("retry-after", "")))
    except ValueError:
        return None


def _words(error: Exception) -> str:
    """What went wrong without the address: an OSError's own text, else the class."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
