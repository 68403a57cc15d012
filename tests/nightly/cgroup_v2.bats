#!/usr/bin/env bats
# Limits where cgroup v2 is mounted alone: in a guest with a kernel of its own.

load ../integration/lib

setup_file() {
    local why=$BATS_FILE_TMPDIR/why status=0
    "$BATS_TEST_DIRNAME/guest.sh" "$BATS_FILE_TMPDIR/guest" "$BATS_TEST_DIRNAME/cgroup_v2.guest" \
        >"$BATS_FILE_TMPDIR/log" 2>"$why" || status=$?
    [ "$status" = 0 ] || [ "$status" = 77 ] || { cat "$why" >&2; return 1; }
}

# The guest's verdict about NAME.
guest_agrees() { # NAME
    local log=$BATS_FILE_TMPDIR/log
    [ -s "$log" ] || skip "$(tail -n 1 "$BATS_FILE_TMPDIR/why")"
    sed -n "/^--- $1\$/,/^\(not \)\?ok $1\$/p" "$log"
    grep -qx "ok $1" "$log"
}

@test "v2: limits are offered for every controller" {
    guest_agrees only_v2
    guest_agrees info_says_v2
}

@test "v2: a step that takes too much memory is ended, and named" { guest_agrees memory_bites; }
@test "v2: a step within its memory is not" { guest_agrees memory_in_bounds_is_free; }
@test "v2: there are no more processes than allowed" { guest_agrees pids_bite; }
@test "v2: a step gets no more processor time than allowed" { guest_agrees cpus_bite; }
@test "v2: shares become a weight" { guest_agrees shares_become_a_weight; }
@test "v2: a step runs on the given processors" { guest_agrees cpusets_bite; }
@test "v2: disks are no faster than allowed" { guest_agrees disks_bite; }
@test "v2: limits bite where the builder is in a group itself" { guest_agrees inside_a_group; }
@test "v2: the limits of a parent count" { guest_agrees a_parent_counts; }
@test "v2: a user sets limits in a delegated subtree" { guest_agrees user_with_a_subtree; }
@test "v2: a user without one is told what is missing" { guest_agrees user_without_a_subtree; }
