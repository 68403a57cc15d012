#!/usr/bin/env bats
# Bad input of every kind: a clear error, the right exit status, a sound store.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    # What the store must still hold after every failure.
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    shale build -q -t sound . >/dev/null
}
teardown() {
    local bad=0
    cd "$T/context"
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    shale build -q . >/dev/null || bad=1
    shale save -o "$T/sound.tar" sound || bad=1
    test_end && return "$bad"
}

@test "a missing Dockerfile is named" {
    rm Dockerfile
    fails 1 shale build .
    says "error: " "Dockerfile"
    fails 1 shale build -f none.file .
    says none.file
}

@test "a missing context folder is named" {
    fails 1 shale build "$T/nowhere"
    says nowhere
}

@test "wrong usage exits with 2" {
    fails 2 shale build --no-such-flag .
    says no-such-flag
    fails 2 shale no-such-command
    says no-such-command
    fails 2 shale build
    fails 2 shale build . extra
}

@test "an unknown instruction is shown with file and line" {
    printf 'FROM scratch\n\nCOPPY a b\n' >Dockerfile
    fails 1 shale build .
    says COPPY "Dockerfile:3" "3 | COPPY a b"
}

@test "an unknown flag of an instruction is shown with its line" {
    printf 'FROM scratch\nCOPY --form=x a b\n' >Dockerfile
    fails 1 shale build .
    says form "Dockerfile:2"
}

@test "an unknown stage is an error in COPY --from and --target" {
    printf 'FROM scratch AS a\nCOPY Dockerfile /\n' >Dockerfile
    fails 1 shale build --target nosuch .
    says nosuch
    printf 'FROM scratch AS a\nCOPY --from=5 x /\n' >Dockerfile
    fails 1 shale build .
    says "Dockerfile:2"
}

@test "stages that need one another in a circle are an error" {
    printf 'FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\nCOPY --from=a x /\n' >Dockerfile
    fails 1 shale build .
    says "Dockerfile:"
}

@test "a file missing from the context is named with its line" {
    printf 'FROM scratch\nCOPY absent.txt /\n' >Dockerfile
    fails 1 shale build .
    says absent.txt "Dockerfile:2" "2 | COPY absent.txt /"
}

@test "a file that .dockerignore excludes is called excluded" {
    touch hidden.txt
    printf '# nothing\n*.txt\n' >.dockerignore
    printf 'FROM scratch\nCOPY hidden.txt /\n' >Dockerfile
    fails 1 shale build .
    says hidden.txt ".dockerignore:2" "Dockerfile:2"
}

@test "a COPY source cannot lead out of the context" {
    echo outside >"$T/outside"
    printf 'FROM scratch\nCOPY ../outside /\n' >Dockerfile
    fails 1 shale build .
    ln -s "$T/outside" link
    printf 'FROM scratch\nCOPY link/x /\n' >Dockerfile
    fails 1 shale build .
}

@test "a failed RUN names command, status and line and shows its output" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo last words && exit 42
END
    fails 1 shale build .
    says "last words" "exit code: 42" "Dockerfile:2" "2 | RUN echo last words"
}

@test "a RUN killed by a signal says so" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN kill -KILL $$
END
    fails 1 shale build .
    says "exit code: 137: killed by SIGKILL" "Dockerfile:2"
}

@test "a command that does not exist is named" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN ["/no/such/program"]
END
    fails 1 shale build .
    says /no/such/program "Dockerfile:2"
}

@test "an unreachable registry and an unknown image are named" {
    local port
    port=$(free_port)
    printf 'FROM 127.0.0.1:%s/none:1\n' "$port" >Dockerfile
    SHALE_TIMEOUT=120 fails 1 shale build .
    says "127.0.0.1:$port" "Dockerfile:1"
    printf 'FROM %s/none:1\nRUN true\n' "$BASE" >Dockerfile
    fails 1 shale build .
    says "$BASE/none:1" "Dockerfile:1"
}

