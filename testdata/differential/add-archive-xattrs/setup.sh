python3 - <<'END'
import io, tarfile
with tarfile.open("xattrs.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    member = tarfile.TarInfo("file")
    member.size, member.mtime, member.mode = 5, 946684800, 0o755
    member.pax_headers = {
        "SCHILY.xattr.user.note": "hello",
        # cap_net_bind_service, permitted and effective
        "SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x04" + "\0" * 14}
    tar.addfile(member, io.BytesIO(b"text\n"))
END
