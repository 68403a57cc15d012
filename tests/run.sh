#!/bin/bash
# run.sh PROGRAM..
#
# Run test programs that print TAP (bats files among them), a few at a time,
# and end with one line: "N passed, N failed" or "N passed, N failed, N skipped".
# What a program with failures printed is shown whole. With CI=true a skipped
# test counts as failed unless its name is a line of tests/skips-allowed.
#
# SHALE_TEST_JOBS: programs at a time (the number of processors).
# SHALE_TEST_TIMEOUT: seconds that one program may take (1500).
set -u

here=$(dirname "$0")
logs=$(mktemp -d "${TMPDIR:-/tmp}/shale-run.XXXXXX")
trap 'rm -rf "$logs"' EXIT

# Run one program; leaves its output and its exit status in files.
run_one() {
    local log=$1 program=$2
    local -a command=("$program")

    [ "${program%.bats}" = "$program" ] || command=(bats --tap "$program")
    CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "${SHALE_TEST_TIMEOUT:-1500}" \
        "${command[@]}" >"$log.out" 2>&1 </dev/null
    echo $? >"$log.rc"
}
export -f run_one

# Judge what one program left: adds to the totals, prints a line about it.
passed=0 failed=0 skipped=0
judge() {
    local log=$1 program=$2 line name rc bad=0 good=0 none=0

    rc=$(cat "$log.rc" 2>/dev/null || echo lost)
    while IFS= read -r line; do
        case $line in
        "not ok "*) bad=$((bad + 1)) ;;
        "ok "*"# SKIP"* | "ok "*"# skip"*)
            name=$(sed -E 's/^ok [0-9]+ (- )?//; s/ # (SKIP|skip).*//' <<<"$line")
            if [ "${CI:-}" = true ] && ! grep -qxF -- "$name" "$here/skips-allowed"; then
                echo "skipped, and not in tests/skips-allowed: $name"
                bad=$((bad + 1))
            else
                none=$((none + 1))
            fi
            ;;
        "ok "*) good=$((good + 1)) ;;
        esac
    done <"$log.out"

    # Died, or ran nothing: neither may look like success.
    if [ "$bad" = 0 ] && { [ "$rc" != 0 ] || [ $((good + none)) = 0 ]; }; then
        echo "exit status $rc" >>"$log.out"
        bad=1
    fi
    printf '%-60s %4d passed %d failed %d skipped\n' "$program" "$good" "$bad" "$none"
    [ "$bad" = 0 ] || sed 's/^/    /' "$log.out"
    [ "$none" = 0 ] || grep -iE '^ok .*# skip' "$log.out" | sed 's/^/    /'
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + none))
}

i=0
for program; do
    i=$((i + 1))
    printf '%s\0%s\0' "$logs/$i" "$program"
done | xargs -0 -r -n 2 -P "${SHALE_TEST_JOBS:-$(nproc)}" bash -c 'run_one "$@"' run

i=0
for program; do
    i=$((i + 1))
    judge "$logs/$i" "$program"
done

line="$passed passed, $failed failed"
[ "$skipped" = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" = 0 ]
