#!/usr/bin/env bats
# manifest: indexes of images for several platforms, made here and pushed.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    registry_start "$T/registry"
    printf 'FROM scratch\nCOPY f /\n' >Dockerfile
}
teardown() { test_end; }

image_for() { # ARCH NAME [OPTION..]
    local arch=$1 name=$2
    shift 2
    echo "$arch" >f
    succeeds shale build --platform "linux/$arch" -t "$name" "$@" .
}

platforms() { # REFERENCE
    skopeo inspect --raw --tls-verify=false "docker://$1" |
        python3 -c 'import json, sys
for m in json.load(sys.stdin)["manifests"]: print(m["platform"]["os"], m["platform"]["architecture"])'
}

digest_of() { # REFERENCE
    skopeo inspect --raw --tls-verify=false "docker://$1" | sha256sum | cut -d' ' -f1
}

@test "local images are pushed as one index, which keeps them until it is removed" {
    image_for amd64 app:amd64
    image_for arm64 app:arm64
    succeeds shale manifest create app:all app:amd64 app:arm64
    succeeds shale rmi app:amd64 app:arm64
    succeeds shale prune -af
    succeeds shale fsck
    succeeds shale manifest push -q app:all "$REGISTRY/app:1"
    equal "$output" "sha256:$(digest_of "$REGISTRY/app:1")"
    equal "$(platforms "$REGISTRY/app:1")" "$(printf 'linux amd64\nlinux arm64')"
    succeeds skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/app:1" "dir:$T/all"
    printf 'FROM %s/app:1\n' "$REGISTRY" >Dockerfile
    succeeds shale build --root "$T/store2" --platform linux/arm64 -o "type=local,dest=$T/out" .
    equal "$(cat "$T/out/f")" arm64
    # Again it is the same, and nothing of it is sent.
    succeeds shale manifest push -q app:all "$REGISTRY/app:1"
    equal "$output" "sha256:$(digest_of "$REGISTRY/app:1")"
    succeeds shale manifest rm app:all
    fails 1 shale manifest push app:all "$REGISTRY/app:1"
    says "no list of images named"
}

@test "images of registries join local ones, unchanged and without being fetched" {
    image_for amd64 "$REGISTRY/a:1" --output "type=registry,oci-mediatypes=false"
    image_for arm64 b
    image_for s390x c
    succeeds shale manifest create "$REGISTRY/two:1" b c
    succeeds shale manifest push "$REGISTRY/two:1"
    # One name is local, but the registry's is asked for; and all of an index.
    succeeds shale manifest create --root "$T/store2" "$REGISTRY/three:1" "docker://$REGISTRY/a:1" "$REGISTRY/two:1"
    equal "$(find "$T/store2/layers" -name 'blob.*' -o -name tar | wc -l)" 0
    succeeds shale manifest push --root "$T/store2" "$REGISTRY/three:1"
    equal "$(platforms "$REGISTRY/three:1")" "$(printf 'linux amd64\nlinux arm64\nlinux s390x')"
    skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/three:1" |
        grep -q "application/vnd.docker.distribution.manifest.v2+json.*sha256:$(digest_of "$REGISTRY/a:1")"
}

@test "two images for one platform, or none at all, are refused" {
    image_for amd64 a
    image_for amd64 "$REGISTRY/b:1" --push
    fails 2 shale manifest create x a "docker://$REGISTRY/b:1"
    says "two images are for linux/amd64"
    fails 1 shale manifest create x a "$REGISTRY/none:1"
    says "none:1" "404"
    fails 2 shale manifest create x
    fails 1 shale manifest push x
    says "no list of images named"
}
