printf '*.gz\nDockerfile\n.dockerignore\n' >.dockerignore
