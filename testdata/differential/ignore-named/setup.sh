echo 'a.txt' >.dockerignore
printf 'b.txt\nDockerfile*\n' >Dockerfile.dockerignore
