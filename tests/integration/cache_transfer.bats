#!/usr/bin/env bats
# --cache-to and --cache-from: the build cache between machines.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    echo one >file
    dockerfile <<'END'
FROM @BASE@/busybox:static AS up
COPY file /file
RUN cat /file > /made
FROM @BASE@/busybox:static
RUN echo first > /first
WORKDIR /work
COPY --from=up /made .
RUN echo last > last
END
}
teardown() { test_end; }

# Build in the store $T/$1.
build_in() { # STORE ARGUMENT..
    local store=$1
    shift
    succeeds shale build --root "$T/$store" --progress=plain "$@" .
}

# The second machine runs nothing, and its image is that of the first.
serves_another_machine() { # CACHE-TO CACHE-FROM [ARGUMENT..]
    local to=$1 from=$2
    shift 2
    build_in one --cache-to "$to" --iidfile "$T/id1" "$@"
    build_in two --cache-from "$from" --iidfile "$T/id2"
    equal "$(steps_run)" ""
}

@test "a registry cache serves another machine" {
    registry_start "$T/registry"
    serves_another_machine "type=registry,ref=$REGISTRY/cache:a,mode=max" "type=registry,ref=$REGISTRY/cache:a"
    equal "$(cat "$T/id2")" "$(cat "$T/id1")"
}

@test "mode=min serves a build of the same input" {
    registry_start "$T/registry"
    serves_another_machine "type=registry,ref=$REGISTRY/cache:a" "$REGISTRY/cache:a"
    equal "$(cat "$T/id2")" "$(cat "$T/id1")"
}

@test "mode=min has the result's steps, mode=max those of all stages" {
    registry_start "$T/registry"
    build_in one --cache-to "type=registry,ref=$REGISTRY/cache:min" \
        --cache-to "type=registry,ref=$REGISTRY/cache:max,mode=max"
    sed -i 's/echo last/echo LAST/; s/AS up/AS up\nLABEL a=b/' Dockerfile
    echo 'FROM up' >>Dockerfile
    build_in two --cache-from "$REGISTRY/cache:min"
    equal "$(steps_run)" $'COPY file /file\nRUN cat /file > /made'
    build_in three --cache-from "$REGISTRY/cache:max"
    equal "$(steps_run)" ""
}

@test "a fully cached build fetches manifests and configs only" {
    registry_start "$T/registry"
    serves_another_machine "type=registry,ref=$REGISTRY/cache:a,mode=max" "$REGISTRY/cache:a"
    equal "$(find "$T/two/layers" -name tar -o -name tree -o -name 'blob.*')" "" "forms of layers"
    equal "$(ls "$T/two/snapshots")" "" "trees"
}

@test "a fully cached build makes two requests of the cache: its manifest and its config" {
    registry_start "$T/registry"
    build_in one --cache-to "type=registry,ref=$REGISTRY/cache:a,mode=max"
    local port
    port=$(free_port)
    started "$T/proxy.log" "$here/fault-proxy.py" "$port" "$REGISTRY" "$T/requests" none
    await_server "http://127.0.0.1:$port/v2/" "$T/proxy.log"
    : >"$T/requests"
    build_in two --cache-from "127.0.0.1:$port/cache:a" -t app
    equal "$(steps_run)" ""
    equal "$(grep -c '/manifests/' "$T/requests")" 1 "requests for manifests"
    equal "$(grep -c '/blobs/' "$T/requests")" 1 "requests for blobs"
}

@test "a directory cache is imported by digest, and can begin anew" {
    build_in one --cache-to "type=local,dest=$T/dir"
    local digest blobs
    digest=$(manifest_digest "$T/dir")
    blobs=$(find "$T/dir/blobs" -type f | wc -l)
    sed -i 's/echo last/echo LAST/' Dockerfile
    build_in one --cache-to "type=local,dest=$T/dir"
    [ "$(find "$T/dir/blobs" -type f | wc -l)" -gt "$blobs" ]
    build_in one --cache-to "type=local,dest=$T/dir,reset=true"
    equal "$(find "$T/dir/blobs" -type f | wc -l)" "$blobs" "blobs"
    digest=$(manifest_digest "$T/dir")
    build_in two --cache-from "type=local,src=$T/dir,digest=$digest"
    equal "$(steps_run)" ""
    build_in three --cache-from "type=local,src=$T/dir,digest=${digest//[0-9]/0}"
    says "ERROR"
}

