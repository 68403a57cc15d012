#!/usr/bin/env bats
# What stands between a registry and us: token servers, proxies on either side,
# authorities and certificates of one's own.

load lib
load faulty
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    printf 'FROM scratch\nCOPY noise /\n' >Dockerfile
    head -c "${NOISE:-300000}" /dev/urandom >noise
}
teardown() {
    local bad=0
    [ -z "${ADDED:-}" ] || ip address del "$ADDED/32" dev lo
    test_end || bad=1
    [ -z "${SQUID_DIR:-}" ] || rm -r "$SQUID_DIR"
    return "$bad"
}

# --- tokens -------------------------------------------------------------------

write_config() { # JSON, with @HOST@ for the registry
    mkdir -p "$HOME/.docker"
    echo "${1//@HOST@/$2}" >"$HOME/.docker/config.json"
}

# Push to HOST and pull from there into another store.
goes_both_ways() { # HOST [OPTION..]
    local host=$1
    shift
    succeeds shale build -q -t "$host/app:1" .
    succeeds shale push --retry-delay 50ms "$@" "$host/app:1"
    printf 'FROM %s/app:1\nCOPY --from=%s/app:1 /noise /again\n' "$host" "$host" >"$T/pull"
    succeeds shale build --retry-delay 50ms "$@" --root "$T/store2" -f "$T/pull" -o "type=local,dest=$T/out" .
    cmp noise "$T/out/again"
    rm -rf "$T/out" "$T/store2"
}

@test "a refresh token is posted for access tokens, from a file or from a helper" {
    token_registry
    write_config '{"auths": {"@HOST@": {"identitytoken": "kept-by-ci"}}}' "$REGISTRY"
    goes_both_ways "$REGISTRY"
    grep '^POST ci repository:app:pull,push$' "$T/tokens"
    refute grep '^GET' "$T/tokens"
    mkdir "$T/bin"
    printf '#!/bin/sh\nread -r server\necho "$server" >>%s\necho %s\n' "$T/asked" \
        "'{\"Username\": \"<token>\", \"Secret\": \"kept-by-ci\"}'" >"$T/bin/docker-credential-tests"
    chmod 755 "$T/bin/docker-credential-tests"
    write_config '{"credHelpers": {"@HOST@": "tests"}}' "$REGISTRY"
    : >"$T/tokens"
    PATH=$T/bin:$PATH succeeds shale push "$REGISTRY/app:1"
    equal "$(sort -u "$T/tokens")" "POST ci repository:app:pull,push"
    equal "$(cat "$T/asked")" "$REGISTRY"
    write_config '{"auths": {"@HOST@": {"identitytoken": "another"}}}' "$REGISTRY"
    fails 1 shale push "$REGISTRY/app:1"
    says "incorrect username or password"
    says_not another
}

@test "a token that is refused in the middle of a transfer is fetched anew" {
    export TOKEN_LIFETIME=1
    token_registry
    faulty_start "$REGISTRY" 'PATCH:/uploads/:stale:1' 'PUT:/uploads/:stale:1' 'PUT:/manifests/:busy=2:1' 'GET:/blobs/:cut:1' \
        'GET:/blobs/:busy=2:1'
    write_config '{"auths": {"@HOST@": {"username": "ci", "password": "s3cret"}}}' "$FAULTY"
    goes_both_ways "$FAULTY"
    # Told to live for minutes, but each asked for again.
    [ "$(grep -c '^GET ci repository:app:pull,push$' "$T/tokens")" -ge 2 ]
    [ "$(grep -c '^GET ci repository:app:pull$' "$T/tokens")" -ge 2 ]
    refute grep -v '^registry .* \(Bearer\|-\)$' "$T/requests"
}

