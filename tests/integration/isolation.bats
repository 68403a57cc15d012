#!/usr/bin/env bats
# --isolation: engines that make the containers of RUN.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

needs_runtime() { # NAME
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

# The diffIDs of what is built with OPTION..
diff_ids() { # OPTION..
    succeeds shale build -q --no-cache --secret id=s,src=secret -o type=oci,tar=false,dest=out,rewrite-timestamp=true "$@" . || return
    config_of out rootfs.diff_ids
    rm -rf out
}

a_build_of_many_kinds() {
    echo hush >secret
    mkdir -p files && echo data >files/data
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo one >/one && mkdir -p /d/e && chmod 0751 /d && rm /bin/cat && mkdir -m 1777 /open
RUN --mount=type=secret,id=s --mount=type=cache,target=/cache --mount=type=bind,source=files,target=/in,rw \
    --mount=type=tmpfs,target=/run/t cp /in/data /run/secrets/s /d/ && echo more >>/in/data && touch /cache/x /run/t/y
WORKDIR /work/here
USER 1000:1000
RUN id >/open/who && pwd >>/open/who && umask >>/open/who && grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status >>/open/who
USER 0
RUN <<SCRIPT
set -e
hostname >name
ls -l /dev /dev/pts | awk '{print $1, $3, $4, $NF}' >dev
ls /proc/sys /sys | sort >sys
if echo 1 >/proc/sys/kernel/hostname; then exit 1; fi 2>/dev/null
wc -c /proc/keys /proc/timer_list >masked 2>/dev/null || true
ulimit -n >limit
SCRIPT
RUN true
END
}

@test "an OCI runtime makes the same layers" {
    local own theirs runtime found=
    a_build_of_many_kinds
    export SOURCE_DATE_EPOCH=1000000000
    own=$(diff_ids --ulimit nofile=1000)
    for runtime in crun runc; do
        command -v "$runtime" >/dev/null || continue
        found=1
        theirs=$(diff_ids --ulimit nofile=1000 --isolation=oci --runtime="$runtime")
        equal "$theirs" "$own" "layers by $runtime"
    done
    [ "$found" ] || skip "neither crun nor runc is installed"
}

@test "a failure by an OCI runtime is told like any other" {
    needs_runtime crun
    export SHALE_ISOLATION=oci
    dockerfile <<END
FROM @BASE@/busybox:static
RUN echo last words; exit 7
END
    fails 1 shale build --runtime crun .
    says 'exit code: 7' 'last words' 'Dockerfile:2'
    dockerfile <<END
FROM @BASE@/busybox:static
RUN ["/no/such/program"]
END
    fails 1 shale build --runtime crun .
    says /no/such/program Dockerfile:2
}

@test "limits hold with an OCI runtime" {
    needs_runtime crun
    "$SHALE" info | grep -q '^yes *limits' || skip "limits cannot be had here"
    dockerfile <<END
FROM @BASE@/busybox:static
RUN head -c 200m /dev/zero | tail
END
    fails 1 shale build --isolation=oci --runtime crun --memory 64m .
    says 'out of memory'
    refute grep -q . <(find /sys/fs/cgroup -maxdepth 6 -name "shale-*" -empty 2>/dev/null)
}

@test "an engine that is not there is refused" {
    dockerfile <<END
FROM @BASE@/busybox:static
RUN true
END
    fails 2 shale build --isolation=magic .
    says 'there is no engine "magic"' namespaces oci
    fails 2 shale build --runtime=runc .
    says '--runtime is for --isolation=oci only'
    fails 1 shale build --isolation=oci --runtime=no-such-runtime .
    says "'no-such-runtime' is not in PATH" "install it"
    printf '#!/bin/sh\nexit 3\n' >broken && chmod +x broken
    fails 1 shale build --isolation=oci --runtime=./broken .
    says "broken create' ended with status 3"
}

@test "info says why there are no containers, and what to do" {
    user_begin
    # A leak checker wants to trace the program itself.
    run as_user env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$USER_HOME/trace" -e trace=unshare -e inject=unshare:error=EPERM shale info
    rm -rf "$USER_HOME"
    equal "$status" 0 "$output"
    says "no   engine namespaces: forbidden here" "sysctl kernel.unprivileged_userns_clone=1" \
        "no   engine oci: a runtime needs the same namespace"
}

@test "info names every runtime and what it says" {
    needs_runtime crun
    run "$SHALE" info
    says 'yes  engine namespaces' "yes  engine oci: $(command -v crun) works"
    mkdir bin
    run env PATH="$T/bin" "$SHALE" info
    says 'no   engine oci: no OCI runtime is installed: install runc or crun'
}
