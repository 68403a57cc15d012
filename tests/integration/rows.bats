#!/usr/bin/env bats
# Tables of Dockerfiles and what has to come of them: testdata/rows, read by rows.py.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

rows() { # TABLE
    succeeds timeout 900 python3 "$here/rows.py" --base "$BASE" --work "$T/rows" \
        "$top/testdata/rows/$1.rows"
}

@test "every row about RUN is as it should be" {
    rows run
}

@test "every row about layers, config and history is as it should be" {
    rows image
}

@test "every row about the cache is as it should be" {
    rows cache
}

@test "every row about COPY, ADD and contexts is as it should be" {
    needs_root
    rows copy
}

@test "every row about what is easily got wrong is as it should be" {
    rows tricky
}
