#!/usr/bin/env bats
# Where a build's files come from: directories, archives, URLs, repositories,
# images; and sources of ADD from elsewhere.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }

setup() {
    test_begin
    export GIT_CONFIG_GLOBAL=$T/gitconfig GIT_CONFIG_NOSYSTEM=1
    git config --global user.name tests
    git config --global user.email tests@example.org
    git config --global init.defaultBranch main
    git config --global protocol.file.allow always
    mkdir -p "$T/web"
}
teardown() { test_end; }

# Serve $T/web/*.git by the git protocol; GIT is the URL.
git_start() {
    local port
    port=$(free_port)
    GIT=git://127.0.0.1:$port
    started "$T/git.log" git daemon --reuseaddr --export-all --base-path="$T/web" \
        --listen=127.0.0.1 --port="$port" "$T/web"
    local i
    for ((i = 0; i < 100; i++)); do
        git ls-remote "$GIT/none.git" 2>&1 | grep -q "not exported\|access denied" && return
        sleep 0.05
    done
    cat "$T/git.log"
    return 1
}

# Make $T/web/NAME.git out of the folder DIR as it is; more commits follow by
# repository_commit.
repository() { # NAME DIR
    git -C "$2" init -q
    repository_commit "$1" "$2"
}

repository_commit() { # NAME DIR
    git -C "$2" add -A
    git -C "$2" commit -q --allow-empty -m "commit of $1"
    rm -rf "$T/web/$1.git"
    git clone -q --bare "$2" "$T/web/$1.git"
    git -C "$T/web/$1.git" update-server-info
}

# A context of files of all kinds in the current folder.
sample() {
    mkdir -p dir/sub
    echo a >a.txt
    echo run >dir/sub/run
    chmod 755 dir/sub/run
    ln -s ../a.txt dir/link
    ln -s /etc/passwd absolute
    cat >Dockerfile <<'EOF'
FROM scratch
COPY . /all/
COPY dir/sub /sub
EOF
}

build() { # ARGUMENT..
    succeeds shale build --progress=plain "$@"
}

# --- contexts ---------------------------------------------------------------

@test "the same files are the same build, wherever they come from" {
    sample
    tar -cf "$T/web/c.tar" .
    cp -r . "$T/repo"
    repository sample "$T/repo"
    web_start
    git_start
    build .
    equal "$(steps_run)" $'COPY . /all/\nCOPY dir/sub /sub'
    local way
    for way in "$T/web/c.tar" "$WEB/c.tar" "$WEB/to/$WEB/c.tar" "$WEB/sample.git" \
        "$GIT/sample.git" "$GIT/sample.git#main"; do
        build "$way"
        equal "$(steps_run)" "" "steps run for $way"
        equal "$(steps_cached)" $'COPY . /all/\nCOPY dir/sub /sub'
    done
}

@test "an archive on standard input may have any compression" {
    sample
    local filter
    for filter in cat gzip bzip2 xz "zstd -q"; do
        tar -c . | $filter >"$T/context.tar"
        build - <"$T/context.tar"
    done
    equal "$(steps_run)" "" "steps run for the last"
    build -f dir/sub/other - < <(mkdir -p "$T/o/dir/sub" &&
        echo 'FROM scratch' >"$T/o/dir/sub/other" && tar -C "$T/o" -c dir)
}

@test "an archive's files keep their modes, times and links, and belong to root" {
    mkdir "$T/src"
    cd "$T/src"
    sample
    echo 'FROM scratch
COPY . /' >Dockerfile
    ln a.txt hard
    chmod 4750 a.txt
    touch -d '2001-02-03 04:05:06 UTC' a.txt
    tar --owner=77 --group=78 -c . >"$T/context.tar"
    build -o "type=tar,dest=$T/out.tar" - <"$T/context.tar"
    run tar --utc --full-time -tvf "$T/out.tar"
    says "-rwsr-x--- 0/0" "2001-02-03 04:05:06 a.txt" "hard link to a.txt" \
        "dir/link -> ../a.txt" "absolute -> /etc/passwd" "-rwxr-xr-x 0/0"
}

