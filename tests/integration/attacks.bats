#!/usr/bin/env bats
# What hostile Dockerfiles, contexts and images try, each set up for real, as
# root and as a user. After each test what lies outside is as it was, both
# stores are sound, nothing is left and the next build works.
#
# Others that reach a builder have their tests where their subject is:
#   archives that lead out or lie      errors.bats, contexts.bats, fuzz_tar, test_tar_reader, test_tree
#   repositories and their hooks       contexts.bats, test_git_url
#   races with renames                 test_confined (races_with_renames_never_lead_out)
#   damaged layers, locks              registry_faults.bats, torture.bats
#   registries and credentials         registry_faults.bats, errors.bats
#   system calls, one by one           test_seccomp_default
# docs/sandbox.md maps known vulnerabilities to tests.

load lib
setup_file() {
    file_begin
    # shellcheck disable=SC2086 # it may be several words
    ${CC:-cc} -O1 -static -o "$BATS_FILE_TMPDIR/hostile" "$here/hostile.c"
}
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
    # A file of this test's own, so that what still runs from it is ours.
    SHALE=$USER_HOME/bin/shale
    echo untouched >"$USER_HOME/canary"
    chmod 666 "$USER_HOME/canary"
    NULL_BEFORE=$(stat -c '%a %u %g' /dev/null)
}
teardown() {
    local bad=0
    sound || bad=1
    test_end || bad=1
    return "$bad"
}

# The program is small and without meaning; the store is what it must not hurt.
sound() {
    equal "$(cat "$USER_HOME/canary")" untouched canary || return 1
    equal "$(stat -c '%a %u %g' /dev/null)" "$NULL_BEFORE" "the host's /dev/null" || return 1
    mkdir -p "$T/next" "$USER_HOME/next"
    dockerfile "$T/next/Dockerfile" <<'END'
FROM @BASE@/busybox:static
RUN echo next >/next
END
    cp "$T/next/Dockerfile" "$USER_HOME/next"
    succeeds shale build "$T/next" && succeeds shale fsck || return 1
    equal "$(ls -A "$SHALE_ROOT/tmp")" "" "what is left in the store" || return 1
    if [ "$(id -u)" = 0 ]; then
        succeeds as_user shale build "$USER_HOME/next" && succeeds as_user shale fsck || return 1
        equal "$(ls -A "$USER_HOME/store/tmp")" "" "what is left in the user's store" || return 1
    fi
    refute grep -q . <(find /proc -maxdepth 2 -name exe -lname "$SHALE*" 2>/dev/null)
}

