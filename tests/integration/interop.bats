#!/usr/bin/env bats
# Other tools accept what we push and export.

load lib
setup_file() {
    file_begin
    # One image for all tests of this file.
    export IMAGES=$BATS_FILE_TMPDIR/images
    mkdir -p "$IMAGES/context" && cd "$IMAGES/context"
    export SHALE_ROOT=$IMAGES/store
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo hello > /hello && chown 3:4 /hello && ln /hello /hard && ln -s hello /soft && rm /bin/zcat
WORKDIR /work
ENV GREETING=hi
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat /hello; echo $GREETING; pwd"]
END
    registry_start "$IMAGES/registry"
    export PUSHED=$REGISTRY/interop:1
    shale build -q -t "$PUSHED" . >/dev/null
    shale push "$PUSHED" >&2
    shale build -q -t shale-interop:oci -o "type=oci,dest=$IMAGES/oci.tar" . >/dev/null
    shale build -q -t shale-interop:docker -o "type=docker,dest=$IMAGES/docker.tar" . >/dev/null
}
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

sound_layout() { # DIR
    python3 "$here/layout.py" verify "$1"
    equal "$(config_of "$1" config.WorkingDir)" '"/work"'
}

@test "skopeo inspects and copies a pushed image" {
    succeeds skopeo inspect --tls-verify=false "docker://$PUSHED"
    says '"Digest"' "GREETING=hi"
    succeeds skopeo copy -q --src-tls-verify=false "docker://$PUSHED" "oci:$T/layout:image"
    sound_layout "$T/layout"
    succeeds skopeo copy -q --src-tls-verify=false "docker://$PUSHED" "docker-archive:$T/archive.tar:x:1"
}

@test "skopeo copies both archives" {
    succeeds skopeo copy -q "oci-archive:$IMAGES/oci.tar" "oci:$T/a:image"
    sound_layout "$T/a"
    succeeds skopeo copy -q "docker-archive:$IMAGES/docker.tar" "oci:$T/b:image"
    sound_layout "$T/b"
}

@test "umoci unpacks it with the right files, and runc runs it" {
    needs_root
    succeeds skopeo copy -q --src-tls-verify=false "docker://$PUSHED" "oci:$T/layout:image"
    succeeds umoci unpack --image "$T/layout:image" "$T/bundle"
    equal "$(stat -c '%u:%g %h' "$T/bundle/rootfs/hello")" "3:4 2"
    equal "$(readlink "$T/bundle/rootfs/soft")" hello
    [ ! -e "$T/bundle/rootfs/bin/zcat" ]
    python3 "$here/bundle.py" "$T/bundle/config.json"
    succeeds runc --root "$T/runc" run -b "$T/bundle" "shale-test-$$"
    equal "$output" $'hello\nhi\n/work'
}

podman_here() {
    podman --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file "$@"
}

@test "podman pulls and runs a pushed image" {
    needs_root
    succeeds podman_here pull -q --tls-verify=false "$PUSHED"
    local -a limits=(--pids-limit=0 --ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096)
    succeeds podman_here --runtime runc run --rm --network=host "${limits[@]}" "$PUSHED"
    says hello hi /work
}

@test "podman loads both archives" {
    needs_root
    succeeds podman_here load -q -i "$IMAGES/oci.tar"
    says shale-interop:oci
    succeeds podman_here load -q -i "$IMAGES/docker.tar"
    says shale-interop:docker
    succeeds podman_here image inspect shale-interop:docker --format '{{.Config.WorkingDir}}'
    equal "$output" /work
}

# An image of another tool's making is a base here, and goes on with its digest.
pulls_and_copies() { # REFERENCE
    local digest
    printf 'FROM %s\nRUN cat /hello > /seen\n' "$1" >Dockerfile
    succeeds shale build -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/seen")" hello
    digest=$(skopeo inspect --raw --tls-verify=false "docker://$1" | sha256sum | cut -d' ' -f1)
    succeeds shale copy -q "$1" "${1%:*}-copied:1"
    equal "$output" "sha256:$digest"
    rm -rf "$T/out" "$SHALE_ROOT"
}

