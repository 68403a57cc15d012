#!/usr/bin/env bats
# Generated builds: what comes from a cache equals what is made anew.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    export SOURCE_DATE_EPOCH=1600000000
    # 100 cases by default, 2,000 in `make nightly`.
    CASES=$((SHALE_TEST_ROUNDS < 1000 ? SHALE_TEST_ROUNDS * 33 + 1 : SHALE_TEST_ROUNDS * 2))
    # A nightly run sees other cases each time, and says which.
    FIRST=$((SHALE_TEST_ROUNDS < 1000 ? 1 : RANDOM * 100000))
}
teardown() { test_end; }

# Build context CONTEXT in STORE; the manifest's digest is left in $digest.
digest_of() { # STORE CONTEXT ARGUMENT..
    local store=$1 context=$2
    shift 2
    rm -rf "$T/out"
    run shale build --root "$T/$store" --progress=plain "$@" \
        -o "type=oci,tar=false,dest=$T/out,compression=uncompressed,rewrite-timestamp=true" "$context"
    digest=$status
    # A change may have removed what is copied: then all have to fail alike.
    if [ "$status" = 0 ]; then digest=$(manifest_digest "$T/out"); fi
}

@test "a cached build equals a fresh one" {
    local seed warm cold
    for ((seed = FIRST; seed < FIRST + CASES; seed++)); do
        rm -rf "$T/before" "$T/after"
        python3 "$here/generate.py" "$seed" "$T/before" "$BASE/busybox:static"
        python3 "$here/generate.py" "$seed" "$T/after" "$BASE/busybox:static" "$seed"
        digest_of warm "$T/before"
        digest_of warm "$T/after"
        warm=$digest
        digest_of cold "$T/after" --no-cache
        cold=$digest
        [ "$warm" = "$cold" ] || {
            echo "seed $seed: cached $warm, fresh $cold"
            cat "$T/after/Dockerfile"
            echo "$output"
            return 1
        }
        # Old results are hits and misses of many cases, but not of all.
        ((seed % 20)) || rm -rf --one-file-system "$T/cold" "$T/warm"
    done
    succeeds shale fsck --root "$T/warm"
    says " 0 damaged"
}

@test "a build from an exported cache equals a fresh one" {
    local seed first
    for ((seed = FIRST; seed < FIRST + CASES / 10; seed++)); do
        rm -rf "$T/before" "$T/cache" "$T/one" "$T/two"
        python3 "$here/generate.py" "$seed" "$T/before" "$BASE/busybox:static"
        digest_of one "$T/before" --cache-to "type=local,dest=$T/cache,mode=max"
        first=$digest
        digest_of two "$T/before" --cache-from "type=local,src=$T/cache"
        equal "$digest" "$first" "digest of seed $seed"
    done
}
