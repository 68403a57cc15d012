#!/usr/bin/env bats
# What hostile Dockerfiles and images try, as root and as a user. After each,
# what lies outside is as it was.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
    echo untouched >"$USER_HOME/canary"
    chmod 666 "$USER_HOME/canary"
}
teardown() { test_end; }

# Build the context of this test as the caller and, as root, as a user, too;
# CHECK is called after each with $status and $output.
each() { # CHECK OPTION..
    local check=$1
    shift
    export SHALE_CANARY=must-not-be-seen
    run shale build --progress=plain --no-cache "$@" .
    "$check" || { echo "$output"; return 1; }
    if [ "$(id -u)" = 0 ]; then
        cp -a . "$USER_HOME/context"
        chown -R "$TEST_USER:" "$USER_HOME/context"
        run as_user env SHALE_CANARY=must-not-be-seen shale build --progress=plain --no-cache "$@" .
        "$check" || { echo "as a user: $output"; return 1; }
    fi
    equal "$(cat "$USER_HOME/canary")" untouched canary
}

succeeded() { [ "$status" = 0 ]; }
# By the builder, not by a check in a RUN that failed.
refused() { [ "$status" = 1 ] && [[ $output == *error:* && $output != *"did not complete"* ]]; }
inside() { succeeded || refused; }

