#!/usr/bin/env bats
# Builds as people write them, on Debian, with packages from its mirror.

load lib
setup_file() { file_begin; }
teardown_file() { file_end; }
setup() { test_begin; }
teardown() { test_end; }

# Apt as it comes: the mirror is in the base image. Host networking, because
# the machine's resolver may be reachable from there alone.
c_program() {
    cat >hello.c <<'END'
#include <stdio.h>

int main(void)
{
	puts("compiled in a build");
	return 0;
}
END
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY hello.c .
RUN gcc -O2 -o hello hello.c

FROM @BASE@/debian:bookworm-slim
COPY --from=build /src/hello /usr/local/bin/hello
RUN hello
USER nobody
CMD ["hello"]
END
}

# An image does what it is for, under an OCI runtime of somebody else's.
runs_under_runc() { # REFERENCE TEXT
    rm -rf "$T/pulled" "$T/bundle"
    succeeds skopeo copy -q --src-tls-verify=false "docker://$1" "oci:$T/pulled:image"
    python3 "$here/layout.py" verify "$T/pulled"
    succeeds umoci unpack --image "$T/pulled:image" "$T/bundle"
    python3 "$here/bundle.py" "$T/bundle/config.json"
    succeeds runc --root "$T/runc" run -b "$T/bundle" "shale-test-$$-$RANDOM"
    says "$2"
}

@test "gcc from the mirror compiles a program that the second stage carries, as root" {
    needs_root
    c_program
    registry_start "$T/registry"
    succeeds shale build --network=host -t "$REGISTRY/hello:root" --push .
    runs_under_runc "$REGISTRY/hello:root" "compiled in a build"
}

@test "gcc from the mirror compiles a program that the second stage carries, as a user" {
    user_begin
    cd "$USER_HOME/context"
    c_program
    [ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" .
    registry_start "$T/registry"
    succeeds as_user shale build --network=host -t "$REGISTRY/hello:user" --push .
    [ "$(id -u)" = 0 ] || return 0
    runs_under_runc "$REGISTRY/hello:user" "compiled in a build"
}

@test "a Node.js application is built with npm ci" {
    cp "$top"/testdata/node-app/* .
    dockerfile <<'END'
FROM @BASE@/debian-node:12 AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY server.js .

FROM @BASE@/debian-node:12
WORKDIR /app
COPY --from=build --chown=nobody:nogroup /app .
USER nobody
RUN node server.js --check
CMD ["node", "server.js", "--check"]
END
    registry_start "$T/registry"
    succeeds shale build --network=host -t "$REGISTRY/node-app:1" --push .
    needs_root
    runs_under_runc "$REGISTRY/node-app:1" "server is sound"
}

@test "package managers may change owners, users and setuid bits" {
    dockerfile <<'END'
FROM @BASE@/debian:bookworm-slim
RUN useradd -m -u 4321 app && install -d -o app -g app /srv/app && chmod u+s /usr/bin/env
RUN su app -c 'id -u; touch /srv/app/mine' > /who
END
    build_layout "$T/image" .
    run python3 "$here/layout.py" modes "$T/image" 2
    says "4321:4321 0 srv/app/mine"
    run python3 "$here/layout.py" modes "$T/image" 1
    says "0 4755 0:0"
}
