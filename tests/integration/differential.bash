# Images of this program and of another builder, compared; loaded after lib.bash.
# shellcheck shell=bash disable=SC2154 # output is set by run

# What this program made is kept for the file's other tests.
differential() { # REFERENCE [CASE..]
    succeeds timeout 1200 python3 "$here/differential.py" --base "$BASE" \
        --ours "$BATS_FILE_TMPDIR/ours" --work "$BATS_FILE_TMPDIR/${1%%=*}" "$@"
    tail -n 1 <<<"$output" >&3
}
