"""The floor of a stream in a pipe: prints the events of an address, a key and a path, line by line."""

from __future__ import annotations

import json
import sys

from tests.bench.wire import Connection, Stream

if __name__ == "__main__":
    address, key, path = sys.argv[1:]
    for _, event in Stream(Connection(address, key), path).events():
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
