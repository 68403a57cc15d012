# What the integration tests share; bats files begin with `load lib`.
#
# Every test has a folder of its own, $T, with a store ($SHALE_ROOT) and a home
# in it, and starts there. Servers are started with *_start, which record their
# process ids in $STARTED; end_started ends those and nothing else.
#
# Environment: SHALE (the program), SHALE_TEST_CACHE (base images; made once),
# SHALE_TEST_ROUNDS (how often loops run; `make nightly` raises it).
# shellcheck shell=bash disable=SC2154 # status and output are set by run

[ -z "${BATS_VERSION:-}" ] || bats_require_minimum_version 1.5.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
SHALE=${SHALE:-$top/shale}
SHALE_TEST_CACHE=${SHALE_TEST_CACHE:-/var/tmp/shale-test-cache-$(id -u)}
SHALE_TEST_ROUNDS=${SHALE_TEST_ROUNDS:-3}
TEST_USER=shale-test
export SHALE SHALE_TEST_CACHE

# --- servers ----------------------------------------------------------------

free_port() { # [ADDRESS]
    python3 -c 'import socket, sys
s = socket.socket(); s.bind((sys.argv[1], 0)); print(s.getsockname()[1])' "${1:-127.0.0.1}"
}

# Run a server in the background with its output in LOG; its pid is recorded.
started() { # LOG COMMAND..
    local log=$1
    shift
    # Descriptor 3 is how bats waits for the end of a test.
    setsid "$@" >>"$log" 2>&1 </dev/null 3>&- &
    STARTED_PID=$!
    echo "$STARTED_PID" >>"$STARTED"
}

# An address of this machine that is not loopback; root makes one if need be.
other_address() {
    local address
    address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 -F .) && echo "$address" && return
    [ "$(id -u)" = 0 ] || return 1
    ip address add 192.0.2.17/32 dev lo && echo 192.0.2.17
}

# Wait until the last started server answers at URL (any HTTP status will do).
await_server() { # URL LOG
    local i
    for ((i = 0; i < 100; i++)); do
        curl -ksS -m 5 -o /dev/null "$1" 2>/dev/null && return
        kill -0 "$STARTED_PID" 2>/dev/null || break
        sleep 0.1
    done
    echo "no server at $1:" >&2
    cat "$2" >&2
    return 1
}

end_started() {
    local pid
    [ -s "${STARTED:-}" ] || return 0
    while read -r pid; do
        kill "$pid" 2>/dev/null || true
    done <"$STARTED"
    while read -r pid; do
        wait "$pid" 2>/dev/null || true
    done <"$STARTED"
    rm -f "$STARTED"
}

# Start a distribution registry over the folder STORAGE; its HOST:PORT is left
# in REGISTRY. Options: readonly; htpasswd (user "ci", password "s3cret");
# tls=DIR (of tls_make); address=IP; token=REALM,BUNDLE.
registry_start() { # STORAGE OPTION..
    local storage=$1 option address=127.0.0.1 port scheme=http extra='' tls='' auth=''
    shift
    for option; do
        case $option in
        readonly) extra="maintenance: {readonly: {enabled: true}}" ;;
        htpasswd)
            mkdir -p "$storage"
            htpasswd -nbB ci s3cret >"$storage/.htpasswd"
            auth="auth: {htpasswd: {realm: tests, path: $storage/.htpasswd}}"
            ;;
        token=*)
            option=${option#token=}
            auth="auth: {token: {realm: \"${option%,*}\", service: tests, issuer: tests, rootcertbundle: ${option#*,}}}"
            ;;
        tls=*)
            scheme=https
            tls=", tls: {certificate: ${option#tls=}/server.crt, key: ${option#tls=}/server.key}"
            ;;
        address=*) address=${option#address=} ;;
        esac
    done
    mkdir -p "$storage"
    port=$(free_port "$address")
    local conf
    conf=$(dirname "$STARTED")/registry.$port
    cat >"$conf.yml" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $storage}, delete: {enabled: true}, $extra}
http: {addr: "$address:$port"$tls}
$auth
YAML
    started "$conf.log" docker-registry serve "$conf.yml"
    REGISTRY=$address:$port
    await_server "$scheme://$REGISTRY/v2/" "$conf.log"
}

