#!/usr/bin/env bats
# What runs again, what does not, and what is the same every time.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

build() { succeeds shale build --progress=plain "$@" .; }

app() {
    echo one >one
    echo two >two
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo before > /before
COPY one /one
RUN cat /one > /from-one
COPY two /two
RUN cat /two > /from-two
END
}

@test "a second build of the same input runs nothing" {
    app
    build
    equal "$(steps_run | wc -l)" 5
    build
    equal "$(steps_run)" ""
    equal "$(steps_cached | wc -l)" 5
}

@test "touching one copied file re-runs exactly the steps below it" {
    app
    build
    echo changed >two
    build
    equal "$(steps_run)" $'COPY two /two\nRUN cat /two > /from-two'
    echo changed >one
    build
    equal "$(steps_run)" $'COPY one /one\nRUN cat /one > /from-one\nCOPY two /two\nRUN cat /two > /from-two'
}

@test "a new modification time, or a file nobody copies, changes nothing" {
    app
    build
    touch -d '2001-01-01' one
    echo more >unrelated
    build
    equal "$(steps_run)" ""
}

@test "a mode change is a change" {
    app
    build
    chmod 755 two
    build
    equal "$(steps_run)" $'COPY two /two\nRUN cat /two > /from-two'
}

@test "an unchanged context is looked at, and no file of it opened" {
    command -v strace >/dev/null || skip "needs strace"
    mkdir -p src/deep/er
    for i in 1 2 3 4 5; do echo "$i" | tee "src/$i" >"src/deep/er/$i.file"; done
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY src /src
END
    sleep 0.2 # what changed just now is read again
    build
    # Leaks cannot be looked for in a traced process.
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 succeeds strace -f -qq -o "$T/trace" \
        -e trace=openat,openat2,open,llistxattr,?listxattrat "$SHALE" build .
    grep -q "\"src\"" "$T/trace"
    equal "$(grep -c '[0-9]\.file' "$T/trace")" 0 "files opened, or their attributes listed"
}

@test "an extended attribute given to a known file is a change" {
    app
    python3 -c 'import os; os.setxattr("two", "user.a", b"")' 2>/dev/null || skip "no extended attributes here"
    sleep 0.2
    build
    python3 -c 'import os; os.setxattr("one", "user.a", b"")'
    build
    equal "$(steps_run | head -n 1)" 'COPY one /one'
    python3 -c 'import os; os.removexattr("two", "user.a")'
    build
    equal "$(steps_run | head -n 1)" 'COPY two /two'
}

@test "a build argument re-runs what comes after its ARG" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo first
ARG V
RUN echo second
END
    build --build-arg V=1
    build --build-arg V=2
    equal "$(steps_run)" "RUN echo second"
}

@test "config instructions run nothing and break no cache" {
    app
    build
    sed -i '2i LABEL added=later' Dockerfile
    printf 'ENV LAST=1\nUSER nobody\nCMD ["x"]\n' >>Dockerfile
    build
    equal "$(steps_run)" ""
}

@test "a re-run upstream that yields the same bytes is still a hit downstream" {
    echo 1 >in
    dockerfile <<'END'
FROM @BASE@/busybox:static AS up
COPY in /in
RUN wc -c < /in > /out
FROM @BASE@/busybox:static
COPY --from=up /out /out
RUN cat /out
END
    build
    echo 2 >in
    build
    equal "$(steps_run)" $'COPY in /in\nRUN wc -c < /in > /out'
}

@test "--no-cache runs everything" {
    app
    build
    build --no-cache
    equal "$(steps_run | wc -l)" 5
}

@test "a failed step is not cached, what came before it is" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo good
RUN exit 3
END
    fails 1 shale build --progress=plain .
    fails 1 shale build --progress=plain .
    equal "$(steps_cached)" "RUN echo good"
}

@test "the same input gives the same digest from empty stores" {
    mkdir src
    for i in 1 2 3 4 5; do head -c 10000 /dev/urandom >"src/$i"; done
    ln src/1 src/hard
    ln -s 2 src/soft
    dockerfile <<'END'
FROM @BASE@/busybox:static AS make
COPY src /src
RUN cat /src/* > /all && sha256sum /all > /sum && mkdir -p /x/y && ln -s /all /x/y/link
FROM @BASE@/busybox:static
WORKDIR /app
COPY --from=make /all /sum ./
RUN chmod 700 all && touch -d '2031-05-06' /later
ENV A=b
CMD ["/bin/sh"]
END
    export SOURCE_DATE_EPOCH=1700000000
    local first i
    for i in 1 2; do
        touch src/* # other times, other inodes
        cp -r src again && rm -r src && mv again src
        rm src/hard && ln src/1 src/hard
        succeeds shale build --root "$T/store$i" -o "type=oci,tar=false,dest=$T/out$i,rewrite-timestamp=true" .
        first=${first:-$(manifest_digest "$T/out$i")}
        sleep 1.1
    done
    equal "$(manifest_digest "$T/out2")" "$first" "manifest digest"
    equal "$(config_of "$T/out2" created)" '"2023-11-14T22:13:20Z"'
}

@test "one store serves two builds at the same time" {
    app
    shale build --progress=plain -t one . >"$T/log1" 2>&1 3>&- &
    local first=$!
    shale build --progress=plain -t two . >"$T/log2" 2>&1 3>&- &
    local second=$!
    wait "$first" || { cat "$T/log1"; return 1; }
    wait "$second" || { cat "$T/log2"; return 1; }
    build
    equal "$(steps_run)" ""
    succeeds shale inspect one
    succeeds shale inspect two
}
