printf '\357\273\277FROM @BASE@/busybox:static\r\nENV A=1 \\\r\n  B=2\r\nRUN echo x > /got\r\nCOPY a.txt /\r\nCMD ["a", "b"]\r\n' >Dockerfile
