#!/usr/bin/env bats
# RUN --mount: who shares what, what stays and what is nowhere afterwards.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
}
teardown() { test_end; }

# Run CHECK as the caller and, as root, as a user; AS begins a command.
each_user() { # CHECK
    AS=() WHOSE=$SHALE_ROOT
    "$@" || return 1
    [ "$(id -u)" = 0 ] || return 0
    cp -a . "$USER_HOME/context"
    chown -R "$TEST_USER:" "$USER_HOME"
    cd "$USER_HOME/context"
    AS=(as_user) WHOSE=$USER_HOME/store
    "$@" || { echo "as a user"; return 1; }
}

# Two builds of one Dockerfile at the same time, told apart by NAME.
two_at_once() { # MOUNT COMMAND
    local name bad=0
    local -a pids=()
    dockerfile <<END
FROM @BASE@/busybox:static
ARG NAME PEER
RUN --mount=type=cache,id=meet,target=/meet --mount=type=cache,target=/c,id=$1 \
    touch /meet/\$NAME; met() { i=0; until test -e /meet/\$PEER; do i=\$((i + 1)); test \$i -lt \$1 || return 1; sleep 0.1; done; }; $2
END
    for name in one:two two:one; do
        "${AS[@]}" "$USER_HOME/bin/shale" build --progress=plain --no-cache --build-arg "NAME=${name%:*}" --build-arg "PEER=${name#*:}" . >"$T/${name%:*}.log" 2>&1 3>&- &
        pids+=($!)
    done
    for name in "${pids[@]}"; do
        wait "$name" || bad=1
    done
    [ "$bad" = 0 ] || cat "$T/one.log" "$T/two.log"
    return "$bad"
}

shared_ones_meet() {
    two_at_once 'shared,sharing=shared' 'met 300 && touch /c/$NAME && until test -e /c/$PEER; do sleep 0.1; done'
}

private_ones_do_not() {
    two_at_once 'private,sharing=private' 'met 300 && touch /c/$NAME && sleep 1 && test "$(ls /c)" = $NAME'
}


@test "a cache is shared, private or locked between processes, as it says" {
    each_user shared_ones_meet
    cd "$T/context"
    each_user private_ones_do_not
}

@test "a locked cache has one user at a time" {
    # Whichever comes second may meet the first's mark, but not its file.
    two_locked() {
        two_at_once 'locked,sharing=locked' 'test ! -e /c/in && touch /c/in && sleep 0.7 && rm /c/in && echo $NAME >>/c/log'
        dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=locked,target=/c,sharing=locked test "$(sort /c/log | tr '\n' ' ')" = "one two "
END
        succeeds "${AS[@]}" "$USER_HOME/bin/shale" build --no-cache .
    }
    each_user two_locked
}

# The lock of the cache in which FILE lies.
lock_of() { # FILE
    echo "$(find "$SHALE_ROOT/mounts" -path "*/0/$1" -printf %h).lock"
}

openers_of() { # FILE
    find /proc/[0-9]*/fd -lname "$1" 2>/dev/null | wc -l
}

@test "RUNs that lock the same caches in another order do not wait for each other" {
    local first second
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=b,target=/b,sharing=locked --mount=type=cache,id=a,target=/a,sharing=locked touch /b/is-b /a/is-a
END
    succeeds shale build .
    first=$(lock_of is-a) second=$(lock_of is-b)
    # As another RUN would that has one and needs the other.
    exec 8<"$first"
    flock 8
    shale build --no-cache . >"$T/log" 2>&1 3>&- 8<&- &
    for ((i = 0; i < 300 && $(openers_of "$first") < 2; i++)); do sleep 0.1; done
    flock -n "$second" true 8<&-
    exec 8<&-
    wait $! || { cat "$T/log"; return 1; }
}

@test "a RUN that waits for a locked cache says so" {
    local mode i
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=mine,target=/c,sharing=locked touch /c/is-mine
END
    succeeds shale build --progress=plain .
    says_not waiting
    for mode in plain tty; do
        exec 8<"$(lock_of is-mine)"
        flock 8
        shale build --progress=$mode --no-cache . >"$T/log" 2>&1 3>&- 8<&- &
        for ((i = 0; i < 300; i++)); do
            ! grep -q waiting "$T/log" || break
            sleep 0.1
        done
        exec 8<&-
        wait $! || { cat "$T/log"; return 1; }
        equal "$(grep -c "waiting for the cache mount 'mine', which another step or build is using" "$T/log")" 1
    done
}

@test "a cache that one RUN mounts twice is one, and locked once" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=cache,id=one,target=/a,sharing=locked --mount=type=cache,id=one,target=/b,sharing=locked touch /a/x && test -e /b/x
RUN --mount=type=cache,id=two,target=/a,sharing=private --mount=type=cache,id=two,target=/b,sharing=private touch /a/x && test -e /b/x
END
    SHALE_TIMEOUT=60 succeeds shale build .
}

