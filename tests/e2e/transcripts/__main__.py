"""`python -m tests.e2e.transcripts [--write] [NAME ...]`: play the transcripts; show the differences, or write them."""

from __future__ import annotations

import argparse
import sys
from itertools import groupby

from tests.e2e.transcripts.player import difference, golden_files, home_for, play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.transcripts")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only those with this in their path")
    parser.add_argument("--write", action="store_true", help="write what they print now")
    options = parser.parse_args()
    paths = [path for path in golden_files() if not options.names or any(name in str(path) for name in options.names)]
    changed = 0
    for folder, members in groupby(paths, lambda path: path.parent.name):
        with home_for(folder) as ant:
            for path in members:
                played = play(path.read_text(), ant)
                changed += played != path.read_text()
                print(difference(path, played), end="")
                if options.write:
                    path.write_text(played)
    return 1 if changed and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
