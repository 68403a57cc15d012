#!/usr/bin/env bats
# A registry that misbehaves: each fault ends in success after another try or
# in the right error; never in a wrong image, a moved tag or a leaked secret.

load lib
load faulty
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

arrives() { # RULE..
    faulty_start "$BASE" "$@"
    succeeds use_base
    equal "$(cat "$T/out/used")" used
}

is_pushed() {
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" "oci:$T/arrived:image"
    python3 "$here/layout.py" verify "$T/arrived"
}

# Push through the faults into a new registry; the image must arrive.
push_arrives() { # RULE..
    registry_start "$T/registry"
    faulty_start "$REGISTRY" "$@"
    make_image
    succeeds shale push --retry-delay 100ms "$IMAGE"
    is_pushed
}

# The push must fail, and no tag may exist.
push_fails() { # RULE..
    registry_start "$T/registry"
    faulty_start "$REGISTRY" "$@"
    make_image
    fails 1 shale push --retry-delay 100ms "$IMAGE"
    refute curl -sf -o "$T/tags" "http://$REGISTRY/v2/app/manifests/1"
}

# --- pulling ------------------------------------------------------------------

@test "pull: a layer that breaks off is continued, not begun again" {
    arrives 'GET:/blobs/:cut:2'
    grep -q 'registry GET .*/blobs/' "$T/requests"
}

@test "pull: lost connections are made again" {
    arrives 'GET:/manifests/:drop:1' 'GET:/blobs/:drop:1'
}

@test "pull: a wrong bit costs one more try" {
    arrives 'GET:/blobs/:flip:1'
    rm -rf "$T/out" "$SHALE_ROOT"
    arrives 'GET:/manifests/:flip:1'
}

@test "pull: wrong bits every time are an error and leave the store sound" {
    faulty_start "$BASE" 'GET:/blobs/:flip'
    fails 1 use_base
    says sha256: expected
    faulty_start "$BASE"
    succeeds use_base
}

@test "pull: a blob shorter or longer than announced is an error" {
    faulty_start "$BASE" 'GET:/blobs/:short'
    fails 1 use_base
    says bytes
    faulty_start "$BASE" 'GET:/blobs/:long'
    fails 1 use_base
}

@test "pull: a manifest that is not what the registry says is an error" {
    faulty_start "$BASE" 'GET:/manifests/:liar'
    fails 1 use_base
    says "announced as"
}

@test "pull: what Retry-After asks for is waited, but not for hours" {
    arrives 'GET:/manifests/:busy=1:1' 'GET:/blobs/:reset:1' 'GET:/blobs/:busy=0:1'
    rm -rf "$T/out" "$SHALE_ROOT"
    faulty_start "$BASE" 'GET:/manifests/:busy=7200'
    fails 1 use_base
    says "429 Too Many Requests" "as the test wants"
    equal "$(grep -c manifests "$T/requests")" 1
}

@test "pull: a range that is refused is an error, never a wrong image" {
    faulty_start "$BASE" 'GET:/blobs/:cut:2' 'GET:/blobs/:status=416'
    fails 1 use_base
    says "416" "$FAULTY" busybox
    faulty_start "$BASE"
    succeeds use_base
}

@test "pull: tries have an end, and the error says what was asked of whom" {
    faulty_start "$BASE" 'GET:/manifests/:status=503'
    fails 1 shale pull --retry 2 --retry-delay 10ms "$FAULTY/busybox:static"
    says "GET http://$FAULTY/v2/busybox/manifests/static" "503 Service Unavailable" "as the test wants" "trying again"
    equal "$(grep -c manifests "$T/requests")" 3
    fails 2 shale pull --retry x "$FAULTY/busybox:static"
    says --retry
    fails 1 shale pull --retry 0 registry.invalid/busybox
    says registry.invalid "resolve host"
    says_not "trying again"
}

@test "pull: overload passes, refusals do not" {
    arrives 'GET:/manifests/:status=503:1' 'GET:/blobs/:status=502:1'
    rm -rf "$T/out" "$SHALE_ROOT"
    faulty_start "$BASE" 'GET:/manifests/:status=403'
    fails 1 use_base
    says "403 Forbidden" "as the test wants" "$FAULTY/v2/busybox/manifests/static" "Dockerfile:1"
    equal "$(grep -c manifests "$T/requests")" 1
}

# --- pushing ------------------------------------------------------------------

@test "push: lost connections are made again" {
    push_arrives 'HEAD:/blobs/:drop:1' 'POST:/uploads/:drop:1' 'PATCH:/uploads/:drop:1' 'PUT:/uploads/:drop:1' \
        'PUT:/manifests/:drop:1'
}

