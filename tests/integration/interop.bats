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
