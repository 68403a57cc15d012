text tree/file
mkdir tree/d
python3 - <<'END'
import os
os.setxattr("tree/file", "user.note", b"hello")
os.setxattr("tree/d", "user.dir", b"\x00\xff")
os.setxattr("tree/file", "security.capability",
            bytes.fromhex("0100000200040000000000000000000000000000"))
END
