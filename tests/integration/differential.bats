#!/usr/bin/env bats
# The images that other builders make of the same Dockerfiles.
#
# What the newest docker and buildah made of the cases in testdata/differential
# is recorded there (see differential.py). A few are built by the buildah of this
# machine, too, so that the comparison itself is tried; the nightly tests ask
# all builders for all cases.

load lib
load differential
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

@test "every image is the one that was recorded of another builder" {
    needs_root
    differential recorded
}

@test "the buildah installed here makes the same images" {
    needs_root
    command -v buildah >/dev/null || skip "buildah is not installed"
    differential buildah add-archives config-everything copy-chown copy-dir-paths \
        copy-chmod ignore-patterns run-forms run-whiteouts
}
