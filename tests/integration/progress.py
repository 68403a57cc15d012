#!/usr/bin/env python3
"""Read plain build progress on stdin; print the steps that ended in one way.

progress.py run       instructions that were executed (DONE, ERROR), in order
progress.py cached    instructions that were CACHED

An instruction is a header with a place in a stage: "#5 [build 2/3] RUN make".
What has none, like loading the context, is left out. FROM is left out too: it
is the same work whether something runs afterwards or not.
"""
import re
import sys

HEADER = re.compile(r"^#(\d+) \[[^\]]*\d+/\d+\] (.*)$")
STATE = re.compile(r"^#(\d+) (DONE|CACHED|ERROR)")


def main():
    names, states = {}, {}
    for line in sys.stdin:
        header, state = HEADER.match(line), STATE.match(line)
        if header:
            names.setdefault(header[1], header[2])
        elif state:
            states[state[1]] = state[2]
    wanted = {"run": ("DONE", "ERROR"), "cached": ("CACHED",)}[sys.argv[1]]
    for number, name in names.items():
        if states.get(number) in wanted and not name.startswith("FROM "):
            print(name)


if __name__ == "__main__":
    main()
