"""The background engine's process: settings from stdin, away from the terminal, then serve."""

from __future__ import annotations

import os
import sys


def main() -> int:
    os.setsid()
    from antcli.engine.handover import unpack
    from antcli.engine.serve import serve
    from antcli.errors import AntError

    settings = unpack(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.chdir("/")
    try:
        return serve(settings, foreground=False)
    except AntError as error:
        print(error.message, file=sys.stderr, flush=True)  # noqa: T201
        return int(error.code)


if __name__ == "__main__":
    sys.exit(main())
