text README.md
text src/a.c
text src/b.h
text other/c
printf '!README.md\n*.md\n*\n!src\nsrc/*.h\n' >.dockerignore
