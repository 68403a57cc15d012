text tree/file
text tree/script
text tree/d/x
chmod 755 tree/script
chmod 600 tree/file
chmod 700 tree/d