@test "a mount asks for both repositories, a token that grants too little is an error" {
    export TOKEN_READ_ONLY=library
    token_registry
    write_config '{"auths": {"@HOST@": {"auth": "Y2k6czNjcmV0"}}}' "$REGISTRY"
    goes_both_ways "$REGISTRY"
    succeeds shale tag "$REGISTRY/app:1" "$REGISTRY/next:1"
    succeeds shale push "$REGISTRY/next:1"
    grep -E '^GET ci repository:next:pull,push repository:app:pull$' "$T/tokens"
    : >"$T/tokens"
    fails 1 shale push "$REGISTRY/app:1" "$REGISTRY/library:1"
    says "refused the credentials" 401 "/v2/library/"
    [ "$(wc -l <"$T/tokens")" -le 12 ]
}

# --- TLS and proxies ----------------------------------------------------------

# An address of this machine that is not loopback, as $ADDRESS.
address_begin() {
    ADDRESS=$(other_address) || skip "no address but loopback"
    [ "$ADDRESS" != 192.0.2.17 ] || ADDED=$ADDRESS
}

# nginx in front of UPSTREAM, over TLS and for the authority's clients alone;
# FRONT is the HOST:PORT.
nginx_start() { # UPSTREAM [DIRECTIVE]
    local port
    command -v nginx >/dev/null || skip "no nginx here"
    port=$(free_port "$ADDRESS")
    FRONT=$ADDRESS:$port
    mkdir -p "$T/nginx"
    cat >"$T/nginx/conf" <<CONF
daemon off;
$([ "$(id -u)" != 0 ] || echo "user root;")
pid $T/nginx/pid;
error_log $T/nginx/errors;
events {}
http {
    access_log $T/nginx/access;
    client_body_temp_path $T/nginx/1;
    proxy_temp_path $T/nginx/2;
    fastcgi_temp_path $T/nginx/3;
    uwsgi_temp_path $T/nginx/4;
    scgi_temp_path $T/nginx/5;
    server {
        listen $FRONT ssl;
        ssl_certificate $T/tls/server.crt;
        ssl_certificate_key $T/tls/server.key;
        ssl_client_certificate $T/tls/ca.crt;
        ssl_verify_client on;
        ${2:-client_max_body_size 0;}
        location / {
            proxy_pass http://$1;
            proxy_set_header Host \$http_host;
        }
    }
}
CONF
    started "$T/nginx.log" nginx -e "$T/nginx/errors" -p "$T/nginx" -c "$T/nginx/conf"
    await_server "https://$FRONT/" "$T/nginx.log"
}

# What certs.d holds for FRONT: the authority, and a certificate for us.
trust_front() {
    local dir=$HOME/.config/containers/certs.d/$FRONT
    mkdir -p "$dir"
    cp "$T/tls/ca.crt" "$dir/ca.crt"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=client" -keyout "$dir/client.key" -out "$T/tls/client.csr" 2>/dev/null
    openssl x509 -req -in "$T/tls/client.csr" -CA "$T/tls/ca.crt" -CAkey "$T/tls/ca.key" -CAcreateserial -days 30 \
        -out "$dir/client.cert" 2>/dev/null
}

@test "behind nginx: an authority and a client certificate from certs.d, requests of limited size" {
    address_begin
    tls_make "$T/tls" "$ADDRESS"
    registry_start "$T/registry"
    # It is not told of TLS, and gives http addresses for uploads.
    nginx_start "$REGISTRY" "client_max_body_size 1500k;"
    head -c 4000000 /dev/urandom >noise
    succeeds shale build -q -t "$FRONT/app:1" .
    fails 1 shale push --retry 0 "$FRONT/app:1"
    says "$FRONT is not trusted"
    fails 1 shale push --retry 0 --cacert "$T/tls/ca.crt" "$FRONT/app:1"
    says "400 Bad Request" "No required SSL certificate"
    trust_front
    goes_both_ways "$FRONT"
    grep ' 413 ' "$T/nginx/access"
    rm "$HOME/.config/containers/certs.d/$FRONT/client.key"
    fails 2 shale pull "$FRONT/app:1"
    says client.key
}

