//! What a URL may say, and what it comes to.

use crate::{Hosts, Url};

fn why(url: &str) -> String {
    Url::parse(url).expect_err(url)
}

#[test]
fn an_address_is_no_host_in_whatever_form() {
    for host in [
        "169.254.169.254",
        "127.0.0.1",
        "8.8.8.8",
        "127.1",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "017700000001",
        "0x7f.1",
        "0X7F000001",
        "1",
        "0",
        "0x",
        "example.0x1f",
        "example.com.1",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "[2001:4860:4860::8888]",
        "[::1%25eth0]",
        "[v1.fe80::a]",
        "[",
    ] {
        let expected = "the host is an address; a target names a host";
        assert_eq!(why(&format!("https://{host}/")), expected, "{host}");
    }
}

#[test]
fn what_names_no_public_host_is_refused() {
    let (public, odd) =
        ("the host is not a public one", "the host has characters that no name of a host has");
    let (none, dot) = ("the host is no name of a host", "the host ends in a dot");
    let long = format!("{}.com", "a".repeat(64));
    let longer = format!("{}com", "abcdefg.".repeat(32));
    for (host, expected) in [
        ("metadata.google.internal", public),
        ("METADATA.google.INTERNAL", public),
        ("metadata", public),
        ("localhost", public),
        ("www.localhost", public),
        ("printer.local", public),
        ("svc.cluster.local", public),
        ("10.in-addr.arpa", public),
        ("metadata.google.internal.", dot),
        ("example.com.", dot),
        ("example.com..", dot),
        (".", dot),
        ("", "there is no host"),
        ("example..com", none),
        (".example.com", none),
        ("-a.example.com", none),
        ("a-.example.com", none),
        (&long, none),
        (&longer, none),
        ("exa_mple.com", odd),
        ("example%2ecom", odd),
        ("example.com%00.evil.org", odd),
        ("example.com,evil.org", odd),
        ("(example.com)", odd),
    ] {
        assert_eq!(why(&format!("https://{host}/")), expected, "{host}");
    }
}

#[test]
fn a_url_has_one_reading() {
    let encoded = "the URL has characters that have to be encoded";
    let port = "the URL has no port where one should be";
    for (url, expected) in [
        ("http://example.com/", "the URL does not begin with https://"),
        ("https:/example.com/", "the URL does not begin with https://"),
        ("//example.com/", "the URL does not begin with https://"),
        ("ftp://example.com/", "the URL does not begin with https://"),
        ("", "the URL does not begin with https://"),
        ("https", "the URL does not begin with https://"),
        ("é https://example.com", "the URL does not begin with https://"),
        ("https://user@example.com/", "the URL names a user"),
        ("https://example.com@169.254.169.254/", "the URL names a user"),
        ("https://example.com:443@127.0.0.1/", "the URL names a user"),
        ("https://example.com\\@evil.org/", encoded),
        ("https://example.com/\r\nhost: evil.org", encoded),
        ("https://example.com/a b", encoded),
        ("https://example.com/\u{0}", encoded),
        ("https://ex\u{e4}mple.com/", encoded),
        ("https://\u{ff11}27.0.0.1/", encoded),
        ("https://example.com/#a", "the URL has a fragment"),
        ("https://example.com#@evil.org", "the URL has a fragment"),
        ("https://example.com:/", port),
        ("https://example.com:0/", port),
        ("https://example.com:65536/", port),
        ("https://example.com:+443/", port),
        ("https://example.com:44 3/", encoded),
        ("https://example.com:443:80/", "the host has characters that no name of a host has"),
    ] {
        assert_eq!(why(url), expected, "{url:?}");
    }
    assert_eq!(
        why(&format!("https://example.com/{}", "a".repeat(2048))),
        "the URL has more than 2048 bytes"
    );
}

#[test]
fn what_is_fine_comes_to_one_host_and_is_not_shown() {
    for (url, authority, target) in [
        ("https://example.com", "example.com", "/"),
        ("HTTPS://Example.COM/A?b=C", "example.com", "/A?b=C"),
        ("https://example.com?a=/b@c:d", "example.com", "/?a=/b@c:d"),
        ("https://example.com:443/", "example.com", "/"),
        ("https://a.b-c.example.com:8443/x%20y", "a.b-c.example.com:8443", "/x%20y"),
        ("https://xn--bcher-kva.example.com/", "xn--bcher-kva.example.com", "/"),
        ("https://1.example.com/", "1.example.com", "/"),
    ] {
        let parsed = Url::parse(url).unwrap();
        assert_eq!((&*parsed.authority(), parsed.target()), (authority, target), "{url}");
        assert_eq!(format!("{parsed:?}"), format!("Url(https://{authority}/…)"));
    }
}

#[test]
fn a_list_of_hosts_lets_no_other_through() {
    let check = |hosts: &str, host: &str, port: u16| {
        hosts.parse::<Hosts>().unwrap().permit(host, port).is_ok()
    };
    for (hosts, host, port, fine) in [
        ("", "example.com", 443, true),
        (" , ", "example.com", 443, true),
        ("", "example.com", 8443, false),
        (":8443", "example.com", 8443, true),
        (":8443", "example.com", 443, true),
        (":8443", "example.com", 80, false),
        ("example.com", "example.com", 443, true),
        ("Example.COM", "example.com", 443, true),
        ("example.com", "www.example.com", 443, false),
        ("example.com", "notexample.com", 443, false),
        ("example.com", "example.com.evil.org", 443, false),
        ("*.example.com", "www.example.com", 443, true),
        ("*.example.com", "a.b.example.com", 443, true),
        ("*.example.com", "example.com", 443, false),
        ("*.example.com", "evilexample.com", 443, false),
        ("a.org, *.example.com, :8443", "www.example.com", 8443, true),
        ("a.org, *.example.com, :8443", "b.org", 443, false),
    ] {
        assert_eq!(check(hosts, host, port), fine, "{hosts:?} {host} {port}");
    }
    let many = vec!["a.org"; 201].join(",");
    for (hosts, expected) in [
        ("a.org, localhost", "entry 2: the host is not a public one"),
        ("*", "entry 1: the host has characters that no name of a host has"),
        ("*.com.", "entry 1: the host ends in a dot"),
        ("https://a.org", "entry 1: the host has characters that no name of a host has"),
        ("10.0.0.1", "entry 1: the host is an address; a target names a host"),
        (":0", "entry 1: no port"),
        (":+443", "entry 1: no port"),
        (":99999", "entry 1: no port"),
        (&many, "entry 201: there are too many"),
    ] {
        assert_eq!(hosts.parse::<Hosts>().unwrap_err().to_string(), expected, "{hosts}");
    }
    let hosts: Hosts = "a.org, *.example.com, :8443".parse().unwrap();
    assert_eq!(hosts.to_string().parse(), Ok(hosts));
}
