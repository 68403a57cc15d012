#!/usr/bin/env python3
"""generate.py SEED DIR BASE [CHANGE]

Write a random Dockerfile and its context into the new folder DIR. The same SEED
gives the same files; CHANGE, a number, changes something or other in them: a
file, its mode, an instruction or the order of things. What the steps do depends
on their input only, so that two builds can be compared byte by byte.
"""
import os
import random
import stat
import sys

NAMES = ["a", "b.txt", "with space", "\u00e4\u00f6", "-dash", "x" * 120, "d.ot", "sub"]


def make_tree(rng, folder, depth=0):
    os.makedirs(folder, exist_ok=True)
    for name in rng.sample(NAMES, rng.randint(1, 4)):
        path = os.path.join(folder, name)
        kind = rng.random()
        if kind < 0.25 and depth < 2:
            make_tree(rng, path, depth + 1)
        elif kind < 0.35:
            os.symlink(rng.choice(["a", "../a", "/nowhere", "."]), path)
        else:
            size = rng.choice([0, 1, 511, 512, 513, 5000, 200000])
            with open(path, "wb") as f:
                f.write(rng.randbytes(size))
            os.chmod(path, rng.choice([0o644, 0o755, 0o600]))


def run_command(rng, i):
    return rng.choice([
        f"echo {i} > /f{i}",
        f"mkdir -p /d{i}/e && echo {i} > /d{i}/e/f && ln -s e /d{i}/link",
        f"ls -R /c 2>/dev/null | sort > /list{i} || true",
        f"echo x > /h{i} && ln /h{i} /h{i}.again",
        f"rm -rf /c/sub /c/a; echo gone > /gone{i}",
        f"echo $V-$E > /vars{i}",
        f"mkdir -p /o{i} && touch /o{i}/x && rm -rf /o{i} && mkdir /o{i} && touch /o{i}/y",
        f"chmod 700 /c 2>/dev/null; chown 1234:4321 /etc; touch /t{i}",
        "true",
        f"dd if=/dev/zero of=/sparse{i} bs=1 count=1 seek=3000000 2>/dev/null",
        f"mkfifo /fifo{i}",
    ])


def step(rng, i, stages):
    kind = rng.randrange(9)
    if kind < 3:
        return f"RUN {run_command(rng, i)}"
    if kind == 3:
        return f"COPY {rng.choice(['src', 'src/', './src', '.'])} /c{rng.choice(['', '/deep/er', str(i)])}"
    if kind == 4 and stages:
        return f"COPY --from={rng.choice(stages)} /etc /{rng.choice(['etc', 'copy'])}{i}"
    if kind == 5:
        return f"ENV E=e{rng.randint(0, 2)}"
    if kind == 6:
        return f"WORKDIR /w{rng.randint(0, 2)}/x"
    if kind == 7:
        return f"LABEL l{i}={rng.randint(0, 9)}"
    return f"COPY --chown=7:8 --chmod=0640 {rng.choice(['src', 'other'])} /own{i}/"


def make_dockerfile(rng, base):
    lines, stages, i = [], [], 0
    for number in range(rng.randint(1, 3)):
        name = f"s{number}"
        above = rng.choice([base, base, *stages])
        lines += [f"FROM {above} AS {name}", f"ARG V={rng.randint(0, 1)}"]
        for _ in range(rng.randint(1, 6)):
            i += 1
            lines.append(step(rng, i, stages))
        stages.append(name)
    return lines


def change(rng, folder, lines):
    files = [os.path.join(at, f) for at, _, names in os.walk(folder) for f in names]
    files = sorted(f for f in files if not os.path.islink(f))
    what = rng.randrange(5)
    if what == 0 and files:
        with open(rng.choice(files), "ab") as f:
            f.write(b"changed")
    elif what == 1 and files:
        path = rng.choice(files)
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) ^ 0o111)
    elif what == 2 and files:
        os.unlink(rng.choice(files))
    elif what == 3:
        lines.insert(rng.randint(2, len(lines)), "RUN echo inserted > /inserted")
    else:
        movable = [i for i, line in enumerate(lines) if not line.startswith(("FROM", "ARG"))]
        lines.pop(rng.choice(movable))


def main():
    seed, folder, base = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    rng = random.Random(seed)
    make_tree(rng, os.path.join(folder, "src"))
    with open(os.path.join(folder, "other"), "w") as f:
        f.write("other\n")
    lines = make_dockerfile(rng, base)
    if len(sys.argv) > 4:
        change(random.Random(f"{seed}:{sys.argv[4]}"), folder, lines)
    with open(os.path.join(folder, "Dockerfile"), "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
