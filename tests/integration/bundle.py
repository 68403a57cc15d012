#!/usr/bin/env python3
"""bundle.py CONFIG: make an umoci bundle run without a terminal, on a machine
whatever its cgroups: no terminal, the host's network, no resources."""
import json
import sys

with open(sys.argv[1]) as f:
    config = json.load(f)
config["process"]["terminal"] = False
config["linux"].pop("resources", None)
config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
config["mounts"] = [m for m in config["mounts"] if m["type"] not in ("cgroup", "sysfs")]
config["process"].pop("rlimits", None)
with open(sys.argv[1], "w") as f:
    json.dump(config, f)
