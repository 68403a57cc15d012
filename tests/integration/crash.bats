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

# Processes whose root or folder lies in the store.
processes_in() { # DIR
    local link
    for link in /proc/[0-9]*/root /proc/[0-9]*/cwd /proc/[0-9]*/exe; do
        [[ $(readlink "$link" 2>/dev/null) != "$1"/* ]] || echo "$link"
    done
}

nothing_left() {
    equal "$(processes_marked "$$.$BATS_TEST_NUMBER")" "" "processes of the build"
    equal "$(processes_in "$SHALE_ROOT")" "" "processes in the store"
    equal "$(awk -v dir="$SHALE_ROOT/" 'index($5, dir) == 1' /proc/self/mountinfo)" "" "mounts"
    equal "$(ls -A "$SHALE_ROOT/tmp" 2>/dev/null)" "" "work in progress"
}

# Start a build in the background: BUILD is its pid.
build_marked() {
    SHALE_TEST_MARKER=$$.$BATS_TEST_NUMBER setsid "$SHALE" build --progress=plain "$@" . \
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
        # The container of a killed build ends by itself, not instantly.
        sleep 0.3
        nothing_left
    done
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
    sleep 0.3
    nothing_left
}

@test "an interrupted build ends within two seconds and cleans up" {
    slow
    sed -i 's/sleep 1.5/sleep 60/' Dockerfile
    local signal code began
    for signal in INT TERM HUP; do
        build_marked --no-cache
        await_line ' started$'
        began=$(date +%s%N)
        kill -"$signal" "$BUILD"
        code=0
        wait "$BUILD" || code=$?
        equal "$code" "$((128 + $(kill -l "$signal")))" "exit status after $signal"
        [ $((($(date +%s%N) - began) / 1000000)) -lt 4000 ]
        : >"$T/log"
        nothing_left
    done
}

@test "a step that leaves processes behind does not keep the build waiting" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN sleep 300 & sleep 300 & echo left > /left
END
    SHALE_TIMEOUT=60 succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/left")" left
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
