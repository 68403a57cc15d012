#!/usr/bin/env python3
"""What do large contexts, large layers and builds without anything to do cost?

usage: run_contexts.py SHALE BASE WORK [FILES [MIB [ROUNDS]]]

Every builder found takes its turn in each of ROUNDS (3) rounds:

  cold     COPY of a context of FILES (50,000) files like node_modules
  warm     the same again, nothing changed
  changed  the same after one file changed
  commit   RUN that writes MIB (1024) megabytes
  cached   an image of 15 instructions, nothing changed

Each round begins with the base image and nothing else. Prints the least of each:
seconds, seconds of processors (those of a daemon are not among them), and peak
memory; ratios to the best other builder; and, for an unchanged context, to what
`find -printf` takes to list it. Standard library only.
"""
import os
import random
import shutil
import subprocess
import sys
import time

from run_steps import builders

GOALS = {"cold": 8, "warm": 10, "changed": 10, "commit": 2, "cached": 8}


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def write_packages(folder, files):
    """Packages of some 25 files, nested, most of them small."""
    rng = random.Random(4)
    words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(3000)]
    pool = b" ".join(rng.choices(words, k=200000))
    made = package = 0
    while made < files:
        top = f"{folder}/node_modules/p{package}"
        below = [top, top + "/lib", top + "/dist", top + "/lib/internal"][:rng.randint(1, 4)]
        for i in range(min(rng.randint(5, 45), files - made)):
            size = max(10, min(400000, int(rng.lognormvariate(7.75, 1.35))))
            at = rng.randrange(len(pool) - size)
            write(f"{rng.choice(below)}/f{i}.js", pool[at:at + size])
            made += 1
        package += 1
    write(folder + "/changing", b"0\n")


def write_contexts(work, base, files, mib):
    write_packages(work + "/copied", files)
    texts = {
        "base": f"FROM {base}/busybox:static\n",
        "copied": f"FROM {base}/busybox:static\nCOPY . /app\n",
        "commit": f"FROM {base}/busybox:static\n"
                  f"RUN dd if=/dev/urandom of=/a bs=1M count={mib // 4} 2>/dev/null && cat /a /a /a /a > /b && rm /a\n",
        "cached": f"FROM {base}/busybox:static\nARG VERSION=1\nENV A=1 B=2\nLABEL v=$VERSION\nRUN echo 1 > /1\n"
                  "WORKDIR /app\nCOPY conf /etc/app/\nRUN mkdir -p /var/app\nCOPY src ./src/\nRUN ls src > list\n"
                  "RUN cp -a src dist\nEXPOSE 80\nVOLUME /var/app\nUSER 1000\nCMD [\"/bin/true\"]\n",
    }
    for i in range(200):
        write(f"{work}/cached/src/{i}", b"%d\n" % i)
    write(work + "/cached/conf/c", b"c\n")
    for name, text in texts.items():
        write(f"{work}/{name}/Dockerfile", text.encode())


def run(command):
    """Seconds, seconds of processors, megabytes at the peak."""
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), said.strip()[-500:]))
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def one_round(command, work, number):
    """Each figure of one builder with an empty store."""
    def measure(context):
        return run(command(work + "/" + context))

    measure("base")
    found = {"cold": measure("copied"), "warm": measure("copied")}
    write(work + "/copied/changing", b"%d\n" % number)
    found["changed"] = measure("copied")
    found["commit"] = measure("commit")
    measure("cached")
    found["cached"] = measure("cached")
    return found


def remove(stores):
    """Buildah leaves its store mounted."""
    with open("/proc/self/mounts") as f:
        mounts = [line.split()[1] for line in f if line.split()[1].startswith(stores + "/")]
    for mount in reversed(mounts):
        subprocess.run(["umount", mount], check=False)
    shutil.rmtree(stores, ignore_errors=True)


def report(results):
    """`results`: builder to figure to the triples of all rounds."""
    best = {name: {what: [min(values) for values in zip(*found)] for what, found in rows.items()}
            for name, rows in results.items()}
    print("%-10s %-8s %9s %9s %9s" % ("builder", "what", "seconds", "cpu", "MiB"))
    for name, rows in best.items():
        for what, row in rows.items():
            print("%-10s %-8s %9.3f %9.3f %9.0f" % (name, what, *row))
    others = [rows for name, rows in best.items() if name != "shale"]
    for what, goal in GOALS.items() if others else ():
        wall, cpu = (min(rows[what][i] for rows in others) / best["shale"][what][i] for i in (0, 1))
        print("%s: %.1f times as fast as the best other builder (goal: %d); by processor time %.1f"
              % (what, wall, goal, cpu))
    find = best["shale"]["find"]
    print("an unchanged context: %.1f times the time of find -printf (goal: 2); by processor time %.1f"
          % tuple(best["shale"]["warm"][i] / find[i] for i in (0, 1)))


def main():
    shale, base, work = sys.argv[1:4]
    files, mib, rounds = (int(v) for v in (sys.argv[4:] + ["50000", "1024", "3"][len(sys.argv) - 4:]))
    write_contexts(work, base, files, mib)
    results = {}
    for number in range(rounds):
        stores = "%s/round%d" % (work, number)
        os.makedirs(stores)
        for name, command in builders(shale, stores).items():
            try:
                for what, row in one_round(command, work, number).items():
                    results.setdefault(name, {}).setdefault(what, []).append(row)
            except RuntimeError as error:
                print("left out: %s (%s)" % (name, error), file=sys.stderr)
        find = ["find", work + "/copied", "-printf", r"%s %i %C@\n"]
        results["shale"].setdefault("find", []).append(run(find))
        remove(stores)
    report(results)


if __name__ == "__main__":
    main()
