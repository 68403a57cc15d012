#!/usr/bin/env bats
# Mirrors: pulled from in order, the origin last; never pushed to.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    registry_start "$T/mirror"
    MIRROR=$REGISTRY
    mkdir -p "$HOME/.config/containers"
}
teardown() { test_end; }

# A proxy before UPSTREAM that notes requests in $T/requests.NAME; sets PROXY.
# FAULT is one of fault-proxy.py's.
watched() { # NAME UPSTREAM [FAULT]
    local port
    port=$(free_port)
    started "$T/$1.log" "$here/fault-proxy.py" "$port" "$2" "$T/requests.$1" "${3:-none}"
    await_server "http://127.0.0.1:$port/v2/" "$T/$1.log"
    : >"$T/requests.$1"
    PROXY=127.0.0.1:$port
}

mirrors() { # HOST MIRROR..
    local host=$1 mirror
    shift
    {
        printf '[[registry]]\nlocation = "%s"\n' "$host"
        for mirror; do printf '[[registry.mirror]]\nlocation = "%s"\n' "$mirror"; done
    } >"$HOME/.config/containers/registries.conf"
}

@test "what a mirror has is not asked of the origin" {
    succeeds shale copy "$BASE/busybox:static" "$MIRROR/proxy/busybox:static"
    watched origin "$BASE"
    mirrors "$PROXY" "$MIRROR/proxy"
    succeeds shale pull "$PROXY/busybox:static"
    [ ! -s "$T/requests.origin" ]
    succeeds shale images "$PROXY/busybox:static"
    says busybox
}

@test "mirrors that are down or lack the image are passed over" {
    mirrors "$BASE" "127.0.0.1:$(free_port)" "$MIRROR/empty"
    succeeds shale pull "$BASE/busybox:static"
    says "mirror $MIRROR" "asking the next"
}

@test "a mirror is never pushed to" {
    registry_start "$T/origin"
    local origin=$REGISTRY
    watched mirror "$MIRROR"
    mirrors "$origin" "$PROXY"
    echo 'FROM scratch' >Dockerfile
    succeeds shale build --push -t "$origin/app:1" .
    refute grep -qE "^(POST|PUT|PATCH|HEAD) " "$T/requests.mirror"
    succeeds skopeo inspect --tls-verify=false "docker://$origin/app:1"
}

@test "hosts.toml names mirrors, too" {
    succeeds shale copy "$BASE/busybox:static" "$MIRROR/busybox:static"
    watched origin "$BASE"
    mkdir -p "$HOME/.config/containerd/certs.d/$PROXY"
    printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$PROXY" "$MIRROR" \
        >"$HOME/.config/containerd/certs.d/$PROXY/hosts.toml"
    succeeds shale pull "$PROXY/busybox:static"
    [ ! -s "$T/requests.origin" ]
}

@test "credentials for the origin are not shown to its mirror" {
    # It asks for some, whatever it has.
    watched mirror "$MIRROR" unauthorized
    registry_start "$T/origin" htpasswd
    local origin=$REGISTRY
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$origin" "$(printf ci:s3cret | base64)" >"$T/config.json"
    export DOCKER_CONFIG=$T
    succeeds shale copy "$BASE/busybox:static" "$origin/box:1"
    mirrors "$origin" "$PROXY"
    succeeds shale pull "$origin/box:1"
    [ -s "$T/requests.mirror" ]
    refute grep -q " credentials$" "$T/requests.mirror"
    : >"$T/requests.mirror"
    rm "$T/config.json"
    succeeds shale pull --root "$T/store2" --creds ci:s3cret "$origin/box:1"
    [ -s "$T/requests.mirror" ]
    refute grep -q " credentials$" "$T/requests.mirror"
}

@test "a mistake in registries.conf is an error with its line" {
    printf '[[registry]]\nlocation =\n' >"$HOME/.config/containers/registries.conf"
    fails 2 shale pull "$BASE/busybox:static"
    says "registries.conf:2"
}
