#!/usr/bin/env python3
"""Are two images the same files?

usage: same_trees.py ARCHIVE ARCHIVE REASONS

Compares docker archives: names, types, modes, owners, links, xattrs, sizes and
contents; times are those of the builds. REASONS has lines "PATTERN<tab>REASON":
files that match differ in contents for that reason, and a pattern that ends in
"/**" is about all below, whose very names may differ.
"""
import fnmatch
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from image_facts import read_archive


def reasons(path):
    with open(path) as f:
        return [line.split("\t")[0] for line in f if line.strip() and not line.startswith("#")]


def comparable(path, entry, patterns):
    """The entry without what may differ; None when nothing has to be the same."""
    entry = {k: v for k, v in entry.items() if k != "mtime"}
    for pattern in patterns:
        if pattern.endswith("/**") and path.startswith(pattern[:-2]):
            return None
        if fnmatch.fnmatch(path, pattern):
            entry.pop("contents", None)
            entry.pop("size", None)
    return entry


def main():
    one, other, patterns = sys.argv[1], sys.argv[2], reasons(sys.argv[3])
    trees = [read_archive(archive, 0)[1] for archive in (one, other)]
    differences = 0
    for path in sorted(set(trees[0]) | set(trees[1])):
        entries = [comparable(path, tree[path], patterns) if path in tree else "absent" for tree in trees]
        if None in entries or entries[0] == entries[1]:
            continue
        differences += 1
        print("%s:\n  %s\n  %s" % (path, *entries))
    owners = {e["owner"] for e in trees[0].values()}
    print("%d files, %d owners, %d differences" % (len(trees[0]), len(owners), differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
