# A registry that misbehaves (registry_faults.py), and what it is tried with.
# shellcheck shell=bash disable=SC2154 # T, BASE and here are lib.bash's

# Misbehave before UPSTREAM by RULE..; FAULTY is the HOST:PORT,
# ELSEWHERE that of the other server (in rules: @PORT@, @ELSEWHERE@).
faulty_start() { # UPSTREAM RULE..
    local upstream=$1 address=${FAULTY_ADDRESS:-127.0.0.1} scheme=http
    shift
    [ -z "${FAULTY_TLS:-}" ] || scheme=https
    FAULTY=$address:$(free_port "$address")
    ELSEWHERE=$address:$(free_port "$address")
    local rules=("${@//@ELSEWHERE@/$ELSEWHERE}")
    started "$T/faulty.log" "$here/registry_faults.py" "${FAULTY##*:}" "${ELSEWHERE##*:}" "$upstream" "$T/requests" \
        "${rules[@]//@PORT@/${FAULTY##*:}}"
    await_server "$scheme://$FAULTY/" "$T/faulty.log"
    : >"$T/requests"
}

# Build on a base that comes through the faults, so that its layer is needed.
use_base() {
    printf 'FROM %s/busybox:static\nRUN echo used > /used\n' "$FAULTY" >Dockerfile
    shale build --progress=plain --retry-delay 100ms -o "type=local,dest=$T/out" .
}

# The image of the tests in the store, as $IMAGE.
make_image() {
    IMAGE=$FAULTY/app:1
    printf 'FROM %s/busybox:static\nCOPY random /\n' "$BASE" >Dockerfile
    head -c 300000 /dev/urandom >random
    succeeds shale build -t "$IMAGE" .
}

secured_start() { # RULE..
    registry_start "$T/registry" htpasswd
    faulty_start "$REGISTRY" "$@"
    mkdir -p "$HOME/.docker"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$FAULTY" "$(printf ci:s3cret | base64)" \
        >"$HOME/.docker/config.json"
}