# A private authority and a server certificate for ADDRESS.. in DIR:
# ca.crt, server.crt, server.key.
tls_make() { # DIR ADDRESS..
    local dir=$1 names=DNS:localhost address
    shift
    for address; do names=$names,IP:$address; done
    mkdir -p "$dir"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Authority of the tests" \
        -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=registry" \
        -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
    openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" \
        -CAcreateserial -days 30 -extfile <(echo "subjectAltName=$names") \
        -out "$dir/server.crt" 2>/dev/null
}

# A registry over $T/registry that wants the tokens of a server of its own,
# which notes what it is asked for in $T/tokens.
token_registry() {
    local port
    port=$(free_port)
    tls_make "$T/tls" 127.0.0.1
    started "$T/token.log" "$here/token-server.py" "$port" "$T/tls/ca.key" "$T/tls/ca.crt" "$T/tokens"
    await_server "http://127.0.0.1:$port/token" "$T/token.log"
    : >"$T/tokens"
    registry_start "$T/registry" "token=http://127.0.0.1:$port/token,$T/tls/ca.crt"
}

# Serve $T/web; WEB is its URL, $T/web.log what was asked.
web_start() {
    : >"$T/web.log"
    rm -f "$T/web.port"
    started "$T/web.err" python3 "$here/file-server.py" "$T/web" "$T/web.log" "$T/web.port"
    local i
    for ((i = 0; i < 100; i++)); do
        [ -s "$T/web.port" ] && break
        sleep 0.05
    done
    WEB=http://127.0.0.1:$(cat "$T/web.port")
}

# Make the base images if need be and serve them: BASE is the HOST:PORT.
base_start() {
    "$here/base-images.sh" "$SHALE_TEST_CACHE" >&2
    registry_start "$SHALE_TEST_CACHE/registry" readonly
    BASE=$REGISTRY
    export BASE
}

# --- a file, a test ---------------------------------------------------------

# For setup_file: servers started here live as long as the file.
file_begin() {
    export STARTED=$BATS_FILE_TMPDIR/started
    base_start
}

file_end() { end_started; }

# For setup: folder, store, home.
test_begin() {
    export T=$BATS_TEST_TMPDIR
    STARTED=$T/started
    export HOME=$T/home SHALE_ROOT=$T/store TMPDIR=$T/tmp
    unset DOCKER_CONFIG REGISTRY_AUTH_FILE DOCKER_AUTH_CONFIG SOURCE_DATE_EPOCH XDG_CONFIG_HOME
    mkdir -p "$HOME" "$T/tmp" "$T/context"
    sanitizers_into "$T"
    cd "$T/context" || return 1
}

# Whatever process of the program finds something writes it to DIR/sanitizer.*
sanitizers_into() {
    export ASAN_OPTIONS="exitcode=99:log_path=$1/sanitizer"
    export UBSAN_OPTIONS="print_stacktrace=1:exitcode=99:log_path=$1/sanitizer"
    export LSAN_OPTIONS="exitcode=99"
}

# For teardown: nothing may be left behind, whatever the test was about.
test_end() {
    local bad=0
    end_started
    cd /
    no_mounts_below "$T" || bad=1
    no_reports_in "$T" || bad=1
    if [ -n "${USER_HOME:-}" ]; then
        no_mounts_below "$USER_HOME" || bad=1
        no_reports_in "$USER_HOME" || bad=1
        rm -rf --one-file-system "$USER_HOME"
    fi
    return "$bad"
}

no_mounts_below() { # DIR
    local found
    found=$(awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo)
    [ -n "$found" ] || return 0
    echo "mounts left behind:"
    echo "$found"
    # The folder is about to be removed: never through a mount.
    sort -r <<<"$found" | while read -r mount; do umount -l "$mount"; done
    return 1
}

no_reports_in() { # DIR
    compgen -G "$1/sanitizer.*" >/dev/null || return 0
    cat "$1"/sanitizer.*
    return 1
}

# --- running the program ----------------------------------------------------

shale() { timeout -k 10 "${SHALE_TIMEOUT:-900}" "$SHALE" "$@"; }

# Run a command that has to succeed; $output is what it printed.
succeeds() {
    run "$@"
    [ "$status" = 0 ] && return
    echo "failed with $status: $*"
    echo "$output"
    return 1
}

# Run a command that has to fail with STATUS.
fails() { # STATUS COMMAND..
    local wanted=$1
    shift
    run "$@"
    [ "$status" = "$wanted" ] && return
    echo "exit status $status instead of $wanted: $*"
    echo "$output"
    return 1
}

# $output holds each TEXT.
says() { # TEXT..
    local text
    for text; do
        [[ $output == *"$text"* ]] && continue
        echo "output lacks: $text"
        echo "$output"
        return 1
    done
}

