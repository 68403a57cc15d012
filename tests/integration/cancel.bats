#!/usr/bin/env bats
# How builds end: by signals, by themselves, with processes and output left.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
    SHALE=$USER_HOME/bin/shale
}
teardown() { test_end; }

# Start a build of a step that wants to stay, with what it takes to hide from
# signals; its processes sleep for SECONDS_ID, which no other test uses.
SECONDS_ID=4377
start_stubborn() { # [WRAPPER..]
    dockerfile <<END
FROM @BASE@/busybox:static
RUN trap '' INT TERM HUP QUIT; (setsid sh -c '(sleep $SECONDS_ID &) ; sleep $SECONDS_ID' &) ; for i in 1 2 3; do (trap '' TERM; sleep $SECONDS_ID) & done; echo in; while :; do sleep 0.1; done
FROM @BASE@/busybox:static
RUN sleep $SECONDS_ID
COPY --from=0 /bin/busybox /x
END
    cp Dockerfile "$USER_HOME/context"
    # What an earlier one said is no sign of this one.
    : >"$T/log"
    # Without job control a background command would ignore SIGINT.
    set -m
    "$@" "$SHALE" build --progress=plain --no-cache . >"$T/log" 2>&1 </dev/null 3>&- &
    PID=$!
    set +m
    local i
    for ((i = 0; i < 300; i++)); do
        grep -q ' in$' "$T/log" && return
        sleep 0.1
    done
    cat "$T/log"
    return 1
}

# Wait for it: $status, and $taken_ms since BEGIN.
ended_since() { # BEGIN
    status=0
    wait "$PID" || status=$?
    taken_ms=$(((${EPOCHREALTIME/./} - ${1/./}) / 1000))
    refute pgrep -fx "sleep $SECONDS_ID"
}

# The program behind timeout(1) and setpriv(1).
builder_of_user() {
    pgrep -f "^$SHALE build" | while read -r pid; do
        [ "$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")" = 1 ] || grep -qx "$(basename "$SHALE")" "/proc/$pid/comm" && echo "$pid"
    done | head -n 1
}

@test "a signal ends every process of a build of several steps within two seconds" {
    local signal begin
    for signal in INT TERM HUP; do
        start_stubborn
        begin=$EPOCHREALTIME
        kill "-$signal" "$PID"
        ended_since "$begin"
        equal "$status" "$((128 + $(kill -l "$signal")))" "exit status"
        [ "$taken_ms" -lt 2000 ] || { echo "$taken_ms ms"; return 1; }
        equal "$(ls -A "$SHALE_ROOT/tmp")" "" "what is left in the store"
    done
    grep -q 'stopped by signal' "$T/log" || { cat "$T/log"; return 1; }
    succeeds shale fsck
}

@test "a user's build ends as well" {
    needs_root
    local begin
    export -f as_user
    export USER_HOME TEST_USER
    start_stubborn bash -c 'SHALE_TIMEOUT=100 as_user "$@"' -
    begin=$EPOCHREALTIME
    kill -TERM "$(builder_of_user)"
    ended_since "$begin"
    equal "$status" 143 "exit status"
    [ "$taken_ms" -lt 2000 ] || { echo "$taken_ms ms"; return 1; }
    equal "$(ls -A "$USER_HOME/store/tmp")" "" "what is left in the store"
}

@test "a second signal ends it at once, and the next build finds a sound store" {
    local begin
    start_stubborn
    begin=$EPOCHREALTIME
    kill -INT "$PID"
    kill -TERM "$PID"
    ended_since "$begin" || { sleep 1; refute pgrep -fx "sleep $SECONDS_ID"; }
    [ "$status" = 130 ] || [ "$status" = 143 ]
    [ "$taken_ms" -lt 2000 ] || { echo "$taken_ms ms"; return 1; }
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN true
END
    succeeds shale build .
    succeeds shale fsck
    equal "$(ls -A "$SHALE_ROOT/tmp")" "" "what is left in the store"
}

@test "orphans are reaped and daemons end with their step" {
    dockerfile <<END
FROM @BASE@/busybox:static
RUN for i in \$(seq 100); do (true & true) & done; wait; sleep 0.2; test "\$(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)" = 0
RUN (setsid sh -c 'setsid sleep $SECONDS_ID & exec sleep $SECONDS_ID' >/dev/null 2>&1 </dev/null &); sleep 0.2; test "\$(ps | grep -c '[s]leep $SECONDS_ID')" -ge 2
RUN ! ps | grep '[s]leep $SECONDS_ID'
END
    succeeds shale build --progress=plain .
    refute pgrep -fx "sleep $SECONDS_ID"
}

@test "output written just before the end is complete" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN seq -f "line %g of many, many lines" 100000 2>/dev/null || seq 100000 | sed 's/.*/line & of many, many lines/'; echo the end
RUN head -c 300000 /dev/zero | tr '\0' x; printf 'no newline at the end'; exit 0
RUN (i=0; while test $i -lt 2000; do echo "from the back $i"; i=$((i + 1)); done) & wait; echo error-out >&2; exit 3
END
    run shale build --progress=plain .
    equal "$status" 1
    equal "$(grep -cE 'line [0-9]+(e\+05)? of many, many lines$' <<<"$output")" 100000 "lines"
    says "the end" "no newline at the end" error-out "exit code: 3"
    equal "$(tr -cd x <<<"$output" | wc -c | awk '{ print ($1 >= 300000) }')" 1 "a line without end"
    equal "$(grep -c 'from the back 1999$' <<<"$output" | awk '{ print ($1 >= 1) }')" 1 "the last line"
}

@test "a step ends though its output is held open outside" {
    needs_root
    local pid held
    dockerfile <<END
FROM @BASE@/busybox:static
RUN echo before; sleep $SECONDS_ID
END
    shale build --progress=plain . >"$T/log" 2>&1 3>&- &
    PID=$!
    for ((i = 0; i < 300; i++)); do
        pid=$(pgrep -fx "sleep $SECONDS_ID") && break
        sleep 0.1
    done
    # As one would to whom a program has handed its descriptor.
    exec {held}>"/proc/$pid/fd/1"
    kill -KILL "$pid"
    run timeout 30 tail --pid="$PID" -f /dev/null
    exec {held}>&-
    equal "$status" 0 "the build is over within 30 seconds"
    wait "$PID" || status=$?
    equal "$status" 1
    grep -q ' before$' "$T/log"
    grep -q "exit code: 137" "$T/log"
}

@test "closed standard descriptors are nobody else's" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN test -z "$(cat)" && test "$(ls /proc/self/fd | tr '\n' ' ')" = "0 1 2 3 " && echo visible && echo also >&2
END
    succeeds shale build --no-cache --progress=plain . <&-
    says visible also
    run bash -c '"$@" >&-' - "$SHALE" build --no-cache --progress=plain .
    equal "$status" 0
    run bash -c '"$@" <&- >&- 2>&-' - "$SHALE" build --no-cache .
    equal "$status" 0
    run bash -c '"$@" >&-' - "$SHALE" images
    [ "$status" != 0 ]
    says "standard output"
    succeeds shale fsck
}
