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

hosts_toml() { # HOST LINE..
    local dir=$HOME/.config/containerd/certs.d/$1
    mkdir -p "$dir"
    printf '%s\n' "${@:2}" >"$dir/hosts.toml"
}

@test "hosts.toml names mirrors, too, and each is told what it stands in for" {
    local origin ns config
    watched origin "$BASE"
    origin=$PROXY
    ns=ns=127.0.0.1%3A${origin#*:}
    watched mirror "$MIRROR"
    hosts_toml "$origin" "server = 'http://$origin'" "[host.'http://$PROXY']" "capabilities = ['pull', 'resolve']"
    # What it lacks the registry has, and is told nothing.
    succeeds shale pull "$origin/busybox:static"
    config=$(shale images --quiet --no-trunc "$origin/busybox:static")
    grep -F "GET /v2/busybox/manifests/static?$ns -" "$T/requests.mirror"
    grep -F "GET /v2/busybox/manifests/static -" "$T/requests.origin"
    refute grep -F "ns=" "$T/requests.origin"
    succeeds shale copy "$BASE/busybox:static" "$MIRROR/busybox:static"
    : >"$T/requests.origin"
    : >"$T/requests.mirror"
    succeeds shale pull --root "$T/store2" "$origin/busybox:static"
    [ ! -s "$T/requests.origin" ]
    equal "$(head -n 2 "$T/requests.mirror")" "GET /v2/?$ns -
GET /v2/busybox/manifests/static?$ns -"
    grep -F "GET /v2/busybox/blobs/$config?$ns -" "$T/requests.mirror"
    refute grep -vF "?$ns -" "$T/requests.mirror"
}

@test "a hosts.toml of _default serves all registries, one with override_path a part of another" {
    succeeds shale copy "$BASE/busybox:static" "$MIRROR/hub/busybox:static"
    watched mirror "$MIRROR"
    hosts_toml _default "[host.'http://$PROXY/v2/hub']" "override_path = true"
    succeeds shale pull registry.invalid:5000/busybox:static
    grep -F "GET /v2/hub/busybox/manifests/static?ns=registry.invalid%3A5000 -" "$T/requests.mirror"
}

@test "a mistake in a hosts.toml is an error that names it" {
    hosts_toml "$BASE" "[host.'http://$MIRROR']" "client = 5"
    fails 2 shale pull "$BASE/busybox:static"
    says "$BASE/hosts.toml': 'client' of http://$MIRROR has to be"
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
    refute grep -qE " credentials$|ns=" "$T/requests.mirror"
    : >"$T/requests.mirror"
    rm "$T/config.json"
    succeeds shale pull --root "$T/store2" --creds ci:s3cret "$origin/box:1"
    [ -s "$T/requests.mirror" ]
    refute grep -q " credentials$" "$T/requests.mirror"
    : >"$T/requests.mirror"
    rm "$HOME/.config/containers/registries.conf"
    hosts_toml "$origin" "[host.'http://$PROXY']"
    succeeds shale pull --root "$T/store3" --creds ci:s3cret "$origin/box:1"
    [ -s "$T/requests.mirror" ]
    refute grep -q " credentials$" "$T/requests.mirror"
}

@test "a host that is its own mirror is shown --creds in its own name" {
    registry_start "$T/origin" htpasswd
    watched origin "$REGISTRY"
    succeeds shale copy --creds ci:s3cret "$BASE/busybox:static" "$REGISTRY/box:1"
    mirrors "$PROXY" "$PROXY/proxy"
    succeeds shale pull --creds ci:s3cret "$PROXY/box:1"
    refute grep -q "/v2/proxy/.* credentials$" "$T/requests.origin"
    grep -q "/v2/box/.* credentials$" "$T/requests.origin"
}

@test "a mistake in registries.conf is an error with its line" {
    printf '[[registry]]\nlocation =\n' >"$HOME/.config/containers/registries.conf"
    fails 2 shale pull "$BASE/busybox:static"
    says "registries.conf:2"
}
