#!/usr/bin/env bats
# Push and pull against real registries: plain, basic, token, TLS.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo hello > /hello
CMD ["cat", "/hello"]
END
}
teardown() { test_end; }

# Write the credentials of the test registries, or wrong ones, for HOST.
login() { # HOST [PASSWORD]
    mkdir -p "$HOME/.docker"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$1" "$(printf 'ci:%s' "${2:-s3cret}" | base64)" \
        >"$HOME/.docker/config.json"
}

# What a registry holds must be what the store calls the image.
arrived() { # REFERENCE [SKOPEO OPTION..]
    local reference=$1
    shift
    succeeds skopeo copy -q --src-tls-verify=false "$@" "docker://$reference" "oci:$T/arrived:image"
    python3 "$here/layout.py" verify "$T/arrived"
    equal "$(python3 "$here/layout.py" manifest "$T/arrived" config.digest)" "\"$(shale images -q --no-trunc "$reference")\""
}

@test "push and pull through a plain registry keep the image" {
    registry_start "$T/registry"
    succeeds shale build -t "$REGISTRY/team/app:1" .
    succeeds shale push "$REGISTRY/team/app:1"
    arrived "$REGISTRY/team/app:1"
    succeeds shale pull --root "$T/store2" "$REGISTRY/team/app:1"
    equal "$(shale images --root "$T/store2" -q --no-trunc "$REGISTRY/team/app:1")" \
        "$(shale images -q --no-trunc "$REGISTRY/team/app:1")"
}

@test "build --push pushes under every name" {
    registry_start "$T/registry"
    succeeds shale build --push -t "$REGISTRY/a:1" -t "$REGISTRY/b:2" .
    arrived "$REGISTRY/a:1"
    rm -r "$T/arrived"
    arrived "$REGISTRY/b:2"
}

@test "a pushed image can be a base, by tag and by digest" {
    registry_start "$T/registry"
    succeeds shale build -t "$REGISTRY/base:1" --push .
    local digest
    digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/base:1")
    printf 'FROM %s/base@%s\nRUN cat /hello > /again\n' "$REGISTRY" "$digest" >Dockerfile
    succeeds shale build --root "$T/store2" -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/again")" hello
}

# A registry whose requests are written to $T/requests; REGISTRY is in front.
recorded_start() {
    local upstream port
    registry_start "$T/registry"
    upstream=$REGISTRY
    port=$(free_port)
    started "$T/proxy.log" "$here/fault-proxy.py" "$port" "$upstream" "$T/requests" none
    await_server "http://127.0.0.1:$port/v2/" "$T/proxy.log"
    REGISTRY=127.0.0.1:$port
}

@test "a second push of the same image asks once for each blob and sends nothing" {
    recorded_start
    succeeds shale build -t "$REGISTRY/app:1" .
    succeeds shale push "$REGISTRY/app:1"
    grep -q "^PATCH .*/blobs/uploads/" "$T/requests"
    arrived "$REGISTRY/app:1"
    : >"$T/requests"
    succeeds shale push "$REGISTRY/app:1"
    says "already exists"
    refute grep -E "^(POST|PATCH) " "$T/requests"
    equal "$(grep -c "^HEAD .*/blobs/" "$T/requests")" 3
    equal "$(grep -vc " /v2/ " "$T/requests")" 4
}

@test "a layer that is pushed is compressed on its way and stored nowhere" {
    registry_start "$T/registry"
    head -c 3000000 /dev/urandom >noise
    printf 'FROM scratch\nCOPY noise /\n' >Dockerfile
    succeeds shale build -t "$REGISTRY/app:1" .
    succeeds shale push "$REGISTRY/app:1"
    arrived "$REGISTRY/app:1"
    # Config and manifest.
    equal "$(find "$SHALE_ROOT/blobs/sha256" -type f -size +100k | wc -l)" 0
    succeeds shale fsck
    # Other ways to compress it stand side by side.
    succeeds shale tag "$REGISTRY/app:1" "$REGISTRY/app:zstd"
    succeeds shale push --compression zstd "$REGISTRY/app:zstd"
    rm -r "$T/arrived"
    arrived "$REGISTRY/app:zstd"
    succeeds skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:1"
    says tar+gzip
    rm -r "$T/registry/docker"
    succeeds shale push --compression zstd "$REGISTRY/app:1"
    rm -r "$T/arrived"
    arrived "$REGISTRY/app:1"
}

