#!/usr/bin/env bats
# One store under everything at once: kill -9, failing writes, prune.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    mkdir src
    for i in 1 2 3 4 5; do head -c $((i * 30000)) /dev/urandom >"src/$i"; done
    dockerfile <<'END'
FROM @BASE@/busybox:static AS up
COPY src /src
RUN cat /src/* > /all
FROM @BASE@/busybox:static
COPY --from=up /all /all
WORKDIR /w
RUN --mount=type=cache,target=/c date >> /c/log; wc -c < /all > /size
END
}
teardown() { test_end; }

# The store is sound, prune works, and nothing is left that nobody needs.
sound() {
    succeeds shale fsck
    says " 0 damaged"
    equal "$(ls -A "$SHALE_ROOT/tmp")" "" "work in progress"
}

nothing_but_names_left() {
    succeeds shale prune --all
    sound
    succeeds shale system df --format json
    equal "$(python3 -c 'import json, sys
d = json.loads(sys.argv[1])
print(sum(d[k]["unnamedBytes"] for k in ("layers", "trees", "blobs", "steps", "files", "mounts")))' "$output")" \
        0 "bytes that nothing leads to"
}

# A command of its own session, killed some time after it began. Leaks are not
# looked for: who is killed while that goes on leaves a report of it.
killed_at_random() { # COMMAND..
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 setsid "$@" >"$T/log" 2>&1 </dev/null 3>&- &
    local pid=$!
    sleep "0.$(printf %03d $((RANDOM % 400)))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

@test "whatever is killed in the middle, the next command succeeds and the store is sound" {
    registry_start "$T/registry"
    local round
    succeeds shale build -t "$REGISTRY/app:0" .
    for ((round = 0; round < SHALE_TEST_ROUNDS * 4; round++)); do
        case $((round % 4)) in
        0) killed_at_random "$SHALE" build --no-cache -t "$REGISTRY/app:1" . ;;
        1) killed_at_random "$SHALE" push "$REGISTRY/app:0" ;;
        2) killed_at_random "$SHALE" prune --all ;;
        3) killed_at_random "$SHALE" build -o "type=oci,dest=$T/out.tar,compression=zstd" . ;;
        esac
        succeeds shale images -q
        sound
    done
    succeeds shale build -t "$REGISTRY/app:0" --push .
    nothing_but_names_left
}

# Leaks cannot be looked for in a traced process.
with_fault() { # SYSTEM-CALLS ERROR N COMMAND..
    local calls=$1 error=$2 n=$3
    shift 3
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 run timeout -k 10 120 \
        strace -f -qq -o "$T/trace" -e "trace=$calls" -e "inject=$calls:error=$error:when=$n" "$@"
    # 127: not even the program's libraries could be opened.
    [ "$status" -lt 99 ] || [ "$status" = 127 ] || {
        echo "exit status $status with $error at $calls $n"
        echo "$output"
        return 1
    }
}

# The n-th call of each kind fails, for n in steps that many rounds make denser.
every_fault() { # ERROR COMMAND..
    local error=$1 calls n step limit
    shift
    for calls in syncfs,fsync write,pwrite64 openat renameat2,renameat mkdirat,mkdir; do
        limit=$((SHALE_TEST_ROUNDS < 1000 ? 40 : 600))
        step=$((SHALE_TEST_ROUNDS < 1000 ? 12 : 1))
        [ "$calls" != syncfs,fsync ] || step=1
        for ((n = 1 + RANDOM % step; n < limit; n += step)); do
            with_fault "$calls" "$error" "$n" "$@"
            grep -q INJECTED "$T/trace" || break
            succeeds shale images -q
        done
    done
    sound
}

@test "a disk that is full at any moment damages nothing" {
    command -v strace >/dev/null || skip "needs strace"
    every_fault ENOSPC "$SHALE" build --no-cache -t app -o "type=oci,dest=$T/out.tar" .
    succeeds shale build -t app .
    nothing_but_names_left
}

@test "an input/output error at any moment damages nothing" {
    command -v strace >/dev/null || skip "needs strace"
    every_fault EIO "$SHALE" build --no-cache -t app .
    succeeds shale build -t app .
    nothing_but_names_left
}

@test "eight builds at a time and a prune loop: all succeed and agree" {
    local i round stop="$T/stop" want
    export SOURCE_DATE_EPOCH=1600000000
    local out="type=oci,tar=false,compression=uncompressed,rewrite-timestamp=true"
    succeeds shale build --root "$T/serial" -o "$out,dest=$T/want" .
    want=$(manifest_digest "$T/want")
    (
        while [ ! -e "$stop" ]; do
            "$SHALE" prune --all >"$T/prune.log" 2>&1 || { touch "$T/prune.failed"; break; }
            sleep 0.05
        done
    ) 3>&- &
    local pruner=$!
    for ((round = 0; round < (SHALE_TEST_ROUNDS + 2) / 3; round++)); do
        local -a pids=()
        for ((i = 0; i < 8; i++)); do
            "$SHALE" build --progress=plain -t "app:$i" -o "$out,dest=$T/got$i" . >"$T/log$i" 2>&1 3>&- &
            pids+=($!)
        done
        for ((i = 0; i < 8; i++)); do
            wait "${pids[i]}" || { touch "$stop"; cat "$T/log$i"; return 1; }
            equal "$(manifest_digest "$T/got$i")" "$want" "digest of build $i"
            rm -rf "$T/got$i"
        done
    done
    touch "$stop"
    wait "$pruner"
    [ ! -e "$T/prune.failed" ] || { cat "$T/prune.log"; return 1; }
    nothing_but_names_left
}