@test "a cache begins with what from gives it, and with the owner and mode asked for" {
    dockerfile <<'END'
FROM @BASE@/busybox:static AS seed
RUN mkdir -p /seed/deep && echo seeded >/seed/deep/file && chown 7:8 /seed/deep/file && ln -s deep/file /seed/link
FROM @BASE@/busybox:static
RUN --mount=type=cache,target=/a,mode=0750,uid=12,gid=34 test "$(stat -c '%a %u %g' /a)" = "750 12 34"
RUN --mount=type=cache,target=/b,from=seed,source=/seed grep -q seeded /b/link && test "$(stat -c '%u %g' /b/deep/file)" = "7 8" && echo more >/b/more
RUN --mount=type=cache,target=/b,from=seed,source=/seed grep -q more /b/more
RUN --mount=type=cache,target=/b,ro ! touch /b/x 2>/dev/null
RUN --mount=type=tmpfs,target=/t,size=1m ! dd if=/dev/zero of=/t/x bs=1k count=2000 2>/dev/null
END
    seeded() { succeeds "${AS[@]}" "$USER_HOME/bin/shale" build --no-cache .; }
    each_user seeded
}

# Everything about a tree that a build could change.
tree_state() {
    find . -exec stat -c '%n %f %u:%g %s %Y %Z %h' {} + | sort
    find . -type f -exec sha256sum {} + | sort
    getfattr -R -d -m - . 2>/dev/null
}

@test "a context is the same to the last bit after every kind of write to it" {
    mkdir -p sub/deep && echo data >sub/data && ln -s data sub/link && ln sub/data sub/hard && chmod 751 sub
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=bind,target=/src,rw cd /src && echo x >>sub/data && rm -rf sub/deep Dockerfile && chmod 777 sub && touch -d 2001-01-01 sub/link sub && mkdir new && mv sub moved && ln -s / root
RUN --mount=type=bind,target=/one,source=sub/data,rw echo x >>/one && chmod 600 /one
RUN --mount=type=bind,target=/ro ! touch /ro/x 2>/dev/null && ! chmod 777 /ro/sub 2>/dev/null
RUN --mount=type=bind,target=/src,rw --mount=type=tmpfs,target=/src/sub/deep/er touch /src/sub/deep/er/x
END
    unchanged() {
        local before
        before=$(tree_state)
        succeeds "${AS[@]}" "$USER_HOME/bin/shale" build --no-cache .
        equal "$(tree_state)" "$before" "the context"
    }
    each_user unchanged
}

# It must be found nowhere afterwards.
CANARY=canary-4f7a91c3e2

secret_nowhere() {
    local bin=$USER_HOME/bin/shale how
    local -a options=(--secret id=file,src=key --secret id=var,env=SECRET_VAR)
    local -a env=(env "SECRET_VAR=$CANARY")
    echo "$CANARY" >key
    : >all.log
    for how in --progress=plain --progress=tty; do
        run "${AS[@]}" "${env[@]}" "$bin" build "$how" --no-cache "${options[@]}" -t secret:1 --metadata-file meta.json \
            --cache-to type=local,dest=cache,mode=max -o type=oci,tar=false,dest=layout,compression=uncompressed -o type=image .
        echo "$output" >>all.log
        [ "$status" = 0 ] || { echo "$output"; return 1; }
    done
    # Another value is no other step.
    echo "other-$CANARY" >key
    run "${AS[@]}" env SECRET_VAR=x "$bin" build --progress=plain "${options[@]}" .
    echo "$output" >>all.log
    equal "$status" 0
    equal "$(steps_run)" "" "steps run again for another secret"
    # Nor does a step that fails show it.
    run "${AS[@]}" "${env[@]}" "$bin" build --progress=plain "${options[@]}" -f failing .
    echo "$output" >>all.log
    equal "$status" 1
    run "${AS[@]}" "$bin" history secret:1
    echo "$output" >>all.log
    run "${AS[@]}" "$bin" inspect secret:1
    echo "$output" >>all.log
    rm key
    refute grep -rl "$CANARY" "$WHOSE" .
    # In compressed layers neither.
    find "$WHOSE/blobs" cache -type f -exec sh -c 'zcat -f "$1" 2>/dev/null | grep -qF "$2" && echo "$1"' - {} "$CANARY" \; >found
    equal "$(cat found)" "" "blobs that hold it"
}

@test "a secret is nowhere: not in the store, outputs, caches, records or logs" {
    echo key >.dockerignore
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=secret,id=file,target=/run/s --mount=type=secret,id=var,env=TOKEN test "$TOKEN" = "$(cat /run/s)" && echo "${#TOKEN}" >/length
RUN --mount=type=secret,id=file,target=/etc/deep/er/s,mode=0444,uid=65534 su nobody -s /bin/sh -c 'test -s /etc/deep/er/s'
RUN test ! -e /run/s && test ! -e /etc/deep && test -z "$TOKEN"
END
    dockerfile failing <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=secret,id=file,required --mount=type=secret,id=var,env=TOKEN false
END
    each_user secret_nowhere
}