@test "a Dockerfile alone needs no context" {
    web_start
    echo 'FROM scratch
ENV a=b' >"$T/web/Dockerfile"
    build - <"$T/web/Dockerfile"
    build "$WEB/Dockerfile"
    mkdir empty
    build -f "$WEB/Dockerfile" empty
    build -f - empty <"$T/web/Dockerfile"
    build -f <(cat "$T/web/Dockerfile") empty
    cat "$T/web/Dockerfile" | build -f /dev/stdin empty
    fails 1 shale build - <<<$'FROM scratch\nCOPY a /'
    says "Dockerfile:2" "the build context is not there: a Dockerfile is all that was given"
    fails 1 shale build -f empty .
    says 'cannot read the Dockerfile "empty": it is a directory'
    fails 1 shale build --build-context "foo=$T/nowhere" empty
    says "--build-context foo=$T/nowhere: cannot open"
    fails 2 shale build -f - - </dev/null
    says "standard input cannot be both"
    fails 2 shale build -f "$T/web/Dockerfile" - <"$T/web/Dockerfile"
    says "there are two Dockerfiles"
}

@test "-f names a file of the context that was fetched, never one outside" {
    sample
    cp Dockerfile dir/other
    rm Dockerfile
    ln -s /etc/hostname dir/out
    tar -cf "$T/web/c.tar" .
    cp -r . "$T/repo"
    repository r "$T/repo"
    web_start
    git_start
    build -f dir/other "$WEB/c.tar"
    build -f dir/other "$GIT/r.git"
    fails 1 shale build "$WEB/c.tar"
    says "no Dockerfile in the root of the build context"
    fails 1 shale build -f dir/out "$WEB/c.tar"
    says_not "$(cat /etc/hostname)"
    fails 1 shale build -f ../../../../etc/hostname "$WEB/c.tar"
    says '"etc/hostname" does not exist'
}

@test "hostile and damaged archives are refused and write nothing outside" {
    echo unharmed >"$T/canary"
    python3 - "$T" <<'EOF'
import io, sys, tarfile
top = sys.argv[1]
def make(name, *members):
    with tarfile.open(f"{top}/{name}.tar", "w") as tar:
        for kind, path, value in members:
            info = tarfile.TarInfo(path)
            if kind == "file":
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value.encode()))
            else:
                info.type = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}[kind]
                info.linkname = value
                tar.addfile(info)
docker = ("file", "Dockerfile", "FROM scratch\nCOPY . /\n")
make("dots", docker, ("file", "../../canary", "evil"))
make("inner", docker, ("file", "a/../../../canary", "evil"))
make("through", docker, ("link", "out", f"{top}"), ("file", "out/canary", "evil"))
make("relative", docker, ("link", "out", "../../.."), ("file", "out/canary", "evil"))
make("hardlink", docker, ("hard", "own", f"{top}/canary"), ("file", "own", "evil"))
make("dockerfile", ("link", "Dockerfile", f"{top}/canary"))
make("rewritten", ("link", "Dockerfile", f"{top}/canary"), ("file", "Dockerfile", "FROM scratch\n"))
make("absolute", docker, ("file", f"{top}/canary", "evil"))
EOF
    tar -cf - -C "$T" canary canary | head -c 700 >"$T/short.tar"
    gzip -c "$T/absolute.tar" | head -c 100 >"$T/cut.tar"
    head -c 3000 /dev/urandom | gzip >"$T/noise.tar"
    local name
    for name in dots inner through relative hardlink dockerfile short cut noise; do
        fails 1 shale build - <"$T/$name.tar"
        equal "$(cat "$T/canary")" unharmed "the file outside, after $name"
        says_not unharmed
    done
    # Names that are taken as being below the context are harmless.
    build - <"$T/absolute.tar"
    build - <"$T/rewritten.tar"
    equal "$(cat "$T/canary")" unharmed "the file outside"
    refute compgen -G "$SHALE_ROOT/tmp/*"
}

