#!/usr/bin/env bats
# Networks of RUN. The builder runs on a "host" of the test's own: a network
# namespace with a resolver and services on loopback, behind which lies another
# one, "outside".

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }

setup() {
    test_begin
    EVERYTHING=$PATH
}

teardown() {
    local failed=0
    PATH=$EVERYTHING
    [ -z "${HOST:-}" ] || host_end || failed=1
    test_end && return "$failed"
}

# The host's and outside's addresses, away from anything real.
HOST_IP=198.51.100.1
OUTSIDE_IP=198.51.100.2

host_start() {
    needs_root
    command -v ip >/dev/null || skip "needs ip (package iproute2)"
    HOST=shale-host-$$-$BATS_TEST_NUMBER
    OUTSIDE=shale-out-$$-$BATS_TEST_NUMBER
    mkdir -p "/etc/netns/$HOST"
    echo "nameserver 127.0.0.53" >"/etc/netns/$HOST/resolv.conf"
    ip netns add "$HOST"
    ip netns add "$OUTSIDE"
    ip -n "$HOST" link add uplink type veth peer name downlink netns "$OUTSIDE"
    ip -n "$HOST" addr add "$HOST_IP/24" dev uplink
    ip -n "$OUTSIDE" addr add "$OUTSIDE_IP/24" dev downlink
    ip -n "$HOST" link set lo up
    ip -n "$HOST" link set uplink up
    ip -n "$OUTSIDE" link set downlink up
    ip -n "$HOST" route add default via "$OUTSIDE_IP"
    serve "$OUTSIDE" "tcp=$OUTSIDE_IP:8000" "udp=$OUTSIDE_IP:8001" "dns=$OUTSIDE_IP:53"
    serve "$HOST" dns=127.0.0.53:53 dns=[::1]:53 tcp=127.0.0.1:7001 udp=127.0.0.1:7002 \
        abstract=shale-test-abstract "tcp=$HOST_IP:7003"
}

serve() { # NETNS SERVICE..
    local netns=$1
    shift
    rm -f "$T/ready.$netns"
    started "$T/services.log" ip netns exec "$netns" python3 "$here/services.py" \
        "$T/ready.$netns" "$OUTSIDE_IP" "$@"
    for _ in $(seq 100); do
        [ -e "$T/ready.$netns" ] && return
        sleep 0.1
    done
    cat "$T/services.log"
    return 1
}

host_end() {
    end_started
    ip netns del "$HOST"
    ip netns del "$OUTSIDE"
    rm -rf "/etc/netns/$HOST"
}

# A command on that host; tun devices are for all there, as on most machines.
on_host() { # COMMAND..
    # shellcheck disable=SC2016 # for the shell in there
    ip netns exec "$HOST" unshare -m --propagation private sh -c '
        mount -t tmpfs -o mode=755 dev /dev/net && { [ -n "$NO_TUN" ] || mknod -m 666 /dev/net/tun c 10 200; } && exec "$@"' \
        sh "$@"
}

# Have builds run by a normal user from here on.
as_a_user() {
    user_begin
    AS=(as_user)
    cd "$USER_HOME/context" || return 1
}

# From here on PATH has everything but these.
hide_programs() { # NAME..
    local dir name to=${USER_HOME:-$T}/others
    mkdir -p "$to"
    for dir in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
        find "$dir/" -mindepth 1 -maxdepth 1 -exec ln -sf -t "$to" {} +
    done
    for name; do rm -f "$to/$name"; done
    PATH=$to
}

# Images are pulled where the registry is; nothing else is on that host.
get_ready() { # IMAGE PROBE..
    cp "$here/network-probe.pl" .
    printf 'FROM %s/%s\nCOPY network-probe.pl /probe\n' "$BASE" "$1" >Dockerfile
    succeeds "${AS[@]}" shale build -t probe .
}

