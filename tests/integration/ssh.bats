#!/usr/bin/env bats
# RUN --mount=type=ssh and --ssh, with real agents and keys.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    ssh-keygen -q -t ed25519 -N '' -C first-key -f one
    ssh-keygen -q -t ed25519 -N '' -C second-key -f two
    ssh-keygen -q -t ed25519 -N secret -C locked-key -f locked
    # ssh-add with what it is linked to.
    mkdir -p context/tool
    local file
    for file in $(command -v ssh-add) $(ldd "$(command -v ssh-add)" | grep -o '/[^ ]*'); do
        cp -L --parents "$file" context/tool
    done
    unset SSH_AUTH_SOCK
}
teardown() {
    [ -z "${AGENT:-}" ] || kill "$AGENT"
    test_end
}

agent_start() { # KEY
    started agent.log ssh-agent -D -a "$T/agent"
    AGENT=$STARTED_PID
    local i
    for ((i = 0; i < 100; i++)); do
        SSH_AUTH_SOCK=$T/agent ssh-add -q "$1" 2>/dev/null && return
        sleep 0.1
    done
    false
}

# Build RUN lines over an image with ssh-add.
ssh_build() { # OPTION.. <RUN LINES
    { echo "FROM $BASE/busybox:static"; echo "COPY tool /"; cat; } >context/Dockerfile
    SHALE_TEST_MARKER=$T run shale build --progress=plain --no-cache "$@" context
}

# What runs on behalf of this test's builds.
has_processes() { grep -qszx "SHALE_TEST_MARKER=$T" /proc/[0-9]*/environ; }
no_agents_left() { ends_with_mark "SHALE_TEST_MARKER=$T"; }

@test "the user's agent and keys of files are lent" {
    agent_start one
    SSH_AUTH_SOCK=$T/agent ssh_build --ssh default --ssh "deploy=two" -t lent <<'END'
RUN --mount=type=ssh echo "at $SSH_AUTH_SOCK" && ssh-add -l && stat -c '%a %u:%g %F' $SSH_AUTH_SOCK
RUN --mount=type=ssh,id=deploy,required=true,target=/tmp/deploy,mode=0666,uid=5,gid=6 \
    ssh-add -l && stat -c '%a %u:%g' /tmp/deploy
USER 1000
RUN --mount=type=ssh,uid=1000 --mount=type=ssh,id=deploy,mode=0666 \
    ssh-add -l && SSH_AUTH_SOCK=/run/buildkit/ssh_agent.1 ssh-add -l
END
    equal "$status" 0 "$output"
    says "at /run/buildkit/ssh_agent.0" first-key "600 0:0 socket" second-key "666 5:6"
    equal "$(grep -c first-key <<<"$output")" 2 "uses of the first"
    equal "$(grep -c second-key <<<"$output")" 2 "uses of the second"
    no_agents_left
    # Nothing of it stays.
    succeeds shale save -o out.tar lent
    mkdir out && tar -xf out.tar -C out
    refute grep -raq -e ssh_agent.0 -e "$T/agent" -e second-key out
    succeeds shale history lent
}

@test "keys stand together, and serve with an OCI runtime" {
    command -v crun >/dev/null || skip "crun is not installed"
    ssh_build --isolation=oci --runtime=crun --ssh default=one,two <<'END'
RUN --mount=type=ssh ssh-add -l
END
    equal "$status" 0 "$output"
    says first-key second-key
    no_agents_left
}

@test "git is lent the default agent" {
    echo '#!/bin/sh' >ssh
    echo "ssh-add -l >>'$PWD/seen'; exit 1" >>ssh
    chmod +x ssh
    GIT_SSH_COMMAND=$PWD/ssh fails 1 shale build --ssh default=one ssh://git@127.0.0.1/no/such.git
    grep -q first-key seen
    { echo "FROM scratch"; echo "ADD git@127.0.0.1:no/such.git /src"; } >context/Dockerfile
    GIT_SSH_COMMAND=$PWD/ssh fails 1 shale build --ssh default=two context
    grep -q second-key seen
}

@test "a user lends keys, too" {
    user_begin
    { echo "FROM $BASE/busybox:static"; echo "COPY tool /"
      echo "RUN --mount=type=ssh ssh-add -l"
      echo "USER 1000"
      echo "RUN --mount=type=ssh,uid=1000 ssh-add -l"; } >context/Dockerfile
    cp -r context/. one "$USER_HOME/context"
    [ "$(id -u)" != 0 ] || chown -R "$TEST_USER" "$USER_HOME/context"
    run as_user shale build --progress=plain --ssh default=one .
    rm -rf "$USER_HOME"
    equal "$status" 0 "$output"
    equal "$(grep -c first-key <<<"$output")" 2 "uses"
}

@test "what is not lent is left out, or asked for" {
    ssh_build <<'END'
RUN --mount=type=ssh test ! -e /run/buildkit && ! ssh-add -l
END
    equal "$status" 0 "$output"
    ssh_build <<'END'
RUN --mount=type=ssh,required=true true
END
    equal "$status" 1
    says "ssh default: no agent was given; --ssh default lends one"
}

@test "what cannot be lent is refused with the reason" {
    ssh_build --ssh default </dev/null
    says "--ssh default: SSH_AUTH_SOCK is not set"
    ssh_build --ssh x=locked </dev/null
    says "--ssh x=locked: a key cannot be used (one with a passphrase"
    ssh_build --ssh x=nowhere </dev/null
    says "cannot open 'nowhere'"
    ssh_build --ssh x=one --ssh x=two </dev/null
    says '"x" is given twice'
    ssh_build --ssh =one </dev/null
    says "it must be ID or ID=SOCKET|KEY[,KEY]"
    agent_start one
    kill "$AGENT" && AGENT=
    while [ -e agent ]; do sleep 0.1; done
    SSH_AUTH_SOCK=$T/agent ssh_build --ssh default <<'END'
RUN --mount=type=ssh true
END
    equal "$status" 1
    says "nobody listens at '$T/agent'"
    no_agents_left
}

@test "an agent of ours ends with a build that is killed" {
    { echo "FROM $BASE/busybox:static"; echo "RUN --mount=type=ssh echo started; sleep 60"; } >context/Dockerfile
    SHALE_TEST_MARKER=$T started build.log "$SHALE" build --progress=plain --ssh default=one context
    local i
    for ((i = 0; i < 200; i++)); do
        grep -q started build.log && break
        sleep 0.1
    done
    has_processes
    kill -9 "$STARTED_PID"
    no_agents_left
}
