text '[x]'
text .hidden
printf 'Dockerfile\narch.tar.gz\n' >.dockerignore
