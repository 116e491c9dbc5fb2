"""Run as a program of its own, by tests: makes a sandbox, as whoever it is started, and reports in JSON lines.

Arguments: the folder for the session, what to do (`report` or `hold`), and optionally which bwrap.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from antcli.engine.sandbox.base import Recipe
from antcli.engine.sandbox.bubblewrap import Bubblewrap

# Makes processes until it is refused, and says how many. (bash would try again for a long time.)
FORK = """
import os, time
made = 0
try:
    while made < 90 and (os.fork() or time.sleep(30)):
        made += 1
except OSError:
    pass
print(made)
"""


async def main(home: str, task: str, bwrap: str | None = None) -> None:
    backend = Bubblewrap(limits={"NPROC": 40, "CORE": 0}, bwrap=Path(bwrap) if bwrap else None)
    if reason := await backend.probe():
        print(json.dumps({"refused": reason}), flush=True)
        return
    hands = await backend.provision(Recipe("sesn_driver", Path(home), variables={"MARK": os.environ["MARK"]}))

    async def bash(command: str) -> str:
        return str((await hands.execute("bash", {"command": command, "timeout_ms": 3000})).content[0]["text"])

    if task in ("hold", "stop"):
        await bash("setsid -f bash -c 'trap \"\" TERM HUP; exec -a $MARK-held-1 sleep 300'")
        await bash("exec -a $MARK-held-2 sleep 300 &")
        if task == "stop":  # also with hands that cannot notice anything any more
            await bash("(sleep 0.1; kill -STOP 2; echo > stopped) &")
            while not Path(home, "workspace", "stopped").exists():
                await asyncio.sleep(0.01)
        print(json.dumps({"holding": True}), flush=True)
        await asyncio.sleep(30)
    report = {
        "uid": await bash("id -u"),
        "home": await bash("ls /home"),
        "write": await bash("echo x > f && cat f"),
        "usr": await bash("touch /usr/x"),
        "processes": await bash(f"python3 -c '{FORK}'"),
        "nested": await bash("unshare --user true"),
    }
    await hands.destroy()
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
