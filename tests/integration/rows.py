#!/usr/bin/env python3
"""Build every row of tables of Dockerfiles, and compare with what the row says.

rows.py --base HOST:PORT --work DIR TABLE..

A table is a text file. A row begins with a line "== NAME"; then come what is
expected, in lines "-- WHAT: VALUE", and the Dockerfile (@BASE@ is the registry
of the base images). The context is what testdata/differential/context.sh makes.
A row without expectations has to build.

  setup: SHELL        run in the context first; may be given several times, as
  arguments: WORDS    further arguments of the build, in shell words; @WORK@ is
                      a folder of the row's own
  error: TEXT         it fails and says TEXT
  says: TEXT          its output holds TEXT
  layer: ENTRY ..     what the last layer holds, in order, "-" when nothing:
                      dir/  file  file=contents  link->target  name==other,
                      behind a name "(600,1:2)" unless that is 644 (directories:
                      755) and 0:0
  layers: N           so many layers besides the base image's
  history: TEXT       created_by of the last entry; with " [empty]" when it has
                      no layer
  config: PATH JSON   a value of the config, as layout.py prints it
  then: SHELL         succeeds after the build, in the row's folder; the image is
                      in the layout @WORK@/image

One line per row that is not as it should be; exit status 1 when there are some.
"""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import layout

HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT = os.path.join(HERE, "..", "..", "testdata", "differential", "context.sh")
MANY = ("setup", "says", "error", "config", "then")


class Row:
    def __init__(self, name):
        self.name = name
        self.expected = []  # (what, value)
        self.dockerfile = ""

    def values(self, what):
        return [v for w, v in self.expected if w == what]

    def value(self, what):
        return next(iter(self.values(what)), None)


def read_table(path):
    rows = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("== "):
                rows.append(Row(line[3:].strip()))
            elif not rows:
                if line.strip() and not line.startswith("#"):
                    raise SystemExit("%s:%d: not in a row" % (path, number))
            elif line.startswith("-- "):
                what, _, value = line[3:].rstrip("\n").partition(":")
                if what not in MANY and what not in JUDGES and what != "arguments":
                    raise SystemExit("%s:%d: unknown: %s" % (path, number, what))
                rows[-1].expected.append((what, value.strip()))
            else:
                rows[-1].dockerfile += line
    return rows


def describe(m):
    """One entry of a layer as a row writes it."""
    usual = "755" if m.isdir() else "644"
    notes = "(%o,%d:%d)" % (m.mode, m.uid, m.gid)
    if notes == "(%s,0:0)" % usual or m.issym() or m.islnk():
        notes = ""
    text = m.name + notes
    if m.isdir():
        return text + "/"
    if m.issym():
        return text + "->" + m.linkname
    if m.islnk():
        return text + "==" + m.linkname
    if m.isreg() and m.size:
        return text + "=" + m.tarfile.extractfile(m).read().decode(errors="replace").strip()
    return text


class Built:
    """What came of a row's build."""

    def __init__(self, folder, done):
        self.folder = folder
        self.failed = done.returncode != 0
        self.output = done.stdout.decode(errors="replace")
        self.image = os.path.join(folder, "image")

    def config(self, path=""):
        manifest = layout.document(self.image, layout.manifest_descriptor(self.image))
        config = layout.document(self.image, manifest["config"])
        return layout.at(config, path) if path else config

    def layer(self):
        return " ".join(describe(m) for m in layout.members(self.image, -1)) or "-"


def check_history(built, wanted):
    last = built.config()["history"][-1]
    got = last["created_by"] + (" [empty]" if last.get("empty_layer") else "")
    return None if got == wanted else "history is: " + got


def check_layer(built, wanted):
    got = built.layer()
    return None if got == wanted else "layer is: " + got


def check_layers(built, wanted):
    history = built.config()["history"]
    got = sum(not h.get("empty_layer") and h.get("comment") == "buildkit.dockerfile.v0"
              for h in history)
    return None if str(got) == wanted else "layers: %d" % got


def check_config(built, wanted):
    path, _, value = wanted.partition(" ")
    got = built.config(path)
    return None if got == value else "%s is: %s" % (path, got)


def check_says(built, wanted):
    return None if wanted in built.output else "does not say: %s\n%s" % (wanted, built.output)


def check_then(built, command):
    command = command.replace("@WORK@", built.folder)
    done = subprocess.run(["sh", "-euc", command], cwd=built.folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return None
    return "fails: %s\n%s" % (command, done.stdout.decode(errors="replace"))


JUDGES = {"layer": check_layer, "layers": check_layers, "history": check_history,
          "config": check_config, "says": check_says, "error": check_says, "then": check_then}


class Table:
    def __init__(self, options):
        self.options = options

    def build(self, row, number):
        folder = os.path.join(self.options.work, str(number))
        context = os.path.join(folder, "context")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(context)
        with open(os.path.join(context, "Dockerfile"), "w") as f:
            f.write(row.dockerfile.replace("@BASE@", self.options.base))
        script = "\n".join([". '%s'" % CONTEXT] + row.values("setup"))
        subprocess.run(["sh", "-euc", script], cwd=context, check=True)
        arguments = (row.value("arguments") or "").replace("@BASE@", self.options.base)
        done = subprocess.run(
            [os.environ["SHALE"], "build", "--progress=plain",
             "--root", os.path.join(self.options.work, "store"), "-o",
             "type=oci,tar=false,dest=" + os.path.join(folder, "image")] +
            shlex.split(arguments.replace("@WORK@", folder)) + [context],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return Built(folder, done)

    def judge(self, numbered):
        """What is wrong with a row, one text each."""
        number, row = numbered
        built = self.build(row, number)
        if built.failed != bool(row.values("error")):
            return ["%s\n%s" % ("fails" if built.failed else "builds", built.output)]
        found = [JUDGES[what](built, value) for what, value in row.expected if what in JUDGES]
        return [text for text in found if text]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("tables", nargs="+")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="surrogateescape", line_buffering=True)

    rows = [row for path in options.tables for row in read_table(path)]
    table, bad = Table(options), 0
    with ThreadPoolExecutor(2) as pool:
        for row, problems in zip(rows, pool.map(table.judge, enumerate(rows))):
            bad += bool(problems)
            for problem in problems:
                print("== %s\n%s" % (row.name, problem))
    print("%d rows, %d of them wrong" % (len(rows), bad))
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
