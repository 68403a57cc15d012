mkdir void
: >none
chmod 700 void
