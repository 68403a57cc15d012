echo '*.txt' >.dockerignore
