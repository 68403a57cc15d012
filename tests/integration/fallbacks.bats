#!/usr/bin/env bats
# Features of the kernel that are missing or filtered, one at a time: the same
# image by another way, or an error that says what is missing.

load lib
setup_file() {
    needs_root
    file_begin
}
teardown_file() { file_end; }
setup() {
    needs_root
    test_begin
    user_begin
    # For as_user in a shell behind the filter.
    export -f as_user
    export USER_HOME TEST_USER SOURCE_DATE_EPOCH=1700000000
    echo hush >key
    echo data >data
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN mkdir /made && echo text >/made/file && ln -s file /made/link && chmod 2750 /made
RUN --mount=type=bind,target=/src,rw --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t --mount=type=secret,id=key,target=/k grep -q hush /k && echo x >/src/data && echo x >/cache/x && cp /src/data /t/data && cp /t/data /copied
RUN ! echo x 2>/dev/null >/proc/sysrq-trigger && test "$(grep -c '^Seccomp:.2' /proc/self/status)" = 1 && ! grep ' /sys/' /proc/self/mountinfo | grep -v ' ro,'
WORKDIR /made/work
COPY --chown=nobody data /made/work/
USER nobody
RUN id -u >/tmp/who && ! chmod 600 /dev/null 2>/dev/null
END
    cp -a . "$USER_HOME/context"
    rm -rf "$USER_HOME/context"
    cp -a . "$USER_HOME/context"
    chown -R "$TEST_USER:" "$USER_HOME/context"
}
teardown() { test_end; }

# Build as root or as_user, behind the filter of CALL=ERRNO..
build_without() { # root|user CALL=ERRNO..
    local who=$1
    local -a as=()
    shift
    [ "$who" = root ] || as=(as_user env SOURCE_DATE_EPOCH=1700000000)
    run "$here/without.py" "$@" -- bash -c '"$@"' - "${as[@]}" \
        "$USER_HOME/bin/shale" build --progress=plain --no-cache --secret id=key,src=key \
        --network host -o type=oci,rewrite-timestamp=true,tar=false,dest=image .
    local image=image
    [ "$who" = root ] || image=$USER_HOME/context/image
    ID=
    [ "$status" != 0 ] || ID=$(manifest_digest "$image")
    rm -rf "$image"
}

same_without() { # CALL=ERRNO..
    local who
    for who in ${WHO:-root user}; do
        build_without "$who" "$@"
        if [ "$status" != 0 ] || [ "$ID" != "$WANTED" ]; then
            echo "as $who without $*: status $status, ${ID:-no image}, not $WANTED"
            echo "$output"
            return 1
        fi
    done
}

fails_without() { # root|user TEXT CALL=ERRNO..
    local who=$1 text=$2
    shift 2
    build_without "$who" "$@"
    if [ "$status" != 1 ]; then
        echo "as $who without $*: status $status"
        echo "$output"
        return 1
    fi
    says "error: " "$text"
}

wanted() {
    build_without root mlock2=ENOSYS
    [ "$status" = 0 ] || { echo "$output"; return 1; }
    WANTED=$ID
}

@test "what has another way leads to the same image" {
    wanted
    same_without mlock2=ENOSYS
    local call
    # Profiles of containers answer EPERM, kernels ENOSYS. (clone3 with EPERM
    # is nothing to try: libc could start no thread.)
    for call in openat2 fsopen fsconfig fsmount open_tree move_mount mount_setattr; do
        same_without "$call=ENOSYS"
        WHO=root same_without "$call=EPERM"
    done
    same_without clone3=ENOSYS
    # The root of an initramfs.
    same_without pivot_root=EINVAL
    same_without keyctl=EPERM pidfd_open=EPERM pidfd_send_signal=EPERM copy_file_range=EPERM fallocate=EOPNOTSUPP \
        renameat2=ENOSYS sync_file_range=ENOSYS
    # A kernel of 2016, as far as it matters.
    same_without openat2=ENOSYS fsopen=ENOSYS fsconfig=ENOSYS fsmount=ENOSYS open_tree=ENOSYS move_mount=ENOSYS \
        mount_setattr=ENOSYS clone3=ENOSYS statx=ENOSYS close_range=ENOSYS copy_file_range=ENOSYS faccessat2=ENOSYS
}

@test "what has none is named" {
    local error
    for error in EPERM ENOSYS; do
        fails_without user "user namespace" "unshare:0&0x10000000=$error"
        fails_without user "cannot load the seccomp filter" "seccomp=$error"
        fails_without root "cannot load the seccomp filter" "seccomp=$error"
        fails_without root "cannot change the root" "pivot_root=$error"
        fails_without user "cannot change the root" "pivot_root=$error"
        fails_without root "cannot keep mounts apart" "mount=$error"
        fails_without root "memfd_create" "memfd_create=$error"
    done
    fails_without user "max_user_namespaces" "unshare:0&0x10000000=ENOSPC"
    fails_without root "cannot make namespaces for a container" clone3=ENOSYS "clone:0&0x20000=EPERM"
    says "its seccomp profile allow clone"
}

# Build as root or as_user with the Nth fsconfig() of each process failing;
# what the calls were is in calls.
build_traced() { # root|user [ERRNO N]
    local who=$1
    local -a as=() inject=()
    shift
    [ "$who" = root ] || as=(as_user env ASAN_OPTIONS=detect_leaks=0)
    [ $# = 0 ] || inject=(-e "inject=fsconfig:error=$1:when=$2")
    ASAN_OPTIONS=detect_leaks=0 run strace -f -qq -o "$T/calls" -e trace=fsopen,fsconfig "${inject[@]}" \
        bash -c '"$@"' - "${as[@]}" "$USER_HOME/bin/shale" build --no-cache --secret id=key,src=key .
}

# Which fsconfig() of its process the first one with TEXT after overlay's fsopen() is.
place_of() { # TEXT
    awk -v text="$1" '
        /fsopen\("overlay"/ { seen[$1] = 1 }
        / fsconfig\(/ { n[$1]++; if (seen[$1] && index($0, text)) { print n[$1]; exit } }' "$T/calls"
}

@test "layers are one option where lowerdir+ is unknown, and overlay refused to users is named" {
    local n
    build_traced root
    equal "$status" 0
    n=$(place_of lowerdir+)
    build_traced root EINVAL "$n"
    [ "$status" = 0 ] || { echo "$output"; return 1; }
    grep -q 'lowerdir+.*INJECTED' "$T/calls"
    build_traced user
    equal "$status" 0
    n=$(place_of FSCONFIG_CMD_CREATE)
    build_traced user EPERM "$n"
    equal "$status" 1
    says "users cannot mount overlay here"
}
