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
  times: N NAME=T ..  times of some entries of layer N (-1: the last), in seconds
  output: OPTION      a further option of the output
  layers: N           so many layers besides the base image's
  history: TEXT       created_by of the last entry; with " [empty]" when it has
                      no layer
  config: PATH JSON   a value of the config, as layout.py prints it
  then: SHELL         succeeds after the build, in the row's folder; the image is
                      in the layout "image" there; @TOP@ is the source tree
  again: SHELL        run in the context after the build, which is then repeated;
                      what stands here is about the second build
  again with: WORDS   the arguments of the second build
  runs: STEPS         the steps that the last build executed, with " | " between
                      them, "-" when none

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
TOP = os.path.join(HERE, "..", "..")
CONTEXT = os.path.join(TOP, "testdata", "differential", "context.sh")
STEPS = ("setup", "arguments", "output", "again", "again with")


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
                if what not in STEPS and what not in JUDGES:
                    raise SystemExit("%s:%d: unknown: %s" % (path, number, what))
                rows[-1].expected.append((what, value.strip()))
            else:
                rows[-1].dockerfile += line
    return rows


def describe(tar, m):
    """One entry of a layer as a row writes it."""
    usual = "755" if m.isdir() else "644"
    notes = "(%o,%d:%d)" % (m.mode, m.uid, m.gid)
    is_whiteout = os.path.basename(m.name).startswith(".wh.")
    if notes == "(%s,0:0)" % usual or m.issym() or m.islnk() or is_whiteout:
        notes = ""
    text = m.name + notes
    if m.isdir():
        return text + "/"
    if m.issym():
        return text + "->" + m.linkname
    if m.islnk():
        return text + "==" + m.linkname
    if m.isreg() and m.size:
        return text + "=" + tar.extractfile(m).read().decode(errors="replace").strip()
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
        with layout.open_layer(self.image, -1) as tar:
            return " ".join(describe(tar, m) for m in tar) or "-"


def check_history(built, wanted):
    last = built.config()["history"][-1]
    got = last["created_by"] + (" [empty]" if last.get("empty_layer") else "")
    return None if got == wanted else "history is: " + got


def check_layer(built, wanted):
    got = built.layer()
    return None if got == wanted else "layer is: " + got


def check_times(built, wanted):
    number, *times = wanted.split()
    found = {m.name: m.mtime for m in layout.members(built.image, int(number))}
    names = [t.rpartition("=")[0] for t in times]
    got = " ".join([number] + ["%s=%s" % (name, found.get(name)) for name in names])
    return None if got == wanted else "times are: " + got


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
    command = command.replace("@WORK@", built.folder).replace("@TOP@", TOP)
    done = subprocess.run(["sh", "-euc", command], cwd=built.folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return None
    return "fails: %s\n%s" % (command, done.stdout.decode(errors="replace"))


def check_runs(built, wanted):
    done = subprocess.run([sys.executable, os.path.join(HERE, "progress.py"), "run"],
                          input=built.output.encode(), stdout=subprocess.PIPE, check=True)
    got = " | ".join(done.stdout.decode().splitlines()) or "-"
    return None if got == wanted else "runs: " + got


JUDGES = {"layer": check_layer, "times": check_times, "layers": check_layers, "history": check_history,
          "config": check_config, "says": check_says, "error": check_says, "then": check_then, "runs": check_runs}


class Table:
    def __init__(self, options):
        self.options = options
        self.store = os.path.join(options.work, "store")
        shutil.rmtree(self.store, ignore_errors=True)

    def prepare(self, row, folder):
        context = os.path.join(folder, "context")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(context)
        with open(os.path.join(context, "Dockerfile"), "w") as f:
            f.write(row.dockerfile.replace("@BASE@", self.options.base))
        self.shell([". '%s'" % CONTEXT] + row.values("setup"), context)
        return context

    @staticmethod
    def shell(lines, folder):
        subprocess.run(["sh", "-euc", "\n".join(lines)], cwd=folder, check=True)

    def build(self, row, context, arguments):
        folder = os.path.dirname(context)
        arguments = (arguments or "").replace("@BASE@", self.options.base)
        done = subprocess.run(
            [os.environ["SHALE"], "build", "--progress=plain", "--root", self.store, "-o",
             ",".join(["type=oci", "tar=false", "dest=" + os.path.join(folder, "image")] +
                      row.values("output"))] +
            shlex.split(arguments.replace("@WORK@", folder)) + [context],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return Built(folder, done)

    def build_row(self, row, number):
        folder = os.path.join(self.options.work, str(number))
        context = self.prepare(row, folder)
        built = self.build(row, context, row.value("arguments"))
        if row.values("again") and not built.failed:
            self.shell(row.values("again"), context)
            shutil.rmtree(built.image)
            built = self.build(row, context, row.value("again with") or row.value("arguments"))
        return built

    def judge(self, numbered):
        """What is wrong with a row, one text each."""
        number, row = numbered
        built = self.build_row(row, number)
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
