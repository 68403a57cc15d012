#!/usr/bin/env bats
# login and logout: credentials tried, kept as docker keeps them, forgotten.

load lib
setup_file() { export STARTED=$BATS_FILE_TMPDIR/started; }
teardown_file() { end_started; }
setup() { test_begin; }
teardown() { test_end; }

config=.docker/config.json

log_in() { # HOST [PASSWORD] OPTION..
    local host=$1 password=${2:-s3cret}
    shift 2 || shift
    printf '%s\n' "$password" >"$T/password"
    shale login -u ci --password-stdin "$@" "$host" <"$T/password"
}

# A helper "docker-credential-NAME" that keeps each server in a file of $T/kept.
helper_make() { # NAME
    mkdir -p "$T/bin" "$T/kept"
    cat >"$T/bin/docker-credential-$1" <<'END'
#!/usr/bin/env python3
import json, os, sys
kept = os.environ["T"] + "/kept/"
text = sys.stdin.read()
name = lambda server: kept + server.replace("/", "_")
if sys.argv[1] == "store":
    open(name(json.loads(text)["ServerURL"]), "w").write(text)
elif not os.path.exists(name(text.strip())):
    sys.exit(print("credentials not found in native keychain") or 1)
elif sys.argv[1] == "get":
    print(open(name(text.strip())).read())
else:
    os.unlink(name(text.strip()))
END
    chmod 755 "$T/bin/docker-credential-$1"
    export PATH=$T/bin:$PATH
}

@test "login keeps credentials that pushes and other tools then use" {
    registry_start "$T/registry" htpasswd
    succeeds log_in "$REGISTRY"
    says "Login Succeeded"
    equal "$(stat -c %a "$HOME/$config")" 600
    equal "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["auths"][sys.argv[2]]["auth"])' \
        "$HOME/$config" "$REGISTRY")" "$(printf ci:s3cret | base64)"
    echo 'FROM scratch' >Dockerfile
    succeeds shale build --push -t "$REGISTRY/app:1" .
    succeeds skopeo inspect --tls-verify=false "docker://$REGISTRY/app:1"
}

@test "wrong credentials are refused and not kept" {
    registry_start "$T/registry" htpasswd
    fails 1 log_in "$REGISTRY" wrong-password
    says "$REGISTRY"
    says_not wrong-password "Login Succeeded"
    [ ! -e "$HOME/$config" ]
}

@test "login fetches a token where the registry wants one" {
    token_registry
    succeeds log_in "$REGISTRY"
    grep -E '(GET|POST) ci' "$T/tokens"
    fails 1 log_in "$REGISTRY" wrong-password
    # What worked before is still there.
    echo 'FROM scratch' >Dockerfile
    succeeds shale build --push -t "$REGISTRY/app:1" .
}

@test "login leaves everything else in config.json as it was" {
    registry_start "$T/registry" htpasswd
    mkdir -p "$HOME/real" "$HOME/.docker"
    echo '{"HttpHeaders": {"X": "1"}, "auths": {"other.example": {"auth": "YTpi"}},
        "proxies": {"default": {"noProxy": "n"}}}' >"$HOME/real/config.json"
    ln -s ../real/config.json "$HOME/$config"
    succeeds log_in "$REGISTRY"
    [ -L "$HOME/$config" ]
    succeeds python3 - "$HOME/$config" "$REGISTRY" <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
assert c["HttpHeaders"] == {"X": "1"} and c["proxies"]["default"]["noProxy"] == "n", c
assert set(c["auths"]) == {"other.example", sys.argv[2]}, c
END
}

@test "logout forgets every entry of the host and no other" {
    mkdir -p "$HOME/.docker"
    echo '{"auths": {"r.example": {"auth": "YTpi"}, "https://r.example/v1/": {"auth": "YTpi"},
        "r.example/team": {"auth": "YTpi"}, "https://index.docker.io/v1/": {"auth": "YTpi"}}}' >"$HOME/$config"
    succeeds shale logout r.example
    says "Removed"
    equal "$(python3 -c 'import json, sys; print(*sorted(json.load(open(sys.argv[1]))["auths"]))' "$HOME/$config")" \
        "https://index.docker.io/v1/ r.example/team"
    succeeds shale logout
    equal "$(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["auths"])' "$HOME/$config")" r.example/team
    succeeds shale logout r.example
    says "Not logged in"
}

@test "a credential helper keeps what is logged in to, and forgets it" {
    registry_start "$T/registry" htpasswd
    helper_make tests
    mkdir -p "$HOME/.docker"
    echo '{"credsStore": "tests"}' >"$HOME/$config"
    succeeds log_in "$REGISTRY"
    says "credential helper 'tests'"
    refute grep -q "$(printf ci:s3cret | base64)" "$HOME/$config"
    grep -q s3cret "$T/kept/$REGISTRY"
    echo 'FROM scratch' >Dockerfile
    succeeds shale build --push -t "$REGISTRY/app:1" .
    succeeds shale logout "$REGISTRY"
    [ ! -e "$T/kept/$REGISTRY" ]
    fails 1 shale push "$REGISTRY/app:1"
}


@test "logins at the same time do not lose each other's entries" {
    local i pid pids=()
    registry_start "$T/registry"
    # One registry, two hosts to a config file.
    for i in 127.0.0.1 localhost LOCALHOST; do
        log_in "$i:${REGISTRY##*:}" x 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || true; done
    equal "$(python3 -c 'import json, sys; print(*sorted(h.split(":")[0] for h in json.load(open(sys.argv[1]))["auths"]))' "$HOME/$config")" \
        "127.0.0.1 localhost"
}

@test "a user name without a terminal or password is an error that says how" {
    fails 2 setsid "$SHALE" login r.example </dev/null
    says "-u"
    fails 2 setsid "$SHALE" login -u ci r.example </dev/null
    says "--password-stdin"
    fails 2 shale login -u ci -p x http://r.example/path
    says "more than a host"
}
