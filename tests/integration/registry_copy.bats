#!/usr/bin/env bats
# copy: images passed on between registries, layouts, archives and the store.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    registry_start "$T/registry"
}
teardown() { test_end; }

# The digest a registry gives a reference.
remote_digest() { # REFERENCE
    skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"
}

raw_digest() { # PLACE
    skopeo inspect --raw --tls-verify=false "$1" | sha256sum | cut -d' ' -f1
}

# An index of two platforms in $REGISTRY/NAME, made with a tool of another kind.
index_make() { # NAME
    local platform
    for platform in amd64 arm64; do
        printf 'FROM scratch\nCOPY f /\n' >"$T/context/Dockerfile"
        echo "$platform" >"$T/context/f"
        succeeds shale build --platform "linux/$platform" --push -t "$REGISTRY/$1:$platform" "$T/context"
    done
    python3 - "$REGISTRY" "$1" <<'END'
import hashlib, json, sys, urllib.request
host, name = sys.argv[1:]
accept = "application/vnd.oci.image.manifest.v1+json"
items = []
for arch in "amd64", "arm64":
    rq = urllib.request.Request(f"http://{host}/v2/{name}/manifests/{arch}", headers={"Accept": accept})
    text = urllib.request.urlopen(rq).read()
    items.append({"mediaType": accept, "digest": "sha256:" + hashlib.sha256(text).hexdigest(),
                  "size": len(text), "platform": {"architecture": arch, "os": "linux"}})
kind = "application/vnd.oci.image.index.v1+json"
# Blanks: it is to be passed on as it is, not as anybody would write it.
index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": items}, indent=3).encode()
rq = urllib.request.Request(f"http://{host}/v2/{name}/manifests/both", index, {"Content-Type": kind}, method="PUT")
urllib.request.urlopen(rq)
END
}

@test "an image copied between registries keeps its digest" {
    succeeds shale copy -q "$BASE/busybox:static" "docker://$REGISTRY/team/box:1"
    equal "$output" "$(remote_digest "$BASE/busybox:static")"
    equal "$(remote_digest "$REGISTRY/team/box:1")" "$(remote_digest "$BASE/busybox:static")"
}

@test "an index copied between registries keeps all its images" {
    index_make multi
    local from=$REGISTRY digest
    digest=$(raw_digest "docker://$REGISTRY/multi:both")
    registry_start "$T/other"
    succeeds shale copy -q "$from/multi:both" "$REGISTRY/elsewhere:2"
    equal "$output" "sha256:$digest"
    equal "$(raw_digest "docker://$REGISTRY/elsewhere:2")" "$digest"
    succeeds skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/elsewhere:2" "dir:$T/all"
}

@test "one platform of an index can be copied alone" {
    index_make multi
    succeeds shale copy --platform linux/arm64 "$REGISTRY/multi:both" "$REGISTRY/one:1"
    equal "$(remote_digest "$REGISTRY/one:1")" "$(remote_digest "$REGISTRY/multi:arm64")"
    fails 1 shale copy --platform linux/s390x "$REGISTRY/multi:both" "$REGISTRY/none:1"
    says "linux/s390x"
}

@test "blobs that are there are not sent again, and mounted from next door" {
    local upstream=$REGISTRY port
    port=$(free_port)
    succeeds shale copy "$BASE/busybox:static" "$REGISTRY/a:1"
    started "$T/proxy.log" "$here/fault-proxy.py" "$port" "$upstream" "$T/requests" none
    await_server "http://127.0.0.1:$port/v2/" "$T/proxy.log"
    : >"$T/requests"
    succeeds shale copy "$BASE/busybox:static" "127.0.0.1:$port/a:2"
    refute grep -qE "^(POST|PATCH) |^PUT .*blobs" "$T/requests"
    : >"$T/requests"
    succeeds shale copy "127.0.0.1:$port/a:2" "127.0.0.1:$port/b:1"
    grep -q "^POST .*mount=" "$T/requests"
    refute grep -qE "^(PATCH|PUT|GET) .*blobs" "$T/requests"
    equal "$(remote_digest "$upstream/b:1")" "$(remote_digest "$upstream/a:1")"
}

@test "copies into a layout are readable by others, several beside one another" {
    index_make multi
    succeeds shale copy "$BASE/busybox:static" "oci:$T/layout:box"
    succeeds shale copy "$REGISTRY/multi:both" "oci:$T/layout:multi"
    succeeds shale copy "$REGISTRY/multi:both" "oci:$T/layout:multi"
    equal "$(raw_digest "oci:$T/layout:box")" "$(raw_digest "docker://$BASE/busybox:static")"
    equal "$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["manifests"]))' "$T/layout/index.json")" 2
    python3 "$here/layout.py" verify "$T/layout"
    succeeds umoci unpack --rootless --image "$T/layout:box" "$T/bundle"
    fails 2 shale copy "oci:$T/layout" "$REGISTRY/x:1"
    says box multi
    fails 1 shale copy "oci:$T/layout:nothing" "$REGISTRY/x:1"
}