@test "what is no context is said to be none" {
    web_start
    echo text >"$T/file"
    fails 1 shale build "$T/file"
    says "it is a file and no archive"
    fails 1 shale build /dev/null
    says "neither a directory nor a file"
    fails 1 shale build "$T/missing"
    says "cannot open the build context"
    fails 1 shale build "$WEB/status/404"
    says "invalid response status 404"
    fails 1 shale build "http://127.0.0.1:1/c.tar"
    fails 2 shale build ftp://example.org/c.tar
    fails 2 shale build --build-context x=ftp://example.org/y -
    fails 1 shale build --build-context "x=$T/missing" -
}

# --- repositories -----------------------------------------------------------

@test "a repository's branch, tag, commit and folder can be named" {
    mkdir -p "$T/repo/sub/dir"
    cd "$T/repo"
    echo 'FROM scratch
COPY v /' | tee Dockerfile >sub/dir/Dockerfile
    echo one | tee v >sub/dir/v
    repository r .
    git tag -a -m "annotated" v1
    local first
    first=$(git rev-parse HEAD)
    git checkout -q -b other
    echo two | tee v >sub/dir/v
    repository_commit r .
    git push -q "$T/web/r.git" main v1
    git -C "$T/web/r.git" symbolic-ref HEAD refs/heads/main
    git -C "$T/web/r.git" update-server-info
    web_start
    git_start
    v() { # WANTED CONTEXT
        build -o "type=local,dest=$T/out" "$2"
        equal "$(cat "$T/out/v")" "$1" "version of $2"
    }
    local url
    for url in "$WEB/r.git" "$GIT/r.git"; do
        v one "$url"
        v two "$url#other"
        v one "$url#v1"
        v one "$url#refs/tags/v1"
        v one "$url#$first"
        v two "$url#other:sub/dir"
        v two "$url?branch=other&subdir=sub"$'%2f'"dir"
        v one "$url?tag=v1&checksum=${first:0:12}"
        fails 1 shale build "$url?branch=other&checksum=$first"
        says "expected checksum to match $first, got"
        fails 1 shale build "$url?branch=v1"
        says "repository does not contain ref v1"
        fails 1 shale build "$url#0123456789012345678901234567890123456789"
        fails 1 shale build "$url#main:missing"
        says '"missing" does not exist in the repository'
    done
    fails 1 shale build "$GIT/none.git"
    fails 1 shale build "$WEB/r.git?nonsense=1"
    says 'unexpected query "nonsense"'
}

@test ".git stays out of a context unless asked for" {
    mkdir "$T/repo"
    cd "$T/repo"
    echo 'FROM scratch
COPY . /' >Dockerfile
    repository r .
    git_start
    build -o "type=tar,dest=$T/out.tar" "$GIT/r.git"
    equal "$(tar -tf "$T/out.tar")" Dockerfile
    local way
    for way in "--build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 $GIT/r.git" "$GIT/r.git?keep-git-dir=1"; do
        # shellcheck disable=SC2086
        build -o "type=local,dest=$T/out" $way
        equal "$(git -C "$T/out" -c safe.directory='*' rev-parse HEAD)" "$(git rev-parse HEAD)"
        rm -r "$T/out"
    done
}

@test "submodules come along, but none from the local disk" {
    mkdir -p "$T/part" "$T/repo" "$T/bad"
    echo part >"$T/part/file"
    repository part "$T/part"
    git_start
    cd "$T/repo"
    echo 'FROM scratch
COPY . /' >Dockerfile
    git init -q
    git submodule --quiet add "$GIT/part.git" lib
    git config -f .gitmodules submodule.lib.url ../part.git
    repository_commit r .
    build -o "type=tar,dest=$T/out.tar" "$GIT/r.git"
    equal "$(tar -tf "$T/out.tar" | sort)" $'.gitmodules\nDockerfile\nlib/\nlib/file'
    build -o "type=tar,dest=$T/out.tar" "$GIT/r.git?submodules=false"
    equal "$(tar -tf "$T/out.tar" | sort)" $'.gitmodules\nDockerfile\nlib/'

    cd "$T/bad"
    echo 'FROM scratch' >Dockerfile
    git init -q
    git submodule --quiet add "$T/web/part.git" lib
    repository_commit bad .
    fails 1 shale build "$GIT/bad.git"
    says "transport 'file' not allowed"
}

