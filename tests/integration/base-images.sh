#!/bin/bash
# base-images.sh CACHE: make the images that the integration tests build FROM.
#
# They are made once and kept in CACHE/registry, the storage of a distribution
# registry that any number of read-only registries can serve. mmdebstrap uses a
# user namespace where it is not root.
#
#   busybox:static          the machine's static busybox and its applets
#   debian:bookworm-slim    Debian without documentation
#   debian-node:12          the same with nodejs and npm
#
# The package mirror is the machine's own: its apt sources are used as they
# are and stay in the images, with its extra certificate authorities.
set -euo pipefail

cache=${1:?usage: base-images.sh CACHE}
here=$(cd "$(dirname "$0")" && pwd)
version=1
marker=$cache/base-images.$version
mkdir -p "$cache"

exec 9>"$cache/lock"
flock 9
[ ! -e "$marker" ] || exit 0

export SOURCE_DATE_EPOCH=1700000000
work=$(mktemp -d "$cache/making.XXXXXX")
STARTED=$work/started
# shellcheck source=tests/integration/lib.bash
. "$here/lib.bash"
trap 'end_started; rm -rf "$work"' EXIT

sources=()
for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list; do
    [ ! -s "$file" ] || sources+=("$file")
done

busybox_root() {
    local root=$work/busybox applet
    mkdir -p "$root"/{bin,etc,tmp,root,usr/bin,var,home}
    chmod 1777 "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $("$root/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\nstaff:x:50:\nnogroup:x:65534:\n' >"$root/etc/group"
    tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner \
        -C "$root" -cf "$work/busybox.tar" .
}

# debian_root NAME PACKAGE..
debian_root() {
    local name=$1 authorities=/etc/ssl/certs/ca-certificates.crt
    shift
    mmdebstrap --quiet --variant=minbase --format=tar \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='Acquire::Check-Date "false"' \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --include="$(IFS=,; echo "ca-certificates${*:+,$*}")" \
        --customize-hook="copy-in $authorities /etc/ssl/certs/" \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/etc/resolv.conf' \
        bookworm - "${sources[@]}" |
        tar -f - --delete --wildcards './dev/*' >"$work/$name.tar" # no device nodes
}

# publish TAR NAME:TAG OPTION..: into the registry with the given storage.
publish() {
    local tar=$1 name=$2
    shift 2
    "$here/oci-layout.py" "$@" "$work/layout" "$tar" >/dev/null
    skopeo copy -q --dest-tls-verify=false "oci:$work/layout:image" "docker://$REGISTRY/$name"
    rm -rf "$work/layout"
    echo "made $name"
}

busybox_root
debian_root debian &
debian=$!
debian_root node nodejs npm
wait "$debian"

rm -rf "$cache/registry"
registry_start "$cache/registry"
publish "$work/busybox.tar" busybox:static
publish "$work/busybox.tar" busybox:zstd --zstd
publish "$work/debian.tar" debian:bookworm-slim --cmd /bin/bash
publish "$work/node.tar" debian-node:12 --cmd /bin/bash \
    --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
touch "$marker"