says_not() { # TEXT..
    local text
    for text; do
        [[ $output != *"$text"* ]] && continue
        echo "output holds: $text"
        echo "$output"
        return 1
    done
}

equal() { # GOT WANTED [WHAT]
    [ "$1" = "$2" ] && return
    echo "${3:-value} is:"
    echo "$1"
    echo "and should be:"
    echo "$2"
    return 1
}

# Wait until no process has MARK, "NAME=VALUE", in the environment it began with.
ends_with_mark() { # MARK
    local i
    for ((i = 0; i < 200; i++)); do
        grep -qszx "$1" /proc/[0-9]*/environ || return 0
        sleep 0.1
    done
    echo "processes are left: $(grep -lszx "$1" /proc/[0-9]*/environ)"
    return 1
}

# `! command` would not fail a test.
refute() { # COMMAND..
    if "$@"; then
        echo "succeeded: $*"
        return 1
    fi
}

needs_root() {
    [ "$(id -u)" = 0 ] || skip "needs root"
}

# Write the Dockerfile of the current context from stdin; @BASE@ is the
# registry of the base images.
dockerfile() { # [NAME]
    sed "s|@BASE@|$BASE|g" >"${1:-Dockerfile}"
}

# Steps that the last plain progress on $output shows as executed, one per
# line, without number and time.
steps_run() {
    python3 "$here/progress.py" run <<<"$output"
}

steps_cached() {
    python3 "$here/progress.py" cached <<<"$output"
}

# --- images -----------------------------------------------------------------

# Build into an OCI layout directory.
build_layout() { # DIR ARGUMENT..
    local dir=$1
    shift
    succeeds shale build --progress=plain -o "type=oci,tar=false,dest=$dir" "$@"
}

# Names in layer N (from 0; -1 is the last) of the layout in DIR, one per line.
layer_names() { # DIR N
    python3 "$here/layout.py" names "$1" "$2"
}

# A value of the image config, as compact JSON: config_of DIR .config.Env
config_of() { # DIR PATH
    python3 "$here/layout.py" config "$1" "$2"
}

layer_count() { # DIR
    python3 "$here/layout.py" layers "$1"
}

manifest_digest() { # DIR
    python3 "$here/layout.py" digest "$1"
}

# --- a normal user ----------------------------------------------------------

# Make sure there is a normal user with subordinate ids; USER_HOME is a new
# folder of theirs with a copy of the program, which may lie in a place that
# only root can read. As a normal user this is just a folder.
user_begin() {
    USER_HOME=$(mktemp -d /var/tmp/shale-user.XXXXXX)
    chmod 755 "$USER_HOME"
    mkdir -p "$USER_HOME/bin" "$USER_HOME/context" "$USER_HOME/tmp"
    install -m 755 "$SHALE" "$USER_HOME/bin/shale"
    [ "$(id -u)" = 0 ] || return 0
    (
        flock 9
        id "$TEST_USER" >/dev/null 2>&1 || useradd -M -d /nonexistent -s /bin/sh "$TEST_USER"
        grep -q "^$TEST_USER:" /etc/subuid || usermod --add-subuids 700000-765535 "$TEST_USER"
        grep -q "^$TEST_USER:" /etc/subgid || usermod --add-subgids 700000-765535 "$TEST_USER"
    ) 9>/var/tmp/shale-test-user.lock
    chown -R "$TEST_USER:" "$USER_HOME"
}

# Run a command as that user, in their context folder, with a clean environment.
as_user() { # COMMAND..
    local -a drop=()
    [ "$(id -u)" != 0 ] || drop=(setpriv "--reuid=$TEST_USER" "--regid=$TEST_USER" --init-groups)
    (
        cd "$USER_HOME/context" || exit 1
        "${drop[@]}" env -i "HOME=$USER_HOME" "PATH=$USER_HOME/bin:$PATH" \
            "TMPDIR=$USER_HOME/tmp" "SHALE_ROOT=$USER_HOME/store" LANG=C.UTF-8 \
            "ASAN_OPTIONS=exitcode=99:log_path=$USER_HOME/sanitizer" \
            "UBSAN_OPTIONS=print_stacktrace=1:exitcode=99:log_path=$USER_HOME/sanitizer" \
            "LSAN_OPTIONS=exitcode=99" \
            timeout -k 10 "${SHALE_TIMEOUT:-900}" "$@"
    )
}
