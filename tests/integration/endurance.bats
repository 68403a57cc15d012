#!/usr/bin/env bats
# A hundred small steps in one build (ten such builds each night): what the tenth
# finds in use, the hundredth finds.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    LIMITS=()
    # Freed memory is kept back no longer than a moment.
    ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=1
}
teardown() {
    # Where a test has failed, a step may still wait.
    [ -z "${BUILDER:-}" ] || kill "$BUILDER" 2>/dev/null || true
    [ -z "${BUILD:-}" ] || wait "$BUILD" || true
    test_end
}

# Steps that write a file each; the tenth and the last wait for the test.
hundred_steps() {
    local i wait='--mount=type=cache,target=/sync'
    {
        echo "FROM $BASE/busybox:static"
        for ((i = 1; i <= 100; i++)); do
            case $i in
            10 | 100)
                echo "RUN $wait mkfifo /sync/go-$i; touch /at-$i /sync/at-$i; read _ </sync/go-$i; rm /sync/*-$i"
                ;;
            *) echo "RUN echo $i > /f-$i" ;;
            esac
        done
    } >Dockerfile
}

descendants() { # PID
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child"
        descendants "$child"
    done
}

# Set BUILDER and SPAWNER, below the process PID.
find_builder() { # PID
    local pid
    for pid in $(descendants "$1"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = shale-init ] || continue
        SPAWNER=$pid
        BUILDER=$(awk '{ print $4 }' "/proc/$pid/stat")
        return
    done
    echo "no builder below $1"
    return 1
}

# "NAME VALUE" of what a build holds; its mounts are those of the store.
in_use() { # STORE
    local pid name
    for name in builder spawner; do
        pid=$BUILDER
        [ "$name" = builder ] || pid=$SPAWNER
        echo "$name-descriptors $(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
        echo "$name-threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
        echo "$name-mounts $(grep -c "$1" "/proc/$pid/mountinfo")"
        echo "$name-processes $(descendants "$pid" | wc -l)"
    done
    echo "groups $(groups_of_steps | wc -l)"
}

# The control groups of the builder's steps, which are named by the spawner.
groups_of_steps() {
    find /sys/fs/cgroup -name "shale-$SPAWNER-*" 2>/dev/null
}

resident_kb() { # PID
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

# Wait until a step waits for us.
await_step() { # STORE N
    local i
    for ((i = 0; i < 600; i++)); do
        [ -z "$(find "$1" -name "at-$2" -path '*/mounts/*' -print -quit 2>/dev/null)" ] || return 0
        kill -0 "$BUILD" 2>/dev/null || break
        sleep 0.1
    done
    cat "$T/log"
    return 1
}

go_on() { # STORE N
    echo >"$(find "$1" -name "go-$2" -path '*/mounts/*' -print -quit)"
}

# One build, by the given command and its options; STORE is where its store is.
build_a_hundred() { # STORE COMMAND..
    local store=$1 before builder spawner
    shift
    "$@" build --progress=plain --no-cache "${LIMITS[@]}" -t endurance . >"$T/log" 2>&1 3>&- &
    BUILD=$!
    await_step "$store" 10
    find_builder "$BUILD"
    before=$(in_use "$store") builder=$(resident_kb "$BUILDER") spawner=$(resident_kb "$SPAWNER")
    go_on "$store" 10
    await_step "$store" 100
    equal "$(in_use "$store")" "$before" "what the hundredth step finds in use"
    # Steps are remembered until the build has ended, and sanitizers keep much.
    echo "resident KiB: builder $builder, then $(resident_kb "$BUILDER"); spawner $spawner, then $(resident_kb "$SPAWNER")"
    [ "$(resident_kb "$BUILDER")" -lt $((builder + builder / 2 + 8192)) ]
    [ "$(resident_kb "$SPAWNER")" -lt $((spawner + 1024)) ]
    go_on "$store" 100
    wait "$BUILD" || { cat "$T/log"; return 1; }
    ! kill -0 "$SPAWNER" 2>/dev/null
    equal "$(ls -A "$store/tmp")" "" "what is left in tmp"
}

# As many builds as the rounds ask for, a hundred steps each.
endure() { # STORE COMMAND..
    local store=$1 i
    for ((i = 0; i < SHALE_TEST_ROUNDS; i += 100)); do
        build_a_hundred "$@"
        equal "$(groups_of_steps)" "" "groups that are left"
    done
    shift
    succeeds "$@" rmi endurance
    succeeds "$@" prune --all
    # The base image's, named by its digest, stays.
    equal "$(ls -A "$store/snapshots" | grep -v '^sha256-')" "" "trees of layers nothing needs"
}

@test "a hundred steps leave no more behind than ten" {
    # Then each step has a control group.
    ! "$SHALE" info | grep -q '^yes *limits' || LIMITS=(--pids-limit=1000)
    hundred_steps
    endure "$SHALE_ROOT" "$SHALE"
}

@test "a hundred steps of a user leave no more behind than ten" {
    needs_root
    user_begin
    cd "$USER_HOME/context"
    hundred_steps
    endure "$USER_HOME/store" as_user shale
}
