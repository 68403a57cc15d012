#!/usr/bin/env bats
# Freeing space: filters, limits, the configured budget, a full disk.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() {
    [ ! -d "$T/disk" ] || umount -l "$T/disk" 2>/dev/null || true
    test_end
}

# An image of one step that makes MEGABYTES, NAME its label and in the file.
image_of() { # NAME MEGABYTES ARG..
    local name=$1 size=$2
    shift 2
    dockerfile <<END
FROM @BASE@/busybox:static
RUN echo $name > /name; head -c ${size}000000 /dev/urandom > /data
LABEL kind=$name
LABEL made=here
END
    succeeds shale build --progress=plain "$@" .
}

remembers() { # NAME MEGABYTES
    image_of "$1" "$2"
    [ -z "$(steps_run)" ]
}

# The image of the id in $T/NAME, whole.
has_image() { # NAME
    local id layer
    id=$(cut -d: -f2 <"$T/$1")
    [ -e "$SHALE_ROOT/blobs/sha256/$id" ] || return 1
    for layer in $(grep -o 'sha256:[0-9a-f]*' "$SHALE_ROOT/blobs/sha256/$id" | cut -d: -f2); do
        [ -d "$SHALE_ROOT/layers/sha256/$layer" ] || return 1
    done
}

unnamed_bytes() {
    shale system df --format json | python3 -c 'import json, sys
d = json.load(sys.stdin)
print(sum(d[k]["unnamedBytes"] for k in ("layers", "trees", "blobs")))'
}

@test "labels choose which images without a name go" {
    image_of one 1 --iidfile "$T/one"
    image_of two 1 --iidfile "$T/two"
    rm -f "$SHALE_ROOT"/cache/* # what steps lead to would stay
    succeeds shale prune --filter label=kind=none
    has_image one
    succeeds shale prune --filter 'label!=made'
    has_image one
    succeeds shale prune --filter label=kind=one --filter label=made
    refute has_image one
    has_image two
    succeeds shale prune --filter 'label!=kind=one'
    refute has_image two
    equal "$(unnamed_bytes)" 0
    fails 2 shale prune --filter size=3
    fails 2 shale prune --filter label=a --keep-storage 1g
}

@test "until= forgets what nobody used for so long, and --all alone everything" {
    image_of old 1
    find "$SHALE_ROOT/cache" -type f -exec touch -d '2 days ago' {} +
    image_of new 1
    succeeds shale prune --all --filter until=1d
    remembers new 1
    refute remembers old 1
    succeeds shale prune --all
    refute remembers new 1
}

@test "the configured limit is kept after builds, the last used stays" {
    mkdir -p "$HOME/.config/shale"
    printf '[store]\nmax-used-space = "14m"\ncheck-interval = "0s"\n' >"$HOME/.config/shale/config.toml"
    local name
    for name in a b c d; do image_of "$name" 5; done
    says "keep the store below max-used-space" "MB freed"
    [ "$(du -sm "$SHALE_ROOT" | cut -f1)" -le 15 ]
    succeeds shale fsck
    remembers d 5
    refute remembers a 5
    # Not before the interval is over.
    printf '[store]\nmax-used-space = "1m"\n' >"$HOME/.config/shale/config.toml"
    image_of e 5
    says_not "max-used-space"
    remembers e 5
    printf '[store]\nmax-space = "1m"\n' >"$HOME/.config/shale/config.toml"
    fails 2 shale build .
    says "config.toml': there is no setting store.max-space"
}

@test "system df counts what there is and what prune would free" {
    image_of a 3 -t a
    image_of b 4
    succeeds shale system df --format json
    equal "$(python3 -c 'import json, sys
d = json.loads(sys.argv[1])
free = sum(d[k]["unnamedBytes"] for k in ("layers", "trees", "blobs"))
print(d["names"] >= 1, 4e6 < free < 4.3e6, d["bytes"] == sum(v["bytes"] for v in d.values() if isinstance(v, dict)))' "$output")" "True True True"
    local before
    before=$(du -s -B1 "$SHALE_ROOT" | cut -f1)
    succeeds shale prune --all
    [ $((before - $(du -s -B1 "$SHALE_ROOT" | cut -f1))) -gt 4000000 ]
    equal "$(unnamed_bytes)" 0
}

@test "prune works on a disk that is full to the last byte" {
    needs_root
    mkdir "$T/disk"
    mount -t tmpfs -o size=24m,nr_inodes=2000 tmpfs "$T/disk"
    export SHALE_ROOT=$T/disk/store
    image_of kept 2 -t kept
    image_of other 6
    dd if=/dev/zero of="$T/disk/fill" bs=4k 2>/dev/null || true
    for ((i = 0; i < 2000; i++)); do mkdir "$T/disk/d$i" 2>/dev/null || break; done
    fails 1 shale build --no-cache .
    succeeds shale prune --max-used-space 5m
    [ "$(df --output=avail -B1M "$T/disk" | tail -1)" -ge 5 ]
    succeeds shale fsck
    says " 0 damaged"
    rmdir "$T"/disk/d*
    image_of small 1
}
