printf 'Dockerfile\n*.gz\n.dockerignore\n' >.dockerignore