@test "the builder's own file cannot be run or written from inside" {
    local before
    before=$(sha256sum "$SHALE" "$USER_HOME/bin/shale")
    dockerfile <<'END'
FROM @BASE@/busybox:static AS one
RUN for exe in /proc/*/exe; do echo owned 2>/dev/null >>$exe; cat $exe 2>/dev/null | head -c 20 >>/got; done; cmp -n 20 /got /bin/busybox || test ! -s /got
FROM @BASE@/busybox:static
RUN printf '#!/proc/self/exe\n' >/bin/again && chmod 755 /bin/again && ! /bin/again version
COPY --from=one /got /got
END
    each succeeded
    equal "$(sha256sum "$SHALE" "$USER_HOME/bin/shale")" "$before" "the program"
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN ["/proc/self/exe", "version"]
END
    each refused
    equal "$(sha256sum "$SHALE" "$USER_HOME/bin/shale")" "$before" "the program"
}

@test "no process of the builder can be seen, traced or signalled" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN test "$(ls -d /proc/[0-9]* | wc -l)" -lt 8
RUN test "$(cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c 'must-not-b[e]')" = 0
RUN for f in mem maps environ root/etc/passwd; do test -z "$(head -c 1 /proc/1/$f 2>/dev/null | tr '\0' 'x')" || exit 1; done
RUN for f in exe cwd root fd/0 fd/1 fd/2; do ! readlink /proc/1/$f || exit 1; done
RUN kill -9 1; sleep 0; test -d /proc/1
END
    each succeeded
}

@test "kernel switches are out of reach" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN ! echo h 2>/dev/null >/proc/sysrq-trigger
RUN ! echo '|/bin/sh' 2>/dev/null >/proc/sys/kernel/core_pattern
RUN ! echo 1 2>/dev/null >/proc/sys/kernel/panic
RUN ! echo x 2>/dev/null >/sys/kernel/uevent_helper
RUN ! cat /proc/kcore 2>/dev/null | head -c 1 | grep -q .
RUN ! mount -t cgroup none /mnt 2>/dev/null && ! mount -t proc none /mnt 2>/dev/null && ! umount /proc/kcore 2>/dev/null
RUN ! mount -o remount,rw /sys 2>/dev/null && ! mount -o remount,dev / 2>/dev/null
RUN ! unshare -m true 2>/dev/null && ! unshare -U true 2>/dev/null
END
    each succeeded
}

@test "a working directory cannot be a descriptor or lead out" {
    local fd
    for fd in 3 4 5 7 9 12; do
        dockerfile <<END
FROM @BASE@/busybox:static
WORKDIR /proc/self/fd/$fd
RUN ! cat ../../../../canary ../../../../../etc/shadow 2>/dev/null
END
        each inside
    done
    dockerfile <<END
FROM @BASE@/busybox:static
RUN ln -s ../../../../../../$USER_HOME /out
WORKDIR /out
RUN echo owned >canary
END
    each succeeded
}

@test "mount sources and targets cannot lead out" {
    ln -s / root-link
    dockerfile <<END
FROM @BASE@/busybox:static AS evil
RUN ln -s / /r && ln -s ../../../../../..$USER_HOME /u
FROM @BASE@/busybox:static
RUN --mount=type=bind,from=evil,source=/r,target=/m test ! -e /m$USER_HOME/canary
RUN --mount=type=bind,from=evil,source=/u,target=/m test ! -e /m/canary
END
    each inside
    dockerfile <<END
FROM @BASE@/busybox:static
RUN --mount=type=bind,source=root-link,target=/m test ! -e /m$USER_HOME/canary
END
    each inside
    dockerfile <<END
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=../../../../../../$USER_HOME,target=/m echo owned >/m/canary
RUN --mount=type=cache,source=../../../../..$USER_HOME,target=/m echo owned >/m/canary
END
    each inside
    dockerfile <<END
FROM @BASE@/busybox:static
RUN ln -s $USER_HOME /t && mkdir -p /x && ln -s ../../../../../..$USER_HOME/canary /x/y
RUN --mount=type=tmpfs,target=/t/sub touch /t/sub/file
RUN --mount=type=secret,id=s,target=/x/y grep -q hush /x/y
END
    echo hush >secret
    each inside --secret id=s,src=secret
}

@test "what is written to a bind mount does not reach the context" {
    echo original >data
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=bind,target=/src,rw echo changed >/src/data && rm -f /src/Dockerfile && ln -s / /src/l
END
    each succeeded
    equal "$(cat data "$USER_HOME/context/data" 2>/dev/null | sort -u)" original "the context"
    [ -f Dockerfile ] && [ ! -e l ]
}

@test "a hostile passwd file cannot stall the builder or make numbers into root" {
    local how begin
    for how in 'ln -sf /dev/zero' 'rm /etc/passwd && mkfifo' 'mkdir -p /etc && ln -sf /proc/self/mem'; do
        dockerfile <<END
FROM @BASE@/busybox:static
RUN mkdir -p /etc && touch /etc/passwd && $how /etc/passwd || true
USER someone
RUN true
END
        begin=$SECONDS
        each refused
        [ $((SECONDS - begin)) -lt 15 ]
    done
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN mkdir -p /etc && echo '1000:x:0:0::/:/bin/sh' >/etc/passwd && echo '1000:x:0:' >/etc/group
USER 1000
RUN test "$(id -u)" = 1000 && grep -q '^CapInh:.0*$' /proc/self/status && grep -q '^CapEff:.0*$' /proc/self/status
END
    each succeeded
    for how in -1 4294967296 4294967295; do
        dockerfile <<END
FROM @BASE@/busybox:static
USER $how
RUN true
END
        each refused
    done
}

@test "privilege modes are not taken without leave, and unknown ones are errors" {
    local flag
    for flag in --security=insecure --security=none --network=host --network=bridge; do
        dockerfile <<END
FROM @BASE@/busybox:static
RUN $flag true
END
        each refused
    done
    dockerfile <<'END'
# syntax=attacker.example/frontend:latest
FROM @BASE@/busybox:static
RUN grep -q 'Seccomp:.2' /proc/self/status
END
    each succeeded
}

@test "abstract sockets and loopback services of the host are out of reach of none" {
    local port
    port=$(free_port)
    started "$T/http.log" python3 -m http.server --bind 127.0.0.1 --directory "$T" "$port"
    await_server "http://127.0.0.1:$port/" "$T/http.log"
    dockerfile <<END
FROM @BASE@/busybox:static
RUN ! wget -q -T 2 -O /dev/null http://127.0.0.1:$port/ && test "\$(grep -c . /proc/net/unix)" -le 1
END
    each succeeded --network none
}
