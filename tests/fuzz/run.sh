#!/bin/bash
# fuzz/run.sh SECONDS FUZZER..
#
# Fuzz each target for so long, beginning with its corpus. New inputs go to
# build/corpus/<subject>/, findings to build/findings/; a finding is a failure
# and its input is worth a place in testdata/fuzz/<subject>/.
set -u

seconds=$1
shift
failed=0
for fuzzer; do
    subject=${fuzzer##*/fuzz_}
    mkdir -p "build/corpus/$subject" build/findings "testdata/fuzz/$subject"
    echo "fuzzing $subject for $seconds s"
    "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/findings/$subject-" \
        "build/corpus/$subject" "testdata/fuzz/$subject" \
        >"build/findings/$subject.log" 2>&1 </dev/null
    rc=$?
    grep -E '^stat::(number_of_executed_units|peak_rss_mb)' "build/findings/$subject.log"
    [ "$rc" = 0 ] && continue
    echo "finding in $subject:"
    tail -n 40 "build/findings/$subject.log"
    failed=$((failed + 1))
done
echo "$# targets, $failed with findings"
[ "$failed" = 0 ]