@test "behind nginx: what a hosts.toml says of a registry, and of a mirror" {
    local dir=$HOME/.config/containerd/certs.d ns=127.0.0.1%3A${BASE#*:}
    address_begin
    tls_make "$T/tls" "$ADDRESS"
    registry_start "$T/registry"
    nginx_start "$REGISTRY" 'client_max_body_size 0; if ($http_x_pass != "open sesame") { return 418; }'
    trust_front
    mkdir -p "$dir/$BASE"
    mv "$HOME/.config/containers/certs.d/$FRONT" "$dir/"
    cat "$dir/$FRONT/client.cert" "$dir/$FRONT/client.key" >"$dir/$FRONT/both.pem"
    printf '%s\n' "ca = 'ca.crt'" "client = 'both.pem'" "header = { X-Pass = 'open sesame' }" >"$dir/$FRONT/hosts.toml"
    goes_both_ways "$FRONT"
    succeeds shale copy "$BASE/busybox:static" "$FRONT/busybox:static"
    cp "$dir/$FRONT"/* "$dir/$BASE/"
    printf '%s\n' "[host.'https://$FRONT']" "ca = ['../$FRONT/ca.crt']" "client = [['client.cert', 'client.key']]" \
        "dial_timeout = '5s'" "header = { X-Pass = ['open sesame'] }" >"$dir/$BASE/hosts.toml"
    rm -r "${dir:?}/$FRONT/hosts.toml" "${SHALE_ROOT:?}"
    succeeds shale pull "$BASE/busybox:static"
    says_not "asking the next"
    grep -F "GET /v2/busybox/manifests/static?ns=$ns HTTP/1.1\" 200" "$T/nginx/access"
    grep -E "GET /v2/busybox/blobs/sha256:[0-9a-f]*[?]ns=$ns HTTP/1.1\" 200" "$T/nginx/access"
    # What is said of the mirror holds for the mirror alone.
    fails 1 shale pull --retry 0 "$FRONT/app:1"
    says "$FRONT is not trusted"
}

# A forward proxy, SQUID, which notes requests in $SQUID_DIR/access.
squid_start() {
    local port
    local -a drop=()
    command -v squid >/dev/null || skip "no squid here"
    port=$(free_port)
    SQUID=http://127.0.0.1:$port
    SQUID_DIR=$(mktemp -d /var/tmp/shale-squid.XXXXXX)
    chmod 777 "$SQUID_DIR"
    cat >"$SQUID_DIR/conf" <<CONF
http_port 127.0.0.1:$port
http_access allow all
cache deny all
access_log stdio:$SQUID_DIR/access
cache_log $SQUID_DIR/log
pid_filename none
pinger_enable off
coredump_dir $SQUID_DIR
shutdown_lifetime 0 seconds
CONF
    # It will not run as root.
    [ "$(id -u)" != 0 ] || drop=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    started "$SQUID_DIR/out" "${drop[@]}" squid -N -f "$SQUID_DIR/conf"
    await_server "$SQUID" "$SQUID_DIR/out"
}

@test "behind squid: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are obeyed, and credentials pass" {
    address_begin
    squid_start
    tls_make "$T/tls" "$ADDRESS"
    registry_start "$T/registry" htpasswd "address=$ADDRESS" "tls=$T/tls"
    write_config '{"auths": {"@HOST@": {"auth": "Y2k6czNjcmV0"}}}' "$REGISTRY"
    HTTPS_PROXY=$SQUID goes_both_ways "$REGISTRY" --cacert "$T/tls/ca.crt"
    grep "CONNECT $REGISTRY" "$SQUID_DIR/access"
    registry_start "$T/registry2" "address=$ADDRESS"
    HTTP_PROXY=$SQUID goes_both_ways "$REGISTRY" --tls-verify=false
    grep "PATCH http://$REGISTRY/v2/app/blobs/uploads/" "$SQUID_DIR/access"
    : >"$SQUID_DIR/access"
    HTTP_PROXY=$SQUID NO_PROXY=example.org,$ADDRESS goes_both_ways "$REGISTRY" --insecure
    [ ! -s "$SQUID_DIR/access" ]
    HTTP_PROXY=http://127.0.0.1:9 fails 1 shale pull --retry 0 --insecure "$REGISTRY/app:1"
}