@test "build --push reads a new layer once, sends it on its way and keeps no blob" {
    command -v strace >/dev/null || skip "needs strace"
    recorded_start
    head -c 3000000 /dev/urandom >noise
    printf 'FROM %s/busybox:static\nRUN head -c 2000000 /dev/urandom >/rnd\nCOPY noise /\n' "$BASE" >Dockerfile
    ASAN_OPTIONS=detect_leaks=0 succeeds strace -f -qq -o "$T/opens" -e trace=openat,openat2 \
        "$SHALE" build --push -t "$REGISTRY/a:1" -t "$REGISTRY/b:1" .
    equal "$(grep -c '"rnd", O_RDONLY' "$T/opens")" 1
    equal "$(find "$SHALE_ROOT/blobs/sha256" -type f -size +100k | wc -l)" 0
    equal "$(find "$SHALE_ROOT/layers/sha256" -name "sent.gzip.*" | wc -l)" 2
    # Each of the two goes up once, and from there to the other repository.
    equal "$(grep -c "^PATCH " "$T/requests")" 2
    equal "$(grep -c "^POST /v2/b/blobs/uploads/?mount=.*from=a" "$T/requests")" 2
    succeeds shale fsck
    arrived "$REGISTRY/a:1"
    rm -r "$T/arrived"
    arrived "$REGISTRY/b:1"
    : >"$T/requests"
    succeeds shale push "$REGISTRY/a:1"
    refute grep -E "^(POST|PATCH) " "$T/requests"
    equal "$(grep -c "^HEAD .*/blobs/" "$T/requests")" 4
    # So does one whose steps were cached.
    : >"$T/requests"
    succeeds shale build --push -t "$REGISTRY/a:1" .
    refute grep -E "^(POST|PATCH) " "$T/requests"
    equal "$(grep -c "^HEAD .*/blobs/" "$T/requests")" 4
}

@test "layers whose times are rewritten are sent in the same way, and known the next time" {
    recorded_start
    head -c 3000000 /dev/urandom >noise
    printf 'FROM %s/busybox:static\nCOPY noise /\n' "$BASE" >Dockerfile
    local how="type=registry,rewrite-timestamp=true" digest again
    succeeds shale build --source-date-epoch 1000000000 -t "$REGISTRY/app:1" -o "$how" .
    equal "$(find "$SHALE_ROOT/blobs/sha256" -type f -size +100k | wc -l)" 0
    digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/app:1")
    : >"$T/requests"
    succeeds shale build --source-date-epoch 1000000000 -t "$REGISTRY/app:1" -o "$how" .
    refute grep -E "^(POST|PATCH) " "$T/requests"
    again=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/app:1")
    equal "$again" "$digest"
    # What comes out of the store is the same.
    succeeds shale build --source-date-epoch 1000000000 -o "type=oci,tar=false,dest=$T/layout,rewrite-timestamp=true" .
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" "oci:$T/pushed:image"
    python3 "$here/layout.py" verify "$T/pushed"
    equal "$(python3 "$here/layout.py" manifest "$T/layout" layers)" "$(python3 "$here/layout.py" manifest "$T/pushed" layers)"
    succeeds shale fsck
}

@test "what a push and an archive are both made of is compressed once and kept" {
    registry_start "$T/registry"
    head -c 3000000 /dev/urandom >noise
    printf 'FROM scratch\nCOPY noise /\n' >Dockerfile
    succeeds shale build --push -t "$REGISTRY/app:1" -o "type=oci,dest=$T/app.tar" .
    equal "$(find "$SHALE_ROOT/blobs/sha256" -type f -size +100k | wc -l)" 1
    equal "$(find "$SHALE_ROOT/layers/sha256" -name "sent.*" | wc -l)" 0
    arrived "$REGISTRY/app:1"
    succeeds skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/app:1"
    # shellcheck disable=SC2154 # bats sets it
    equal "$(skopeo inspect --raw "oci-archive:$T/app.tar")" "$output"
}

