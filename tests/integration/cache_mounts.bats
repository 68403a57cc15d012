#!/usr/bin/env bats
# --cache-mount-to and --cache-mount-from: cache mounts between machines.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    # A mount of 6 MB with all kinds of files, which shows what it was given.
    cat >fill.sh <<'END'
cd /c
find . | sort > /seen
ls -lnR | grep -v ^total > /list
[ ! -e made ] || exit 0
mkdir made empty
head -c 6000000 /dev/urandom > made/big
echo small > made/small
ln made/small made/hard; ln -s small made/soft; ln -s /etc/passwd made/out
truncate -s 50000000 made/sparse
chown 7:8 made/small; chmod 4750 made/small; touch -d 2001-02-03 made/small
END
    dockerfile <<'END'
FROM @BASE@/busybox:static AS run
COPY fill.sh /
RUN --mount=type=cache,id=one,target=/c sh /fill.sh
FROM scratch
COPY --from=run /seen /list /
END
}
teardown() { test_end; }

# Build in the store $T/$1; what the mount held before is in $T/out.
build_in() { # STORE ARGUMENT..
    local store=$1
    shift
    rm -rf "$T/out"
    succeeds shale build --root "$T/$store" --progress=plain -o "$T/out" "$@" .
}

bytes_in() { du -sb --apparent-size "$1" | cut -f1; }

# Saved and restored by way of TO and FROM, everything is there again.
survives() { # TO FROM
    build_in one --cache-mount-to "$1"
    equal "$(cat "$T/out/seen")" "."
    build_in one --no-cache
    cp "$T/out/list" "$T/want"
    build_in two --cache-mount-from "$2"
    equal "$(cat "$T/out/list")" "$(cat "$T/want")" "files restored"
    [ "$(du -s "$T/two/mounts" | cut -f1)" -lt 10000 ] # holes are holes
}

@test "cache mounts survive in a registry, and an unchanged one sends next to nothing" {
    registry_start "$T/registry"
    local before
    survives "type=registry,ref=$REGISTRY/mounts:a" "$REGISTRY/mounts:a"
    before=$(bytes_in "$T/registry")
    build_in two --no-cache --cache-mount-to "$REGISTRY/mounts:a"
    says "6.0 MB of contents, 0.0 MB of them new"
    equal "$(bytes_in "$T/registry")" "$before" "bytes in the registry"
    # A small change is a small upload, and what is saved is all there.
    sed -i 's|^\[ ! -e made.*|echo more >> made/small; &|' fill.sh
    build_in two --no-cache --cache-mount-to "$REGISTRY/mounts:a"
    [ "$(bytes_in "$T/registry")" -lt $((before + 800000)) ]
    build_in three --cache-mount-from "$REGISTRY/mounts:a"
    grep -q ' 11 .* small$' "$T/out/list"
    # It is a registry's artifact of few blobs.
    run curl -s -H "Accept: application/vnd.oci.image.manifest.v1+json" "http://$REGISTRY/v2/mounts/manifests/a"
    says '"artifactType":"application/vnd.shale.cache-mounts.v1"'
    equal "$(python3 -c 'import json, sys; print(len(json.loads(sys.argv[1])["layers"]))' "$output")" 2 "packs"
}

@test "cache mounts survive in a directory" {
    survives "$T/saved" "type=local,src=$T/saved"
    build_in one --no-cache --cache-mount-to "type=local,dest=$T/saved"
    says ", 0.0 MB of them new"
}

@test "cache mounts survive without root, owners too" {
    user_begin
    cp Dockerfile fill.sh "$USER_HOME/context"
    succeeds as_user shale build -o "$USER_HOME/out" --cache-mount-to "$USER_HOME/saved" .
    succeeds as_user shale build -o "$USER_HOME/out" --no-cache .
    cp "$USER_HOME/out/list" "$T/want"
    grep -q '^-rwsr-x--- *2 7 *8 ' "$T/want"
    succeeds as_user shale build --root "$USER_HOME/two" -o "$USER_HOME/out2" --cache-mount-from "$USER_HOME/saved" .
    equal "$(cat "$USER_HOME/out2/list")" "$(cat "$T/want")" "files restored"
}

@test "what is not needed is not asked for, and mounts of other builds stay" {
    registry_start "$T/registry"
    build_in one --cache-mount-to "$REGISTRY/mounts:a" --cache-to "type=registry,ref=$REGISTRY/cache,mode=max"
    local saved
    saved=$(curl -s "http://$REGISTRY/v2/mounts/manifests/a" -H "Accept: application/vnd.oci.image.manifest.v1+json")
    # Everything comes from the build cache: the mount is neither restored nor lost.
    build_in two --cache-from "$REGISTRY/cache" --cache-mount-from "$REGISTRY/mounts:a" --cache-mount-to "$REGISTRY/mounts:a"
    says_not "importing cache mounts"
    equal "$(ls -A "$T/two/mounts")" ""
    equal "$(curl -s "http://$REGISTRY/v2/mounts/manifests/a" -H "Accept: application/vnd.oci.image.manifest.v1+json")" "$saved"
    sed -i 's/id=one/id=two/' Dockerfile
    build_in three --cache-mount-from "$REGISTRY/mounts:a" --cache-mount-to "$REGISTRY/mounts:a"
    equal "$(cat "$T/out/seen")" "."
    sed -i 's/id=two/id=one/' Dockerfile
    build_in four --cache-mount-from "$REGISTRY/mounts:a"
    grep -q made/big "$T/out/seen"
}

@test "a save that cannot be had or is damaged is told and done without" {
    build_in one --cache-mount-from "$T/nothing" --cache-mount-from 127.0.0.1:1/none
    says "importing cache mounts from $T/nothing" "cannot open '$T/nothing'"
    build_in one --no-cache --cache-mount-to "$T/saved"
    local pack
    pack=$(find "$T/saved/blobs" -size +1M)
    cp "$pack" "$T/pack"
    printf X | dd of="$pack" bs=1 seek=100000 conv=notrunc status=none
    build_in two --cache-mount-from "$T/saved"
    says "importing cache mounts from $T/saved: cache mount 'one'"
    equal "$(cat "$T/out/seen")" "."
    # Something else is neither taken for a save nor overwritten.
    succeeds shale build -o "type=oci,tar=false,dest=$T/image" .
    build_in three --cache-mount-from "type=local,src=$T/image,tag=latest"
    says "something else than saved cache mounts" || says "it has no image"
}

@test "a save that fails fails the build unless errors are ignored" {
    mkdir "$T/ro"
    touch "$T/ro/saved"
    fails 1 shale build --cache-mount-to "$T/ro/saved" .
    says "exporting cache mounts to $T/ro/saved"
    succeeds shale build --progress=plain --cache-mount-to "type=local,dest=$T/ro/saved,ignore-error=true" .
    says "exporting cache mounts"
    fails 2 shale build --cache-mount-to type=inline .
    fails 2 shale build --cache-mount-to "type=local,dest=x,mode=max" .
}
