#!/usr/bin/env bats
# A registry that means harm, to those who pull and to those who push: no
# credential goes astray, nothing is asked of third parties, no image is wrong
# and no tag moves.

load lib
load faulty
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() {
    [ -z "${ADDED:-}" ] || ip address del "$ADDED/32" dev lo
    test_end
}

# What went to any other name than the registry's own carried nothing.
no_leak() {
    refute grep -v "^registry .* $FAULTY [A-Za-z]*$" <(grep -v ' -$' "$T/requests")
    refute grep '^elsewhere .* \(Basic\|Bearer\)$' "$T/requests"
}

fill_secured() {
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds ci:s3cret \
        "docker://$BASE/busybox:static" "docker://$REGISTRY/busybox:static"
}

# A pull through RULE must fail, saying TEXT.., and so must a push of it further
# on, without a tag. The store stays as it is for the next one.
refused() { # RULE TEXT..
    [ -n "${TARGET:-}" ] || { registry_start "$T/target" && TARGET=$REGISTRY; }
    faulty_start "$BASE" "$1"
    shift
    fails 1 use_base
    says "$@"
    fails 1 shale copy --retry 1 --retry-delay 10ms "$FAULTY/busybox:static" "$TARGET/app:1"
    refute curl -sf -o "$T/tag" "http://$TARGET/v2/app/manifests/1"
}

# After all that the store takes the sound image, and was never locked.
still_sound() {
    faulty_start "$BASE"
    succeeds use_base
    succeeds shale fsck
}

# The same at an address that is not loopback, over TLS.
secured_elsewhere() { # RULE..
    local address
    address=$(other_address) || skip "no address but loopback"
    [ "$address" != 192.0.2.17 ] || ADDED=$address
    [ -d "$T/tls" ] || tls_make "$T/tls" "$address"
    export SSL_CERT_FILE=$T/tls/ca.crt FAULTY_TLS=$T/tls FAULTY_ADDRESS=$address
    secured_start "$@"
}

@test "pull: credentials follow no redirect, to another port or to another name" {
    local rule
    for rule in 'GET:/manifests/:away' 'GET:/blobs/:away' \
        'GET:/manifests/:to=http://localhost:@PORT@/v2/busybox/manifests/static:1'; do
        secured_start "$rule"
        fill_secured
        fails 1 use_base
        says 401
        grep ' Basic$' "$T/requests"
        no_leak
        rm -rf "$SHALE_ROOT"
    done
}

@test "push: credentials follow no Location, to another port or to another name" {
    local to
    for to in 'http://@ELSEWHERE@/v2/app/blobs/uploads/x' 'http://localhost:@PORT@/v2/app/blobs/uploads/x'; do
        secured_start "POST:/uploads/:to=$to"
        make_image
        fails 1 shale push --retry-delay 10ms "$IMAGE"
        says 401
        grep ' Basic$' "$T/requests"
        no_leak
    done
}

@test "no credentials for token servers that are local, without TLS, or no servers" {
    local realm
    printf 'FROM scratch\nLABEL a=b\n' >Dockerfile
    for realm in 'http://@ELSEWHERE@/token' http://169.254.169.254/token https://169.254.169.254/token \
        'https://127.0.0.1:9/token' 'https://auth.localhost:@PORT@/token' file:///etc/passwd; do
        secured_elsewhere "GET:/v2/:realm=$realm" "POST:/:realm=$realm" "HEAD:/:realm=$realm"
        fails 1 shale pull --retry 0 "$FAULTY/busybox:static"
        says "$FAULTY"
        succeeds shale build -q -t "$FAULTY/app:1" .
        fails 1 shale push --retry 0 "$FAULTY/app:1"
        refute grep -v ' -$' "$T/requests"
        refute grep '^elsewhere' "$T/requests"
    done
}

@test "hosts that are only called alike get no credentials" {
    secured_start
    local port=${FAULTY##*:}
    python3 - "$port" >"$HOME/.docker/config.json" <<'PY'
import json, sys
names = ["127.0.0.1:%s", "ocalhost:%s", "xlocalhost:%s", "localhost", "localhost:%s.example", "localhost:%s0",
         "https://127.0.0.1/localhost:%s", "localhost:%s/other", "localhost:%s@example"]
print(json.dumps({"auths": {n % sys.argv[1] if "%" in n else n: {"auth": "Y2k6czNjcmV0"} for n in names}}))
PY
    fails 1 shale pull "localhost:$port/busybox:static"
    says "no credentials"
    echo 'FROM scratch' >Dockerfile
    fails 1 shale build --push -t "localhost:$port/app:1" .
    refute grep -v ' -$' "$T/requests"
}

@test "URLs of foreign layers are never asked, and not passed on" {
    local rule='GET:/manifests/:edit=[l.update(urls=["http://@ELSEWHERE@/x"]) for l in m["layers"]]'
    registry_start "$T/target"
    faulty_start "$BASE" "$rule"
    succeeds use_base
    printf 'FROM %s/busybox:static\nRUN true\n' "$FAULTY" >Dockerfile
    succeeds shale build --push -t "$REGISTRY/app:1" .
    succeeds skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:1"
    says_not urls
    refute grep '^elsewhere' "$T/requests"
}

@test "digests that are none are refused" {
    local digest
    for digest in sha256:../../../etc/passwd md5:d41d8cd98f00b204e9800998ecf8427e "SHA256:$(printf %064d 0)"; do
        refused "GET:/manifests/:edit=m[\"layers\"][0][\"digest\"]=\"$digest\"" digest
    done
    still_sound
    fails 2 shale copy "$BASE/busybox@sha256:../../x" "$TARGET/app:1"
    says "bad digest"
}

@test "a manifest that can be read in two ways is refused" {
    refused 'GET:/manifests/:edit=m["manifests"]=[]' "manifest and an index"
    refused 'GET:/manifests/:type=application/vnd.oci.image.index.v1+json' "media type"
    refused 'GET:/manifests/:edit=m.update(mediaType="application/vnd.docker.distribution.manifest.v2+json")' "media type"
    refused 'GET:/manifests/:edit=m.clear() or m.update(schemaVersion=1, name="busybox", fsLayers=[], history=[])' \
        "schema version 1"
    still_sound
}

@test "what claims or turns out to be too large is refused, what is garbage is no layer" {
    refused 'GET:/manifests/:edit=m["config"]["size"] = 1 << 33' "at most"
    refused 'GET:/manifests/:edit=m.update(annotations={"a": "x" * (5 << 20)})' "larger than"
    refused 'GET:/blobs/:short' bytes
    refused 'GET:/blobs/:flip' sha256
    still_sound
}
