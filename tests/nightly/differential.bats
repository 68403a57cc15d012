#!/usr/bin/env bats
# All Dockerfiles of testdata/differential, built by the builders installed here,
# docker first and buildah for what docker cannot build: the same images.

load ../integration/lib
load ../integration/differential
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

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

@test "every image is the one that docker makes" {
    needs_root
    command -v dockerd >/dev/null && command -v docker >/dev/null || skip "docker is not installed"
    docker_start || skip "no docker daemon can be started here"
    docker_client || skip "the docker client has no BuildKit"
    DOCKER=$DOCKER differential "docker=$DOCKER_SOCKET"
}

@test "every image that docker cannot make is the one that buildah makes" {
    local -a cases=()
    needs_root
    command -v buildah >/dev/null || skip "buildah is not installed"
    [ ! -e "$BATS_FILE_TMPDIR/docker/not-built" ] ||
        mapfile -t cases <"$BATS_FILE_TMPDIR/docker/not-built"
    [ ! -e "$BATS_FILE_TMPDIR/docker/not-built" ] || [ "${#cases[@]}" -gt 0 ] ||
        skip "docker makes them all"
    differential buildah "${cases[@]}"
}