@test "what was pushed to one repository is mounted to the next, and several tags go at once" {
    recorded_start
    succeeds shale build -t "$REGISTRY/a:1" .
    succeeds shale push "$REGISTRY/a:1"
    : >"$T/requests"
    succeeds shale tag "$REGISTRY/a:1" "$REGISTRY/b:1"
    succeeds shale push "$REGISTRY/b:1"
    says "mounted from $REGISTRY/a"
    grep -q "^POST /v2/b/blobs/uploads/?mount=.*from=a" "$T/requests"
    refute grep "^PATCH " "$T/requests"
    arrived "$REGISTRY/b:1"
    : >"$T/requests"
    succeeds shale build --output \
        "type=image,push=true,\"name=$REGISTRY/c:1,$REGISTRY/c:2,$REGISTRY/d:1\",compression=gzip,compression-level=1,force-compression=true" .
    grep -q "^POST /v2/d/blobs/uploads/?mount=.*from=c" "$T/requests"
    equal "$(grep -c "^PATCH " "$T/requests")" 2
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/c:2" "oci:$T/c"
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/d:1" "oci:$T/d"
    cmp "$T/c/index.json" "$T/d/index.json"
}

@test "one push to several registries sends the same image to each" {
    registry_start "$T/registry"
    local first=$REGISTRY
    registry_start "$T/registry2"
    succeeds shale build -t "$first/a:1" -t "$REGISTRY/a:1" --push .
    succeeds skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$first/a:1"
    # shellcheck disable=SC2154 # bats sets it
    equal "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/a:1")" "$output"
}

@test "a base that is only named moves no layers into the store" {
    local port
    port=$(free_port)
    started "$T/proxy.log" "$here/fault-proxy.py" "$port" "$BASE" "$T/requests" none
    await_server "http://127.0.0.1:$port/v2/" "$T/proxy.log"
    printf 'FROM 127.0.0.1:%s/busybox:static\nLABEL a=b\n' "$port" >Dockerfile
    succeeds shale build -t meta .
    refute grep -E "^GET .*/blobs/sha256:.*layer" "$T/requests"
    # Manifest and config only: one blob.
    equal "$(grep -c '^GET .*/blobs/sha256:' "$T/requests")" 1
}

@test "docker manifests, zstd layers and indexes can be pulled" {
    registry_start "$T/registry"
    succeeds skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --format v2s2 \
        "docker://$BASE/busybox:static" "docker://$REGISTRY/schema2:1"
    local image
    for image in "$REGISTRY/schema2:1" "$BASE/busybox:zstd"; do
        printf 'FROM %s\nRUN echo %s > /seen\n' "$image" "$image" >Dockerfile
        succeeds shale build -o "type=local,dest=$T/out" .
        equal "$(cat "$T/out/seen")" "$image"
    done
}

@test "an index yields the image of this platform" {
    registry_start "$T/registry"
    succeeds skopeo copy -q --src-tls-verify=false --dest-tls-verify=false \
        "docker://$BASE/busybox:static" "docker://$REGISTRY/multi:one"
    python3 - "$REGISTRY" <<'END'
import json, subprocess, sys, urllib.request
base = "http://%s/v2/multi/manifests/" % sys.argv[1]
kind = "application/vnd.oci.image.manifest.v1+json"
get = urllib.request.Request(base + "one", headers={"Accept": kind})
with urllib.request.urlopen(get) as reply:
    digest, size = reply.headers["Docker-Content-Digest"], len(reply.read())
here = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
def entry(architecture, digest):
    return {"mediaType": kind, "digest": digest, "size": size,
            "platform": {"os": "linux", "architecture": architecture}}
kind_index = "application/vnd.oci.image.index.v1+json"
# The registry wants to know what an index names, so the foreign one is the same.
index = {"schemaVersion": 2, "mediaType": kind_index,
         "manifests": [entry("s390x", digest), entry(here, digest)]}
put = urllib.request.Request(base + "index", json.dumps(index).encode(), {"Content-Type": kind_index}, method="PUT")
urllib.request.urlopen(put)
END
    printf 'FROM %s/multi:index\nRUN true\n' "$REGISTRY" >Dockerfile
    succeeds shale build .
    printf 'FROM --platform=linux/riscv64 %s/multi:index\nCOPY Dockerfile /\n' "$REGISTRY" >Dockerfile
    fails 1 shale build .
    says riscv64 "Dockerfile:1"
}

