#!/bin/bash
# Prove the architecture from the include lines; prints TAP.
#
# Folders include only as the table says, and no cycle leads through files or
# folders. main.c is on top of all.
# The top level of the repository holds only what the design lists.
set -u
shopt -s lastpipe # report runs in this shell, at the end of pipes too
cd "$(dirname "$0")/.." || exit 1

# folder: what it may include besides itself
directions='
store/base:
store: store/base
parser: store/base
registry: store store/base
builder/sandbox: store store/base
builder/ui: store store/base
builder: builder/sandbox builder/ui registry store store/base parser
builder/cli: builder builder/sandbox builder/ui registry store store/base parser
main: builder/cli builder builder/sandbox builder/ui registry store store/base parser
'
top='Makefile builder parser registry store tests testdata docs README.md LICENSE'

n=0
# Report one check; what it found is on stdin, nothing found is good.
report() {
    local found
    found=$(cat)
    n=$((n + 1))
    if [ -z "$found" ]; then
        echo "ok $n - $1"
        return
    fi
    echo "not ok $n - $1"
    while IFS= read -r line; do echo "# $line"; done <<<"$found"
    failed=1
}
failed=0

# "file included" for every include of ours.
includes() {
    grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
        builder parser registry store 2>/dev/null |
        sed -E 's/^([^:]+):[0-9]+:[^"]*"([^"]+)".*/\1 \2/'
}

folder_of() {
    case $1 in
    builder/main.c) echo main ;;
    *) dirname "$1" ;;
    esac
}

edges=$(includes)

while read -r file included; do
    [ -n "$file" ] || continue
    from=$(folder_of "$file")
    to=$(folder_of "$included")
    [ "$from" != "$to" ] || continue
    allowed=" $(sed -n "s|^$from:||p" <<<"$directions") "
    case $allowed in
    *" $to "*) ;;
    *) echo "$file must not include $included" ;;
    esac
done <<<"$edges" | report "folders include only what lies below them"

while read -r file included; do
    [ -z "$file" ] || [ -f "$included" ] || echo "$file: no file $included"
done <<<"$edges" | report "includes are written from the top of the tree"

# tsort names the members of a loop.
cycles() {
    sort -u | tsort 2>&1 >/dev/null | sed 's/^tsort: //'
}

awk 'NF == 2' <<<"$edges" | cycles | report "no cycle among files"

while read -r file included; do
    [ -n "$file" ] && echo "$(folder_of "$file") $(folder_of "$included")"
done <<<"$edges" | awk '$1 != $2' | cycles | report "no cycle among folders"

# What is tracked, or in an archive without git, what is there but not built.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files | cut -d/ -f1 | sort -u
else
    find . -maxdepth 1 -mindepth 1 -printf '%f\n' | grep -vxE 'build|shale'
fi | while read -r entry; do
    case " $top " in
    *" $entry "*) ;;
    *) [ "${entry#.}" != "$entry" ] || echo "unexpected: $entry" ;;
    esac
done | report "the top level holds only what the design lists"

grep -rnE --include='*.[ch]' '\<(strcpy|strcat|sprintf|vsprintf|strtok|system|popen|gets|alloca)[[:space:]]*\(' \
    builder parser registry store 2>/dev/null | grep -vE ':[[:space:]]*(\*|/\*)' |
    report "no banned function is called"

echo "1..$n"
exit "$failed"
