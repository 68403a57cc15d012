#!/usr/bin/env python3
"""Build Dockerfiles with this program and with another builder; compare the images.

differential.py [--record] [--ours DIR] [--cases-in DIR] --base HOST:PORT --work DIR
                REFERENCE [CASE..]

REFERENCE is `recorded` (testdata/differential/<case>/recorded.json),
`docker=SOCKET` (a running dockerd, with BuildKit) or `buildah`. One line per
case; exit status 1 when an image differs in what no expected-difference file
lists. WORK/not-built names the cases that the reference could not build.
--record writes recorded.json from the reference instead of comparing.

A case is a folder in testdata/differential (or --cases-in) with a Dockerfile (@BASE@ is the
registry of the base images, @FILES@ and @GIT@ are servers of what served.sh of the
folder above makes) and, optionally,
  setup.sh             makes further context files; context.sh of the folder
                       above has run before it
  arguments            further flags of the build, one per line
  error                the build has to fail; this program says each line of it
  recorded.json        what the newest BuildKit made of it that we could get (for
                       what that lacks, the newest buildah)
  expected-difference  lines "builder  fact" (two patterns), with the reasons in
                       comments. A file of this name above is for all cases.

Builders that are installed are often older than what was recorded, and buildah
follows BuildKit only in part. So where one of them differs, but the recorded
builder made what this program makes, that is no difference; and they may fail on
what the recorded one could build.
"""
import argparse
import fnmatch
import functools
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from image_facts import facts, flat, read_archive

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "..", "..", "testdata", "differential")
TIME = 981173106  # of the first context file; every other is a little later


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, **options)


def read_lines(path):
    try:
        with open(path) as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


class Shale:
    def __init__(self, options):
        self.program = os.environ["SHALE"]
        # A new store: nothing an earlier program made may answer for this one.
        self.root = os.path.join(options.work, "shale")
        shutil.rmtree(self.root, ignore_errors=True)

    def build(self, case, context, arguments, archive):
        return run([self.program, "build", "-q", "--root", self.root, "-o",
                    "type=docker,dest=" + archive] + arguments + [context])


class Docker:
    def __init__(self, options):
        self.command = [os.environ.get("DOCKER", "docker"), "-H", "unix://" + options.reference.partition("=")[2]]
        version = run(self.command + ["version", "-f", "{{.Server.Version}}"])
        self.name = "docker-" + version.stdout.decode().strip()

    def build(self, case, context, arguments, archive):
        # RUN shares the network: the daemon need not have one of its own.
        done = run(self.command + ["build", "-q", "--network=host", "-t", "shale-" + case] +
                   arguments + [context], env=dict(os.environ, DOCKER_BUILDKIT="1"))
        if done.returncode == 0:
            done = run(self.command + ["save", "-o", archive, "shale-" + case])
        return done


class Buildah:
    def __init__(self, options):
        # buildah raises limits, which takes a capability that root may lack here.
        config = os.path.join(options.work, "containers.conf")
        with open(config, "w") as f:
            f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
        self.env = dict(os.environ, CONTAINERS_CONF=os.environ.get("CONTAINERS_CONF", config))
        stores = os.path.join(options.work, "buildah")
        self.command = os.environ.get("BUILDAH", "buildah").split() + [
            "--root", stores, "--runroot", stores + "-run", "--storage-driver", "vfs"]
        version = run(self.command + ["--version"]).stdout.decode().split()
        self.name = "buildah-" + version[2]

    def build(self, case, context, arguments, archive):
        name = "shale-" + case
        done = run(self.command + ["bud", "-q", "--layers=false", "--isolation=chroot",
                                   "--network=host", "--tls-verify=false", "--format=docker",
                                   "-t", name] + arguments + [context], env=self.env)
        if done.returncode == 0:
            done = run(self.command + ["push", "-q", name, "docker-archive:" + archive],
                       env=self.env)
        return done


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