@test "a layout and its archive go to a registry with their digests" {
    index_make multi
    local digest
    digest=$(raw_digest "docker://$REGISTRY/multi:both")
    succeeds shale copy "$REGISTRY/multi:both" "oci:$T/layout:m"
    succeeds shale copy "oci:$T/layout:m" "oci-archive:$T/m.tar:m"
    succeeds shale copy "oci-archive:$T/m.tar:m" "$REGISTRY/back:1"
    equal "$(raw_digest "docker://$REGISTRY/back:1")" "$digest"
    gzip -c "$T/m.tar" >"$T/m.tar.gz"
    succeeds shale copy "oci-archive:$T/m.tar.gz" "$REGISTRY/back:2"
    equal "$(raw_digest "docker://$REGISTRY/back:2")" "$digest"
    succeeds shale copy oci-archive:- "$REGISTRY/back:3" <"$T/m.tar"
    equal "$(raw_digest "docker://$REGISTRY/back:3")" "$digest"
}

@test "the same image makes the same archive" {
    succeeds shale copy "$BASE/busybox:static" "oci-archive:$T/1.tar:a"
    succeeds shale copy "$BASE/busybox:static" "oci:$T/layout"
    shale copy -q "oci:$T/layout" oci-archive:-:a >"$T/2.tar"
    cmp "$T/1.tar" "$T/2.tar"
}

@test "archives for docker load are made and read" {
    succeeds shale copy "$BASE/busybox:static" "docker-archive:$T/d.tar:example/box:1"
    succeeds skopeo inspect "docker-archive:$T/d.tar:example/box:1"
    succeeds shale copy -q "docker-archive:$T/d.tar:example/box:1" "$REGISTRY/new:1"
    equal "$output" "$(remote_digest "$BASE/busybox:static")"
    # One that docker itself would have written before it knew OCI's form.
    succeeds skopeo copy -q --src-tls-verify=false "docker://$BASE/busybox:static" "docker-archive:$T/old.tar:example/box:2"
    succeeds shale copy "docker-archive:$T/old.tar:example/box:2" "$REGISTRY/old:1"
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/old:1" "oci:$T/arrived:image"
    python3 "$here/layout.py" verify "$T/arrived"
}

@test "an image goes into the store and out of it with its digest" {
    index_make multi
    succeeds shale copy "$BASE/busybox:static" store:box:1
    succeeds shale inspect box:1
    succeeds shale copy store:box:1 "$REGISTRY/out:1"
    equal "$(remote_digest "$REGISTRY/out:1")" "$(remote_digest "$BASE/busybox:static")"
    succeeds shale copy --platform linux/arm64 "$REGISTRY/multi:both" store:arm
    succeeds shale copy store:arm "oci:$T/layout:arm"
    equal "$(raw_digest "oci:$T/layout:arm")" "$(raw_digest "docker://$REGISTRY/multi:arm64")"
}

@test "inspect --raw prints a remote index as it is and pulls nothing" {
    index_make multi
    shale inspect --raw "$REGISTRY/multi:both" >"$T/raw"
    equal "$(sha256sum <"$T/raw" | cut -d' ' -f1)" "$(raw_digest "docker://$REGISTRY/multi:both")"
    equal "$(shale images -q --root "$T/store2")" ""
    fails 1 shale inspect --raw "$REGISTRY/multi:none"
    says "multi:none"
}

@test "a damaged blob of a layout is never passed on" {
    local blob
    succeeds shale copy "$BASE/busybox:static" "oci:$T/layout:box"
    blob=$(find "$T/layout/blobs" -type f -size +100k | head -n 1)
    printf x | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
    fails 1 shale copy "oci:$T/layout:box" "$REGISTRY/bad:1"
    says "$(basename "$blob")"
    fails 1 shale copy "oci:$T/layout:box" "oci-archive:$T/bad.tar"
    [ ! -e "$T/bad.tar" ]
    fails 1 shale copy "oci:$T/layout:box" store:bad
    run skopeo inspect --tls-verify=false "docker://$REGISTRY/bad:1"
    [ "$status" != 0 ]
}

@test "a layout's blobs that are links lead nowhere" {
    local blob
    succeeds shale copy "$BASE/busybox:static" "oci:$T/layout:box"
    blob=$(find "$T/layout/blobs" -type f -size +100k | head -n 1)
    mv "$blob" "$T/outside"
    ln -s "$T/outside" "$blob"
    fails 1 shale copy "oci:$T/layout:box" "oci:$T/copy"
}
