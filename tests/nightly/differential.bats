#!/usr/bin/env bats
# The same Dockerfiles, built by other builders: the same images.
#
# What the newest docker and buildah made of them is recorded in
# testdata/differential (see differential.py); those installed here are asked,
# too, docker first and buildah for what docker cannot build.

load ../integration/lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

differential() { # REFERENCE [CASE..]
    succeeds timeout 1200 python3 "$here/../nightly/differential.py" --base "$BASE" \
        --ours "$BATS_FILE_TMPDIR/ours" --work "$BATS_FILE_TMPDIR/$REFERENCE_NAME" "$@"
    tail -n 1 <<<"$output" >&3
}

# A docker daemon of our own, without a network and with a store that works
# anywhere; its socket is left in DOCKER_SOCKET.
docker_start() {
    local i dir=$BATS_FILE_TMPDIR/docker
    mkdir -p "$dir"
    DOCKER_SOCKET=$dir/socket
    started "$dir/log" dockerd --storage-driver=vfs --data-root="$dir/data" \
        --exec-root="$dir/exec" --pidfile="$dir/pid" -H "unix://$DOCKER_SOCKET" \
        --bridge=none --iptables=false --ip-forward=false --ip-masq=false
    for ((i = 0; i < 300; i++)); do
        docker -H "unix://$DOCKER_SOCKET" version >/dev/null 2>&1 && return
        kill -0 "$STARTED_PID" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$dir/log"
    return 1
}

# A client that has BuildKit: newer ones need a plugin for that, and another
# than Debian's may come first in PATH. Left in DOCKER.
docker_client() {
    printf 'FROM scratch\nLABEL a=b\n' >Dockerfile
    for DOCKER in docker /usr/bin/docker; do
        DOCKER_BUILDKIT=1 "$DOCKER" -H "unix://$DOCKER_SOCKET" build -q . >/dev/null 2>&1 && return
    done
    return 1
}

@test "every image is the one that was recorded" {
    needs_root
    REFERENCE_NAME=recorded differential recorded
}

@test "every image is the one that docker makes" {
    needs_root
    command -v dockerd >/dev/null && command -v docker >/dev/null || skip "docker is not installed"
    docker_start || skip "no docker daemon can be started here"
    docker_client || skip "the docker client has no BuildKit"
    DOCKER=$DOCKER REFERENCE_NAME=docker differential "docker=$DOCKER_SOCKET"
}

@test "every image that docker cannot make is the one that buildah makes" {
    local -a cases=()
    needs_root
    command -v buildah >/dev/null || skip "buildah is not installed"
    [ ! -e "$BATS_FILE_TMPDIR/docker/not-built" ] ||
        mapfile -t cases <"$BATS_FILE_TMPDIR/docker/not-built"
    [ ! -e "$BATS_FILE_TMPDIR/docker/not-built" ] || [ "${#cases[@]}" -gt 0 ] ||
        skip "docker makes them all"
    REFERENCE_NAME=buildah differential buildah "${cases[@]}"
}
