"""What an image is, as plain data that two builders' images are compared by.

An image is read from a docker archive (docker save, skopeo, buildah push).
Its facts are a dictionary of

  tree     path -> type, mode, owner, size, contents (sha256), link target, xattrs
           and, when it is older than the build, mtime; names of one file
           (hard links) share "same", the first of them
  removed  paths of the base image that are gone
  config   the image's config, without what is empty
  history  created_by of the entries that were added

Only what differs from the base image is kept, so facts recorded on one machine
hold on another, whose base image has other contents.
"""
import hashlib
import json
import posixpath
import tarfile
import time

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
CONFIG_KEYS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir",
               "Labels", "StopSignal", "ArgsEscaped", "Healthcheck", "OnBuild", "Shell")
TYPES = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "char",
         tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}
XATTR = "SCHILY.xattr."


def clean(name):
    return posixpath.normpath("/" + name.lstrip("./") if name.startswith("./") else "/" + name)


class Tree:
    """A root file system, put together layer by layer."""

    def __init__(self, began):
        self.entries = {}
        self.began = began

    def forget(self, path, keep=False):
        """Drop what is below `path`, and `path` itself unless `keep`."""
        below = path.rstrip("/") + "/"
        for name in [n for n in self.entries if n.startswith(below)]:
            del self.entries[name]
        if not keep:
            self.entries.pop(path, None)

    def whiteout(self, path):
        """Is this name a deletion? If so, do it."""
        parent, name = posixpath.split(path)
        if name == OPAQUE:
            self.forget(parent, keep=True)
        elif name.startswith(WHITEOUT):
            self.forget(posixpath.join(parent, name[len(WHITEOUT):]))
        return name.startswith(WHITEOUT)

    def add_layer(self, tar):
        # Deletions are about the layers below, wherever they stand in the tar.
        members = [m for m in tar if not self.whiteout(clean(m.name))]
        for m in members:
            path = clean(m.name)
            old = self.entries.get(path)
            if old and old["type"] == "dir" and not m.isdir():
                self.forget(path)
            self.entries[path] = self.entry(tar, m, path)

    def entry(self, tar, m, path):
        if m.islnk():
            first = self.entries[clean(m.linkname)]
            first.setdefault("same", clean(m.linkname))
            return dict(first)
        e = {"type": TYPES.get(m.type, "file"), "mode": "%04o" % (m.mode & 0o7777),
             "owner": "%d:%d" % (m.uid, m.gid)}
        if m.isreg():
            data = tar.extractfile(m).read()
            e["size"] = len(data)
            e["contents"] = hashlib.sha256(data).hexdigest()
        elif m.issym():
            e["target"] = m.linkname
            del e["mode"]  # means nothing
        elif m.ischr() or m.isblk():
            e["device"] = "%d,%d" % (m.devmajor, m.devminor)
        xattrs = {k[len(XATTR):]: v.encode("utf-8", "surrogateescape").hex()
                  for k, v in m.pax_headers.items() if k.startswith(XATTR)}
        if xattrs:
            e["xattrs"] = xattrs
        if m.mtime < self.began - 3600:
            e["mtime"] = int(m.mtime)
        return e

    def link_names(self):
        """Hard links may be found in any order: name the group by its first."""
        groups = {}
        for path in sorted(self.entries):
            if "same" in self.entries[path]:
                groups.setdefault(self.entries[path]["same"], []).append(path)
        for paths in groups.values():
            for path in paths:
                if len(paths) > 1:
                    self.entries[path]["same"] = paths[0]
                else:
                    del self.entries[path]["same"]


def read_archive(path, began):
    """The config, and the trees after each layer that `stops` asks for."""
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
        layers = manifest["Layers"]
        tree = Tree(began)
        for layer in layers:
            member = archive.getmember(layer)
            while member.issym():  # docker save links equal layers
                member = archive.getmember(posixpath.normpath(
                    posixpath.join(posixpath.dirname(member.name), member.linkname)))
            with tarfile.open(fileobj=archive.extractfile(member), errors="surrogateescape",
                              encoding="utf-8") as tar:
                tree.add_layer(tar)
    tree.link_names()
    return config, tree.entries


def unchanged(entry, before):
    """Is it as it was? A directory's time tells that something came and went in it
    (as docker's own files in /etc do), not what."""
    if before and entry["type"] == "dir":
        return dict(entry, mtime=0) == dict(before, mtime=0)
    return entry == before


def facts(path, base=None, began=None):
    """Facts of the docker archive at `path`; `base` is what read_archive gave for
    the base image, `began` when the build began."""
    config, tree = read_archive(path, began or time.time())
    ids = config.get("rootfs", {}).get("diff_ids") or []
    removed, inherited = [], 0
    if base:
        base_config, base_tree = base
        base_ids = base_config["rootfs"]["diff_ids"]
        if ids[:len(base_ids)] == base_ids:
            inherited = len(base_config.get("history") or [])
            removed = sorted(p for p in base_tree if p not in tree)
            tree = {p: e for p, e in tree.items() if not unchanged(e, base_tree.get(p))}
    tree.pop("/", None)  # in some builders' layers, not in others'
    settings = config.get("config") or {}
    # buildah's label about itself is none of the Dockerfile's.
    (settings.get("Labels") or {}).pop("io.buildah.version", None)
    kept = {k: settings[k] for k in CONFIG_KEYS if settings.get(k)}
    if config.get("author"):
        kept["author"] = config["author"]
    history = [h.get("created_by", "") + (" [empty]" if h.get("empty_layer") else "")
               for h in (config.get("history") or [])[inherited:]]
    # Of whole chains of removed directories the top is enough.
    removed = [p for p in removed if posixpath.dirname(p) not in removed]
    return {"tree": tree, "removed": removed, "config": kept, "history": history}


def flat(facts):
    """One line per fact: key -> value as text. That a build fails is a fact."""
    if not facts:
        return {}
    if "fails" in facts:
        return {"fails": "yes"}
    lines = {}
    for path, entry in facts["tree"].items():
        for name, value in entry.items():
            lines["%s %s" % (path, name)] = json.dumps(value, sort_keys=True)
    for path in facts["removed"]:
        lines["%s removed" % path] = "true"
    for name, value in facts["config"].items():
        lines["config %s" % name] = json.dumps(value, sort_keys=True)
    for number, text in enumerate(facts["history"]):
        lines["history %d %s" % (number, text.split(" ")[0])] = text
    return lines
