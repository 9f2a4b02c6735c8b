"""The command line: words of a person in, a page or one clear line and an exit code out."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from rich.console import Console
from rich.markup import escape
from typer import Abort
from typer.exceptions import TyperException
from typer.main import get_command

from keeper.chain.node import RpcError
from keeper.cli import crash, exits
from keeper.cli.app import app
from keeper.errors import BadInput, Halt, Refusal, Retry, Unknown

_FAILURES: tuple[tuple[type[Exception], int], ...] = (
    (BadInput, exits.BAD_INPUT),
    (Refusal, exits.REFUSED),
    (Unknown, exits.UNKNOWN),
    (Halt, exits.HALTED),
    (Retry, exits.RETRY),
    (RpcError, exits.RETRY),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; whatever goes wrong is one line on stderr, never a traceback.

    Exit codes: 0 done, 1 the node stopped answering, 2 bad input, 3 refused, 4 outcome unknown, 5 halted.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # whoever reads a log reads each tick when it happens
        sys.stdout.reconfigure(line_buffering=True)
    try:
        code = get_command(app).main(args=arguments, prog_name="keeper", standalone_mode=False)
    except TyperException as error:
        return _say(f"{error.format_message().rstrip('.')}; see `keeper --help`", exits.BAD_INPUT)
    except (Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return exits.DONE
    except tuple(kind for kind, _ in _FAILURES) as error:
        return _say(str(error), next(code for kind, code in _FAILURES if isinstance(error, kind)))
    except Exception as error:  # noqa: BLE001 - the last resort: nobody is shown a traceback
        return _say(crash.record(error), exits.HALTED)
    return code if isinstance(code, int) else exits.DONE


def _say(lines: str, code: int) -> int:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for line in lines.splitlines():
        console.print(f"[bold red]keeper:[/] {escape(line)}")
    return code
