#!/usr/bin/env bats
# What --explain says about steps that were run.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    mkdir src
    echo a >src/a
    echo b >src/b
    dockerfile <<'END'
FROM @BASE@/busybox:static AS up
ARG V=1
COPY src /src
RUN cat /src/* > /all
FROM @BASE@/busybox:static
COPY --from=up /all /all
RUN echo end
END
}
teardown() { test_end; }

# Build and leave the explanation alone in $output.
explained() { # ARGUMENT..
    succeeds shale build --progress=plain --explain "$@" .
    output=$(sed -n '/^Why steps were run:/,$p' <<<"$output")
}

@test "a first build has nothing to compare with" {
    explained
    equal "$(grep -c 'no earlier result' <<<"$output")" 4
}

@test "nothing is explained when nothing was run" {
    explained
    explained
    equal "$output" ""
}

@test "changed, new and missing files are named, also of another stage" {
    explained
    echo other >src/b
    chmod 700 src/a
    echo new >src/n
    explained
    says "file src/a: mode changed" "file src/b: contents changed" "file src/n: is new" \
        "file all: contents changed" "what it stands on: an earlier step or the base image changed"
    rm src/n
    echo third >src/b
    explained
    says "file src/n: is gone"
    says_not "src/a"
}

@test "a build argument is named, with its value unless it sounds secret" {
    explained
    explained --build-arg V=2
    says 'variable V: "2" was "1"'
    sed -i 's/^ARG V=1/ARG V=1\nARG MY_TOKEN=x/' Dockerfile
    explained
    explained --build-arg MY_TOKEN=hidden
    says "variable MY_TOKEN changed"
    says_not hidden
}

@test "a changed command is shown beside the old one" {
    explained
    sed -i 's/echo end/echo END/' Dockerfile
    explained
    says 'command: "/bin/sh -c echo END" was "/bin/sh -c echo end"'
    equal "$(wc -l <<<"$output")" 3
}

@test "a failed step is explained, too" {
    explained
    sed -i 's/echo end/exit 3/' Dockerfile
    fails 1 shale build --progress=plain --explain .
    says 'command: "/bin/sh -c exit 3"'
}

@test "--no-cache is told apart from a change" {
    explained
    explained --no-cache
    equal "$(grep -c -- '--no-cache asks for it' <<<"$output")" 4
}