fault_start() { # FAULT; leaves its address in FAULTY
    local port
    port=$(free_port)
    started "$T/proxy.log" "$here/fault-proxy.py" "$port" "$BASE" "$T/requests" "$1"
    FAULTY=127.0.0.1:$port
    await_server "http://$FAULTY/v2/" "$T/proxy.log"
}

@test "a registry that answers 401 is an authentication error" {
    fault_start unauthorized
    printf 'FROM %s/busybox:static\nRUN true\n' "$FAULTY" >Dockerfile
    fails 1 shale build .
    says "$FAULTY" "Dockerfile:1"
    fails 1 shale push sound "$FAULTY/sound:1"
    says "$FAULTY"
}

@test "a blob with wrong bytes is refused and not kept" {
    fault_start corrupt-blob
    printf 'FROM %s/busybox:static\nRUN true\n' "$FAULTY" >Dockerfile
    fails 1 shale build .
    says sha256:
    printf 'FROM %s/busybox:static\nRUN true\n' "$BASE" >Dockerfile
    succeeds shale build .
}

@test "a manifest with wrong bytes is refused" {
    local digest
    digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$BASE/busybox:static")
    fault_start corrupt-manifest
    printf 'FROM %s/busybox@%s\nRUN true\n' "$FAULTY" "$digest" >Dockerfile
    fails 1 shale build .
    says sha256:
}

@test "a truncated blob is refused and not kept" {
    fault_start short-blob
    printf 'FROM %s/busybox:static\nRUN true\n' "$FAULTY" >Dockerfile
    SHALE_TIMEOUT=300 fails 1 shale build .
    printf 'FROM %s/busybox:static\nRUN true\n' "$BASE" >Dockerfile
    succeeds shale build .
}

@test "a registry that is busy for a moment is asked again" {
    fault_start busy=2
    printf 'FROM %s/busybox:static\nRUN true\n' "$FAULTY" >Dockerfile
    succeeds shale build .
    fault_start unavailable=1
    succeeds shale build --no-cache .
}

@test "a refused push says what the registry said" {
    fault_start refuse-push
    fails 1 shale push sound "$FAULTY/sound:1"
    says "$FAULTY" "requested access to the resource is denied"
}

