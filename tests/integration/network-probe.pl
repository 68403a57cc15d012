#!/usr/bin/perl
# probe WHAT..: try to reach each and print "WHAT: yes" or "WHAT: no".
# tcp=IP:PORT, udp=IP:PORT, abstract=NAME; name=HOST prints its address.
use strict;
use warnings;
use IO::Socket::INET;
use Socket;

$SIG{ALRM} = sub { die "late\n" };

sub heard {
    my ($socket) = @_;
    my $line = '';
    return 0 unless $socket;
    my $bits = '';
    vec($bits, fileno($socket), 1) = 1;
    return 0 unless select($bits, undef, undef, 3);
    sysread($socket, $line, 100);
    return $line eq "here\n";
}

sub try_it {
    my ($kind, $where) = @_;
    if ($kind eq 'abstract') {
        socket(my $s, PF_UNIX, SOCK_STREAM, 0) or return 0;
        connect($s, pack_sockaddr_un("\0$where")) or return 0;
        return heard($s);
    }
    my $s = IO::Socket::INET->new(PeerAddr => $where, Proto => $kind, Timeout => 3);
    $s->send("hello") if $s && $kind eq 'udp';
    return heard($s);
}

# All at the same time: what cannot be reached takes its seconds.
for my $what (@ARGV) {
    next if fork;
    my ($kind, $where) = split /=/, $what, 2;
    my $result;
    alarm 10;
    if ($kind eq 'name') {
        my $address = gethostbyname($where);
        $result = $address ? inet_ntoa($address) : 'unknown';
    } else {
        $result = eval { try_it($kind, $where) } ? 'yes' : 'no';
    }
    syswrite(STDOUT, "$what: $result\n");
    exit 0;
}
1 while wait != -1;