@test "nothing that a repository or a URL holds is run" {
    mkdir -p "$T/repo/proj-real"
    cd "$T/repo"
    echo 'FROM scratch' | tee Dockerfile >proj-real/Dockerfile
    ln -s / proj
    ln -s proj-real alias
    echo '* filter=evil' >.gitattributes
    repository r .
    # Hooks in every place where git may look for some.
    local place
    for place in "$T/template/hooks" "$HOME/hooks"; do
        mkdir -p "$place"
        printf '#!/bin/sh\ntouch "%s/ran"\n' "$T" >"$place/post-checkout"
        chmod 755 "$place/post-checkout"
    done
    git config --global init.templateDir "$T/template"
    git config --global core.hooksPath "$HOME/hooks"
    git config --global filter.evil.smudge "touch $T/ran"
    git config --global core.fsmonitor "touch $T/ran"
    git_start
    build "$GIT/r.git"
    local url
    for url in "$GIT/r.git#--upload-pack=touch $T/ran" "$GIT/r.git?ref=--upload-pack%3Dx" \
        "ssh://-oProxyCommand=touch%20$T/ran/x" "git@-oProxyCommand=x:y.git" \
        "$GIT/r.git#main:proj/etc" "$GIT/r.git#main:proj" "$GIT/r.git#main:alias" \
        "$GIT/r.git#:../.." "$GIT/r.git#:proj-real/../.."; do
        fails 1 shale build "$url"
    done
    fails 1 shale build "ext::sh -c touch% $T/ran"
    fails 2 shale build "file://$T/web/r.git"
    [ ! -e "$T/ran" ]
}

