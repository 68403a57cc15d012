#!/usr/bin/env bats
# The command line's own promises: parse, debug, info, version, help.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

same_json() { # GOT WANTED
    python3 -c 'import json, sys
got, wanted = (json.loads(text) for text in sys.argv[1:])
if got != wanted:
    sys.exit("is: %s\nnot: %s" % (json.dumps(got), json.dumps(wanted)))' "$1" "$2"
}

@test "parse prints the documented shape" {
    printf '# syntax=docker/dockerfile:1\nFROM scratch AS a\nRUN --mount=type=cache,target=/c \\\n  make\n' >Dockerfile
    run --separate-stderr shale parse --json Dockerfile
    equal "$status" 0
    same_json "$output" '{"directives": {"syntax": "docker/dockerfile:1", "escape": "\\", "check": null}, "instructions": [
        {"name": "FROM", "flags": [], "args": ["scratch", "AS", "a"], "json": false, "lines": [2, 2], "heredocs": []},
        {"name": "RUN", "flags": ["--mount=type=cache,target=/c"], "args": ["make"], "json": false, "lines": [3, 4], "heredocs": []}]}'
}

@test "parse shows heredocs raw and triggers nested" {
    printf 'FROM scratch\nCOPY <<-"EOF" /x\n\thello $x\nEOF\nONBUILD RUN ["a", "b"]\n' >Dockerfile
    run --separate-stderr shale parse --json Dockerfile
    equal "$status" 0
    python3 -c 'import json, sys
copy, trigger = json.loads(sys.argv[1])["instructions"][1:]
assert copy["heredocs"] == [{"name": "EOF", "content": "\thello $x\n", "expand": False, "chomp": True, "fd": 0}], copy
assert trigger["sub"]["name"] == "RUN" and trigger["sub"]["args"] == ["a", "b"] and trigger["sub"]["json"], trigger' "$output"
}

@test "parse errors name file and line and exit with 1" {
    printf 'FROM scratch\nNONSENSE\n' >Dockerfile
    run --separate-stderr shale parse --json Dockerfile
    equal "$status" 1
    [[ $stderr == *Dockerfile:2:* ]]
    equal "$output" ""
    printf 'RUN true\n' >Dockerfile
    succeeds shale parse --json Dockerfile
    fails 1 shale parse --json --strict Dockerfile
    says Dockerfile:1:
}

@test "debug expand expands a word" {
    expand() { printf '%s' "$1" | shale debug expand; }
    same_json "$(expand '{"word": "${a:-x y} $b", "env": {"b": "1 2"}, "escape": "\\"}')" \
        '{"word": "x y 1 2", "words": ["x", "y", "1", "2"]}'
    same_json "$(expand '{"word": "\"$b c\"", "env": {"b": "1 2"}, "escape": "\\"}')" \
        '{"word": "1 2 c", "words": ["1 2 c"]}'
    run expand '{"word": "${a:?must}", "env": {}, "escape": "\\"}'
    equal "$status" 1
}

@test "debug ignore matches and debug ignorefile cleans" {
    same_json "$(printf '{"patterns": ["*.log", "!keep.log", "dir"], "paths": ["a.log", "keep.log", "dir/x", "b"]}' | shale debug ignore)" \
        '{"excluded": [true, false, true, false]}'
    run bash -c 'echo "{\"patterns\": [\"[a\"], \"paths\": [\"x\"]}" | "$SHALE" debug ignore'
    equal "$status" 1
    printf '# comment\n\n  ./a/../b  \n!c/\n/d\n' >f
    same_json "$(shale debug ignorefile f)" '["b", "!c", "d"]'
}

@test "version, info and help answer on stdout" {
    run --separate-stderr shale version
    equal "$status" 0
    [[ $output =~ [0-9]+\.[0-9]+\.[0-9]+ ]]
    run --separate-stderr shale info
    equal "$status" 0
    says namespaces
    run --separate-stderr shale --help
    equal "$status" 0
    says build push pull images
    local command
    for command in build push pull images tag rmi inspect history save load info parse version; do
        run --separate-stderr shale "$command" --help
        equal "$status" 0
        [ -n "$output" ]
    done
}

@test "a full disk behind stdout is an error" {
    local command
    printf 'FROM scratch\nCOPY one /\n' >Dockerfile
    echo 1 >one
    succeeds shale build -t one .
    for command in version 'inspect one' images 'save one' 'build -o - .' 'copy store:one oci-archive:-'; do
        run bash -c '"$SHALE" '"$command"' >/dev/full'
        equal "$status" 1
        says "cannot write" "No space left on device"
    done
    run bash -c '"$SHALE" diff one one >/dev/full'
    equal "$status" 0
    run bash -c '"$SHALE" diff --format json one one >/dev/full'
    equal "$status" 2
    run bash -c '"$SHALE" version >&-'
    equal "$status" 1
    says "cannot write to standard output"
}

# Like `shale WORDS.. | true`, but the reader leaves before anything is written.
leave_early() { # WORDS..
    run python3 -c '
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.run([os.environ["SHALE"]] + sys.argv[1:], stdout=w).returncode % 256)' "$@"
}

@test "a reader of stdout that leaves early ends a command without a word" {
    printf 'FROM scratch\nCOPY one /\n' >Dockerfile
    echo 1 >one
    succeeds shale build -t one .
    local command
    for command in 'inspect one' images 'history one' 'diff --format json one one' 'build -q .'; do
        # shellcheck disable=SC2086
        leave_early $command
        equal "$status:$output" 141:
    done
    # Nothing has caught the signal here yet.
    leave_early version
    [ "$status" = 243 ] # -SIGPIPE
    equal "$output" ""
}

@test "a reader that leaves an archive early leaves nothing behind" {
    printf 'FROM scratch\nCOPY big /\n' >Dockerfile
    head -c 3000000 /dev/urandom >big
    succeeds shale build -t big .
    local command before
    before=$(shale images -q)
    for command in 'save -q big' 'build -q -o - .' 'build -q -o type=oci .' \
        'build -q -o type=oci,compression=zstd .' 'copy -q store:big docker-archive:-'; do
        run bash -c '"$SHALE" '"$command"' | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
        equal "$status:$output" 141:
        refute compgen -G "$SHALE_ROOT/tmp/*"
    done
    run bash -c '"$SHALE" save big | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
    equal "$status" 141
    says CANCELED
    says_not error "Broken pipe"
    equal "$(shale images -q)" "$before"
    succeeds shale fsck
    # Other ends of pipes are no reason to be silent.
    run bash -c '"$SHALE" save nosuch | true; exit ${PIPESTATUS[0]}'
    equal "$status" 1
    says "no local image"
}

@test "a terminal gets live progress, a pipe gets lines" {
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN echo from-the-step; sleep 0.3
END
    run bash -c '"$SHALE" build . 2>&1 | cat'
    says "RUN echo from-the-step" "from-the-step" DONE
    says_not $'\e['
    run script -qec "$SHALE build --no-cache ." /dev/null
    says "RUN echo from-the-step" $'\e['
}
