#!/usr/bin/env bats
# Options about what a RUN may do and use.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

# Build one RUN with OPTION..; its output is in $output.
try_run() { # COMMAND OPTION..
    local command=$1
    shift
    dockerfile <<END
FROM @BASE@/busybox:static
RUN $command
END
    run shale build --progress=plain --no-cache "$@" .
}

ran() {
    try_run "$@"
    [ "$status" = 0 ] || { echo "$output"; return 1; }
}

no_groups_left() {
    refute grep -q . <(find /sys/fs/cgroup -maxdepth 6 -name "shale-*" -empty 2>/dev/null)
}

can_limit() { "$SHALE" info | grep -q '^yes *limits'; }

@test "capabilities are added and dropped" {
    ran 'grep CapEff /proc/self/status' --cap-add=net_admin --cap-drop CAP_MKNOD
    says 00000000a00435fb
    ran 'grep CapEff /proc/self/status' --cap-drop=ALL --cap-add=chown
    says 0000000000000001
    run shale build --cap-add=fly .
    [ "$status" = 2 ] || [ "$status" = 1 ]
    says '--cap-add: "fly"'
}

@test "a host name and a resolver of one's own" {
    ran 'hostname; cat /etc/hosts /etc/resolv.conf' --hostname box.example \
        --dns 192.0.2.7 --dns-search corp.example --dns-option ndots:3
    says box.example "nameserver 192.0.2.7" "search corp.example" "ndots:3"
    run shale build --hostname 'a b' .
    says '--hostname: "a b"'
    run shale build --dns "1.1.1.1
nameserver 6.6.6.6" .
    says '--dns: "1.1.1.1'
}

@test "a seccomp profile of one's own decides" {
    cat >profile.json <<'END'
{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
 "syscalls": [{"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
  {"names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "includes": {"caps": ["CAP_SYS_ADMIN"]}},
  {"names": ["link", "linkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "excludes": {"minKernel": "4.8"}}]}
END
    ran 'mkdir /x 2>&1; ln -s a /b && ln /b /c && echo linked' --security-opt seccomp=profile.json
    says "No space left on device" linked
    ran 'grep Seccomp: /proc/self/status' --security-opt seccomp=unconfined
    says "Seccomp:	0"
    if [ -f /usr/share/containers/seccomp.json ]; then
        ran 'grep Seccomp: /proc/self/status && ! unshare -m true' --security-opt seccomp=/usr/share/containers/seccomp.json
        says "Seccomp:	2"
    fi
    echo '{"defaultAction": "SCMP_ACT_FLY"}' >profile.json
    run shale build --security-opt seccomp=profile.json .
    [ "$status" != 0 ]
    says profile.json SCMP_ACT_FLY
    run shale build --security-opt seccomp=nowhere.json .
    says nowhere.json "No such file"
}

@test "no_new_privs and labels" {
    ran 'grep NoNewPrivs /proc/self/status' --security-opt no-new-privileges --security-opt label=disable
    says "NoNewPrivs:	1"
    [ -e /sys/module/apparmor ] || {
        run shale build --security-opt apparmor=strict .
        says "no AppArmor"
    }
}

@test "a device can be handed in, and only that one works" {
    needs_root
    [ -c /dev/fuse ] || skip "no /dev/fuse to try with"
    ran ': </dev/thing && echo opened; test ! -e /dev/fuse && echo alone' --device /dev/fuse:/dev/thing
    says opened alone
    ran 'mknod /dev/fuse c 10 229; (: </dev/fuse) || echo refused'
    says refused
    run shale build --device /etc/passwd .
    says "is not a device"
}

@test "a step that takes too much memory is named" {
    can_limit || skip "no control groups to change"
    try_run 'dd if=/dev/zero of=/dev/null bs=900M count=1' --memory 600m --memory-swap 600m
    [ "$status" = 1 ]
    says "out of memory" "exit code: 137" ", memory 6"
    no_groups_left
}

@test "a fork bomb stays in its group and leaves none" {
    can_limit || skip "no control groups to change"
    try_run 'f() { f | f & }; f; sleep 1; echo still here' --pids-limit 40
    says "can't fork"
    no_groups_left
}

# The shell works until it has had 0.4 s of processor time by itself, which takes
# 2 s of the fifth of one; a busy machine only makes it longer.
@test "a step gets no more processor time than allowed" {
    can_limit || skip "no control groups to change"
    ran 'read from _ </proc/uptime; a=0; while [ $a -lt 40 ]; do read -r line </proc/$$/stat; set -- $line; a=$((${14} + ${15})); done; read to _ </proc/uptime; echo "took $from $to"' --cpus 0.2
    run awk 'NF > 2 && $(NF - 2) == "took" { seconds = $NF - $(NF - 1) } END { print (seconds > 1.5 ? "slowed" : "ran for " seconds) }' <<<"$output"
    equal "$output" slowed
    no_groups_left
}

@test "limits of disks name a device" {
    try_run true --blkio-weight 5
    [ "$status" = 2 ]
    says '--blkio-weight: "5"'
    try_run true --device-read-bps /dev/null:1mb
    [ "$status" = 2 ]
    says "--device-read-bps: '/dev/null' is not a block device"
    try_run true --device-write-iops /dev/no-such:10
    says "--device-write-iops: cannot find '/dev/no-such'"
    try_run true --device-read-iops /dev/null
    says '--device-read-iops: "/dev/null"'
}

@test "a limit that cannot be had says why" {
    needs_root
    user_begin
    cd "$USER_HOME/context"
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN true
END
    chown -R "$TEST_USER:" "$USER_HOME/context"
    run as_user shale info
    ! grep -q '^yes *limits' <<<"$output" || skip "this user may set limits"
    fails 1 as_user shale build --memory 100m .
    says "no control group for memory"
}

# End a build of a step that ignores SIGNAL, and count the seconds.
ended_by() { # SIGNAL
    dockerfile <<'END'
FROM @BASE@/busybox:static
RUN trap '' INT TERM HUP; (sleep 4321 &) ; echo in; sleep 4321
END
    : >log
    # Without job control a background command would ignore SIGINT.
    set -m
    "$SHALE" build --progress=plain . >log 2>&1 </dev/null 3>&- &
    local pid=$! i
    set +m
    for ((i = 0; i < 100; i++)); do
        grep -q ' in$' log && break
        sleep 0.1
    done
    local begin=$EPOCHREALTIME
    kill "-$1" "$pid"
    status=0
    wait "$pid" || status=$?
    taken_ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
    output=$(<log)
    refute pgrep -fx "sleep 4321"
}

@test "Ctrl-C and friends end a build within two seconds" {
    local signal
    for signal in INT TERM HUP; do
        ended_by "$signal"
        equal "$status" "$((128 + $(kill -l "$signal")))" "exit status"
        [ "$taken_ms" -lt 2000 ]
        refute compgen -G "$SHALE_ROOT/tmp/*"
    done
}

@test "a build ends after its --timeout, a step after its --step-timeout" {
    try_run 'echo in; sleep 4322' --step-timeout 500ms
    equal "$status" 1
    says "ended by --step-timeout"
    try_run 'echo in; sleep 4322' --timeout 1s
    equal "$status" 142
    says "the time given is over"
    refute pgrep -fx "sleep 4322"
    ran true --timeout 1.5h --step-timeout 90
    for time in 1h30 x 5d 0 -3s 99999999999999999999999999999999; do
        run shale build --timeout "$time" .
        says "--timeout takes a duration like 90s or 1h30m, not \"$time\""
    done
}