@test "registry.insecure is for one registry only" {
    local address
    address=$(other_address) || skip "no address but loopback"
    registry_start "$T/registry" "address=$address"
    fails 1 shale build --cache-to "type=registry,ref=$REGISTRY/cache:a" .
    says "insecure"
    build_in one --cache-to "type=registry,ref=$REGISTRY/cache:a,mode=max,registry.insecure=true"
    build_in two --cache-from "type=registry,ref=$REGISTRY/cache:a,registry.insecure=true"
    equal "$(steps_run)" ""
}

@test "layers come when a step looks into them" {
    registry_start "$T/registry"
    build_in one --cache-to "type=registry,ref=$REGISTRY/cache:a,mode=max"
    echo 'RUN cat last /first made > /all' >>Dockerfile
    build_in two --cache-from "$REGISTRY/cache:a" -o "type=local,dest=$T/out"
    equal "$(steps_run)" "RUN cat last /first made > /all"
    equal "$(cat "$T/out/all")" $'last\nfirst\none'
}

@test "a pushed image carries its cache inline" {
    registry_start "$T/registry"
    serves_another_machine type=inline "$REGISTRY/app:1" -t "$REGISTRY/app:1" --push
    # Not inherited by what is built on it.
    printf 'FROM %s/app:1\nLABEL x=y\n' "$REGISTRY" >Dockerfile
    build_in three -o "type=oci,tar=false,dest=$T/out"
    equal "$(config_of "$T/out" .)" "$(config_of "$T/out" . | grep -v shale.cache)"
    # The reference's older way to ask for it.
    build_in three --build-arg BUILDKIT_INLINE_CACHE=1 -o "type=oci,tar=false,dest=$T/with"
    config_of "$T/with" . | grep -q shale.cache
}

@test "a directory cache serves another machine" {
    serves_another_machine "type=local,dest=$T/dir,mode=max" "type=local,src=$T/dir"
    equal "$(cat "$T/id2")" "$(cat "$T/id1")"
}

@test "an imported cache can be exported to another repository" {
    registry_start "$T/registry"
    serves_another_machine "type=registry,ref=$REGISTRY/cache:a,mode=max" "$REGISTRY/cache:a"
    build_in three --cache-from "$REGISTRY/cache:a" --cache-to "type=registry,ref=$REGISTRY/other:b,mode=max"
    equal "$(steps_run)" ""
    build_in four --cache-from "$REGISTRY/other:b"
    equal "$(steps_run)" ""
}

@test "a cache that cannot be had is told and done without" {
    registry_start "$T/registry"
    build_in one --cache-from "$REGISTRY/nothing:here" --cache-from "type=local,src=$T/nowhere"
    says "ERROR"
    equal "$(steps_run | grep -c RUN)" 3
}

@test "a cache that cannot be written fails the build unless errors are ignored" {
    local to="type=registry,ref=127.0.0.1:1/cache:a"
    fails 1 shale build --cache-to "$to" .
    says "exporting the cache"
    build_in one --cache-to "$to,ignore-error=true"
}

@test "variables and arguments do not leave with the cache" {
    registry_start "$T/registry"
    sed -i 's/AS up/AS up\nARG PASSPHRASE/' Dockerfile
    build_in one --build-arg PASSPHRASE=open-sesame --cache-to "type=local,dest=$T/dir,mode=max"
    refute grep -rq open-sesame "$T/dir"
}

@test "wrong cache options are wrong usage" {
    local bad
    for bad in type=gha type=registry type=local,mode=some "ref=x,colour=red"; do
        fails 2 shale build --cache-to "$bad" .
    done
    fails 2 shale build --cache-from type=inline .
}
