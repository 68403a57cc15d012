#!/usr/bin/env python3
"""What do a push and a pull cost?

usage: run_push_pull.py SHALE BASE REGISTRY WORK [MIB [ROUNDS]]

Each of ROUNDS (3) rounds makes an image of BASE/busybox:static and one new layer
of MIB (256) megabytes, half of which does not compress. Every builder found
builds it, which is not measured, and then pushes it to REGISTRY with gzip, with
zstd, and once more as it is; and, with nothing in its store, builds from it as
far as the first RUN. Prints medians in seconds, megabytes of the layer in the
registry, and ratios to the best other builder. Standard library only.
"""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

MIB = 1 << 20


class Shale:
    name = "shale"

    def __init__(self, program, work):
        self.program, self.root = program, work + "/shale"

    def command(self, *words):
        return [self.program, "--root", self.root, *words]

    def build(self, context, tag):
        return self.command("build", "-q", "-t", tag, context)

    def push(self, tag, kind):
        return self.command("push", "-q", "--compression", kind, tag)

    def forget(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Buildah:
    name = "buildah"

    def __init__(self, work):
        self.root, self.run = work + "/buildah", work + "/buildah-run"
        self.conf = work + "/containers.conf"
        with open(self.conf, "w") as f:
            f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')

    def command(self, *words):
        return ["env", "CONTAINERS_CONF=" + self.conf, "buildah", "--root", self.root, "--runroot", self.run, *words]

    def build(self, context, tag):
        # runc: crun refuses hybrid cgroups; rlimits need not be raised.
        return self.command("bud", "-q", "--runtime", "runc", "--network", "host", "--tls-verify=false",
                            "-t", tag, context)

    def push(self, tag, kind):
        return self.command("push", "-q", "--tls-verify=false", "--compression-format", kind, tag, "docker://" + tag)

    def forget(self):
        subprocess.run(self.command("rmi", "-a", "-f"), capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)


def timed(command):
    subprocess.run(["sync"])
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()[-500:]))
    return time.monotonic() - start


def write_context(folder, base, mib, seed):
    """Half noise, half lines of a program's log."""
    rng = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(folder + "/noise", "wb") as f:
        for _ in range(mib // 2):
            f.write(rng.randbytes(MIB))
    words = [b"%x" % rng.getrandbits(rng.choice((8, 16, 32))) for _ in range(4096)]
    with open(folder + "/text", "wb") as f:
        while f.tell() < (mib - mib // 2) * MIB:
            f.write(b"\n".join(b" ".join(rng.choices(words, k=10)) for _ in range(2000)))
    with open(folder + "/Dockerfile", "w") as f:
        f.write("FROM %s/busybox:static\nCOPY noise text /\n" % base)


def layer_mib(tag):
    host, rest = tag.split("/", 1)
    name, version = rest.rsplit(":", 1)
    kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    request = urllib.request.Request("http://%s/v2/%s/manifests/%s" % (host, name, version), headers={"Accept": kinds})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["layers"][-1]["size"] / MIB


def one_round(builder, base, registry, work, mib, number):
    tag = "%s/%s/%d:" % (registry, builder.name, number)
    context, child = work + "/context", work + "/child"
    found = {}
    for kind in "gzip", "zstd":
        # Another context: what was compressed once would be remembered.
        write_context(context, base, mib, (number, kind).__repr__())
        builder.forget()
        timed(builder.build(context, tag + kind))
        found["push " + kind] = timed(builder.push(tag + kind, kind))
        found["MiB " + kind] = layer_mib(tag + kind)
        found["again " + kind] = timed(builder.push(tag + kind, kind))
    os.makedirs(child, exist_ok=True)
    for kind in "gzip", "zstd":
        with open(child + "/Dockerfile", "w") as f:
            f.write("FROM %s%s\nRUN true\n" % (tag, kind))
        builder.forget()
        found["pull+RUN " + kind] = timed(builder.build(child, "child"))
    builder.forget()
    return found


def main():
    shale, base, registry, work = sys.argv[1:5]
    mib = int(sys.argv[5]) if len(sys.argv) > 5 else 256
    rounds = int(sys.argv[6]) if len(sys.argv) > 6 else 3
    builders = [Shale(shale, work)]
    if shutil.which("buildah") and os.geteuid() == 0:
        builders.append(Buildah(work))
    results = {b.name: [] for b in builders}
    for number in range(rounds):
        for b in builders:
            results[b.name].append(one_round(b, base, registry, work, mib, number))
    print("%d MiB, medians of %d rounds; load %.1f" % (mib, rounds, os.getloadavg()[0]))
    for what in results["shale"][0]:
        medians = {n: statistics.median(r[what] for r in rs) for n, rs in results.items()}
        line = "%-14s" % what + "".join("  %s %8.2f" % item for item in medians.items())
        others = [v for n, v in medians.items() if n != "shale"]
        if others:
            line += "  ratio %.2f" % (min(others) / medians["shale"])
        print(line)


if __name__ == "__main__":
    main()
