#!/usr/bin/env bats
# Generated builds: wherever, however and from whatever they are made, the same
# comes out.

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

generate() { # SEED DIR
    rm -rf "$2"
    python3 "$here/generate.py" "$1" "$2" "$BASE/busybox:static"
}

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
        # Only a change may make a case fail.
        [[ "$digest" = sha256:* ]] || { echo "seed $seed: $output"; return 1; }
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

@test "a build on one processor equals one on all, in another store" {
    command -v taskset >/dev/null || skip "needs taskset"
    local seed all
    for ((seed = FIRST; seed < FIRST + CASES / 12; seed++)); do
        generate "$seed" "$T/case"
        rm -rf --one-file-system "$T/all" "$T/one"
        digest_of all "$T/case"
        all=$digest
        rm -rf "$T/out"
        succeeds taskset -c "$(taskset -cp $$ | grep -o '[0-9]*' | tail -n 1)" "$SHALE" build --root "$T/one" \
            -o "type=oci,tar=false,dest=$T/out,compression=uncompressed,rewrite-timestamp=true" "$T/case"
        equal "$(manifest_digest "$T/out")" "$all" "digest of seed $seed"
    done
}

@test "a user's build equals root's" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    user_begin
    local seed
    for ((seed = FIRST; seed < FIRST + CASES / 12; seed++)); do
        generate "$seed" "$USER_HOME/context/c"
        digest_of root "$USER_HOME/context/c"
        chown -R "$TEST_USER:" "$USER_HOME/context"
        rm -rf "$USER_HOME/out"
        succeeds as_user env "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" shale build \
            -o "type=oci,tar=false,dest=$USER_HOME/out,compression=uncompressed,rewrite-timestamp=true" c
        equal "$(manifest_digest "$USER_HOME/out")" "$digest" "digest of seed $seed"
    done
}

@test "a directory, an archive and a repository have the same keys, here and elsewhere" {
    local seed way
    git config --global user.email test@example.org
    git config --global user.name test
    mkdir "$T/web"
    web_start
    for ((seed = FIRST; seed < FIRST + CASES / 20; seed++)); do
        generate "$seed" "$T/case"
        # A repository knows no other modes.
        find "$T/case" -type f -perm 600 -exec chmod 644 {} +
        tar -C "$T/case" -cf "$T/web/c$seed.tar" .
        succeeds shale build --progress=plain "$T/case"
        git -C "$T/case" init -q
        git -C "$T/case" add -A
        git -C "$T/case" commit -q -m "seed $seed"
        git clone -q --bare "$T/case" "$T/web/c$seed.git"
        git -C "$T/web/c$seed.git" update-server-info
        for way in "$T/web/c$seed.tar" "$WEB/c$seed.tar" "$WEB/c$seed.git"; do
            succeeds shale build --progress=plain "$way"
            equal "$(steps_run)" "" "steps of seed $seed run for $way"
        done
    done
}
