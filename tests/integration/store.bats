#!/usr/bin/env bats
# Local images: names, lists, archives in and out.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo hello > /hello
LABEL who=me
CMD ["cat", "/hello"]
END
}
teardown() { test_end; }

@test "a built image is listed, tagged, untagged and gone" {
    succeeds shale build -t app:1 .
    succeeds shale images
    says app 1
    local id
    id=$(shale images -q --no-trunc app:1)
    succeeds shale tag app:1 other:2
    equal "$(shale images -q --no-trunc other:2)" "$id"
    succeeds shale rmi app:1
    equal "$(shale images -q app)" ""
    succeeds shale rmi other:2
    equal "$(shale images -q app)$(shale images -q other:2)" ""
}

@test "the id of an image is the digest of its config" {
    succeeds shale build -q -t app --iidfile "$T/iid" .
    local id
    id=$(shale build -q .)
    equal "$(cat "$T/iid")" "$id"
    build_layout "$T/image" .
    equal "\"$id\"" "$(python3 "$here/layout.py" manifest "$T/image" config.digest)"
}

@test "an image without a name is found by its id until space is freed" {
    registry_start "$T/registry"
    local id short
    id=$(shale build -q .)
    short=${id:7:12}
    succeeds shale images -q
    says_not "$short"
    succeeds shale inspect "$id"
    says "\"Id\": \"$id\"" '"Names": []'
    succeeds shale inspect "sha256:$short"
    succeeds shale history "$short"
    says "echo hello > /hello"
    succeeds shale save -o "$T/image.tar" "$short"
    succeeds shale push "$short" "$REGISTRY/app:1"
    fails 2 shale push "$short"
    says "say where to push"
    succeeds shale copy "store:$short" "oci:$T/layout:x"
    succeeds shale diff "store:$short" "docker://$REGISTRY/app:1"
    fails 1 shale inspect "${id:7:8}00000000"
    says "no image whose id begins with '${id:7:8}00000000'"
    succeeds shale tag "$short" app:1
    succeeds shale rmi app:1
    fails 1 shale inspect "$id"
    id=$(shale build -q .)
    succeeds shale rmi "$id"
    fails 1 shale inspect "$id"
}

@test "-q prints the id on stdout and nothing else anywhere" {
    run --separate-stderr shale build -q .
    equal "$status" 0
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    equal "$stderr" ""
}

@test "inspect and history tell what the image is" {
    succeeds shale build -t app .
    succeeds shale inspect app
    says '"who"' '"cat"' sha256:
    shale inspect app | python3 -m json.tool >/dev/null
    succeeds shale history app
    says "echo hello > /hello" "LABEL who=me"
}

@test "save and load keep the image, its name and its digests" {
    succeeds shale build -t app:1 .
    succeeds shale save -o "$T/app.tar" app:1
    succeeds shale load --root "$T/store2" -i "$T/app.tar"
    says app:1
    equal "$(shale images --root "$T/store2" -q --no-trunc app:1)" "$(shale images -q --no-trunc app:1)"
    run bash -c '"$SHALE" save app:1 | "$SHALE" load --root "$T/store3"'
    equal "$status" 0
}

@test "a loaded image is a base like any other" {
    succeeds shale build -t app:1 .
    succeeds shale save -o "$T/app.tar" app:1
    succeeds shale load --root "$T/store2" -i "$T/app.tar"
    printf 'FROM app:1\nRUN cat /hello > /again\n' >Dockerfile
    succeeds shale build --root "$T/store2" -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/again")" hello
}

@test "oci and docker archives can be loaded again" {
    local type
    for type in oci docker; do
        succeeds shale build -t "app:$type" -o "type=$type,dest=$T/$type.tar" .
        succeeds shale load --root "$T/$type" -i "$T/$type.tar"
        succeeds shale inspect --root "$T/$type" "app:$type"
        says '"who"'
    done
}

@test "the metadata file names digests" {
    succeeds shale build -t app --metadata-file "$T/meta" .
    python3 -c 'import json, sys
meta = json.load(open(sys.argv[1]))
assert meta["containerimage.config.digest"].startswith("sha256:"), meta' "$T/meta"
}

@test "several names and several outputs come from one build" {
    succeeds shale build -t a:1 -t b:2 -o "type=oci,dest=$T/o.tar" -o "type=docker,dest=$T/d.tar" .
    tar -tf "$T/o.tar" >"$T/names"
    grep -q index.json "$T/names"
    tar -xOf "$T/d.tar" manifest.json | grep -q a:1
}

@test "an archive goes to stdout when it is told to" {
    run bash -c '"$SHALE" build -o type=oci . 2>/dev/null | tar -t'
    equal "$status" 0
    says index.json oci-layout
    run bash -c '"$SHALE" build -o - . 2>/dev/null | tar -t'
    says hello
}

@test "uncompressed, gzip and zstd layers are what they are called" {
    local how
    for how in uncompressed gzip zstd; do
        build_layout "$T/$how" --no-cache .
        build_layout "$T/$how-forced" . # the default again, from the same store
        rm -rf "${T:?}/$how"
        succeeds shale build -o "type=oci,tar=false,dest=$T/$how,compression=$how,force-compression=true" .
        python3 "$here/layout.py" verify "$T/$how"
    done
    [[ $(python3 "$here/layout.py" manifest "$T/zstd" layers) == *tar+zstd* ]]
    [[ $(python3 "$here/layout.py" manifest "$T/gzip" layers) == *tar+gzip* ]]
    [[ $(python3 "$here/layout.py" manifest "$T/uncompressed" layers) != *+* ]]
}

@test "what a long step writes goes to the disk while the step runs" {
    command -v strace >/dev/null || skip "needs strace"
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN for i in 1 2; do dd if=/dev/zero of=/$i bs=1M count=80; sleep 0.5; done
END
    # Leaks cannot be looked for in a traced process.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 succeeds strace -f -qq -o "$T/trace" -e trace=syncfs \
        "$SHALE" build -t app .
    # Publishing flushes twice.
    [ "$(grep -c syncfs "$T/trace")" -gt 2 ] || { cat "$T/trace"; return 1; }
}
