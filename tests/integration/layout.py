#!/usr/bin/env python3
"""Look into an OCI layout directory that holds one image.

layout.py names DIR N            names in layer N (-1: the last), one per line
layout.py modes DIR N            the same with type, mode, owner and size
layout.py config DIR PATH        value at PATH ("config.Env", "history.0") as JSON
layout.py manifest DIR PATH      the same of the manifest
layout.py layers DIR             the number of layers
layout.py digest DIR             the manifest's digest
layout.py verify DIR             check every blob against its name, size and diffID
"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile


def blob(layout, descriptor):
    with open(os.path.join(layout, "blobs", descriptor["digest"].replace(":", "/")), "rb") as f:
        return f.read()


def document(layout, descriptor):
    return json.loads(blob(layout, descriptor))


def manifest_descriptor(layout):
    """The only manifest; an index inside the index is followed once."""
    with open(os.path.join(layout, "index.json")) as f:
        entries = json.load(f)["manifests"]
    if "index" in entries[0]["mediaType"] or "list" in entries[0]["mediaType"]:
        entries = document(layout, entries[0])["manifests"]
    return entries[0]


def uncompressed(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def open_layer(layout, number):
    manifest = document(layout, manifest_descriptor(layout))
    data = uncompressed(blob(layout, manifest["layers"][number]))
    return tarfile.open(fileobj=io.BytesIO(data))


def members(layout, number):
    with open_layer(layout, number) as tar:
        yield from tar


def at(value, path):
    for key in path.strip(".").split("."):
        if key:
            value = value[int(key)] if isinstance(value, list) else value.get(key)
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def verify(layout):
    manifest = document(layout, manifest_descriptor(layout))
    config = document(layout, manifest["config"])
    parts = [manifest_descriptor(layout), manifest["config"]] + manifest["layers"]
    for part in parts:
        data = blob(layout, part)
        assert len(data) == part["size"], part
        assert "sha256:" + hashlib.sha256(data).hexdigest() == part["digest"], part
    diff_ids = config["rootfs"]["diff_ids"]
    assert len(diff_ids) == len(manifest["layers"])
    for part, diff_id in zip(manifest["layers"], diff_ids):
        data = uncompressed(blob(layout, part))
        assert "sha256:" + hashlib.sha256(data).hexdigest() == diff_id, part
    filled = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(filled) == len(diff_ids), "history does not match the layers"


def main():
    what, layout, *rest = sys.argv[1:]
    sys.stdout.reconfigure(errors="surrogateescape")  # names are any bytes
    if what == "names":
        for member in members(layout, int(rest[0])):
            print(member.name + ("/" if member.isdir() else ""))
    elif what == "modes":
        for m in members(layout, int(rest[0])):
            print("%s %04o %d:%d %d %s" % (m.type.decode(), m.mode, m.uid, m.gid, m.size, m.name))
    elif what == "layers":
        print(len(document(layout, manifest_descriptor(layout))["layers"]))
    elif what == "digest":
        print(manifest_descriptor(layout)["digest"])
    elif what == "verify":
        verify(layout)
    elif what == "manifest":
        print(at(document(layout, manifest_descriptor(layout)), rest[0]))
    elif what == "config":
        manifest = document(layout, manifest_descriptor(layout))
        print(at(document(layout, manifest["config"]), rest[0]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
