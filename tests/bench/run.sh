#!/bin/bash
# bench/run.sh: the figures, as ratios to the best of the other builders that
# are installed, each taking its turn in every round of the same run.
set -eu

bench=$(cd "$(dirname "$0")" && pwd)
STARTED=$(mktemp "${TMPDIR:-/tmp}/shale-bench.XXXXXX")
# shellcheck source=tests/integration/lib.bash
. "$bench/../integration/lib.bash"
work=$(mktemp -d "${TMPDIR:-/tmp}/shale-bench.XXXXXX")
trap 'end_started; no_mounts_below "$work" >&2 || true; rm -rf "$work" "$STARTED"' EXIT
BATS_FILE_TMPDIR=$work
base_start
"$bench/run_steps.py" "$SHALE" "$BASE" "$work" "$@"
"$bench/run_contexts.py" "$SHALE" "$BASE" "$work/contexts"
registry_start "$work/registry"
"$bench/run_push_pull.py" "$SHALE" "$BASE" "$REGISTRY" "$work"
