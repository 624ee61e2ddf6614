//! Addresses that nothing is sent to: those of this machine, of its network, and of nobody.
//! (IANA IPv4 and IPv6 Special-Purpose Address Registries.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks of IPv4, each with its first address, the bits that its addresses have in common, and what
/// it is.
const IPV4: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "private, behind a carrier's translation"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 169, 254), 32, "the metadata server"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay of 6to4"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    // Google's own services inside of a network.
    (Ipv4Addr::new(199, 36, 153, 0), 24, "private access to Google"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Blocks of IPv6 within what is given out, and what they are. Outside of that nothing is public.
const IPV6: [([u16; 3], u32, &str); 5] = [
    ([0x2001, 0, 0], 32, "a tunnel of Teredo"),
    ([0x2001, 0x0db8, 0], 32, "for documentation"),
    ([0x2001, 0, 0], 23, "reserved"),
    ([0x2002, 0, 0], 16, "a tunnel of 6to4"),
    ([0x3fff, 0, 0], 20, "for documentation"),
];

/// Why nothing is sent to `address`; nothing if it is public.
pub(crate) fn refused(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => refused_v6(address),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |(first, bits, _): &&(Ipv4Addr, u32, &str)| {
        (u32::from(address) ^ u32::from(*first)) >> (32 - bits) == 0
    };
    IPV4.iter().find(is_in).map(|(.., what)| *what)
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => return Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => return Some("loopback"),
        // What lies behind these is an address of IPv4: whoever means it can say it.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] => return Some("an IPv4 address in another form"),
        [0x64, 0xff9b, ..] => return Some("an IPv4 address behind a translation"),
        [first, ..] if first & 0xfe00 == 0xfc00 => return Some("unique local"),
        [first, ..] if first & 0xffc0 == 0xfe80 => return Some("link-local"),
        [first, ..] if first & 0xff00 == 0xff00 => return Some("multicast"),
        [first, ..] if first & 0xe000 != 0x2000 => return Some("reserved"),
        _ => (),
    }
    let front = |parts: &[u16]| parts.iter().fold(0u64, |bits, part| bits << 16 | u64::from(*part));
    let is_in = |(first, bits, _): &&([u16; 3], u32, &str)| {
        (front(&segments[..3]) ^ front(first)) >> (48 - bits) == 0
    };
    IPV6.iter().find(is_in).map(|(.., what)| *what)
}
