#!/usr/bin/env bats
# Builds side by side in one store: the same step is run once.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    # A step that goes on when /c/go is there, and fails once for each /c/fail.
    dockerfile <<'END'
FROM @BASE@/busybox:static AS first
RUN cat /proc/sys/kernel/random/uuid > /made
FROM first AS second
RUN --mount=type=cache,id=gate,target=/c echo >> /c/runs; \
    until [ -e /c/go ]; do sleep 0.1; done; rm /c/fail 2>/dev/null && exit 3; \
    cat /proc/sys/kernel/random/uuid > /later
END
}
teardown() {
    end_builds
    test_end
}

# A build in the background with its output in $T/NAME.log.
begin() { # NAME ARG..
    local name=$1
    shift
    setsid "$SHALE" build --progress=plain -t "$name" "$@" . >"$T/$name.log" 2>&1 </dev/null 3>&- &
    echo $! >"$T/$name.pid"
}

# Wait for the build NAME; its exit status has to be STATUS.
ends() { # NAME STATUS
    local status=0
    wait "$(cat "$T/$1.pid")" || status=$?
    rm "$T/$1.pid"
    [ "$status" = "$2" ] && return
    echo "$1 ended with $status instead of $2"
    cat "$T/$1.log"
    return 1
}

end_builds() {
    local file
    for file in "$T"/*.pid; do
        [ -e "$file" ] || continue
        kill "$(cat "$file")" 2>/dev/null || true
        wait "$(cat "$file")" 2>/dev/null || true
    done
}

# Until FILE (a name in the cache mount, or the build NAME's log) holds TEXT.
await() { # FILE TEXT
    local i
    for ((i = 0; i < 600; i++)); do
        grep -qs -- "$2" "$1" && return
        sleep 0.1
    done
    echo "$1 lacks: $2"
    cat "$1"
    return 1
}

mounted() { echo "$SHALE_ROOT"/mounts/*/0; }
await_run() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ -e "$(mounted)/runs" ] && return
        sleep 0.1
    done
    return 1
}
id_of() { shale images -q --no-trunc "$1"; }

@test "the same step of two builds is run once, the second waits and takes the result" {
    begin one
    await_run
    begin two
    await "$T/two.log" "waiting for another build that runs this step"
    touch "$(mounted)/go"
    ends one 0
    ends two 0
    equal "$(wc -l <"$(mounted)/runs")" 1 "runs"
    equal "$(id_of two)" "$(id_of one)" "image"
    output=$(cat "$T/two.log")
    equal "$(steps_run)" ""
    equal "$(ls -A "$SHALE_ROOT/tmp")" "" "work in progress"
}

@test "what a build has finished is there for others while it goes on" {
    begin one
    await_run
    succeeds timeout 60 "$SHALE" build --progress=plain --target first -t two .
    equal "$(steps_run)" ""
    touch "$(mounted)/go"
    ends one 0
}

@test "a build that waits can be stopped, and --no-cache does not wait" {
    begin one
    await_run
    begin two
    await "$T/two.log" "waiting for another build"
    kill -INT "$(cat "$T/two.pid")"
    ends two 130
    begin three --no-cache
    await "$T/three.log" "RUN --mount"
    touch "$(mounted)/go"
    ends one 0
    ends three 0
    equal "$(wc -l <"$(mounted)/runs")" 2 "runs"
}

@test "when the first fails or dies, the next runs the step itself" {
    local builds='two three' name
    begin one
    await_run
    touch "$(mounted)/fail"
    for name in $builds; do begin "$name"; done
    for name in $builds; do await "$T/$name.log" "waiting for another build"; done
    touch "$(mounted)/go"
    ends one 1
    ends two 0
    ends three 0
    equal "$(wc -l <"$(mounted)/runs")" 2 "runs"

    # Another step, whose first owner is killed.
    rm "$(mounted)/go" "$(mounted)/runs"
    sed -i 's|/later|/last|' Dockerfile
    begin four
    await_run
    begin five
    await "$T/five.log" "waiting for another build"
    kill -9 "$(cat "$T/four.pid")"
    ends four 137
    touch "$(mounted)/go"
    ends five 0
}

@test "prune does not wait for builds, and takes nothing from under them" {
    succeeds shale build --target first -t base .
    shale rmi base
    begin one
    await_run
    # All that the build stands on is garbage by now, but for the build.
    succeeds timeout 60 "$SHALE" prune --all
    touch "$(mounted)/go"
    ends one 0
    succeeds shale fsck
    says " 0 damaged"
    succeeds shale build -o "$T/out" .
    [ -s "$T/out/made" ]
    shale rmi one
    succeeds shale prune --all
    # The base image has a name.
    succeeds shale system df --format json
    equal "$(python3 -c 'import json, sys
d = json.loads(sys.argv[1])
print(sum(d[k]["unnamedBytes"] for k in ("layers", "trees", "blobs", "steps", "mounts")))' "$output")" 0 "bytes without a name"
}
