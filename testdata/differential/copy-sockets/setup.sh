mkdir s
text s/file
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s/socket")'
chmod 640 s/socket
