text tree/a/b/c/d/file
text tree/a/b2/c/other
text src/one.h
text src/in/two.h
text src/in/deep/three.h
text src/in/skip.c
chmod 750 tree/a/b
