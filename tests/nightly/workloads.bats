#!/usr/bin/env bats
# What people build: servers and databases from packages, users, compilers and
# services that run during the build; as root, as a user with subordinate ids
# (the same image comes out), and as one with a single id.

load ../integration/lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() {
    test_begin
    user_begin
    cd "$USER_HOME/context"
}
teardown() { test_end; }

# Packages come from the mirror the base image names, which this machine's network
# reaches; the services have a network of their own.
workload() {
    cp "$top"/testdata/node-app/package*.json .
    cat >hello.c <<'END'
#include <stdio.h>

int main(void)
{
	puts("compiled in a build");
	return 0;
}
END
    dockerfile <<'END'
FROM @BASE@/debian-node:12
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y nginx postgresql gcc libc6-dev curl && rm -rf /var/lib/apt/lists/*
RUN useradd -m -u 4321 -s /bin/bash app && install -d -o app -g www-data -m 2750 /srv/app && \
    su app -c 'echo mine > /srv/app/file' && usermod -aG www-data app && groupadd -r -g 777 extra
COPY hello.c /src/
RUN gcc -O2 -o /usr/local/bin/hello /src/hello.c && chmod 4755 /usr/local/bin/hello && su app -c hello
COPY package.json package-lock.json /app/
RUN cd /app && npm ci --omit=dev --no-audit --no-fund
RUN --network=none nginx && curl -fsS http://127.0.0.1/ | grep -q "Welcome to nginx" && nginx -s quit && \
    while [ -e /run/nginx.pid ]; do sleep 0.1; done
RUN --network=none pg_ctlcluster 15 main start && \
    test "$(su postgres -c "psql -Atc 'select 6 * 7'")" = 42 && pg_ctlcluster 15 main stop
END
    [ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" "$USER_HOME"
}

# Whose contents may differ between two builds of the workload, and why.
reasons() {
    cat <<'END'
/var/log/*	logs have times in them
/var/cache/ldconfig/aux-cache	holds inode numbers
/var/cache/apt/*.bin	holds times
/var/lib/postgresql/*	a cluster has a random id and times
/etc/ssl/private/ssl-cert-snakeoil.key	a random key
/etc/ssl/certs/ssl-cert-snakeoil.pem	the certificate of that key
/root/.npm/_cacache/index-v5/*	npm notes when it fetched
/root/.npm/_logs/**	npm's logs are named by the time
END
}

@test "a user with 65,536 ids builds the image that root builds" {
    needs_root
    workload
    succeeds shale build --network=host --progress=plain -o "type=docker,dest=$T/root.tar" .
    succeeds as_user shale build --network=host --progress=plain -o "type=docker,dest=$USER_HOME/user.tar" .
    reasons >"$T/reasons"
    succeeds "$BATS_TEST_DIRNAME/same_trees.py" "$T/root.tar" "$USER_HOME/user.tar" "$T/reasons"
    echo "$output"
}

@test "a user with one id compiles with gcc from the mirror" {
    workload
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim
RUN echo 'APT::Sandbox::User "root";' > /etc/apt/apt.conf.d/one-id && apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY hello.c /src/
RUN gcc -O2 -o /usr/local/bin/hello /src/hello.c && hello
END
    succeeds as_user setpriv --no-new-privs shale build --network=host --progress=plain .
    says "compiled in a build"
}
