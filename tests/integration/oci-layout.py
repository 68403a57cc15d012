#!/usr/bin/env python3
"""Make an image of root file system archives, as an OCI layout directory.

usage: oci-layout.py DIR [--cmd WORD]... [--env NAME=VALUE]... [--gzip|--zstd] TAR...

One layer per archive, taken as it is; times come from SOURCE_DATE_EPOCH. The
result is tagged "image" inside the layout and its manifest digest is printed.
Standard library only, and the zstd program for --zstd.
"""
import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time


class Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, out):
        self.out, self.sha, self.size = out, hashlib.sha256(), 0

    def write(self, data):
        self.sha.update(data)
        self.size += len(data)
        return self.out.write(data)

    def flush(self):
        self.out.flush()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put_bytes(layout, media_type, document):
    data = json.dumps(document, separators=(",", ":")).encode()
    with open(os.path.join(layout, "blobs/sha256", digest(data)[7:]), "wb") as out:
        out.write(data)
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def put_layer(layout, tar, compression):
    """Store one layer; returns its descriptor and its diffID."""
    diff = hashlib.sha256()
    blobs = os.path.join(layout, "blobs/sha256")
    with open(tar, "rb") as source:
        for block in iter(lambda: source.read(1 << 20), b""):
            diff.update(block)
    with tempfile.NamedTemporaryFile(dir=blobs, delete=False) as temporary:
        out = Hashing(temporary)
        if compression == "zstd":
            child = subprocess.Popen(["zstd", "-q", "-c", tar], stdout=subprocess.PIPE)
            shutil.copyfileobj(child.stdout, out)
            if child.wait() != 0:
                raise SystemExit("zstd failed")
        else:
            with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0, filename="") as packed:
                with open(tar, "rb") as source:
                    shutil.copyfileobj(source, packed, 1 << 20)
    os.chmod(temporary.name, 0o644)
    os.rename(temporary.name, os.path.join(blobs, out.sha.hexdigest()))
    descriptor = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+" + compression,
        "digest": "sha256:" + out.sha.hexdigest(),
        "size": out.size,
    }
    return descriptor, "sha256:" + diff.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cmd", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--zstd", dest="compression", action="store_const", const="zstd", default="gzip")
    parser.add_argument("layout")
    parser.add_argument("tar", nargs="+")
    args = parser.parse_args()

    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0"))))
    os.makedirs(os.path.join(args.layout, "blobs/sha256"), exist_ok=True)
    layers = [put_layer(args.layout, tar, args.compression) for tar in args.tar]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    config = put_bytes(args.layout, "application/vnd.oci.image.config.v1+json", {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [path] + args.env, "Cmd": args.cmd or ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
        "history": [{"created": created, "created_by": "base image of the tests"} for _ in layers],
    })
    manifest = put_bytes(args.layout, "application/vnd.oci.image.manifest.v1+json", {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer for layer, _ in layers],
    })
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "image"}
    with open(os.path.join(args.layout, "oci-layout"), "w") as out:
        out.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(args.layout, "index.json"), "w") as out:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, out)
    print(manifest["digest"])


if __name__ == "__main__":
    main()