# Write an archive with one hostile member: hostile_tar FILE KIND
hostile_tar() {
    python3 - "$@" <<'END'
import io, sys, tarfile
out, kind = sys.argv[1:]
def put(tar, name, type=tarfile.REGTYPE, link="", data=b"evil\n"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, link
    info.size = len(data) if type == tarfile.REGTYPE else 0
    tar.addfile(info, io.BytesIO(data) if info.size else None)
with tarfile.open(out, "w") as tar:
    put(tar, "good")
    if kind == "dotdot":
        put(tar, "../escaped")
    elif kind == "deep":
        put(tar, "a/b/../../../escaped")
    elif kind == "symlink":
        put(tar, "out", tarfile.SYMTYPE, "../../../../../../../../../../tmp")
        put(tar, "out/shale-escaped")
    elif kind == "absolute-link":
        put(tar, "out", tarfile.SYMTYPE, "/tmp")
        put(tar, "out/shale-escaped")
    elif kind == "hardlink":
        put(tar, "hard", tarfile.LNKTYPE, "../../../../../../../../../../etc/passwd")
    elif kind == "normal-link":
        put(tar, "link", tarfile.SYMTYPE, "/etc/passwd")
        put(tar, "up", tarfile.SYMTYPE, "../../x")
END
}

@test "an archive with members that lead out cannot write outside" {
    local kind
    rm -f /tmp/shale-escaped
    printf 'FROM scratch\nADD bad.tar /in/\n' >Dockerfile
    for kind in dotdot deep symlink hardlink; do
        hostile_tar bad.tar "$kind"
        fails 1 shale build -o "type=local,dest=$T/$kind" .
        says bad.tar "Dockerfile:2"
        [ ! -e /tmp/shale-escaped ]
    done
    equal "$(find "$T" -name '*escaped*')" ""
    # An absolute link means the image's own root: inside, and nowhere else.
    hostile_tar bad.tar absolute-link
    succeeds shale build -o "type=local,dest=$T/inside" .
    [ ! -e /tmp/shale-escaped ]
    [ -e "$T/inside/tmp/shale-escaped" ]
}

@test "links as such are kept as they are" {
    hostile_tar links.tar normal-link
    printf 'FROM scratch\nADD links.tar /in/\n' >Dockerfile
    succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(readlink "$T/out/in/link")" /etc/passwd
    equal "$(readlink "$T/out/in/up")" ../../x
}

@test "an archive of garbage is copied as a file or refused, never fatal" {
    head -c 100000 /dev/urandom >bad.tar.gz
    printf '\x1f\x8b\x08\x00garbage' >cut.tar.gz
    printf 'FROM scratch\nADD bad.tar.gz /a/\n' >Dockerfile
    succeeds shale build -o "type=local,dest=$T/out" .
    cmp bad.tar.gz "$T/out/a/bad.tar.gz"
    head -c 50000 /dev/zero | gzip >short.tar.gz
    truncate -s 40 short.tar.gz
    fails 1 shale load -i short.tar.gz
    fails 1 shale load -i bad.tar.gz
    says bad.tar.gz
}

@test "a load of an archive whose blobs lie is refused" {
    shale build -q -o "type=oci,tar=false,dest=$T/lie" . >/dev/null
    local blob
    for blob in "$T"/lie/blobs/sha256/*; do
        cp "$blob" "$T/kept"
        printf 'x' | dd of="$blob" bs=1 seek=20 conv=notrunc 2>/dev/null
        tar -C "$T/lie" -cf "$T/lie.tar" .
        # A store of its own: what is there already is not read again.
        fails 1 shale load --root "$T/other" -i "$T/lie.tar"
        says sha256:
        cp "$T/kept" "$blob"
    done
    tar -C "$T/lie" -cf "$T/lie.tar" .
    succeeds shale load --root "$T/other" -i "$T/lie.tar"
}

@test "a full disk is one clear error" {
    needs_root
    mkdir -p "$T/small"
    mount -t tmpfs -o size=8m none "$T/small"
    head -c 20000000 /dev/urandom >big
    printf 'FROM scratch\nCOPY big /\n' >Dockerfile
    run shale build --root "$T/small/store" -o "type=oci,dest=$T/full.tar" .
    local code=$status text=$output
    printf 'FROM scratch\nLABEL a=b\n' >Dockerfile
    run shale build --root "$T/small/store" .
    local after=$status
    umount "$T/small"
    equal "$after" 0 "status of the build after that"
    # A COPY that is only read may not need the store's disk at all.
    [ "$code" = 0 ] && return
    equal "$code" 1
    [[ $text == *"No space left on device"* ]]
}

@test "a RUN on a full disk fails and leaves the store usable" {
    needs_root
    mkdir -p "$T/small"
    mount -t tmpfs -o size=16m none "$T/small"
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN dd if=/dev/zero of=/big bs=1M count=64
END
    run shale build --root "$T/small/store" .
    local code=$status text=$output
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo small > /small
END
    run shale build --root "$T/small/store" .
    local after=$status
    umount "$T/small"
    equal "$code" 1
    [[ $text == *"No space left on device"* ]]
    equal "$after" 0 "status of the build after that"
}

@test "an output folder that cannot be written is named" {
    needs_root
    fails 1 shale build -o "type=oci,dest=/proc/nothing/x.tar" .
    says /proc/nothing/x.tar
    fails 2 shale build -o "type=nonsense" .
    says nonsense
}

@test "a store that cannot be used is named" {
    touch "$T/file"
    fails 1 shale build --root "$T/file" .
    says "$T/file"
}

@test "names that are no names are refused" {
    fails 2 shale build -t 'Upper/Case' .
    says Upper/Case
    fails 1 shale tag nosuch other
    says nosuch
    fails 1 shale rmi nosuch
    fails 1 shale push nosuch
    fails 1 shale inspect nosuch
}
