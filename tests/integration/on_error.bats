#!/usr/bin/env bats
# --on-error=shell: a shell in the container of the RUN that failed.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    echo hush >secret
    dockerfile <<'END'
FROM @BASE@/busybox:static AS base
RUN mkdir -m 1777 /open
FROM base AS broken
ENV WHAT=ever
WORKDIR /work
USER 1000:1000
RUN --mount=type=secret,id=s,uid=1000 --mount=type=bind,target=/in,rw echo part >/open/part; exit 3
END
}
teardown() { test_end; }

# Build on a terminal; lines of stdin are what a user sees and does.
on_terminal() { # OPTION..
    run timeout 120 python3 "$here/terminal.py" "$SHALE" build --on-error=shell --secret id=s,src=secret "$@" .
}

shell_works() { # OPTION..
    on_terminal "$@" <<'END'
expect /bin/sh in its container; the build ends with it
expect $ 
send echo "[$(id -u):$(id -g) $PWD $WHAT $(cat /open/part /run/secrets/s | tr '\\n' +) $(tty) $(stty size)]"\r
expect ever part+hush+
size 40 100
send sleep 1; echo "<$(stty size)>"; ls -l /proc/self/fd /dev/console; touch /in/x && echo written >/open/part; exit 9\r
END
    says "[1000:1000 /work ever part+hush+ /dev/pts/0 24 80]" "<40 100>" "exit code: 3" "Dockerfile:7" \
        "ended with 1" "terminal restored"
    equal "$(grep -o ' [012] -> .*' <<<"$output" | tr -d '\r' | sort -u)" \
        $' 0 -> /dev/pts/0\n 1 -> /dev/pts/0\n 2 -> /dev/pts/0' "descriptors"
}

@test "a shell opens where a RUN failed" {
    shell_works --target broken
    [ ! -e x ]
    # Nothing of what was done there is kept.
    on_terminal --progress=plain --target broken <<'END'
expect $ 
send cat /open/part; exit\r
END
    says_not written
}

@test "a shell opens with an OCI runtime" {
    local runtime found=
    for runtime in crun runc; do
        command -v "$runtime" >/dev/null || continue
        found=1
        shell_works --isolation=oci --runtime="$runtime"
    done
    [ "$found" ] || skip "neither crun nor runc is installed"
}

@test "whatever ends the shell, the terminal is as it was" {
    local signal
    for signal in SIGTERM SIGKILL; do
        SHALE_TEST_MARKER=$T on_terminal <<END
expect $ 
send sleep 77\r
expect sleep 77
kill $signal
END
        says "terminal restored"
        ends_with_mark "SHALE_TEST_MARKER=$T"
    done
}

@test "an image without a shell is said to have none" {
    dockerfile <<END
FROM scratch
COPY --from=$BASE/busybox:static /bin/busybox /busybox
RUN ["/busybox", "false"]
END
    on_terminal </dev/null
    says "no shell: " /bin/sh "exit code: 1" "terminal restored"
}

@test "without a terminal it is refused before the build" {
    run setsid --wait "$SHALE" build --on-error=shell .
    equal "$status" 1
    says "--on-error=shell: there is no terminal"
    fails 2 shale build --on-error=dance .
    says '--on-error takes fail or shell, not "dance"'
}
