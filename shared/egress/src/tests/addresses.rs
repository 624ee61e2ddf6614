//! Every block of addresses, at its edges.

use std::net::IpAddr;

use crate::address::refused;

fn check(text: &str) -> Option<&'static str> {
    refused(text.parse::<IpAddr>().unwrap())
}

#[test]
fn what_is_not_public_is_refused_from_its_first_address_to_its_last() {
    for (first, last, what) in [
        ("0.0.0.0", "0.255.255.255", "unspecified"),
        ("10.0.0.0", "10.255.255.255", "private"),
        ("100.64.0.0", "100.127.255.255", "private, behind a carrier's translation"),
        ("127.0.0.0", "127.255.255.255", "loopback"),
        ("169.254.0.0", "169.254.255.255", "link-local"),
        ("169.254.169.254", "169.254.169.254", "the metadata server"),
        ("172.16.0.0", "172.31.255.255", "private"),
        ("192.0.0.0", "192.0.0.255", "reserved"),
        ("192.0.2.0", "192.0.2.255", "for documentation"),
        ("192.88.99.0", "192.88.99.255", "a relay of 6to4"),
        ("192.168.0.0", "192.168.255.255", "private"),
        ("198.18.0.0", "198.19.255.255", "for benchmarks"),
        ("198.51.100.0", "198.51.100.255", "for documentation"),
        ("199.36.153.0", "199.36.153.255", "private access to Google"),
        ("203.0.113.0", "203.0.113.255", "for documentation"),
        ("224.0.0.0", "239.255.255.255", "multicast"),
        ("240.0.0.0", "255.255.255.255", "reserved"),
        ("::", "::", "unspecified"),
        ("::1", "::1", "loopback"),
        ("::2", "::ffff:ffff", "an IPv4 address in another form"),
        ("::7f00:1", "::a9fe:a9fe", "an IPv4 address in another form"),
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "an IPv4 address in another form"),
        ("::ffff:127.0.0.1", "::ffff:8.8.8.8", "an IPv4 address in another form"),
        ("::ffff:0:127.0.0.1", "1fff:ffff::", "reserved"),
        ("64:ff9b::", "64:ff9b::ffff:ffff", "an IPv4 address behind a translation"),
        ("64:ff9b:1::", "64:ff9b:1::7f00:1", "an IPv4 address behind a translation"),
        ("100::", "100::1", "reserved"),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "a tunnel of Teredo"),
        ("2001:1::", "2001:1ff:ffff::", "reserved"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "for documentation"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a tunnel of 6to4"),
        ("2002:7f00:1::", "2002:a9fe:a9fe::", "a tunnel of 6to4"),
        ("3fff::", "3fff:fff:ffff::", "for documentation"),
        ("4000::", "fbff::", "reserved"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique local"),
        ("fd00:ec2::254", "fd20:ce::254", "unique local"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
        ("fec0::", "feff:ffff::", "reserved"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
    ] {
        assert_eq!((check(first), check(last)), (Some(what), Some(what)), "{first} to {last}");
    }
}

#[test]
fn what_lies_beside_them_is_public() {
    for address in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "199.36.152.255",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:4860:4860::8888",
        "2001:db7::",
        "2001:db9::",
        "2003::",
        "2a00:1450:4001::1",
        "3ffe::",
        "3fff:1000::",
    ] {
        assert_eq!(check(address), None, "{address}");
    }
}
