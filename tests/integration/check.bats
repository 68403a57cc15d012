#!/usr/bin/env bats
# Telling about a Dockerfile instead of building it: --check and --call.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

member() { # PYTHON-EXPRESSION: of the document in $output, called d
    python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<<"$output"
}

at_line() { # NUMBER: how member() prints a location
    echo "'location': {'ranges': [{'start': {'line': $1}, 'end': {'line': $1}}]}"
}

@test "warnings make --check fail and leave a build alone" {
    printf 'FROM scratch\nCMD x\nMAINTAINER y\nUSER 1\n' >Dockerfile
    fails 1 shale build --check .
    says "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/" \
        "help: write [\"program\"" "Dockerfile:2" "2 | CMD x" "MaintainerDeprecated" \
        "Check complete, 2 warnings have been found!"
    succeeds shale build .
    says " 2 warnings found" "JSONArgsRecommended: " "(line 2)"
}

@test "a clean file passes --check, with advice or without" {
    printf 'FROM scratch\nUSER 1\n' >Dockerfile
    succeeds shale build --check .
    equal "$output" "Check complete, no warnings found."
    printf 'FROM scratch\n' >Dockerfile
    succeeds shale build --check .
    says "ADVICE: MissingUser" "help: " "Dockerfile:1" "Check complete, no warnings found." "Advice: 1"
    succeeds shale build .
    says_not MissingUser
}

@test "error=true fails a build for warnings and not for advice" {
    printf '# check=error=true\nFROM scratch\n' >Dockerfile
    succeeds shale build .
    printf '# check=error=true\nFROM scratch\nCMD x\n' >Dockerfile
    fails 1 shale build .
    says "lint violation found for rules: JSONArgsRecommended"
    printf '# check=error=true;experimental=MissingUser\nFROM scratch\n' >Dockerfile
    fails 1 shale build .
    says "lint violation found for rules: MissingUser"
    printf '# check=error=true\nFROM scratch\n# check=skip=JSONArgsRecommended\nCMD x\n' >Dockerfile
    succeeds shale build .
    succeeds shale build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all .
}

@test "findings are JSON for programs" {
    printf 'FROM scratch\nCMD x\n' >Dockerfile
    fails 1 shale build --check --format json .
    equal "$(member 'd["warnings"][0]["ruleName"]')" JSONArgsRecommended
    equal "$(member 'd["warnings"][0]["location"]["ranges"][0]["start"]["line"]')" 2
    equal "$(member 'd["advice"][0]["ruleName"]')" MissingUser
    equal "$(member 'd["sources"][0]["fileName"]')" Dockerfile
    fails 1 shale build --call=check,format=json .
    equal "$(member 'len(d["warnings"])')" 1
    fails 2 shale build --format json .
    fails 2 shale build --check --format yaml .
}

@test "a file that cannot be read is an error in JSON, too" {
    printf 'FROM scratch\nRNU x\n' >Dockerfile
    run --separate-stderr shale build --check --format json .
    equal "$status" 1
    equal "$(member 'd["buildError"]["location"]["ranges"][0]["start"]["line"]')" 2
    equal "$(member '"did you mean RUN?" in d["buildError"]["message"]')" True
    [[ $stderr == *"Dockerfile:2"* ]]
}

@test "wrong usage is told instead of findings" {
    printf 'FROM scratch AS one\nUSER 1\n' >Dockerfile
    fails 1 shale build --check --target oen .
    says "did you mean one?"
    fails 2 shale build --check --platform "no/platform/at/all" .
    printf 'FROM 127.0.0.1:1/none:1\nUSER 1\n' >Dockerfile
    succeeds shale build --check .
}

@test "secrets in the file do not reach the log of --check" {
    printf 'FROM scratch\nENV U=https://me:hunter22@host/\nUSER 1\n' >Dockerfile
    succeeds shale build --check .
    says SecretInValue "https://me:********@host/"
    says_not hunter22
}

@test "the outline tells arguments, secrets and mounts of the target" {
    cat >Dockerfile <<'END'
# VERSION of what is built
ARG VERSION=1
ARG IMAGE=scratch SUFFIX=-x
ARG NAME=$VERSION$SUFFIX
ARG UNREAD
# base stands below all
FROM $IMAGE AS base
ARG INNER
ENV KIND=k
FROM scratch AS tools
ARG TOOL="a b"
FROM base AS app
ARG NAME TARGETARCH
ARG BOTH=$KIND-$NAME
COPY --from=tools /t /
RUN --mount=type=secret,id=token$KIND,required --mount=type=ssh --mount=type=cache,id=c,target=/c x
FROM scratch AS other
ARG ELSEWHERE
END
    succeeds shale build --call=outline --target app .
    says "TARGET: app" VERSION "of what is built" INNER tokenk c
    says_not ELSEWHERE UNREAD TARGETARCH
    succeeds shale build --call=outline,format=json --target app --build-arg VERSION=2 .
    equal "$(member '[a["name"] + "=" + a.get("value", "") for a in d["args"]]')" \
        "['VERSION=2', 'IMAGE=scratch', 'SUFFIX=-x', 'NAME=2-x', 'INNER=', 'TOOL=a b', 'BOTH=k-2-x']"
    equal "$(member 'd["secrets"]')" "[{'name': 'tokenk', $(at_line 16), 'required': True}]"
    equal "$(member 'd["ssh"]')" "[{'name': 'default', $(at_line 16)}]"
    equal "$(member 'd["cache"]')" "[{'ID': 'c', $(at_line 16)}]"
    equal "$(member '__import__("base64").b64decode(d["sources"][0]).decode()')" "$(cat Dockerfile)"
    fails 1 shale build --call=outline --target ap .
    says "did you mean app?"
}

@test "the targets are listed with their descriptions" {
    printf '# one is the first\nFROM scratch AS one\nFROM scratch AS Two\n' >Dockerfile
    succeeds shale build --call=targets .
    says "one " "is the first" "two (default)"
    succeeds shale build --call targets --format json .
    equal "$(member 'd["targets"][0]')" "{'name': 'one', 'description': 'is the first', 'base': 'scratch', $(at_line 2)}"
    equal "$(member 'd["targets"][1]')" "{'name': 'two', 'default': True, 'base': 'scratch', $(at_line 3)}"
}

@test "files that programs wrote are checked and planned" {
    # 50 MB, 1,000 stages, 10,000 arguments, deep heredocs.
    python3 - >Dockerfile <<'END'
for i in range(10000):
    print(f"ARG NAME{i}={i}")
print("FROM scratch AS s0")
for i in range(10000):
    print(f"ARG NAME{i}\nLABEL l{i}=${{NAME{i}}}" + "x" * 4800)
for i in range(1, 1000):
    print(f"FROM s{i - 1} AS s{i}\nENV V=$V{i % 2}\nCOPY <<A <<B /x/")
    print("$V ${V:-'x'}\n" * 100 + "A\nB")
    print("ONBUILD RUN <<-A\n\tx\n\tA")
END
    SHALE_TIMEOUT=300 fails 1 shale build --check .
    says UndefinedVar
    SHALE_TIMEOUT=300 succeeds shale build --call=outline,format=json .
    equal "$(member 'len(d["args"])')" 10000
}
