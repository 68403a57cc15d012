#!/usr/bin/env bats
# The same as a normal user with subordinate ids.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
    cd "$USER_HOME/context"
}
teardown() { test_end; }

context_done() {
    [ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" "$USER_HOME/context"
}

@test "a user builds what root builds, with the same owners" {
    echo data >file
    dockerfile <<'END'
FROM @BASE@/busybox:static AS make
RUN echo someone:x:1234:50::/:/bin/sh >> /etc/passwd && mkdir -p /home/x/y && chown 1234:50 /home/x/y && touch /root-owned
COPY --chown=77:88 file /copied
RUN id -u > /uid && su someone -c 'id -u' >> /uid
FROM scratch
COPY --from=make /home/x /x
COPY --from=make /copied /uid /root-owned /
END
    context_done
    succeeds as_user shale build -o "type=oci,tar=false,dest=$USER_HOME/image" .
    run python3 "$here/layout.py" modes "$USER_HOME/image" 0
    says "5 0755 0:0 0 x" "5 0755 1234:50 0 x/y"
    run python3 "$here/layout.py" modes "$USER_HOME/image" 1
    says "77:88 5 copied" "0:0 7 uid" "0:0 0 root-owned"
    python3 "$here/layout.py" verify "$USER_HOME/image"
    if [ "$(id -u)" = 0 ]; then
        local layer
        build_layout "$T/image" .
        for layer in 0 1; do
            equal "$(python3 "$here/layout.py" modes "$USER_HOME/image" "$layer")" \
                "$(python3 "$here/layout.py" modes "$T/image" "$layer")" "layer $layer"
        done
    fi
}

@test "RUN true of a user is an empty layer, and nothing is left" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN true
END
    context_done
    succeeds as_user shale build -o "type=oci,tar=false,dest=$USER_HOME/image" .
    equal "$(layer_names "$USER_HOME/image" -1)" ""
    equal "$(ls -A "$USER_HOME/store/tmp")" ""
}

@test "a user's build is cached, pushed and pulled" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo hello > /hello && chown 5:6 /hello
END
    context_done
    registry_start "$T/registry"
    succeeds as_user shale build --progress=plain -t "$REGISTRY/app:1" .
    equal "$(steps_run)" "RUN echo hello > /hello && chown 5:6 /hello"
    succeeds as_user shale build --progress=plain -t "$REGISTRY/app:1" --push .
    equal "$(steps_run)" ""
    succeeds skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/app:1" "oci:$T/arrived:image"
    python3 "$here/layout.py" verify "$T/arrived"
    run python3 "$here/layout.py" modes "$T/arrived" -1
    says "5:6 6 hello"
}

@test "a user's RUN cannot see or reach what the user may not" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN test ! -e /etc/shadow && test ! -e /var/tmp && test "$(id -u)" = 0
RUN ! mknod /dev/sda b 8 0 2>/dev/null && ! mount -t tmpfs none /tmp 2>/dev/null
RUN grep CapEff /proc/self/status > /caps
END
    context_done
    succeeds as_user shale build -o "type=local,dest=$USER_HOME/out" .
    equal "$(awk '{ print $2 }' "$USER_HOME/out/caps")" 00000000a80425fb "capabilities in a RUN"
}

@test "info says what works for a user" {
    succeeds as_user shale info
    says namespaces
}

# Like a user without subordinate ids: newuidmap cannot get its rights.
as_single() { # COMMAND..
    as_user setpriv --no-new-privs "$@"
}

@test "info says that there is one id, why, and how to have more" {
    succeeds as_single shale info
    says "no   user ids: user namespace with one id: newuidmap was refused; no_new_privs"
    succeeds as_user unshare --map-root-user shale info
    says "no   user ids: root of a user namespace with one id; " "yes  engine namespaces: works"
}

@test "a user with one id keeps the owners that images and COPY name" {
    echo data >file
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim
RUN ls -ln /etc/gshadow; chmod 600 /etc/gshadow; touch /mine
COPY --chown=77:88 file /copied
RUN echo more >> /copied
END
    context_done
    succeeds as_single shale build --progress=plain -o "type=oci,tar=false,dest=$USER_HOME/image" .
    says "1 0 0 "
    run python3 "$here/layout.py" modes "$USER_HOME/image" 1
    says "0600 0:42 " "etc/gshadow" "0:0 0 mine"
    run python3 "$here/layout.py" modes "$USER_HOME/image" 3
    says "77:88 10 copied"
    python3 "$here/layout.py" verify "$USER_HOME/image"
    succeeds as_single shale fsck
    says "0 damaged"
}

@test "a user with one id is told why nothing can be given away" {
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim
RUN chown games /etc/passwd
END
    context_done
    fails 1 as_single shale build --progress=plain .
    says "only one id is mapped for this user" "/etc/subuid and /etc/subgid"
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim
USER games
RUN id
END
    fails 1 as_single shale build --progress=plain .
    says "cannot become user 5:60: the id is not mapped here"
}

@test "a user with one id builds a Node.js application with npm ci" {
    cp "$top"/testdata/node-app/* .
    dockerfile <<'END'
FROM @BASE@/debian-node:12
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY server.js .
RUN node server.js --check
END
    context_done
    succeeds as_single shale build --network=host --progress=plain .
    says "server is sound"
}
