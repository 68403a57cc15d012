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
# anywhere, or that of SHALE_TEST_DOCKER; its socket is left in DOCKER_SOCKET.
docker_start() {
    local i dir=$BATS_FILE_TMPDIR/docker
    DOCKER_SOCKET=${SHALE_TEST_DOCKER:-}
    [ -z "$DOCKER_SOCKET" ] || return 0
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
    for DOCKER in ${DOCKER:-} docker /usr/bin/docker; do
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

# A folder of cases for every seed; what was generated is its context.
generated_cases() { # CASES FIRST NUMBER
    local i case
    mkdir -p "$1"
    cat >"$1/expected-difference" <<'END'
# A directory that a COPY only adds something to keeps its time (as in copy-merge), and
# a RUN of docker's leaves something in /etc, which may have been copied.
docker-*  /c mtime
docker-*  /etc* mtime
docker-*  /copy* mtime
END
    for ((i = $2; i < $2 + $3; i++)); do
        case=$1/$i
        mkdir "$case"
        python3 "$here/generate.py" "$i" "$case/context" "@BASE@/busybox:static"
        cp "$case/context/Dockerfile" "$case/Dockerfile"
        echo "rm -rf ./* && cp -a '$case/context/.' ." >"$case/setup.sh"
    done
}

@test "generated images are those that docker makes, too" {
    needs_root
    command -v dockerd >/dev/null && command -v docker >/dev/null || skip "docker is not installed"
    docker_start || skip "no docker daemon can be started here"
    docker_client || skip "the docker client has no BuildKit"
    local version
    version=$("$DOCKER" -H "unix://$DOCKER_SOCKET" version -f '{{.Server.Version}}')
    [ "${version%%.*}" -ge 28 ] || skip "docker $version is too old: 28 writes another history"
    local first=$((SHALE_TEST_ROUNDS < 1000 ? 1 : RANDOM * 1000))
    generated_cases "$T/cases" "$first" $((SHALE_TEST_ROUNDS < 1000 ? 20 : 200))
    echo "# seeds from $first" >&3
    succeeds env "DOCKER=$DOCKER" timeout 3600 python3 "$here/differential.py" --base "$BASE" \
        --cases-in "$T/cases" --work "$T/work" "docker=$DOCKER_SOCKET"
    tail -n 1 <<<"$output" >&3
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
