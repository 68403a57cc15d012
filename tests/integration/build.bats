#!/usr/bin/env bats
# What a build makes: stages, files, the image config, exports.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

@test "a multi-stage build holds exactly what the last stage copied" {
    dockerfile <<'END'
FROM @BASE@/busybox:static AS make
RUN mkdir /out && echo made > /out/file && echo not copied > /other
FROM scratch
COPY --from=make /out /out
END
    build_layout "$T/image" .
    equal "$(layer_names "$T/image" -1)" $'out/\nout/file'
    equal "$(layer_count "$T/image")" 1 "number of layers"
    python3 "$here/layout.py" verify "$T/image"
}

@test "every config instruction reaches the image config" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
ARG VERSION=3
ENV A=1 B="two words" C=$VERSION
LABEL org.example.name="a b" org.example.v=$VERSION
EXPOSE 80 53/udp
VOLUME ["/data", "/more"]
WORKDIR /srv
WORKDIR app
USER nobody:nogroup
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=30s --retries=2 CMD true
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["/bin/echo"]
CMD one two
ONBUILD RUN echo later
MAINTAINER someone <someone@example.org>
END
    build_layout "$T/image" .
    config() { config_of "$T/image" "config.$1"; }
    equal "$(config Env)" '["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=1","B=two words","C=3"]'
    equal "$(config Labels)" '{"org.example.name":"a b","org.example.v":"3"}'
    equal "$(config ExposedPorts)" '{"53/udp":{},"80/tcp":{}}'
    equal "$(config Volumes)" '{"/data":{},"/more":{}}'
    equal "$(config WorkingDir)" '"/srv/app"'
    equal "$(config User)" '"nobody:nogroup"'
    equal "$(config StopSignal)" '"SIGUSR1"'
    equal "$(config Healthcheck)" '{"Interval":30000000000,"Retries":2,"Test":["CMD-SHELL","true"]}'
    equal "$(config Shell)" '["/bin/sh","-ec"]'
    equal "$(config Entrypoint)" '["/bin/echo"]'
    equal "$(config Cmd)" '["/bin/sh","-ec","one two"]'
    equal "$(config OnBuild)" '["RUN echo later"]'
    equal "$(config_of "$T/image" author)" '"someone <someone@example.org>"'
}

@test "RUN true makes an empty layer" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN true
END
    build_layout "$T/image" .
    equal "$(layer_names "$T/image" -1)" ""
    equal "$(layer_count "$T/image")" 2 "number of layers"
    python3 "$here/layout.py" verify "$T/image"
}

@test "no layer holds anything that the step did not write" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN cat /etc/resolv.conf /etc/hosts >/dev/null; ls /proc /sys /dev >/dev/null; echo x > /only
RUN --mount=type=cache,target=/deep/cache --mount=type=tmpfs,target=/t true
FROM scratch
COPY --from=0 /bin/busybox /busybox
RUN ["/busybox", "true"]
END
    build_layout "$T/first" --target 0 .
    equal "$(layer_names "$T/first" 1)" only
    build_layout "$T/second" .
    equal "$(layer_names "$T/second" 0)" busybox
    equal "$(layer_names "$T/second" 1)" ""
}

@test "RUN gets the environment, user, folder and shell asked for" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
ARG FROM_ARG=arg
ENV FROM_ENV=env
WORKDIR /work
RUN chown nobody /work
USER nobody
RUN echo "$FROM_ARG $FROM_ENV $(id -u) $(id -g) $(pwd) $HOME" > got
SHELL ["/bin/sh", "-uc"]
RUN ["/bin/sh", "-c", "echo json >> got"]
RUN <<END2
echo heredoc >> got
END2
END
    succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/work/got")" $'arg env 65534 65534 /work /\njson\nheredoc'
}

