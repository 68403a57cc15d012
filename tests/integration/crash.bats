#!/usr/bin/env bats
# What is left of a build that was killed, interrupted or out of time.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

slow() {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo first > /first
RUN echo started && sleep 1.5 && echo second > /second
COPY Dockerfile /third
RUN cat /third > /fourth
END
}

# A marker in the environment of everything that a build starts.
processes_marked() { # MARKER
    grep -lzs "^SHALE_TEST_MARKER=$1" /proc/[0-9]*/environ | cut -d/ -f3
}

# Processes in containers have another environment and another root; they are
# known by the odd time that they sleep.
sleepers() { # TIME
    grep -lzsxF -f <(printf %s "$1") /proc/[0-9]*/cmdline | cut -d/ -f3
}

nothing_left() {
    equal "$(processes_marked "$$.$BATS_TEST_NUMBER")" "" "processes of the build"
    equal "$(awk -v dir="$SHALE_ROOT/" 'index($5, dir) == 1' /proc/self/mountinfo)" "" "mounts"
    equal "$(ls -A "$SHALE_ROOT/tmp" 2>/dev/null)" "" "work in progress"
}

# Start a build in the background: BUILD is its pid.
build_marked() {
    # Without job control a background command would ignore SIGINT.
    SHALE_TEST_MARKER=$$.$BATS_TEST_NUMBER env --default-signal=INT,QUIT setsid "$SHALE" build --progress=plain "$@" . \
        >"$T/log" 2>&1 </dev/null 3>&- &
    BUILD=$!
}

await_line() { # TEXT
    local i
    for ((i = 0; i < 300; i++)); do
        ! grep -q "$1" "$T/log" || return 0
        sleep 0.1
    done
    cat "$T/log"
    return 1
}

@test "after kill -9 the same build succeeds and nothing is left of the first" {
    slow
    local round
    for ((round = 0; round < SHALE_TEST_ROUNDS; round++)); do
        build_marked --no-cache
        await_line ' started$'
        sleep "0.$((RANDOM % 10))"
        kill -9 "$BUILD"
        wait "$BUILD" || true
        succeeds shale build --progress=plain -o "type=local,dest=$T/out$round" .
        cmp Dockerfile "$T/out$round/fourth"
        nothing_left
    done
}

@test "the container of a build that was killed with -9 ends with it" {
    slow
    local nap=300.$$ i
    sed -i "s/sleep 1.5/sleep $nap/" Dockerfile
    build_marked
    await_line ' started$'
    [ -n "$(sleepers "$nap")" ]
    kill -9 "$BUILD"
    wait "$BUILD" || true
    for ((i = 0; i < 20; i++)); do
        [ -n "$(sleepers "$nap")" ] || break
        sleep 0.1
    done
    equal "$(sleepers "$nap")" "" "processes of the container"
    succeeds shale images
    nothing_left
}

@test "a build killed anywhere leaves a store that works" {
    slow
    sed -i 's/sleep 1.5/sleep 0.2/' Dockerfile
    local round
    for ((round = 0; round < SHALE_TEST_ROUNDS * 3; round++)); do
        build_marked --no-cache -t "image:$round"
        sleep "$((RANDOM % 2)).$((RANDOM % 100))"
        kill -9 "$BUILD" 2>/dev/null || true
        wait "$BUILD" || true
        succeeds shale images
    done
    succeeds shale build -t last -o "type=local,dest=$T/out" .
    cmp Dockerfile "$T/out/fourth"
    nothing_left
}

@test "an interrupted build ends within two seconds and cleans up" {
    slow
    local signal code began nap=60.$$
    sed -i "s/sleep 1.5/sleep $nap/" Dockerfile
    for signal in INT TERM HUP; do
        build_marked --no-cache
        await_line ' started$'
        began=$(date +%s%N)
        kill -"$signal" "$BUILD"
        code=0
        wait "$BUILD" || code=$?
        equal "$code" "$((128 + $(kill -l "$signal")))" "exit status after $signal"
        [ $((($(date +%s%N) - began) / 1000000)) -lt 4000 ]
        equal "$(sleepers "$nap")" "" "processes of the container"
        : >"$T/log"
        nothing_left
    done
}

@test "a step that leaves processes behind does not keep the build waiting" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN sleep 300.77 & sleep 300.77 & echo left > /left
END
    SHALE_TIMEOUT=60 succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/left")" left
    equal "$(sleepers 300.77)" "" "processes of the container"
    nothing_left
}

@test "many steps leave no process, mount or folder" {
    {
        echo "FROM $BASE/busybox:static"
        for i in $(seq 40); do echo "RUN echo $i > /f"; done
    } >Dockerfile
    succeeds shale build .
    nothing_left
}

# Leaks cannot be looked for in a traced process.
build_with_fault() { # SYSTEM-CALL N ARGUMENT..
    local call=$1 n=$2
    shift 2
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 run timeout -k 10 120 \
        strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:error=ENOSPC:when=$n" \
        "$SHALE" build --no-cache "$@" .
}

@test "a call that fails for want of space is an error or without effect, never fatal" {
    slow
    sed -i 's/sleep 1.5 && //' Dockerfile
    local call n
    for call in write pwrite64 fsync renameat2 mkdirat ftruncate; do
        for ((n = 1; n <= SHALE_TEST_ROUNDS; n++)); do
            build_with_fault "$call" "$n" -o "type=oci,dest=$T/out.tar"
            [ "$status" = 0 ] || [ "$status" = 1 ] || {
                echo "status $status when $call $n fails: $output"
                return 1
            }
            rm -rf "$T/out" "$T/out.tar"
            succeeds shale build -o "type=local,dest=$T/out" .
            cmp Dockerfile "$T/out/fourth"
        done
    done
    nothing_left
}