# Build one RUN on that host; $output is what came of it.
build_there() { # COMMAND OPTION..
    local command=$1 options=''
    shift
    [ $# = 0 ] || printf -v options '%q ' "$@"
    printf 'FROM probe\nRUN %s\n' "$command" >"$T/Dockerfile"
    run on_host bash -c "unset BATS_VERSION; . '$here/lib.bash'; $(declare -p T HOST STARTED); cd '$PWD';
        ${USER_HOME:+USER_HOME=$USER_HOME} ${AS[*]} shale build --progress=plain --no-cache $options - <'$T/Dockerfile'"
}

# What can be reached from a RUN on that host.
OUTSIDE_SERVICES="tcp=$OUTSIDE_IP:8000 udp=$OUTSIDE_IP:8001"
LOOPBACK_SERVICES="tcp=127.0.0.1:7001 udp=127.0.0.1:7002 abstract=shale-test-abstract"
# By what leads to the host's loopback where somebody forgot about it.
DETOURS="tcp=10.213.87.2:7001 udp=10.213.87.2:7002 tcp=10.213.87.3:7001 tcp=$OUTSIDE_IP:7001 tcp=$HOST_IP:7001"
DETOURS+=" tcp=10.213.88.1:7001 tcp=127.0.0.11:7001 udp=127.0.0.11:7002"

reached() { # WHAT..
    local what
    for what; do says "$what: yes"; done
}

not_reached() { # WHAT..
    local what
    for what; do says "$what: no"; done
}

# shellcheck disable=SC2086 # lists of words
private_is_right() {
    build_there "perl /probe $OUTSIDE_SERVICES $LOOPBACK_SERVICES $DETOURS name=any.test name=big.test" "$@"
    [ "$status" = 0 ] || { echo "$output"; return 1; }
    says_not "uses the host's network"
    reached $OUTSIDE_SERVICES
    not_reached $LOOPBACK_SERVICES $DETOURS
    says "name=any.test: $OUTSIDE_IP" "name=big.test: $OUTSIDE_IP"
}

# The host's only resolver is on loopback, and of IPv6.
resolver_is_ipv6() {
    echo "nameserver ::1" >"/etc/netns/$HOST/resolv.conf"
}

@test "a private network leads outside and to a resolver on loopback, not to loopback" {
    host_start
    get_ready debian:bookworm-slim
    private_is_right
    build_there "perl /probe tcp=gate:7003; cat /etc/resolv.conf" --network=private \
        --add-host gate:host-gateway --dns 192.0.2.9 --dns-search a.test --dns-option ndots:2
    reached tcp=gate:7003
    says "nameserver 192.0.2.9" "search a.test" "options ndots:2"
    echo "nameserver $OUTSIDE_IP" >"/etc/netns/$HOST/resolv.conf"
    build_there "perl /probe name=any.test; cat /etc/resolv.conf"
    says "name=any.test: $OUTSIDE_IP" "nameserver $OUTSIDE_IP"
    resolver_is_ipv6
    private_is_right
    hide_programs pasta
    echo "nameserver $OUTSIDE_IP" >"/etc/netns/$HOST/resolv.conf"
    build_there "perl /probe name=any.test; cat /etc/resolv.conf"
    says "name=any.test: $OUTSIDE_IP" "nameserver $OUTSIDE_IP"
}

@test "a user's private network is no different" {
    host_start
    as_a_user
    get_ready debian:bookworm-slim
    private_is_right --network=private
}

@test "slirp4netns serves where there is no pasta" {
    host_start
    as_a_user
    get_ready debian:bookworm-slim
    hide_programs pasta
    private_is_right
    AS=()
    cd "$T/context"
    get_ready debian:bookworm-slim
    private_is_right
    resolver_is_ipv6
    private_is_right
    run on_host "$SHALE" info
    says "private network: works, by slirp4netns"
}

# One line, at whatever step; asked for by name it is an error.
falls_back() { # REASON
    build_there "perl /probe tcp=127.0.0.1:7001" --no-cache-filter x
    equal "$status" 0
    reached tcp=127.0.0.1:7001
    equal "$(grep -c "RUN uses the host's network, a private one cannot be had: $1" <<<"$output")" 1
    build_there true --network=private
    equal "$status" 1
    says "no private network: $1"
    run on_host "$SHALE" info
    says "no   private network: no private network: $1"
}

@test "without a program or a tun device the host's network is used, and one line says so" {
    host_start
    get_ready debian:bookworm-slim
    NO_TUN=1 falls_back "this machine or container must have that device, open to us: cannot open '/dev/net/tun': No such file"
    hide_programs pasta slirp4netns
    falls_back "pasta and slirp4netns are not installed (the package of pasta is passt)"
}

@test "two RUNs at a time have two networks, later ones use them again" {
    host_start
    get_ready busybox:static
    cat >Dockerfile <<'END'
FROM probe AS a
ARG RELAY
RUN --mount=type=cache,id=meet,target=/m readlink /proc/self/ns/net >/m/a; for i in $(seq 300); do [ -e /m/b ] && break; sleep 0.1; done; cat /m/b >/first
RUN readlink /proc/self/ns/net >/second; nc -l -p 8080 -s 127.0.0.1 -e true & sleep 0.2; nc 127.0.0.1 8080 </dev/null; true
RUN readlink /proc/self/ns/net >/third; cat /proc/net/tcp /proc/net/unix | grep -vi "address\|inode\|$RELAY" >/left || true
FROM probe AS b
RUN --mount=type=cache,id=meet,target=/m readlink /proc/self/ns/net >/m/b; for i in $(seq 300); do [ -e /m/a ] && break; sleep 0.1; done; cat /m/a >/first
FROM scratch
COPY --from=a /first /second /third /left /a/
COPY --from=b /first /b/
END
    # Where the relay of DNS listens, as /proc has it.
    succeeds on_host "$SHALE" build --network=private --build-arg RELAY=0B00007F:0035 -o "type=local,dest=$T/out" .
    refute cmp "$T/out/a/first" "$T/out/b/first"
    refute cmp "$T/out/b/first" <(readlink /proc/self/ns/net)
    # Both are of the two that were made.
    grep -qxF -f "$T/out/a/first" -f "$T/out/b/first" "$T/out/a/second"
    grep -qxF -f "$T/out/a/first" -f "$T/out/b/first" "$T/out/a/third"
    equal "$(cat "$T/out/a/left")" "" "what a RUN left behind"
}

@test "a network that a RUN could change is not used again" {
    host_start
    get_ready busybox:static
    cat >Dockerfile <<'END'
FROM probe
RUN ip addr add 192.0.2.77/32 dev lo && ip addr show dev lo >/first
RUN ip addr show dev lo >/second
END
    succeeds on_host "$SHALE" build --network=private --cap-add=net_admin -o "type=local,dest=$T/out" .
    grep -q 192.0.2.77 "$T/out/first"
    refute grep -q 192.0.2.77 "$T/out/second"
    sed -i 's/^RUN ip addr add/RUN --security=insecure ip addr add/' Dockerfile
    succeeds on_host "$SHALE" build --network=private --allow security.insecure -o "type=local,dest=$T/out" .
    grep -q 192.0.2.77 "$T/out/first"
    refute grep -q 192.0.2.77 "$T/out/second"
    # The control: without rights there is nothing to change.
    succeeds on_host "$SHALE" build --network=private -o "type=local,dest=$T/out" - <<'END'
FROM probe
RUN ip addr add 192.0.2.77/32 dev lo 2>/message; ip addr show dev lo >/first
END
    refute grep -q 192.0.2.77 "$T/out/first"
}

# Processes in the namespaces of that host which are no service of the test's.
helpers() {
    ip netns pids "$HOST" | while read -r pid; do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -av services.py || true
    done
}

# Wait until nothing of the builder is left on the host.
nothing_left() {
    for _ in $(seq 50); do
        [ -n "$(helpers)" ] || return 0
        sleep 0.1
    done
    helpers
    return 1
}

@test "a builder that is killed leaves no process and no network" {
    host_start
    get_ready busybox:static
    printf 'FROM probe\nRUN echo inside; sleep 4324\n' >Dockerfile
    for program in pasta slirp4netns; do
        started "$T/$program.log" ip netns exec "$HOST" "$SHALE" build --progress=plain --no-cache --network=private .
        for _ in $(seq 100); do
            grep -q "[0-9] inside$" "$T/$program.log" && break
            sleep 0.1
        done
        helpers | grep -q "^/*[a-z/]*$program"
        kill -9 "$STARTED_PID"
        nothing_left
        refute pgrep -fx "sleep 4324"
        hide_programs pasta
    done
    succeeds on_host "$SHALE" build --network=private - <<<$'FROM probe\nRUN true'
    nothing_left
}

# The control: without a wall all of it is found.
# shellcheck disable=SC2086 # lists of words
host_and_none_are_right() { # OPTION..
    build_there "perl /probe $OUTSIDE_SERVICES $LOOPBACK_SERVICES name=any.test" --network=host "$@"
    equal "$status" 0
    reached $OUTSIDE_SERVICES $LOOPBACK_SERVICES
    says "name=any.test: $OUTSIDE_IP"
    build_there "perl /probe $OUTSIDE_SERVICES $LOOPBACK_SERVICES name=any.test" --network=none "$@"
    equal "$status" 0
    not_reached $OUTSIDE_SERVICES $LOOPBACK_SERVICES
    says "name=any.test: unknown"
}

@test "the host's network and none are what they say" {
    host_start
    get_ready debian:bookworm-slim
    host_and_none_are_right
}

networks_of_runtime() { # RUNTIME
    command -v "$1" >/dev/null || skip "needs $1"
    host_start
    get_ready debian:bookworm-slim
    private_is_right --network=private --isolation=oci --runtime="$1"
    host_and_none_are_right --isolation=oci --runtime="$1"
}

@test "networks are the same with crun" {
    networks_of_runtime crun
}

@test "networks are the same with runc" {
    networks_of_runtime runc
}

@test "a bridged network is root's, translated, and ends with the builder" {
    host_start
    get_ready debian:bookworm-slim
    ip netns exec "$HOST" sysctl -q net.ipv4.ip_forward=0
    build_there true --network=bridge
    equal "$status" 1
    says "does not forward packets: sysctl -w net.ipv4.ip_forward=1"
    ip netns exec "$HOST" sysctl -q net.ipv4.ip_forward=1
    private_is_right --network=bridge
    resolver_is_ipv6
    build_there "perl /probe tcp=gate:7003 name=any.test name=big.test; cat /etc/resolv.conf" \
        --network=bridge --add-host gate:host-gateway
    reached tcp=gate:7003
    says "name=any.test: $OUTSIDE_IP" "name=big.test: $OUTSIDE_IP" "nameserver 127.0.0.11"
    build_there "perl /probe name=any.test; cat /proc/net/udp" --network=bridge --dns "$OUTSIDE_IP"
    says "name=any.test: $OUTSIDE_IP"
    says_not "0B00007F:0035"
    printf 'FROM probe\nRUN echo inside; sleep 4325\n' >Dockerfile
    started "$T/killed.log" ip netns exec "$HOST" "$SHALE" build --progress=plain --network=bridge .
    for _ in $(seq 100); do
        grep -q "[0-9] inside$" "$T/killed.log" && break
        sleep 0.1
    done
    ip -n "$HOST" link show shale0
    kill -9 "$STARTED_PID"
    nothing_left
    for _ in $(seq 50); do
        ip -n "$HOST" link show shale0 2>/dev/null || break
        sleep 0.1
    done
    refute ip -n "$HOST" link show shale0
    as_a_user
    get_ready busybox:static
    build_there true --network=bridge
    equal "$status" 1
    says "no bridged network: only root can have the kernel route"
}
