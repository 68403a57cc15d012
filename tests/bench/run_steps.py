#!/usr/bin/env python3
"""What does a RUN step cost?

usage: run_steps.py SHALE BASE WORK [STEPS [ROUNDS]]

Builds STEPS (50) trivial RUN instructions on BASE/busybox:static, and the same
Dockerfile with only the first of them; the difference over STEPS - 1 is one
step, without start, pull and export. Every builder found takes its turn in each
of ROUNDS (5) rounds. Prints medians in milliseconds and ratios to the best
other builder; and the processor time of a step, which other work on the machine
changes less, without what a daemon does. Standard library only.
"""
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time


def builders(shale, work, *options):
    """Name to a function from context folder to command."""
    found = {"shale": lambda c: [shale, "--root", work + "/store", "build", "-q", *options, "-t", "bench", c]}
    if shutil.which("buildah") and os.geteuid() == 0:
        # runc: crun refuses hybrid cgroups; rlimits need not be raised.
        containers = work + "/containers.conf"
        with open(containers, "w") as f:
            f.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        env = ["env", "CONTAINERS_CONF=" + containers]
        where = ["buildah", "--root", work + "/buildah", "--runroot", work + "/buildah-run"]
        found["buildah"] = lambda c: env + where + [
            "bud", "-q", "--runtime", "runc", "--layers", *options, "--network", "host",
            "--tls-verify=false", "-t", "bench", c]
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        found["docker"] = lambda c: ["env", "DOCKER_BUILDKIT=1", "docker", "build", "-q", *options, "--network=host", "-t", "shale-bench", c]
    return found


def write_context(folder, base, steps):
    os.makedirs(folder)
    with open(folder + "/Dockerfile", "w") as f:
        f.write("FROM %s/busybox:static\n" % base)
        for i in range(steps):
            f.write("RUN echo %d > /f%d\n" % (i, i))


def processor_time():
    """Of all processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command):
    """Seconds on the clock, and of the processors."""
    start, used = time.monotonic(), processor_time()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()[-500:]))
    return time.monotonic() - start, processor_time() - used


def measure(command, one, many, steps):
    """One round: milliseconds for a whole build and for one step of it."""
    first, first_cpu = timed(command(one))
    whole, whole_cpu = timed(command(many))
    return {"step": (whole - first) / (steps - 1) * 1000, "build": whole * 1000,
            "cpu": (whole_cpu - first_cpu) / (steps - 1) * 1000}


def main():
    shale, base, work = sys.argv[1:4]
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 50
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 5
    one, many = work + "/one", work + "/many"
    write_context(one, base, 1)
    write_context(many, base, steps)

    candidates, results = builders(shale, work, "--no-cache"), {}
    for name, command in list(candidates.items()):
        try:
            timed(command(one))  # pulls the base
        except RuntimeError as error:
            print("left out: %s (%s)" % (name, error), file=sys.stderr)
            del candidates[name]
    for _ in range(rounds):
        for name, command in candidates.items():
            results.setdefault(name, []).append(measure(command, one, many, steps))

    median = {name: {key: statistics.median(r[key] for r in rows) for key in ("step", "build", "cpu")}
              for name, rows in results.items()}
    print("%-10s %14s %18s %18s" % ("builder", "ms per step", "ms for %d steps" % steps, "CPU ms per step"))
    for name, row in sorted(median.items(), key=lambda item: item[1]["step"]):
        print("%-10s %14.2f %18.0f %18.2f" % (name, row["step"], row["build"], row["cpu"]))
    others = [row for name, row in median.items() if name != "shale"]
    if others and "shale" in median:
        for key, what in (("step", "one step"), ("build", "the build")):
            best = min(row[key] for row in others)
            print("%s: %.1f times as fast as the best other builder" % (what, best / median["shale"][key]))


if __name__ == "__main__":
    main()