@test "what podman pushes in each compression is pulled and copied" {
    needs_root
    local how from
    registry_start "$T/registry"
    from=$REGISTRY/flat:1
    # podman 4.3 loses what follows the end of a tar, as of the base's layer, in zstd:chunked.
    printf 'FROM scratch\nCOPY --from=%s / /\n' "$PUSHED" >Dockerfile
    succeeds shale build --push -t "$from" .
    succeeds podman_here pull -q --tls-verify=false "$from"
    for how in gzip zstd zstd:chunked; do
        # Where a layer is already podman does not compress it.
        registry_start "$T/registry-$how"
        succeeds podman_here push -q --tls-verify=false --compression-format "$how" "$from" \
            "docker://$REGISTRY/podman-${how%:*}:1"
        succeeds skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/podman-${how%:*}:1"
        says "+${how%:*}"
        [ "$how" != zstd:chunked ] || says io.containers.zstd-chunked
        pulls_and_copies "$REGISTRY/podman-${how%:*}:1"
    done
}

@test "what skopeo and umoci push is pulled and copied" {
    registry_start "$T/registry"
    local to=(skopeo copy -q --src-tls-verify=false --dest-tls-verify=false)
    succeeds "${to[@]}" --format v2s2 "docker://$PUSHED" "docker://$REGISTRY/schema2:1"
    pulls_and_copies "$REGISTRY/schema2:1"
    succeeds "${to[@]}" "docker://$PUSHED" "oci:$T/layout:image"
    succeeds umoci unpack --rootless --image "$T/layout:image" "$T/bundle"
    echo more >"$T/bundle/rootfs/more"
    succeeds umoci repack --image "$T/layout:image" "$T/bundle"
    succeeds umoci config --image "$T/layout:image" --config.label from=umoci
    succeeds "${to[@]}" "oci:$T/layout:image" "docker://$REGISTRY/umoci:1"
    pulls_and_copies "$REGISTRY/umoci:1"
}

@test "artifacts beside images in an index are passed over, and copied" {
    registry_start "$T/registry"
    succeeds skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$PUSHED" "docker://$REGISTRY/mixed:image"
    python3 - "$REGISTRY" <<'END'
import hashlib, json, subprocess, sys, urllib.request
base = "http://%s/v2/mixed/" % sys.argv[1]
manifest, index = ("application/vnd.oci.image.%s.v1+json" % kind for kind in ("manifest", "index"))

def call(method, path, data=None, kind="application/octet-stream"):
    url = path if path.startswith("http") else base + path
    return urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": kind, "Accept": manifest}, method=method))

def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()

def described(data, kind, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}

def put_blob(data):
    place = call("POST", "blobs/uploads/", b"").headers["Location"]
    call("PUT", place + "&digest=" + digest(data), data)

image = call("GET", "manifests/image").read()
empty, text = b"{}", b"what is no layer"
put_blob(empty)
put_blob(text)
artifact = json.dumps({
    "schemaVersion": 2, "mediaType": manifest, "artifactType": "text/x-tests",
    "config": described(empty, "application/vnd.oci.empty.v1+json"),
    "layers": [described(text, "text/x-tests")], "subject": described(image, manifest)}).encode()
call("PUT", "manifests/" + digest(artifact), artifact, manifest)
here = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
entries = [described(artifact, manifest, artifactType="text/x-tests"),
           described(artifact, manifest, platform={"os": "unknown", "architecture": "unknown"}),
           described(image, manifest, platform={"os": "linux", "architecture": here})]
call("PUT", "manifests/1", json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": entries}).encode(), index)
END
    pulls_and_copies "$REGISTRY/mixed:1"
    succeeds skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/mixed-copied:1" "dir:$T/all"
    fails 1 shale pull --platform linux/s390x "$REGISTRY/mixed:1"
    says "only for: linux/"
    says_not unknown
}

@test "docker loads the docker archive" {
    needs_root
    command -v dockerd >/dev/null || skip "no docker.io here"
    local i
    started "$T/dockerd.log" dockerd --data-root "$T/docker" --exec-root "$T/docker-run" \
        --pidfile "$T/dockerd.pid" --host "unix://$T/docker.sock" --storage-driver vfs \
        --bridge none --iptables=false --ip6tables=false
    for ((i = 0; i < 100; i++)); do
        ! docker -H "unix://$T/docker.sock" version >/dev/null 2>&1 || break
        kill -0 "$STARTED_PID" 2>/dev/null || break
        sleep 0.2
    done
    if ! docker -H "unix://$T/docker.sock" version >/dev/null 2>&1; then
        skip "dockerd does not start here: $(tail -n 1 "$T/dockerd.log")"
    fi
    succeeds docker -H "unix://$T/docker.sock" load -i "$IMAGES/docker.tar"
    says shale-interop:docker
    succeeds docker -H "unix://$T/docker.sock" image inspect --format '{{.Config.WorkingDir}}' shale-interop:docker
    equal "$output" /work
}