# Build the context of this test as the caller and, as root, as a user, too;
# CHECK is called after each with $status and $output.
each() { # CHECK OPTION..
    local check=$1
    shift
    export SHALE_CANARY=must-not-be-seen
    run shale build --progress=plain --no-cache "$@" .
    "$check" || { echo "$output"; return 1; }
    if [ "$(id -u)" = 0 ]; then
        rm -rf "$USER_HOME/context"
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

@test "a script that its user cannot read does not run the builder either" {
    printf '#!/proc/self/exe\n' >evil
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY --chmod=0111 evil /evil
RUN mkdir -p /lib64 && cp /bin/busybox /lib64/ld-linux-x86-64.so.2
USER nobody
RUN ["/evil", "version"]
END
    each refused
    says "cannot run '/evil'"
    sed -i '/^USER/d' Dockerfile
    each refused --cap-drop=ALL
    says "cannot run '/evil'"
    [ "$(id -u)" = 0 ] || return 0
    # Where there is no Landlock to confine what is executed.
    fails 1 "$here/without.py" landlock_create_ruleset=ENOSYS -- "$SHALE" build --progress=plain --no-cache --cap-drop=ALL .
    says "cannot run '/evil'"
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

@test "what a program may call, open, signal or leave ends inside" {
    cp "$BATS_FILE_TMPDIR/hostile" .
    dockerfile <<END
FROM @BASE@/busybox:static
COPY hostile /bin/hostile
RUN mkdir -p /mnt && hostile $USER_HOME/canary
RUN ! adjtimex -t 10000 2>/dev/null
USER nobody
RUN hostile $USER_HOME/canary
RUN test "\$(id -G)" = 65534 && grep -q '^CapBnd:.00000000a80425fb' /proc/self/status
END
    each succeeded
}

@test "an OCI runtime lets no more through" {
    local runtime
    cp "$BATS_FILE_TMPDIR/hostile" .
    dockerfile <<END
FROM @BASE@/busybox:static
COPY hostile /bin/hostile
RUN mkdir -p /mnt && hostile $USER_HOME/canary runtime
USER nobody
RUN hostile $USER_HOME/canary runtime
END
    for runtime in crun runc; do
        command -v "$runtime" >/dev/null || continue
        each succeeded --isolation=oci --runtime "$runtime"
    done
}

# A terminal, groups, capabilities, signals, limits, descriptors and a folder
# that the build was started with.
@test "nothing that the builder inherited is passed on" {
    local -a from=(env)
    cp "$BATS_FILE_TMPDIR/hostile" .
    [ "$(id -u)" != 0 ] || from=(setpriv --groups=4,20,24 --inh-caps=+net_raw,+sys_admin --ambient-caps=+net_raw)
    dockerfile <<END
FROM @BASE@/busybox:static
COPY hostile /bin/hostile
RUN ["/bin/sh", "-c", "mkdir -p /mnt && hostile && exec cat /proc/self/status"]
RUN ["cat", "/proc/self/status"]
RUN for f in /proc/[0-9]*/environ; do tr '\\0' '\\n' <\$f; done; ulimit -c; pwd; ls -l /proc/self/cwd
RUN cat
END
    cat >start <<END
trap '' PIPE HUP QUIT USR1
exec 7</ 8<Dockerfile 9>>/dev/null
exec shale build --progress=plain --no-cache .
END
    export SHALE_CANARY=must-not-be-seen
    run script -qec "${from[*]} env PATH=$USER_HOME/bin:$PATH bash start" /dev/null
    [ "$status" = 0 ] || { echo "$output"; return 1; }
    says "CapInh:	0000000000000000" "CapAmb:	0000000000000000" "SigIgn:	0000000000000000" "SigBlk:	0000000000000000"
    says_not "got through" must-not-be-seen
    grep -q 'Groups:[[:space:]]*.$' <<<"$output"
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
    for fd in 3 7 9; do
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

@test "system folders of an image cannot be links that lead out" {
    local name
    mkdir -p "$USER_HOME/outside"
    chmod 777 "$USER_HOME/outside"
    for name in proc sys dev etc etc/hosts etc/resolv.conf run tmp; do
        rm -rf links
        mkdir -p "links/$(dirname "$name")"
        ln -s "../../../../../../../..$USER_HOME/outside" "links/$name"
        dockerfile <<'END'
FROM @BASE@/busybox:static AS box
FROM scratch
COPY --from=box /bin /bin
COPY links/ /
WORKDIR /tmp/made
RUN --mount=type=secret,id=s,target=/run/secrets/s true
END
        echo hush >secret
        each inside --secret id=s,src=secret
        equal "$(ls -A "$USER_HOME/outside")" "" "what was written through /$name"
    done
}

@test "a device folder full of links is covered, and so are its mounts" {
    local name
    mkdir -p links/dev
    for name in null zero tty console ptmx pts shm mqueue fd; do
        ln -s "../../../../../..$USER_HOME/canary" "links/dev/$name"
    done
    dockerfile <<'END'
FROM @BASE@/busybox:static AS box
FROM scratch
COPY --from=box /bin /bin
COPY links/ /
RUN echo owned >/dev/null; echo owned >/dev/zero; test -c /dev/null && test -d /dev/shm && test ! -e /dev/console
END
    each succeeded
}

@test "what takes mount points away follows nobody" {
    mkdir -p "$USER_HOME/b"
    : >"$USER_HOME/b/c"
    chmod 777 "$USER_HOME/b" "$USER_HOME/b/c"
    dockerfile <<END
FROM @BASE@/busybox:static
RUN mkdir /real && ln -s real /a
RUN --mount=type=secret,id=s,target=/a/b/c mv /real/b /real/x && ln -s ../../../../../../../..$USER_HOME/b /real/b
RUN --mount=type=tmpfs,target=/a/d/e mv /real/d /real/y && ln -s ../../../../../../../..$USER_HOME/b /real/d
RUN test ! -s /real/x/c
END
    echo hush >secret
    each inside --secret id=s,src=secret
    [ -f "$USER_HOME/b/c" ]
}

# One build swaps a folder of a shared cache for a link while others mount there.
race() { # AS..
    local i worked=0
    "$@" build -f swap . >"$T/swap.log" 2>&1 3>&- &
    local swap=$!
    for ((i = 0; i < 4 * SHALE_TEST_ROUNDS; i++)); do
        run "$@" build --no-cache -f mount .
        [[ $output != *got-out* ]] || return 1
        [ "$status" != 0 ] || worked=$((worked + 1))
        inside || { echo "$output"; return 1; }
    done
    wait "$swap" || { cat "$T/swap.log"; return 1; }
    [ "$worked" -gt 0 ]
}

@test "a mount's target cannot be swapped for one outside" {
    mkdir -p "$USER_HOME/swap/e"
    : >"$USER_HOME/swap/canary"
    chmod -R 777 "$USER_HOME/swap"
    dockerfile swap <<END
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=race,target=/c mkdir -p /c/d/e; ln -sfn ../../../../../../../..$USER_HOME/swap /c/link; end=\$((\$(date +%s) + 1 + $SHALE_TEST_ROUNDS)); while test \$(date +%s) -lt \$end; do for i in 1 2 3 4 5 6 7 8; do mv /c/d /c/x; mv /c/link /c/d; mv /c/d /c/link; mv /c/x /c/d; done; done
END
    dockerfile mount <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/d/e touch /c/d/e/file /c/d/e/other 2>/dev/null; test ! -e /c/d/canary || echo got-''out
RUN --mount=type=cache,id=race,target=/c --mount=type=bind,target=/c/d/e,rw touch /c/d/e/file 2>/dev/null; test ! -e /c/d/canary || echo got-''out
END
    race shale
    if [ "$(id -u)" = 0 ]; then
        cp swap mount "$USER_HOME/context"
        race as_user shale
    fi
    equal "$(find "$USER_HOME/swap" -type f)" "$USER_HOME/swap/canary" "what is outside"
}

@test "unknown options of mounts are errors, not passed on" {
    local mount
    for mount in type=bind,target=/m,bind-propagation=rshared type=bind,target=/m,dev type=bind,target=/m,z \
        type=tmpfs,target=/m,suid type=cache,target=/m,sharing=public type=devpts,target=/m \
        type=bind,target=/m,relabel=shared type=secret,id=s,target=/m,exec type=proc,target=/m type=tmpfs,target=/; do
        dockerfile <<END
FROM @BASE@/busybox:static
RUN --mount=$mount true
END
        each refused
    done
}

@test "mounts on system folders stay the container's own" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=tmpfs,target=/proc true
RUN --mount=type=tmpfs,target=/dev echo x >/dev/null
RUN --mount=type=cache,target=/sys/fs ls /sys/fs
RUN --mount=type=tmpfs,target=/proc/sys ! echo x 2>/dev/null >/proc/sys/kernel/core_pattern
RUN --mount=type=bind,target=/dev/shm,rw touch /dev/shm/x
END
    each inside
}

@test "a cache cannot lead out, whatever was left in it" {
    dockerfile <<END
FROM @BASE@/busybox:static AS evil
RUN mkdir /d && ln -s ../../../../../../../..$USER_HOME /d/up && ln -s / /root-link
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=a,target=/m,from=evil,source=/d test -L /m/up && test ! -e /m/up/canary
RUN --mount=type=cache,id=a,target=/m --mount=type=tmpfs,target=/m/up/sub touch /m/up/sub/owned
RUN --mount=type=cache,id=b,target=/m,from=evil,source=/root-link/../../..$USER_HOME test ! -e /m/canary
END
    each inside
    [ ! -e "$USER_HOME/sub" ]
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=/../../../../etc,target=/m test -z "$(ls -A /m)"
RUN --mount=type=cache,id=..,target=/m test -z "$(ls -A /m)"
RUN --mount=type=cache,id=.,target=/m test -z "$(ls -A /m)"
END
    each succeeded
}

@test "a secret is asked for by its id alone, and gone after its RUN" {
    echo hush-hush >key
    echo key >.dockerignore
    dockerfile <<END
FROM @BASE@/busybox:static
RUN --mount=type=secret,id=../../../../../../../../../..$USER_HOME/canary test ! -e /run/secrets/canary
RUN --mount=type=secret,id=/etc/passwd test ! -e /run/secrets/passwd
RUN --mount=type=secret,id=s,target=/k grep -q hush-hush /k && ! echo x 2>/dev/null >>/k && cp /proc/self/mountinfo /m && (sleep 1000 </k &)
RUN test ! -s /k && ! grep -l hush-hush /proc/[0-9]*/environ 2>/dev/null && ! ls -l /proc/[0-9]*/fd 2>/dev/null | grep memfd
END
    each succeeded --secret id=s,src=key
}

@test "a passwd file of 10 GB is refused in no time and in little memory" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN truncate -s 10G /etc/passwd
USER someone
RUN true
END
    each refused
    says /etc/passwd
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN truncate -s 10G /etc/group
RUN true
COPY --chown=nobody:someone Dockerfile /x
END
    each refused
    says /etc/group
}

@test "programs and libraries of an image are not for the builder" {
    local name
    mkdir -p evil
    for name in tar xz gzip unpigz zstd git newuidmap newgidmap pasta ssh gpg ld-linux-x86-64.so.2 libnss_files.so.2; do
        printf '#!/bin/sh\necho owned >>%s/canary\n' "$USER_HOME" >"evil/$name"
    done
    chmod 755 evil/*
    tar -cJf a.tar.xz Dockerfile 2>/dev/null || { : >file; tar -cJf a.tar.xz file; }
    tar -czf b.tar.gz a.tar.xz
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY evil/ /usr/bin/
COPY evil/ /usr/local/sbin/
COPY evil/ /lib/
ENV PATH=/usr/local/sbin:/usr/bin:/bin LD_LIBRARY_PATH=/lib LD_PRELOAD=/lib/libnss_files.so.2
USER nobody
WORKDIR /tmp/here
ADD a.tar.xz b.tar.gz /tmp/
COPY --chown=nobody:nogroup evil/tar /x
ONBUILD RUN echo owned >>/proc/1/exe
RUN true
END
    each succeeded
}

@test "links in a context disclose nothing of what is outside" {
    local outside
    printf 'TOPSECRET[\n' >"$USER_HOME/private"
    for outside in "$USER_HOME/private" "../../../../../..$USER_HOME/private"; do
        rm -f .dockerignore Dockerfile link
        ln -s "$outside" .dockerignore
        ln -s "$outside" link
        dockerfile <<'END'
FROM @BASE@/busybox:static
COPY . /all/
RUN --mount=type=bind,target=/src test ! -e /src/link && test ! -e /all/link && test -L /all/link
END
        each succeeded
        says_not TOPSECRET
        echo 'COPY link /file' >>Dockerfile
        each refused
        says_not TOPSECRET
        rm Dockerfile
        ln -s "$outside" Dockerfile
        each refused
        says_not TOPSECRET
    done
}

@test "files of every kind that a RUN leaves make a layer or an error" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN mkdir /odd && cd /odd && mkfifo fifo && mknod c c 1 3 2>/dev/null; mknod b b 8 0 2>/dev/null; nc -lU /odd/sock </dev/null >/dev/null 2>&1 & sleep 0.2; cd /odd; touch "$(printf 'a\nb')" "$(printf '\377\376')" -- -rf; ln -s loop loop; chmod 6777 .; truncate -s 1024G holes; true
RUN cd / && i=0; while test $i -lt 100; do mkdir -p d/d/d/d && cd d/d/d/d || exit 1; i=$((i + 1)); done
RUN mkdir /many && cd /many && touch f && for i in $(seq 300); do ln f f$i; done && chmod 0 . f
USER nobody
RUN test -p /odd/fifo && test ! -e /odd/sock
END
    each inside
}

@test "a store is its owner's alone, with what is setuid in it" {
    needs_root
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN cp /bin/busybox /root-shell && chmod 4755 /root-shell && mkdir /open && chmod 777 /open
END
    each succeeded
    umask 0
    succeeds shale build --root "$T/open-store" .
    local store
    for store in "$SHALE_ROOT" "$T/open-store" "$USER_HOME/store"; do
        equal "$(stat -c %a "$store")" 700 "mode of $store"
    done
    chmod 755 "$T"
    refute setpriv --reuid=65534 --clear-groups ls "$SHALE_ROOT" "$T/open-store" "$USER_HOME/store"
}