@test "push: resets, Retry-After and a range that is refused pass" {
    push_arrives 'HEAD:/blobs/:busy=0:1' 'POST:/uploads/:reset:1' 'PATCH:/uploads/:reset:1' 'PATCH:/uploads/:busy=1:1' \
        'PATCH:/uploads/:status=416:1' 'PUT:/uploads/:busy=0:1' 'PUT:/manifests/:busy=1:1'
    push_fails 'PATCH:/uploads/:busy=7200'
    equal "$(grep -c ' PATCH ' "$T/requests")" 1
}

@test "push: a refusal without end is cut off" {
    push_fails 'POST:/uploads/:flood'
    says "400 Bad Request"
    [ "${#output}" -lt 20000 ]
}

@test "push: an upload that breaks in the middle is begun again" {
    push_arrives 'PATCH:/uploads/:drop-late:1' 'PUT:/uploads/:drop-late:2'
}

@test "push: a layer that was cut off goes on where the registry is" {
    push_arrives 'PATCH:/uploads/:keep-half:1'
    # The layer, the upload asked about, the rest; no other upload of it.
    equal "$(grep -c ' PATCH ' "$T/requests")" 2
    equal "$(grep -c ' GET /v2/app/blobs/uploads/' "$T/requests")" 1
}

@test "push: an upload that the registry forgot is begun again" {
    push_arrives 'PATCH:/uploads/:gone:1' 'PUT:/uploads/:gone:1'
}

# A build that pushes its result as it is read for the first time.
build_push() {
    printf 'FROM %s/busybox:static\nRUN head -c 3000000 /dev/urandom >/random\n' "$BASE" >Dockerfile
    shale build --retry 3 --retry-delay 100ms --push -t "$FAULTY/app:1" .
}

@test "push: a new layer that was cut off is made again from there, one that was forgotten anew" {
    local fault
    for fault in keep-half gone; do
        registry_start "$T/registry-$fault"
        faulty_start "$REGISTRY" "PATCH:/uploads/:$fault:1"
        succeeds build_push
        is_pushed
        rm -r "$T/arrived" "$SHALE_ROOT"
    done
}

@test "push: a build whose registry fails keeps its image, and tells it once" {
    registry_start "$T/registry"
    faulty_start "$REGISTRY" 'POST:/uploads/:status=403'
    fails 1 build_push
    says "pushing $FAULTY/app:1" "403 Forbidden" "as the test wants"
    # Neither a second attempt nor a tag.
    equal "$(grep -c ' POST ' "$T/requests")" 1
    refute grep -q 'PUT .*/manifests/' "$T/requests"
    succeeds shale fsck
    succeeds shale push "$FAULTY/app:1" "$REGISTRY/app:1"
    is_pushed
}

@test "push: overload passes" {
    push_arrives 'POST:/uploads/:status=503:1' 'PATCH:/uploads/:status=503:1' 'PUT:/uploads/:status=500:1' \
        'PUT:/manifests/:status=504:1'
}

@test "push: what is too large for one request is sent in several" {
    push_arrives 'PUT:/uploads/[^?]*[?]digest:status=413:1'
    push_arrives 'PATCH:/uploads/:status=413:1'
}

@test "push: no chunk but the last is shorter than the registry wants" {
    local limit=('PUT:/uploads/:limit=1600000' 'PATCH:/uploads/:limit=1600000')
    registry_start "$T/registry"
    faulty_start "$REGISTRY" 'POST:/uploads/:chunk-min=1700000' "${limit[@]}"
    fails 1 build_push
    says "413 Content Too Large even for 1700000 bytes, its own OCI-Chunk-Min-Length"
    # Half of 2 MiB would not do.
    faulty_start "$REGISTRY" 'POST:/uploads/:chunk-min=1500000' "${limit[@]}"
    succeeds build_push
    is_pushed
}

@test "push: a refused blob leaves no tag" {
    push_fails 'PUT:/uploads/:status=413'
    says "413" "as the test wants"
    refute grep -q 'PUT .*/manifests/' "$T/requests"
}

@test "push: a refused manifest is an error in the registry's words" {
    push_fails 'PUT:/manifests/:status=400'
    says "400 Bad Request" "as the test wants" "/v2/app/manifests/1"
}

@test "push: a registry that stored something else is an error" {
    registry_start "$T/registry"
    faulty_start "$REGISTRY" 'PUT:/manifests/:liar'
    make_image
    fails 1 shale push --retry-delay 100ms "$IMAGE"
    says "the registry stored sha256:00000000"
}