@test "COPY keeps modes, links, and names of every kind" {
    mkdir -p src/dir
    echo a >src/plain
    chmod 640 src/plain
    printf 'x' >'src/with space'
    printf 'x' >"src/new"$'\n'"line"
    printf 'x' >"src/"$'\xff\xfe'
    ln -s plain src/link
    ln -s /etc/passwd src/absolute
    chmod 1777 src/dir
    dockerfile <<'END'
FROM scratch
COPY src /dst/
END
    build_layout "$T/image" .
    run python3 "$here/layout.py" modes "$T/image" 0
    says "0 0640 0:0 2 dst/plain" "2 0777 0:0 0 dst/link" "2 0777 0:0 0 dst/absolute" \
        "5 1777 0:0 0 dst/dir" "0 0644 0:0 1 dst/with space"
    equal "$(layer_names "$T/image" 0 | wc -l)" 9 "number of lines"
}

@test "COPY --chown looks names up in the image and --chmod sets the mode" {
    echo x >file
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY --chown=nobody:staff --chmod=600 file /a
COPY --chown=12:34 file /b
END
    build_layout "$T/image" .
    run python3 "$here/layout.py" modes "$T/image" -2
    says "0 0600 65534:50 2 a"
    run python3 "$here/layout.py" modes "$T/image" -1
    says "0 0644 12:34 2 b"
}

@test "ADD unpacks a local archive and COPY does not" {
    mkdir -p in/sub
    echo hello >in/sub/file
    tar -C in -czf in.tar.gz sub
    dockerfile <<'END'
FROM scratch
ADD in.tar.gz /added/
COPY in.tar.gz /copied/
END
    succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/added/sub/file")" hello
    cmp in.tar.gz "$T/out/copied/in.tar.gz"
}

@test ".dockerignore leaves files out, and takes them back in" {
    mkdir -p logs
    touch keep drop.log logs/a.log logs/b.log
    printf '*.log\nlogs\n!logs/b.log\n' >.dockerignore
    dockerfile <<'END'
FROM scratch
COPY . /
END
    build_layout "$T/image" .
    run layer_names "$T/image" 0
    says keep logs/b.log
    says_not drop.log logs/a.log
}

@test "COPY --from takes files out of an image and a stage by number" {
    dockerfile <<'END'
FROM scratch
COPY --from=@BASE@/busybox:static /bin/busybox /bb
FROM scratch
COPY --from=0 /bb /bb2
END
    build_layout "$T/image" .
    equal "$(layer_names "$T/image" 0)" bb2
}

@test "a target and its stages are built, and no others" {
    dockerfile <<'END'
FROM @BASE@/busybox:static AS wanted
RUN echo wanted
FROM @BASE@/busybox:static AS broken
RUN false
FROM broken
END
    succeeds shale build --progress=plain --target wanted .
    equal "$(steps_run)" "RUN echo wanted"
}

@test "build arguments come from the command line and the environment" {
    dockerfile <<'END'
ARG TAG=wrong
FROM @BASE@/busybox:$TAG
ARG A=1 B=2
RUN echo $A$B > /got
END
    export B=b
    succeeds shale build --build-arg TAG=static --build-arg A=a --build-arg B -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/got")" ab
}

@test "type=tar and type=local hold the final root" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN rm /bin/zcat && echo new > /new
END
    succeeds shale build -o "type=tar,dest=$T/out.tar" -o "type=local,dest=$T/out" .
    tar -tf "$T/out.tar" | sed 's,^\./,,' >"$T/names"
    grep -qx new "$T/names"
    refute grep -qx bin/zcat "$T/names"
    [ -x "$T/out/bin/busybox" ] && [ ! -e "$T/out/bin/zcat" ] && [ -e "$T/out/new" ]
}

@test "a deleted directory and one made again in its place hide what was below" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN mkdir -p /d/sub && touch /d/a /d/sub/b /e
RUN rm -r /d && mkdir /d && touch /d/c && rm /e
END
    build_layout "$T/image" .
    run layer_names "$T/image" -1
    says d/c .wh.e
    succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(ls -A "$T/out/d")" c
    [ ! -e "$T/out/e" ]
}

