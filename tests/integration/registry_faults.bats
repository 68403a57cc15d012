#!/usr/bin/env bats
# A registry that misbehaves: each fault ends in success after another try or
# in the right error; never in a wrong image, a moved tag or a leaked secret.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

# Misbehave before UPSTREAM by RULE..; FAULTY is the HOST:PORT.
faulty_start() { # UPSTREAM RULE..
    local port elsewhere upstream=$1
    shift
    port=$(free_port)
    elsewhere=$(free_port)
    started "$T/faulty.log" "$here/registry_faults.py" "$port" "$elsewhere" "$upstream" "$T/requests" "$@"
    FAULTY=127.0.0.1:$port
    await_server "http://$FAULTY/" "$T/faulty.log"
    : >"$T/requests"
}

# Build on a base that comes through the faults, so that its layer is needed.
use_base() {
    printf 'FROM %s/busybox:static\nRUN echo used > /used\n' "$FAULTY" >Dockerfile
    shale build --progress=plain -o "type=local,dest=$T/out" .
}

arrives() { # RULE..
    faulty_start "$BASE" "$@"
    succeeds use_base
    equal "$(cat "$T/out/used")" used
}

# The image of the tests in the store, as $IMAGE.
make_image() {
    IMAGE=$FAULTY/app:1
    printf 'FROM %s/busybox:static\nCOPY random /\n' "$BASE" >Dockerfile
    head -c 300000 /dev/urandom >random
    succeeds shale build -t "$IMAGE" .
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
    succeeds shale push "$IMAGE"
    is_pushed
}

# The push must fail, and no tag may exist.
push_fails() { # RULE..
    registry_start "$T/registry"
    faulty_start "$REGISTRY" "$@"
    make_image
    fails 1 shale push "$IMAGE"
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

@test "push: overload passes" {
    push_arrives 'POST:/uploads/:status=503:1' 'PATCH:/uploads/:status=503:1' 'PUT:/uploads/:status=500:1' \
        'PUT:/manifests/:status=504:1'
}

@test "push: what is too large for one request is sent in several" {
    push_arrives 'PUT:/uploads/[^?]*[?]digest:status=413:1'
    push_arrives 'PATCH:/uploads/:status=413:1'
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
    fails 1 shale push "$IMAGE"
    says "the registry stored sha256:00000000"
}

# --- credentials --------------------------------------------------------------

# What went elsewhere must not carry credentials; what went to the registry must.
no_leak() {
    grep -q '^elsewhere ' "$T/requests"
    refute grep '^elsewhere .* Basic$' "$T/requests"
    grep -q '^registry .* Basic$' "$T/requests"
}

secured_start() { # RULE..
    registry_start "$T/registry" htpasswd
    faulty_start "$REGISTRY" "$@"
    mkdir -p "$HOME/.docker"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$FAULTY" "$(printf ci:s3cret | base64)" \
        >"$HOME/.docker/config.json"
}

@test "credentials do not follow a redirect to another server" {
    secured_start 'GET:/blobs/:away'
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds ci:s3cret \
        "docker://$BASE/busybox:static" "docker://$REGISTRY/busybox:static"
    # The other server asks for credentials itself, and gets none.
    fails 1 use_base
    says 401
    no_leak
}

@test "credentials do not follow an upload to another server" {
    secured_start 'POST:/uploads/:away'
    make_image
    fails 1 shale push "$IMAGE"
    says 401
    no_leak
}