@test "credentials reach their server, and nothing else" {
    mkdir -p "$T/repo" "$T/web/private"
    cd "$T/repo"
    echo 'FROM scratch
COPY . /' >Dockerfile
    repository r .
    web_start
    local host=${WEB#http://}
    fails 1 shale build "$WEB/private/r.git"
    GIT_AUTH_TOKEN=t0ken build --secret id=GIT_AUTH_TOKEN "$WEB/private/r.git"
    T0=t0ken build --secret "id=GIT_AUTH_TOKEN.$host,env=T0" "$WEB/private/r.git"
    echo 'Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4=' >"$T/header"
    build --secret "id=GIT_AUTH_HEADER,src=$T/header" "$WEB/private/r.git"
    build "http://x-access-token:t0ken@$host/private/r.git"
    cat >Dockerfile <<EOF
FROM scratch
ADD http://x-access-token:t0ken@$host/private/r.git /git
ADD http://x-access-token:t0ken@$host/private/r.git/HEAD /
ADD --keep-git-dir=true http://x-access-token:t0ken@$host/private/r.git /kept
EOF
    build -t app -o "type=oci,tar=false,dest=$T/image" .
    says_not t0ken eC1hY2Nlc3
    succeeds shale history --no-trunc app
    says_not t0ken
    says "x-access-token:xxxxx@"
    build -t app .
    equal "$(steps_run)" ""
    refute grep -rqs -e t0ken -e eC1hY2Nlc3 "$SHALE_ROOT" "$T/image"
    fails 1 shale build "http://x-access-token:wr0ng@$host/private/r.git"
    says_not wr0ng
    fails 1 shale build "http://x-access-token:wr0ng@$host/private/r.git/none.tar"
    says_not wr0ng
}

# --- named contexts ---------------------------------------------------------

@test "a named context may be anything that holds files" {
    sample
    mkdir "$T/named"
    echo named >"$T/named/file"
    echo hidden >"$T/named/hidden"
    echo hidden >"$T/named/.dockerignore"
    tar -C "$T/named" -cf "$T/web/n.tar" file
    cp "$T/named/file" "$T/web/file"
    mkdir "$T/repo"
    cp "$T/named/file" "$T/repo"
    repository n "$T/repo"
    web_start
    git_start
    cat >Dockerfile <<'EOF'
FROM scratch
COPY --from=files / /
EOF
    local way
    for way in "$T/named" "$T/web/n.tar" "$WEB/n.tar" "$GIT/n.git" "$WEB/n.git#main"; do
        build --build-context "files=$way" -o "type=tar,dest=$T/out.tar" .
        run tar -xOf "$T/out.tar" file
        equal "$output" named "the file of $way"
        refute grep -q hidden <(tar -tf "$T/out.tar" | grep -v dockerignore)
    done
    build --build-context "files=$WEB/file" -o "type=tar,dest=$T/out.tar" .
    equal "$(tar -tf "$T/out.tar")" file
}

@test "a named context may be an image, by reference or of a layout" {
    dockerfile base <<'EOF'
FROM @BASE@/busybox:static
RUN echo made > /made
EOF
    build_layout "$T/layout" -f base -t base:1 .
    local digest
    digest=$(manifest_digest "$T/layout")
    cat >Dockerfile <<'EOF'
FROM nothere AS stage
RUN cat /made
FROM scratch
COPY --from=stage /made /
EOF
    local way
    for way in "docker-image://base:1" "oci-layout://$T/layout" "oci-layout://$T/layout@$digest"; do
        build --build-context "nothere=$way" -o "type=local,dest=$T/out" .
        equal "$(cat "$T/out/made")" made "the file of $way"
        build --build-context "docker.io/library/nothere:latest=$way" .
        equal "$(steps_run)" ""
        build --build-context "stage=$way" .
    done
    fails 1 shale build --build-context "nothere=oci-layout://$T/layout:none" .
    says "it has no image 'none' for this platform" "Dockerfile:1"
    fails 1 shale build --build-context "nothere=docker-image://$BASE/none:1" .
    says "Dockerfile:1"
}

@test "a context that nothing reads is not fetched" {
    web_start
    echo 'FROM scratch AS used
ENV a=b
FROM scratch AS other
COPY --from=far / /
FROM used' >Dockerfile
    build --build-context "far=$WEB/missing.tar" .
    equal "$(cat "$T/web.log")" ""
    fails 1 shale build --target other --build-context "far=$WEB/missing.tar" .
    says "invalid response status 404" "--build-context far"
}

# --- ADD --------------------------------------------------------------------

@test "ADD of a URL is one file, with the name, mode and time that belong to it" {
    echo text >"$T/web/file"
    touch -d '2001-02-03 04:05:06 UTC' "$T/web/file"
    mkdir "$T/pack"
    echo packed >"$T/pack/inner"
    tar -C "$T/pack" -czf "$T/web/p.tgz" inner
    web_start
    cat >Dockerfile <<EOF
FROM scratch
ADD $WEB/file /dir/
ADD $WEB/to/$WEB/file /plain
ADD $WEB/evil-name/file /evil/
ADD --chmod=755 --chown=7:8 $WEB/file?query /flags/
ADD $WEB/p.tgz /packed/
ADD --unpack=true $WEB/p.tgz /unpacked/
EOF
    build -o "type=tar,dest=$T/out.tar" .
    run tar --utc --full-time -tvf "$T/out.tar"
    says "-rw------- 0/0               5 2001-02-03 04:05:06 dir/file" \
        "-rw------- 0/0               5 2001-02-03 04:05:06 plain" \
        "2001-02-03 04:05:06 evil/file" "-rwxr-xr-x 7/8 " "flags/file" \
        "packed/p.tgz" "unpacked/inner"
    says_not "packed/inner/" evil/evil
}

@test "ADD of a URL asks whether the file has changed, and only then runs" {
    echo one >"$T/web/file"
    web_start
    echo "FROM scratch
ADD $WEB/file /" >Dockerfile
    build .
    equal "$(steps_run)" "ADD $WEB/file /"
    build .
    equal "$(steps_run)" ""
    touch -d yesterday "$T/web/file"
    build .
    equal "$(steps_run)" "" "steps run for another time"
    echo two >"$T/web/file"
    build .
    equal "$(steps_run)" "ADD $WEB/file /"
    equal "$(cut -d' ' -f3 "$T/web.log")" $'200\n304\n304\n200'
    sum=$(sha256sum "$T/web/file" | cut -d' ' -f1)
    echo "FROM scratch
ADD --checksum=sha256:$sum $WEB/file /" >Dockerfile
    build .
    : >"$T/web.log"
    build .
    equal "$(steps_run)$(cat "$T/web.log")" "" "steps run and requests made"
    echo three >"$T/web/file"
    fails 1 shale build --no-cache .
    says "digest mismatch sha256:" "sha256:$sum" "Dockerfile:2"
}

@test "ADD of a URL that fails says why" {
    echo "some text of a file" >"$T/web/file"
    web_start
    failing() { # URL TEXT
        echo "FROM scratch
ADD $1 /x/" >Dockerfile
        fails 1 shale build .
        says "$2" Dockerfile:2
    }
    failing "$WEB/status/404" "invalid response status 404"
    failing "$WEB/to/file:///etc/passwd" "only http and https"
    failing "$WEB/to/http://169.254.169.254/latest" "a local address"
    failing "$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/to/$WEB/file" "more than 10 redirects"
    failing "$WEB/%2e%2e" "names no file"
    failing "$WEB/a%00b" "bad escape"
}

@test "secrets for HTTP are shown to their server only" {
    echo text >"$T/web/file"
    web_start
    local host=${WEB#http://}
    echo "FROM scratch
ADD $WEB/private/file /" >Dockerfile
    fails 1 shale build .
    says "invalid response status 401"
    TOKEN=t0ken build --secret "id=HTTP_AUTH_TOKEN_$host,env=TOKEN" .
    HEADER='Bearer t0ken' build --no-cache --secret "id=HTTP_AUTH_HEADER_127.0.0.1,env=HEADER" .
    refute grep -rqs t0ken "$SHALE_ROOT"

    mv "$T/web.log" "$T/first.log"
    grep -q '/private/file 200 auth' "$T/first.log"
    local one=$WEB
    web_start
    echo "FROM scratch
ADD $one/to/$WEB/file /" >Dockerfile
    TOKEN=t0ken build --secret "id=HTTP_AUTH_TOKEN_$host,env=TOKEN" .
    grep -q "GET /to/.* 302 auth" "$T/web.log"
    grep -q "GET /file 200$" "$T/web.log"
}

@test "ADD of a repository is its files, keyed by the commit" {
    mkdir -p "$T/repo/dir"
    cd "$T/repo"
    echo one >file
    echo run >dir/run
    chmod 755 dir/run
    repository r .
    git_start
    local commit
    commit=$(git rev-parse HEAD)
    cd "$T/context"
    cat >Dockerfile <<EOF
FROM scratch
ADD $GIT/r.git /all
ADD --exclude=dir --chown=5:6 $GIT/r.git#main /some/
ADD --checksum=$commit $GIT/r.git#main:dir /dir/
ADD --keep-git-dir=true $GIT/r.git?mtime=commit /kept/
EOF
    build -o "type=local,dest=$T/out" .
    equal "$(cd "$T/out" && find all some dir -type f | sort)" $'all/dir/run\nall/file\ndir/run\nsome/file'
    equal "$(stat -c '%a' "$T/out/all/dir/run" "$T/out/all/file")" $'755\n644'
    equal "$(stat -c '%Y' "$T/out/kept/file")" "$(git -C "$T/repo" log -1 --format=%ct)"
    equal "$(git -C "$T/out/kept" -c safe.directory='*' rev-parse HEAD)" "$commit"
    build .
    equal "$(steps_run)" ""
    echo two >"$T/repo/file"
    repository_commit r "$T/repo"
    fails 1 shale build .
    says "expected checksum to match $commit"
}

# --- without root -----------------------------------------------------------

@test "a normal user builds from archives and repositories, too" {
    user_begin
    sample
    tar --owner=4000000 --group=4000000 -cf "$T/web/c.tar" .
    cp -r . "$T/repo"
    repository r "$T/repo"
    web_start
    git_start
    cp "$T/web/c.tar" "$USER_HOME/c.tar"
    chmod 644 "$USER_HOME/c.tar"
    local way
    for way in c.tar "$WEB/c.tar" "$GIT/r.git"; do
        [ "$way" != c.tar ] || way=$USER_HOME/c.tar
        succeeds as_user shale build --progress=plain "$way"
    done
    equal "$(steps_run)" "" "steps run for the last"
}