@test "RUN --mount=type=cache outlives the build, bind and tmpfs do not" {
    echo data >file
    dockerfile <<'END'
FROM @BASE@/busybox:static
ARG N
RUN --mount=type=cache,target=/c --mount=type=bind,source=file,target=/f --mount=type=tmpfs,target=/t \
    echo $N >> /c/log && cat /f > /got && touch /t/x && cat /c/log >> /got
END
    succeeds shale build --build-arg N=1 .
    succeeds shale build --build-arg N=2 -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/got")" $'data\n1\n2'
    [ ! -e "$T/out/f" ] && [ ! -e "$T/out/c/log" ]
}

@test "a secret is there during its RUN and nowhere afterwards" {
    echo hush-hush >"$T/secret"
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN --mount=type=secret,id=s wc -c < /run/secrets/s > /size
RUN --mount=type=secret,id=s,env=TOKEN test -n "$TOKEN"
RUN test ! -e /run/secrets/s
END
    succeeds shale build --progress=plain --secret "id=s,src=$T/secret" -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/size")" 10
    says_not hush-hush
    refute grep -rq hush-hush "$SHALE_ROOT" "$T/out"
}

@test "the Dockerfile can come from elsewhere, and from stdin with or without a context" {
    echo x >file
    mkdir "$T/other"
    dockerfile "$T/other/Docker.file" <<'END'
FROM scratch
COPY file /
END
    succeeds shale build -f "$T/other/Docker.file" .
    printf 'FROM scratch\nLABEL a=b\n' >"$T/label"
    run bash -c '"$SHALE" build - <"$T/label"'
    equal "$status" 0
    run bash -c '"$SHALE" build -f - . <"$T/other/Docker.file"'
    equal "$status" 0
}

@test "network none has only loopback, host has what the host has" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN ls /sys/class/net > /net; cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' ' > /dev-list
END
    succeeds shale build --network=none -o "type=local,dest=$T/none" .
    equal "$(cat "$T/none/dev-list")" lo
    succeeds shale build --no-cache --network=host -o "type=local,dest=$T/host" .
    equal "$(sort "$T/host/dev-list")" "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort)"
}

@test "stages that do not depend on each other run at the same time" {
    dockerfile <<'END'
FROM @BASE@/busybox:static AS a
RUN --mount=type=cache,id=meet,target=/m touch /m/a; for i in $(seq 100); do [ -e /m/b ] && exit 0; sleep 0.1; done; exit 1
FROM @BASE@/busybox:static AS b
RUN --mount=type=cache,id=meet,target=/m touch /m/b; for i in $(seq 100); do [ -e /m/a ] && exit 0; sleep 0.1; done; exit 1
FROM scratch
COPY --from=a /etc/passwd /a
COPY --from=b /etc/passwd /b
END
    succeeds shale build .
}

one_run() {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo done > /done
END
}

@test "where the host shares its mounts, as systemd does, it sees none of a build" {
    needs_root
    one_run
    run unshare -m --propagation shared bash -c '"$SHALE" build . && awk "{ print \$5 }" /proc/self/mountinfo'
    equal "$status" 0
    says_not "$SHALE_ROOT/"
}

@test "a build works in a chroot" {
    needs_root
    one_run
    mkdir -p "$T/root"/{usr,etc,proc,dev,tmp,program,context}
    cp /etc/passwd /etc/group "$T/root/etc"
    cp Dockerfile "$T/root/context"
    cp "$SHALE" "$T/root/program/shale"
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$T/root/$link"; done
    run unshare -m sh -ec 'cd "$T/root"
        mount --bind /usr usr; mount --bind /dev dev; mount -t proc proc proc
        export TMPDIR=/tmp HOME=/tmp ASAN_OPTIONS= UBSAN_OPTIONS=
        chroot . /program/shale build --root /store -o type=local,dest=/out /context'
    equal "$status" 0 "status, with this output: $output"
    equal "$(cat "$T/root/out/done")" "done"
}
