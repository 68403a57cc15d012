printf 'a.txt\n**/sub\nDockerfile\n' >.dockerignore