@test "zstd and uncompressed layers can be pushed" {
    registry_start "$T/registry"
    succeeds shale build -t "$REGISTRY/z:1" -o "type=registry,compression=zstd" .
    arrived "$REGISTRY/z:1"
}

@test "basic authentication works with a config file, and only with the right password" {
    registry_start "$T/registry" htpasswd
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    says "$REGISTRY"
    login "$REGISTRY" wrong
    fails 1 shale push "$REGISTRY/app:1"
    says "$REGISTRY"
    says_not wrong
    login "$REGISTRY"
    succeeds shale push "$REGISTRY/app:1"
    arrived "$REGISTRY/app:1" --src-creds ci:s3cret
    succeeds shale pull --root "$T/store2" "$REGISTRY/app:1"
    rm -r "$HOME/.docker"
    fails 1 shale pull --root "$T/store3" "$REGISTRY/app:1"
}

@test "DOCKER_CONFIG and REGISTRY_AUTH_FILE are read" {
    registry_start "$T/registry" htpasswd
    login "$REGISTRY"
    mv "$HOME/.docker" "$T/elsewhere"
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    DOCKER_CONFIG=$T/elsewhere succeeds shale push "$REGISTRY/app:1"
    REGISTRY_AUTH_FILE=$T/elsewhere/config.json succeeds shale push "$REGISTRY/app:1"
}

@test "bearer tokens are fetched for what is asked, with credentials for a push" {
    token_registry
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    login "$REGISTRY"
    succeeds shale push "$REGISTRY/app:1"
    grep -E '(GET|POST) ci repository:app:(pull,push|push,pull)' "$T/tokens"
    arrived "$REGISTRY/app:1" --src-creds ci:s3cret
}

@test "bearer tokens are fetched without credentials for a public pull" {
    token_registry
    succeeds skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --dest-creds ci:s3cret \
        "docker://$BASE/busybox:static" "docker://$REGISTRY/public:1"
    : >"$T/tokens"
    succeeds shale pull "$REGISTRY/public:1"
    grep -E '^GET - repository:public:pull$' "$T/tokens"
}

@test "wrong credentials at the token server are an error that says so" {
    token_registry
    login "$REGISTRY" wrong
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    says "incorrect username or password"
    says_not wrong-password
}

@test "HTTPS on loopback works without a known authority" {
    tls_make "$T/tls" 127.0.0.1
    registry_start "$T/registry" "tls=$T/tls"
    succeeds shale build -t "$REGISTRY/app:1" --push .
    arrived "$REGISTRY/app:1"
}

@test "HTTPS elsewhere is verified: a private authority has to be named" {
    local address
    address=$(other_address) || skip "no address but loopback"
    tls_make "$T/tls" "$address"
    registry_start "$T/registry" "address=$address" "tls=$T/tls"
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    says certificate
    SSL_CERT_FILE=$T/tls/ca.crt succeeds shale push "$REGISTRY/app:1"
    arrived "$REGISTRY/app:1"
    [ "$address" != 192.0.2.17 ] || ip address del 192.0.2.17/32 dev lo
}

@test "plain HTTP elsewhere is refused unless it is allowed" {
    local address
    address=$(other_address) || skip "no address but loopback"
    registry_start "$T/registry" "address=$address"
    succeeds shale build -t "$REGISTRY/app:1" .
    fails 1 shale push "$REGISTRY/app:1"
    succeeds shale push --insecure "$REGISTRY/app:1"
    [ "$address" != 192.0.2.17 ] || ip address del 192.0.2.17/32 dev lo
}
