#!/usr/bin/env python3
"""What do a push and a pull cost?

usage: run_push_pull.py SHALE BASE REGISTRY WORK [MIB [ROUNDS]]

Each of ROUNDS (3) rounds makes an image of BASE/busybox:static and one new layer
of MIB (256) megabytes: a quarter each of noise, of text, of zeros with little in
between, and of bytes that are half predictable, in one large file and in small
ones. Every builder found builds it, which is not measured, and then pushes it to
REGISTRY with gzip, with zstd, and once more as it is; and, with nothing in its
store, builds from it as far as the first RUN. Prints medians: seconds, seconds of
processors (which tell something on a busy machine, too; the registry's are not
among them), megabytes of the layer in the registry; and ratios to the best other
builder. Standard library only.
"""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    """Seconds, and seconds of processors."""
    subprocess.run(["sync"])
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError("%s: %s" % (" ".join(command), output.read().decode(errors="replace").strip()[-500:]))
    return time.monotonic() - start, used.ru_utime + used.ru_stime


BLOCK = 64 << 10
MASK = int.from_bytes(bytes.fromhex("0f0f0f00ff00ff00") * (BLOCK // 8), "big")


class Blocks:
    """Pieces of 64 KiB, each of another kind than the one before."""

    def __init__(self, seed):
        self.rng, self.n = random.Random(seed), 0
        words = [b"error", b"warning", b"request", b"GET", b"/index.html", b"200", b"user", b"session", b"0x", b"time"]
        words += [b"%x" % self.rng.getrandbits(32) for _ in range(10)]
        self.text = b" ".join(self.rng.choices(words, k=1 << 18))[:MIB]

    def next(self):
        rng, kind = self.rng, self.n % 4
        self.n += 1
        if kind == 0:
            return rng.randbytes(BLOCK)
        if kind == 1:
            at = rng.randrange(len(self.text) - BLOCK)
            return self.text[at:at + BLOCK]
        if kind == 2:
            return b"".join(rng.randbytes(8) + bytes(504) for _ in range(BLOCK // 512))
        return (int.from_bytes(rng.randbytes(BLOCK), "big") & MASK).to_bytes(BLOCK, "big")


def write_context(folder, base, mib, seed):
    """Six sevenths in one file, the rest in files of some kilobytes."""
    blocks, rng = Blocks(seed), random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/data/small")
    with open(folder + "/data/large", "wb") as f:
        for _ in range(mib * 16 * 6 // 7):
            f.write(blocks.next())
    left, n = mib * MIB // 7, 0
    while left > 0:
        size = rng.randrange(500, 12500)
        with open(folder + "/data/small/%06d" % n, "wb") as f:
            f.write(blocks.next()[:size])
        left, n = left - size, n + 1
    with open(folder + "/Dockerfile", "w") as f:
        f.write("FROM %s/busybox:static\nCOPY data /data\n" % base)


def layer_mib(tag):
    host, rest = tag.split("/", 1)
    name, version = rest.rsplit(":", 1)
    kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
    request = urllib.request.Request("http://%s/v2/%s/manifests/%s" % (host, name, version), headers={"Accept": kinds})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["layers"][-1]["size"] / MIB


def note(found, what, values):
    found[what], found[what + " CPU"] = values


def one_round(builder, base, registry, work, mib, number):
    tag = "%s/%s/%d:" % (registry, builder.name, number)
    context, child = work + "/context", work + "/child"
    found = {}
    for kind in "gzip", "zstd":
        # Another context: what was compressed once would be remembered.
        write_context(context, base, mib, (number, kind).__repr__())
        builder.forget()
        timed(builder.build(context, tag + kind))
        note(found, "push " + kind, timed(builder.push(tag + kind, kind)))
        found["layer " + kind] = layer_mib(tag + kind)
        note(found, "again " + kind, timed(builder.push(tag + kind, kind)))
    os.makedirs(child, exist_ok=True)
    for kind in "gzip", "zstd":
        with open(child + "/Dockerfile", "w") as f:
            f.write("FROM %s%s\nRUN true\n" % (tag, kind))
        builder.forget()
        note(found, "pull+RUN " + kind, timed(builder.build(child, "child")))
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
        line = "%-18s %-3s" % (what, "MiB" if what.startswith("layer") else "s") + "".join("  %s %8.2f" % item for item in medians.items())
        others = [v for n, v in medians.items() if n != "shale"]
        if others:
            line += "  ratio %.2f" % (min(others) / medians["shale"])
        print(line)


if __name__ == "__main__":
    main()
