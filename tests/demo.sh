#!/bin/bash
# demo.sh SHALE: build a small multi-stage image into the local store, with no
# more than the machine's static busybox, and show what came of it. Every
# command is printed before it runs.
set -eu

shale=$1
here=$(cd "$(dirname "$0")/.." && pwd)
context=$(mktemp -d "${TMPDIR:-/tmp}/shale-demo.XXXXXX")
trap 'rm -rf "$context"' EXIT

say() { printf '\n%s\n' "$*"; }
run() {
    printf '$ %s\n' "$*"
    "$@"
}

busybox=$(command -v busybox) || {
    echo "demo.sh: no busybox; as root: apt-get install busybox-static" >&2
    exit 1
}
say "The context: a Dockerfile, a script and this machine's static busybox."
run cp "$here/testdata/demo/Dockerfile" "$here/testdata/demo/greet" "$busybox" "$context"
run cat "$context/Dockerfile"

say "Build it. No daemon, no registry; as a normal user just the same."
run "$shale" build -t shale-demo "$context"

say "The image:"
run "$shale" images shale-demo

say "Its layers and their sizes:"
run "$shale" history shale-demo

say "An image for other tools; podman or docker run it like any other:"
run "$shale" save -o "$context/shale-demo.tar" shale-demo
run ls -l "$context/shale-demo.tar"
cat <<END

To run it:
  $shale save shale-demo | podman load && podman run --rm shale-demo
or with docker:
  $shale save shale-demo | docker load && docker run --rm shale-demo
END
