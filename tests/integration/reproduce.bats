#!/usr/bin/env bats
# The same image again: --timestamp, --verify, and what two images differ in.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    echo one >file
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY file /file
RUN mkdir /made && echo hello > /made/hello && touch -d 2031-05-06 /made/later
ENV A=1
END
}
teardown() { test_end; }

config_digest() { # DIR
    python3 -c 'import json, sys
digest = lambda d: f"{sys.argv[1]}/blobs/" + d["digest"].replace(":", "/")
print(json.load(open(digest(json.load(open(sys.argv[1] + "/index.json"))["manifests"][0])))["config"]["digest"])' "$1"
}

image_id() { shale images -q --no-trunc "$1"; }

@test "--timestamp gives the stored image and its outputs one digest in every store" {
    local i first
    for i in 1 2; do
        touch file
        succeeds shale build --root "$T/store$i" --timestamp 1000000000 -t app \
            -o "type=oci,tar=false,dest=$T/out$i" .
        first=${first:-$(manifest_digest "$T/out$i")}
        equal "$(SHALE_ROOT=$T/store$i image_id app)" "$(config_digest "$T/out$i")" "stored image"
        sleep 1.1
    done
    equal "$(manifest_digest "$T/out2")" "$first" "manifest digest"
    equal "$(config_of "$T/out2" created)" '"2001-09-09T01:46:40Z"'
    succeeds shale build --root "$T/store2" --timestamp 1000000000 -o "type=tar,dest=$T/root.tar" .
    run tar -tvf "$T/root.tar" made/later
    says 2001-09-09
    # Again, all from the cache.
    succeeds shale build --root "$T/store2" --progress=plain --timestamp 1000000000 -t app .
    equal "$(steps_run)" ""
    equal "$(SHALE_ROOT=$T/store2 image_id app)" "$(config_digest "$T/out1")" "stored image"
}

@test "options about times are checked" {
    fails 2 shale build --timestamp soon .
    says "--timestamp takes seconds since 1970"
    fails 2 shale build --timestamp 1 --source-date-epoch 1 .
    fails 2 shale build --rewrite-timestamp .
    says "needs a time"
    succeeds shale build --source-date-epoch 7 -t app .
    succeeds shale inspect app
    says 1970-01-01T00:00:07Z
}

@test "--verify passes a build that is the same the second time, and leaves the first" {
    succeeds shale build --timestamp 1000000000 -t app .
    local id
    id=$(image_id app)
    succeeds shale build --progress=plain --timestamp 1000000000 --verify -t app .
    equal "$(steps_run)" "COPY file /file
RUN mkdir /made && echo hello > /made/hello && touch -d 2031-05-06 /made/later"
    equal "$(image_id app)" "$id" "image"
    equal "$(ls -A "$SHALE_ROOT/tmp")" "" "work in progress"
    succeeds shale build --progress=plain --timestamp 1000000000 -t app .
    equal "$(steps_run)" ""
}

@test "--verify names the layer and the file that differ first" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY file /file
RUN { echo 12345678; cat /proc/sys/kernel/random/uuid; } > /random
END
    fails 1 shale build --timestamp 1000000000 --verify -o "type=oci,dest=$T/out.tar" .
    says "layer 3 (RUN /bin/sh -c { echo" "/random: content: from byte 9 on"
    [ ! -e "$T/out.tar" ]
    fails 1 shale build --verify .
    says "see --timestamp"
}

@test "diff tells what two images differ in, and nothing of equal ones" {
    succeeds shale build -t a .
    succeeds shale diff a a
    equal "$output" ""
    succeeds shale diff --format json a a
    equal "$(python3 -c 'import json, sys; print(json.loads(sys.argv[1]))' "$output")" \
        "{'config': [], 'history': [], 'layers': []}"
    echo once >file
    chmod 600 file
    dockerfile <<'END'
FROM @BASE@/busybox:static
COPY file /file
RUN mkdir /made && ln -s hello /made/hello && mknod /made/null c 1 3
ENV A=2
RUN touch "/$(printf 'x\377\033')"
END
    succeeds shale build -t b .
    fails 1 shale diff a b
    says "config.Env[1]: A=1 -> A=2" "[4]: - -> {" \
        "/file: mode: 0644 -> 0600" "size: 4 -> 5" "content: from byte 2 on" \
        "/made/hello: type: file -> symlink" "/made/later: removed" "/made/null: added" \
        "layer 4, only on the right (RUN /bin/sh -c touch" '/x\xff?: added'
    says_not "layer 1"
    fails 1 shale diff --format json a b
    equal "$(python3 -c 'import json, sys
d = json.loads(sys.argv[1])
print([(l["left"] and l["left"]["index"], l["right"]["index"]) for l in d["layers"]],
      [f["change"] for l in d["layers"] for f in l["files"] if f["path"].startswith("made/")])' "$output")" \
        "[(2, 2), (3, 3), (None, 4)] ['changed', 'removed', 'added']"
}

@test "diff compares images in other places, and fails with 2" {
    registry_start "$T/registry"
    succeeds shale build -t "$REGISTRY/app" --push -o "type=oci,tar=false,dest=$T/layout" .
    succeeds shale diff "docker://$REGISTRY/app" "$REGISTRY/app"
    equal "$output" ""
    succeeds shale diff "oci:$T/layout" "docker://$REGISTRY/app"
    succeeds shale save -o "$T/app.tar" "$REGISTRY/app"
    succeeds shale diff "oci-archive:$T/app.tar" "store:$REGISTRY/app"
    fails 2 shale diff nobody "$REGISTRY/app"
    says "no local image"
    fails 2 shale diff one
    fails 2 shale diff --format xml a b
}
