for mode in 0000 0400 0644 0755 0777 2755 4755 6711 1644; do
    text modes/$mode
    chmod $mode modes/$mode
    mkdir modes/d$mode
    chmod $mode modes/d$mode
done
chmod 711 modes