class Servers:
    """A server of files and one of repositories, over what served.sh makes."""

    def __init__(self, work):
        place = os.path.join(work, "served")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        script = os.path.abspath(os.path.join(CASES, "served.sh"))
        subprocess.run(["sh", "-euc", ". " + script], cwd=place, check=True)
        handler = functools.partial(QuietHandler, directory=place)
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.files = "http://127.0.0.1:%d" % self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.repositories = "git://127.0.0.1:%d" % port
        self.git = subprocess.Popen(
            ["git", "daemon", "--listen=127.0.0.1", "--port=%d" % port, "--export-all",
             "--reuseaddr", "--base-path=" + place], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.http.shutdown()
        os.killpg(self.git.pid, signal.SIGTERM)
        self.git.wait()


class Expected:
    """Differences that are known, with the reasons, in files of patterns."""

    def __init__(self, builder, *paths):
        self.builder = builder
        self.patterns = []
        for path in paths:
            for line in read_lines(path):
                if line.strip() and not line.startswith("#"):
                    self.patterns.append(line.split(None, 1))

    def __contains__(self, fact):
        return any(fnmatch.fnmatchcase(self.builder, builder) and
                   fnmatch.fnmatchcase(fact, pattern) for builder, pattern in self.patterns)


class Comparison:
    def __init__(self, options, servers):
        self.options = options
        self.places = {"@BASE@": options.base, "@FILES@": servers.files,
                       "@GIT@": servers.repositories}
        self.shale = Shale(options)
        kind = options.reference.partition("=")[0]
        self.reference = {"docker": Docker, "buildah": Buildah,
                          "recorded": lambda options: None}[kind](options)
        self.base = self.read_base()

    def read_base(self):
        archive = os.path.join(self.options.work, "base.tar")
        if not os.path.exists(archive):
            subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false",
                            "docker://%s/busybox:static" % self.options.base,
                            "docker-archive:" + archive], check=True)
        return read_archive(archive, time.time())

    def placed(self, text):
        """Names of servers put where a case has signs for them."""
        for sign, name in self.places.items():
            text = text.replace(sign, name)
        return text

    def unplaced(self, data):
        """The other way round, in facts."""
        text = json.dumps(data)
        for sign, name in self.places.items():
            text = text.replace(name, sign)
        return json.loads(text)

    def make_context(self, case):
        """The context folder of a case, the same every time."""
        place = os.path.join(self.options.work, "contexts", case)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        source = os.path.join(self.options.cases_in, case)
        with open(os.path.join(source, "Dockerfile")) as f:
            text = self.placed(f.read())
        with open(os.path.join(place, "Dockerfile"), "w") as f:
            f.write(text)
        script = ". %s\n" % os.path.join(CASES, "context.sh")
        if os.path.exists(os.path.join(source, "setup.sh")):
            script += ". %s\n" % os.path.join(source, "setup.sh")
        subprocess.run(["sh", "-euc", script], cwd=place, check=True)
        dockerfile = os.path.join(place, "Dockerfile")
        with open(dockerfile) as f:
            text = f.read()
        with open(dockerfile, "w", newline="") as f:
            f.write(self.placed(text))
        self.set_times(os.fsencode(place))
        return place

    @staticmethod
    def set_times(place):
        names = []
        for folder, dirs, files in os.walk(place):
            names += [os.path.join(folder, n) for n in dirs + files]
        for i, name in enumerate(sorted(names) + [place]):
            os.utime(name, (TIME + 1000 * i, TIME + 1000 * i), follow_symlinks=False)

    def build(self, builder, label, case, context):
        arguments = [self.placed(a) for a in read_lines(os.path.join(self.options.cases_in, case, "arguments"))]
        archive = os.path.join(self.options.work, "%s.%s.tar" % (case, label))
        began = time.time()
        done = builder.build(case, context, arguments, archive)
        if done.returncode != 0:
            return {"fails": done.stdout.decode(errors="replace")[-2000:]}
        try:
            return self.unplaced(facts(archive, self.base, began))
        finally:
            os.unlink(archive)

    def build_here(self, case, context):
        """What this program makes; kept in --ours for the next comparison."""
        kept = self.options.ours and os.path.join(self.options.ours, case + ".json")
        if kept and os.path.exists(kept):
            with open(kept) as f:
                return json.load(f)
        made = self.build(self.shale, "shale", case, context)
        if kept:
            os.makedirs(self.options.ours, exist_ok=True)
            with open(kept, "w") as f:
                json.dump(made, f)
        return made

    def build_there(self, case, context, may_fail):
        """Older builders fail now and then for no reason of the Dockerfile's."""
        made = self.build(self.reference, "reference", case, context)
        if "fails" in made and not may_fail:
            made = self.build(self.reference, "reference", case, context)
        return made

    def recorded(self, case):
        try:
            with open(os.path.join(self.options.cases_in, case, "recorded.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def record(self, case):
        """Note what the reference made of a case."""
        got = self.build(self.reference, "reference", case, self.make_context(case))
        if "fails" in got:
            got["fails"] = got["fails"].strip().splitlines()[-1]
        got["builder"] = self.reference.name
        text = json.dumps(got, indent=1, sort_keys=True, ensure_ascii=True)
        with open(os.path.join(self.options.cases_in, case, "recorded.json"), "w") as f:
            f.write(text + "\n")
        return True, ["recorded: " + got.get("fails", "an image")]

    def compare(self, case):
        """True: the same; False: not; None: the reference cannot build it."""
        context = self.make_context(case)
        recorded = self.recorded(case)
        theirs = recorded
        if self.reference:
            theirs = self.build_there(case, context, "fails" in recorded)
            theirs["builder"] = self.reference.name
        ours = self.build_here(case, context)
        wanted = read_lines(os.path.join(self.options.cases_in, case, "error"))
        missing = [line for line in wanted if line not in ours.get("fails", "")]
        if missing:
            return False, ["does not say: %s\n%s" % (line, ours.get("fails", "(it succeeds)"))
                           for line in missing]
        if "fails" in ours and not wanted:
            return False, ["fails here: " + ours["fails"]]
        if "fails" in theirs and "fails" not in ours and "fails" not in recorded:
            return None, [theirs["fails"].strip().splitlines()[-1]]
        expected = Expected(theirs["builder"], os.path.join(CASES, "expected-difference"),
                            os.path.join(self.options.cases_in, "expected-difference"),
                            os.path.join(self.options.cases_in, case, "expected-difference"))
        if theirs is recorded:
            recorded = None
        lines = differences(flat(ours), flat(theirs), flat(recorded), expected)
        return not lines, lines


def differences(ours, theirs, recorded, expected):
    lines = []
    facts_of_both = {"fails"} if ("fails" in ours) != ("fails" in theirs) else set(ours) | set(theirs)
    for fact in sorted(facts_of_both):
        mine, other = ours.get(fact), theirs.get(fact)
        if mine == other or (recorded and mine == recorded.get(fact)) or fact in expected:
            continue
        lines.append("%s\n      ours   %s\n      theirs %s" % (fact, mine, other))
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--base", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--ours")
    parser.add_argument("--cases-in", default=CASES)
    parser.add_argument("reference")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_intermixed_args()
    os.makedirs(options.work, exist_ok=True)
    sys.stdout.reconfigure(errors="surrogateescape", line_buffering=True)

    cases = options.cases or sorted(
        n for n in os.listdir(options.cases_in)
        if os.path.isdir(os.path.join(options.cases_in, n)))
    with Servers(options.work) as servers:
        return judge(options, cases, Comparison(options, servers))


def judge(options, cases, comparison):
    act = comparison.record if options.record else comparison.compare
    counts = {True: 0, False: 0, None: 0}
    words = {True: "same", False: "DIFFERS", None: "not built there"}
    with ThreadPoolExecutor(2) as pool, open(os.path.join(options.work, "not-built"), "w") as f:
        for case, (verdict, lines) in zip(cases, pool.map(act, cases)):
            counts[verdict] += 1
            if verdict is None:
                print(case, file=f)
            print("%-15s %s" % (words[verdict], case))
            if verdict is not True or options.record:
                for line in lines:
                    print("    " + line)
    print("%d the same, %d different, %d not built there" %
          (counts[True], counts[False], counts[None]))
    if counts[None] > len(cases) / 4 and not options.cases:
        print("the builder there can build next to nothing")
        return 1
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
